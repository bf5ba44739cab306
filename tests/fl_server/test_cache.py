"""`vhtwin cache compare`: classic caches on drawn requests and on logs."""

import json
from pathlib import Path

import polars as pl
import pytest

from fl_server.cli.main import main

SMALL = ["--number", "3000"]


def test_policies_stand_below_the_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "compare", *SMALL, "--json"]) == 0
    rows = {row["policy"]: row for row in json.loads(capsys.readouterr().out)["policies"]}
    assert len(rows) == 8
    for name, row in rows.items():
        assert row["at each station"] <= rows["bypass"]["at each station"]
        if name != "bypass":
            assert row["one for all"] <= max(rows["belady"]["one for all"], rows["static"]["one for all"])


def test_a_log_is_read_and_the_table_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, table = tmp_path / "log.csv", tmp_path / "table.csv"
    log.write_text(
        "time,client,content\n" + "".join(f"{time},u{time % 3},c{time % 7}\n" for time in range(90))
    )
    words = ["--requests", str(log), "--slots", "2", "--stations", "1", "--out", str(table)]
    assert main(["cache", "compare", *words]) == 0
    assert "90 requests for 7 contents" in capsys.readouterr().out
    rates = dict(pl.read_csv(table).select("policy", "one for all").iter_rows())
    assert rates["lru"] == 0  # a cycle of seven through two slots
    assert rates["belady"] > 0


def test_what_no_cache_can_be_judged_by_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,client,content\n0,a,x\n1,a,x\n")
    assert main(["cache", "compare", "--requests", str(log)]) == 0
    assert "holds the one content asked for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("time,client,content\n", "expected"), ("time,client,content\n2,a,x\n1,a,x\n", "sort")],
)
def test_bad_logs_are_refused(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(text)
    assert main(["cache", "compare", "--requests", str(log)]) == 3
    assert reason in capsys.readouterr().err


def test_clients_stand_where_a_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, cells = tmp_path / "log.csv", tmp_path / "cells.csv"
    log.write_text("time,client,content\n0,a,x\n1,b,x\n2,c,x\n3,a,x\n")
    words = ["cache", "compare", "--requests", str(log), "--cells", str(cells)]
    cells.write_text("client,station\na,north\nb,north\nb,south\nc,south\n")
    assert main([*words, "--json"]) == 0
    rows = {row["policy"]: row for row in json.loads(capsys.readouterr().out)["policies"]}
    assert rows["lru"]["at each station"] == 0.5  # each station misses its first
    assert rows["lru"]["one for all"] == 0.75
    cells.write_text("client,station\na,north\nb,north\n")
    assert main(words) == 3
    refused = capsys.readouterr().err
    assert "log.csv:4: column client: found 'c', expected one of the 2 clients of" in refused
    assert "cells.csv" in refused


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--cells", "cells.csv"], "--cells is of a log: expected --requests beside it"),
        (["--timezone", "Europe/Rome"], "--timezone is of a log: expected --requests beside it"),
        (["--requests", "a", "--cells", "b", "--stations", "3"], "expected no --stations beside it"),
    ],
)
def test_options_of_a_log_stand_beside_one(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "compare", *words]) == 3
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--stations", "0"],
        ["--stations", "100000000"],
        ["--slots", "0"],
        ["--number", "0"],
        ["--number", "1"],
        ["--seed", "-1"],
    ],
)
def test_bad_numbers_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "compare", *SMALL, *words]) == 3
    assert "expected" in capsys.readouterr().err
