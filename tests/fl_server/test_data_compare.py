"""`vhtwin data compare`, as the command is run."""

import argparse
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from data.city.synthetic import CitySettings, write_city
from data.errors import InputError
from data.figures.statistics import NAMES
from data.progress import finished
from fl_server.cli import data_compare


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("cities")
    first, second = folder / "first", folder / "second"
    finished(write_city(CitySettings(stations=25, days=22), first))
    finished(write_city(CitySettings(stations=10, days=8, seed=8, step_minutes=10), second))
    return first, second


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data_compare.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["compare", *words])
    code: int = arguments.run(arguments)
    return code


def test_figures_stand_side_by_side_in_a_table(
    cities: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*map(str, cities)) == 0
    shown = capsys.readouterr().out
    assert "first" in shown
    assert "second" in shown
    linear = next(line for line in shown.splitlines() if "error: linear, past hours" in line)
    assert len(linear.split()) == 5  # only the first is long enough for errors: four words and one figure
    assert "left out of second: error: last value, " in shown
    assert "past readings: needs 22 days; past readings need steps of 10 minutes" in shown


def test_json_has_null_where_a_set_lacks_a_figure(
    cities: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*map(str, cities), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sets"] == ["first", "second"]
    rows = {row["figure"]: row for row in answer["rows"]}
    assert rows["error: linear, past hours"]["real"] > 0
    assert rows["error: linear, past hours"]["synthetic"] is None
    assert rows["autocorrelation 24 h"]["synthetic"] is not None
    assert set(rows) == set(NAMES)
    for side, lacking in zip(("real", "synthetic"), answer["left_out"], strict=True):
        assert set(lacking) == {name for name, row in rows.items() if row[side] is None}


def test_a_set_beside_itself_differs_in_nothing(
    cities: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(str(cities[0]), str(cities[0]), "--json")
    answer = json.loads(capsys.readouterr().out)
    assert all(row["real"] == row["synthetic"] for row in answer["rows"])


def test_both_are_drawn_when_asked(cities: tuple[Path, Path], tmp_path: Path) -> None:
    run(*map(str, cities), "--picture", str(tmp_path / "both.png"), "--json")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_an_unknown_kind_is_refused(cities: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a picture ending in"):
        run(*map(str, cities), "--picture", str(tmp_path / "both.gif"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("factor", [1.0, 1e-40])
def test_constant_stations_and_odd_units_leave_figures_out_and_warn_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float
) -> None:
    folder = tmp_path / "odd"
    finished(write_city(CitySettings(stations=4, days=22, step_minutes=10), folder))
    loads = pl.read_parquet(folder / "traffic.parquet" / "**" / "*.parquet", hive_partitioning=False)
    shutil.rmtree(folder / "traffic.parquet")
    constant = pl.when(pl.col("station") == pl.col("station").first()).then(5.0).otherwise(pl.col("internet"))
    loads.with_columns(internet=(constant * factor).cast(pl.Float32)).write_parquet(
        folder / "traffic.parquet"
    )
    assert run(str(folder), str(folder), "--json", "--picture", str(tmp_path / "both.png")) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {row["figure"]: row["real"] for row in answer["rows"]}
    assert rows["error: linear, past readings"] > 0
    assert rows["loads: Gini"] is None
    assert answer["left_out"][0]["loads: Gini"].startswith("needs amounts of load at 20 stations")


def test_a_set_in_which_nothing_moves_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "still"
    folder.mkdir()
    (folder / "stations.csv").write_text("station,lon,lat\na,9,45\n")
    lines = [f"2013-11-01T{hour:02}:00,1" for hour in range(24)]
    (folder / "traffic.csv").write_text("\n".join(["time,a", *lines]) + "\n")
    with pytest.raises(InputError, match="still: no station's hourly load ever changes"):
        run(str(folder), str(folder))
