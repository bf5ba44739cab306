"""`vhtwin data make`, as the command is run."""

import argparse
import json
from pathlib import Path

import polars as pl
import pytest

from data.errors import InputError
from data.sets.tables import ReadSettings, read_set
from fl_server.cli import data_make
from fl_server.cli.main import main


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data_make.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["make", *words])
    code: int = arguments.run(arguments)
    return code


def test_a_city_is_written_and_told_as_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "city"
    assert run("--stations", "6", "--days", "2", "--step", "10", "--out", str(out), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("seconds") > 0
    assert answer.pop("bytes") == sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    assert answer == {
        "stations": 6,
        "days": 2,
        "seed": 7,
        "start": "2013-11-01",
        "step_minutes": 10,
        "layout": "grid",
        "channels": ["internet", "sms", "call"],
        "out": str(out),
    }
    assert read_set(out, ReadSettings()).load.shape == (288, 6)


def test_a_person_reads_one_sentence_and_progress_goes_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--stations", "3", "--days", "1", "--out", str(tmp_path / "city")) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{tmp_path / 'city'}: stations: 3, days: 1, step: 60 min")
    assert "making the city: 100%" in shown.err


def test_what_stands_there_stays_unless_it_may_go(tmp_path: Path) -> None:
    out = tmp_path / "city"
    run("--stations", "3", "--days", "1", "--out", str(out))
    with pytest.raises(InputError, match="already holds files; name another folder or pass --overwrite"):
        run("--stations", "4", "--days", "1", "--out", str(out))
    assert len(pl.read_csv(out / "stations.csv")) == 3
    run("--stations", "4", "--days", "1", "--out", str(out), "--overwrite")
    assert len(pl.read_csv(out / "stations.csv")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["city"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--stations", "0"), "stations must be 1 to 10,000, got 0"),
        (("--start", "yesterday"), "--start yesterday: expected a date such as 2013-11-01"),
        (("--start", "2013-02-30"), "--start 2013-02-30: expected a date such as 2013-11-01"),
        (("--days", "0"), "days must be 1 to 3,660, got 0"),
        (("--seed", "-1"), "seed must be zero or more, got -1"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        run(*words, "--out", str(tmp_path / "city"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["/", "file/city", "/proc/nowhere/city", "x" * 300, "\udcff"])
def test_a_place_that_cannot_be_written_to_is_one_sentence_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    (tmp_path / "file").write_text("")
    words = ["data", "make", "--stations", "1", "--days", "1", "--out", str(tmp_path / folder)]
    assert main(words) == 3
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vhtwin: ")]
    assert len(told) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
