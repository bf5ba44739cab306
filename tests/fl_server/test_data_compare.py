"""`vhtwin data compare`, as the command is run."""

import argparse
import json
from pathlib import Path

import pytest

from data.city.synthetic import CitySettings, write_city
from data.errors import InputError
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
    ridge = next(line for line in shown.splitlines() if "error: ridge" in line)
    assert len(ridge.split()) == 3  # only the first is long enough for errors: two words and one figure


def test_json_has_null_where_a_set_lacks_a_figure(
    cities: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*map(str, cities), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sets"] == ["first", "second"]
    rows = {row["figure"]: row for row in answer["rows"]}
    assert rows["error: ridge"]["real"] > 0
    assert rows["error: ridge"]["synthetic"] is None
    assert rows["autocorrelation 24 h"]["synthetic"] is not None


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
