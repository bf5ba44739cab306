"""`vhtwin data show` on sets in the project's own layout."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.figures.description import described
from data.traffic import StationId, Traffic
from fl_server.cli.data_show import rows_of
from fl_server.cli.main import main

MILAN = Path(__file__).parents[2] / ".." / "shared" / "telecom-italia" / "milan25"


def write_set(folder: Path, values: list[tuple[float, float]]) -> Path:
    """Two stations, hourly from Friday 2013-11-01 on."""
    folder.mkdir()
    (folder / "stations.csv").write_text("station,lon,lat\nnorth,9.1,45.5\nsouth,9.1,45.4\n")
    first = np.datetime64("2013-11-01T00:00")
    lines = [f"{first + np.timedelta64(hour, 'h')},{a},{b}" for hour, (a, b) in enumerate(values)]
    (folder / "traffic.csv").write_text("\n".join(["time,north,south", *lines]) + "\n")
    return folder


def test_json_is_one_object_with_the_figures_and_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "village", [(1.0, 3.0)] * 48)
    picture = tmp_path / "village.png"
    assert main(["data", "show", str(folder), "--json", "--picture", str(picture)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["stations"], answer["steps"], answer["total_load"]) == (2, 48, 192)
    assert (answer["first"], answer["last"]) == ("2013-11-01 00:00", "2013-11-02 23:00")
    assert [load["station"] for load in answer["busiest"]] == ["south", "north"]
    assert answer["weekend_ratio"] == 1  # a Friday and a Saturday
    assert answer["picture"] == str(picture)
    assert picture.stat().st_size > 10_000


def test_a_station_is_shown_by_its_name_whatever_that_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "village", [(1.0, 3.0)] * 24)
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("north", "[/red]"))
    assert main(["data", "show", str(folder), "--picture", str(tmp_path / "village.png")]) == 0
    assert "[/red]" in capsys.readouterr().out


@pytest.mark.parametrize("loads", [(0.0, 0.0), (1e-40, 3e-40), (0.0, 1e29), (5.0, 5.0)])
def test_odd_loads_are_told_and_drawn_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loads: tuple[float, float]
) -> None:
    folder = write_set(tmp_path / "village", [loads] * 24 * 9)
    picture = tmp_path / "village.png"
    assert main(["data", "show", str(folder), "--json", "--picture", str(picture)]) == 0
    assert json.loads(capsys.readouterr().out)["mean_load"] == pytest.approx(sum(loads) / 2, rel=1e-4)


def test_the_default_picture_stands_in_runs_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "village", [(1.0, 3.0)] * 24)
    monkeypatch.chdir(tmp_path)
    assert main(["data", "show", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "picture: runs/show-village.png" in printed
    assert (tmp_path / "runs" / "show-village.png").exists()
    assert "busiest stations" in printed
    assert "2013-11-01 00:00 to 2013-11-01 23:00" in printed


def test_a_missing_set_is_one_sentence_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "show", str(tmp_path / "nothing")]) == 3
    assert "nothing" in capsys.readouterr().err


def test_a_standardised_set_shows_no_sums_and_no_ratios(tmp_path: Path) -> None:
    amounts = Traffic(
        load=np.ones((168, 2), np.float32),
        stations=(StationId("a"), StationId("b")),
        positions=np.zeros((2, 2)),
        start=np.datetime64("2013-11-04T00:00"),
        step_minutes=60,
    )
    scores = replace(amounts, load=-amounts.load)
    sums = {"total load", "weekend over weekday load", "share of the busiest 10 % of stations"}
    assert sums <= {name for name, _ in rows_of(described(amounts))}
    assert not sums & {name for name, _ in rows_of(described(scores))}


@pytest.mark.skipif(not MILAN.exists(), reason="the measured Milan squares are not beside this checkout")
def test_the_measured_milan_squares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "show", str(MILAN), "--timezone", "Europe/Rome", "--json"]
    assert main([*words, "--picture", str(tmp_path / "milan.png")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["stations"], answer["steps"], answer["step_minutes"]) == (25, 4320, 10)
    assert (answer["first"], answer["last"]) == ("2013-11-01 00:00", "2013-11-30 23:50")
    assert answer["busiest"][0]["station"] == "5446"
