"""`vhtwin hetnet`: what is printed, drawn and kept, and where demand comes from."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from fl_server.cli.main import main
from hetnet.simulation import SYSTEMS
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

SMALL = ["--users", "30", "--macro", "2", "--small", "4", "--days", "9"]


@pytest.fixture(scope="module")
def twinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twinned")
    (folder / "city").mkdir()
    city = written_set(folder / "city", wavy_traffic(stations=4, days=12))
    words = [
        "--inputs",
        "paper",
        "--epochs",
        "3",
        "--stream-epochs",
        "0",
        "--test-days",
        "1",
        "--no-single-level",
    ]
    assert main(["twin", str(city), "--out", str(folder / "run"), *words]) == 0
    return folder / "run"


def test_systems_are_run_side_by_side_and_every_hour_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["hetnet", "run", *SMALL, "--hours", "2", "--out", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["system"] for row in told["systems"]] == [system.name for system in SYSTEMS]
    hours = pl.read_csv(tmp_path / "out" / "hours.csv")
    assert hours.group_by("system").len()["len"].to_list() == [2] * len(SYSTEMS)
    for row in told["systems"]:
        mine = hours.filter(system=row["system"])
        assert row["award"] == pytest.approx(mine["award"].mean())
        assert 0 <= row["satisfied"] <= row["served"] + 1e-9 <= 1 + 1e-9
        assert (row["efficiency"] is None) == (row["cost"] == 0)
    kept = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert kept["systems"] == told["systems"]
    assert kept["asked"]["hours"] == 2
    spent = {row.pop("system"): row for row in told["seconds"]}
    assert list(spent) == [system.name for system in SYSTEMS if system.scope in ("all", "hierarchical")]
    assert all(list(row) == ["screening", "forecasting", "orchestration"] for row in spent.values())
    assert all(second > 0 for row in spent.values() for second in row.values())
    again = tmp_path / "again"
    assert main(["hetnet", "run", *SMALL, "--hours", "2", "--out", str(again)]) == 0
    assert "hierarchical, synchronised" in capsys.readouterr().out
    assert (again / "hours.csv").read_bytes() == (tmp_path / "out" / "hours.csv").read_bytes()


def test_the_demand_may_be_that_of_twins(
    twinned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["hetnet", "run", *SMALL, "--hours", "2"]
    assert main([*words, "--twin", str(twinned), "--out", str(tmp_path / "twins"), "--json"]) == 0
    assert main([*words, "--out", str(tmp_path / "city"), "--json"]) == 0
    one, other = (pl.read_csv(tmp_path / name / "hours.csv") for name in ("twins", "city"))
    assert one["award"].to_list() != other["award"].to_list()
    assert one["award"].is_finite().all()
    capsys.readouterr()


def test_the_situation_is_drawn_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "now.png"
    assert main(["hetnet", "show", *SMALL, "--picture", str(picture), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert picture.stat().st_size > 10_000
    assert "lack something" in told["report"][0]
    assert set(told["target_areas"]["users"]) <= set(range(30))


def written_in(picture: Path) -> set[str]:
    """What is written in an SVG picture of matplotlib's, which notes each text before it draws it."""
    return set(re.findall(r"<!-- (.*?) -->", picture.read_text()))


def test_every_mark_has_a_legend_and_one_of_anything_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "one.svg"
    words = ["--users", "1", "--macro", "1", "--small", "0", "--days", "14", "--seed", "3"]
    assert main(["hetnet", "show", *words, "--picture", str(picture)]) == 0
    told = written_in(picture)
    assert {"d  1 segment, by colour", "e  100% of users satisfied, 0 stations loaded"} <= told
    assert {"unloaded", "loaded", "station of an area", "other station", "macro station"} <= told
    assert "small station" not in told
    assert not [text for text in told if text.startswith("\N{MINUS SIGN}0.")]  # ticks between users
    capsys.readouterr()


def test_macro_and_small_stations_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "some.svg"
    assert main(["hetnet", "show", *SMALL, "--picture", str(picture)]) == 0
    assert {"macro station", "small station", "1: for all"} <= written_in(picture)
    capsys.readouterr()


def test_who_is_not_served_in_the_last_hour_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each system that orchestrates, as many are named without a station as it does not serve."""
    words = ["--users", "120", "--days", "9", "--hours", "1", "--out", str(tmp_path / "out")]
    assert main(["hetnet", "run", *words]) == 0
    capsys.readouterr()
    hours = pl.read_csv(tmp_path / "out" / "hours.csv")
    told = hours.filter(pl.col("explained").fill_null("") != "").to_dicts()
    assert len(told) == 4
    for row in told:
        counts = re.findall(
            r"(?:every station|area's stations|in range|without a station): (\d+) user", row["explained"]
        )
        assert sum(map(int, counts)) == round(120 * (1 - row["served"])), row["explained"]
        assert re.match(r"of \d+ selected users? ", row["explained"])
    assert "not selected without a station" in hours.filter(system="hierarchical")["explained"][0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--users", "0"], "users: found 0, expected 1 or more"),
        (["--users", "99999999"], "users: found 99,999,999, expected at most 20,000"),
        (["--small", "99999999"], "macro and small: found 100,000,001, expected at most 2,000"),
        (["--days", "99999999"], "expected at most 3,650"),
        (["--macro", "0", "--small", "0"], "macro and small: found 0, expected at least one station"),
        (["--twin", "nowhere"], "is no run of vhtwin"),
        (["--path-loss", "literal", "--seed", "-1"], "seed"),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in (["run", "--hours", "1", "--out", str(tmp_path / "out")], ["show"]):
        assert main(["hetnet", *verb, *SMALL, *words]) == 3
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_twins_of_too_short_a_set_are_refused(
    twinned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--twin", str(twinned), "--days", "20", "--out", str(tmp_path / "out")]
    assert main(["hetnet", "run", *words]) == 3
    assert "has 288 steps of 60 min, expected 480 hours for 20 days of history" in capsys.readouterr().err
