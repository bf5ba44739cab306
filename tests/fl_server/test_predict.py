"""`vhtwin predict`, run as a person runs it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.store import MARK
from data.traffic import StationId, Traffic
from fl_server.cli.main import main
from fl_server.station_twins import station_twins
from forecasting.twin import load_twin
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

DAYS = 14
FAST = ("--inputs", "paper", "--epochs", "12", "--stream-epochs", "2", "--no-single-level")


def city(days: int = DAYS, *, step_minutes: int = 60) -> Traffic:
    """Four stations; a longer city begins with the shorter one."""
    traffic = wavy_traffic(stations=4, days=20, step_minutes=step_minutes)
    return replace(traffic, load=traffic.load[: days * 1440 // step_minutes])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, never changed, beside its set."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "city").mkdir()
    written_set(folder / "city", city())
    assert (
        main(["twin", str(folder / "city"), "--personal", "head", "--out", str(folder / "run"), *FAST]) == 0
    )
    return folder / "run"


def predicted(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:  # Any: JSON
    capsys.readouterr()
    assert main(["predict", *map(str, words), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def another_set(folder: Path, traffic: Traffic) -> Path:
    folder.mkdir()
    return written_set(folder, traffic)


def test_json_holds_the_hours_after_the_data_end(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = predicted(capsys, made, "--station", "s2", "s0", "--out", tmp_path / "out")
    assert list(answer["stations"]) == ["s2", "s0"]
    for rows in answer["stations"].values():
        times = [row["time"] for row in rows]
        assert (times[0], times[-1], len(times)) == ("2024-01-15T00:00", "2024-01-15T23:00", 24)
        assert all(0 <= row["lower"] <= row["forecast"] <= row["upper"] for row in rows)
        assert all(set(row) == {"time", "forecast", "lower", "upper"} for row in rows)
    assert answer["twins"]["s2"] == {"twin": "s2", "scope": "local", "version": 1, "age_hours": 0}
    assert (answer["twin"], answer["version"], answer["age_hours"]) == (None, 1, 0)
    assert (answer["run"], answer["unit"]) == (str(made), "internet load per hour")


def test_the_folder_holds_what_was_printed_and_a_picture(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    answer = predicted(capsys, made, "--station", "s1", "--hours", "5", "--out", out)
    names = [".vhtwin", "forecast.csv", "forecast.png", "settings.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    rows = pl.read_csv(out / "forecast.csv")
    assert rows.columns == ["time", "station", "forecast", "lower", "upper"]
    assert rows["station"].to_list() == ["s1"] * 5
    assert rows.drop("station").to_dicts() == answer["stations"]["s1"]
    assert json.loads((out / "settings.json").read_text())["prediction"]["hours"] == 5
    assert (out / "forecast.png").stat().st_size > 10_000


def test_an_earlier_origin_is_scored_against_what_came(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--from", "2024-01-12 06:00", "--hours", "10", "--twin", "network")
    answer = predicted(capsys, made, "--station", "s1", *words, "--out", tmp_path / "out")
    rows = answer["stations"]["s1"]
    truth = city().load[11 * 24 + 6 : 11 * 24 + 16, 1]
    assert [row["truth"] for row in rows] == truth.tolist()
    scale = load_twin(made / "twins" / "network.twin").scaler.scale[1]
    missed = (np.array([row["forecast"] for row in rows]) - truth) / scale
    inside = np.mean([row["lower"] <= row["truth"] <= row["upper"] for row in rows])
    score = answer["scores"]["s1"]
    assert score["truths"] == 10
    assert score["mse"] == pytest.approx(np.mean(missed**2))
    assert score["inside"] == pytest.approx(inside)


def test_truth_that_has_not_come_is_left_open(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--from", "2024-01-14T22:00", "--hours", "4", "--out", tmp_path / "out")
    answer = predicted(capsys, made, "--station", "s1", *words)
    assert [row["truth"] is None for row in answer["stations"]["s1"]] == [False, False, True, True]
    assert answer["scores"]["s1"]["truths"] == 2


def test_what_comes_after_the_origin_changes_nothing(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = city().load.copy()
    load[12 * 24 :] *= 3
    changed = another_set(tmp_path / "changed", replace(city(), load=load))
    words = (made, "--station", "s0", "s3", "--from", "2024-01-13")
    one = predicted(capsys, *words, "--out", tmp_path / "one")
    two = predicted(capsys, *words, "--data", changed, "--out", tmp_path / "two")
    for station in ("s0", "s3"):
        for row, other in zip(one["stations"][station], two["stations"][station], strict=True):
            assert {**row, "truth": 0} == {**other, "truth": 0}
            assert row["truth"] != other["truth"]


def test_newer_data_are_forecast_by_the_twin_as_it_is(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = another_set(tmp_path / "newer", city(days=16))
    answer = predicted(capsys, made, "--station", "s1", "--data", newer, "--out", tmp_path / "out")
    assert answer["stations"]["s1"][0]["time"] == "2024-01-17T00:00"
    assert answer["age_hours"] == 48


def test_the_nearest_twin_that_is_stored_forecasts(made: Path, tmp_path: Path) -> None:
    run = shutil.copytree(made, tmp_path / "run")
    (run / "twins" / "local-s1.twin").unlink()
    found = station_twins(run, ["s0", "s1", "s0"], None)
    assert [twin.scope for twin in found.values()] == ["local", "cluster"]
    assert "s1" in found[StationId("s1")].stations
    assert {twin.scope for twin in station_twins(run, ["s0"], "cluster").values()} == {"cluster"}
    assert {twin.scope for twin in station_twins(run, ["s0"], "network").values()} == {"global"}


def test_loads_stay_at_zero_or_above_unless_the_set_is_standardised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm = city()
    bursts = np.random.default_rng(0).exponential(1, calm.load.shape).astype(np.float32) ** 3
    folder = another_set(tmp_path / "bursts", replace(calm, load=bursts))
    lowest = {}
    for option in ((), ("--standardised",)):
        run = tmp_path / f"run{len(option)}"
        assert main(["twin", str(folder), "--out", str(run), *FAST, *option]) == 0
        answer = predicted(capsys, run, "--station", "s0", "--out", tmp_path / f"out{len(option)}")
        lowest[option] = min(row["lower"] for row in answer["stations"]["s0"])
    assert lowest[()] == 0
    assert lowest["--standardised",] < 0


def test_the_table_is_for_a_person(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--from", "2024-01-12", "--hours", "50", "--out", tmp_path / "out")
    assert main(["predict", str(made), "--station", "s0", "s1", "s2", *map(str, words)]) == 0
    out = capsys.readouterr().out
    assert "50 h from Fri 12 Jan 2024 00:00, with 90% intervals; internet load per hour" in out
    assert "its own" in out
    assert "2024-01-13T23:00" in out
    assert "2024-01-14T00:00" not in out
    assert "the other forecasts are in forecast.csv" in out
    assert "a twin of negative age has learned from what it forecasts here" in out


def test_stations_out_of_sight_are_named_with_their_neighbours(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(made), "--station", "s77", "--out", str(tmp_path / "out")]) == 3
    assert "no twin for station 's77'; it has those of s0, s1, s2, s3\n" in capsys.readouterr().err
    assert main(["predict", str(made), "--station", "s11", "--out", str(tmp_path / "out")]) == 3
    assert "did you mean s1?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--hours", "0"), "--hours must lie between 1 and 336, got 0"),
        (("--hours", "337"), "--hours must lie between 1 and 336, got 337"),
        (("--hours", "336"), "allow 0 earlier forecasts of 336 steps"),
        (("--coverage", "1"), "coverage must lie between 0 and 1"),
        (("--coverage", "0.999"), "need 999"),
        (("--from", "noon"), "expected a wall-clock time such as"),
        (("--from", "2024-01-12T00:00+01:00"), "expected a wall-clock time such as"),
        (("--from", "2024-01-12T00:30"), "expected the start of a step of 60 min between 2024-01-01T00:00"),
        (("--from", "2024-02-01"), "and 2024-01-15T00:00"),
        (("--from", "2024-01-02"), "use more data, fewer hours or a lower coverage"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_bad_options_are_one_sentence(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], sentence: str
) -> None:
    assert main(["predict", str(made), "--station", "s1", "--out", str(tmp_path / "out"), *words]) == 3
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_whole_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made, tmp_path / "run")
    words = ["predict", str(run), "--station", "s1", "--out", str(tmp_path / "out")]
    shutil.copy(run / "twins" / "local-s0.twin", run / "twins" / "local-s1.twin")
    assert main(words) == 3
    assert (
        "local-s1.twin: holds the twin s0, expected the one that the file is named after"
        in capsys.readouterr().err
    )
    (run / "twins" / "local-s1.twin").write_bytes(b"nothing")
    assert main(words) == 3
    assert "local-s1.twin" in capsys.readouterr().err
    (run / "twins" / "local-s1.twin").unlink()
    assert main([*words, "--twin", "local"]) == 3
    assert "stores no local twin of station s1" in capsys.readouterr().err
    (run / "summary.json").unlink()
    assert main(words) == 3
    assert "this run is not finished" in capsys.readouterr().err


def test_data_of_other_steps_serve_only_where_they_add_up(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = another_set(tmp_path / "fine", city(step_minutes=10))
    answer = predicted(capsys, made, "--station", "s1", "--data", fine, "--out", tmp_path / "out")
    assert len(answer["stations"]["s1"]) == 24
    native = tmp_path / "native"
    assert main(["twin", str(made.parent / "city"), "--native-step", "--out", str(native), *FAST]) == 0
    assert main(["predict", str(native), "--station", "s1", "--data", str(fine)]) == 3
    assert "steps of 10 min, expected the 60 min" in capsys.readouterr().err


def test_neither_the_run_nor_the_data_are_written_over(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(made.parent / "city", tmp_path / "data")
    (data / MARK).touch()  # as if vhtwin had made the set
    for place in (made, data):
        words = ["--station", "s1", "--data", str(data), "--out", str(place), "--overwrite"]
        assert main(["predict", str(made), *words]) == 3
        assert "which is read" in capsys.readouterr().err
    assert (made / "summary.json").exists()
    assert (data / "traffic.csv").exists()
