"""`vhtwin data import` as a process of its own, also when it is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.milan.conversion import imported
from data.progress import finished
from fl_server.cli.main import main
from tests.data.milan.raw_files import daily_rows, write_days

# A shell may start its background jobs, and so this process, with Ctrl-C ignored; the command is not to be.
START = """import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from fl_server.cli.main import main
sys.exit(main())"""
COMMAND = [sys.executable, "-c", START, "data", "import"]
HOME = Path(__file__).parents[2]


def process(raw: Path, out: Path) -> "subprocess.Popen[str]":
    words = [*COMMAND, str(raw), "--out", str(out)]
    return subprocess.Popen(words, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished_parts(work: Path) -> Iterable[Path]:
    return (path for path in work.glob("*/part.json") if path.parent.suffix != ".partial")


def finished_days(work: Path) -> Iterable[Path]:
    return work.glob("set-*/traffic.parquet/date=*/part-0.parquet")


@pytest.mark.parametrize(
    ("enough", "blow", "exit_code"),
    [
        (finished_parts, signal.SIGKILL, -signal.SIGKILL),
        (finished_days, signal.SIGKILL, -signal.SIGKILL),
        (finished_parts, signal.SIGINT, 130),
    ],
)
def test_a_killed_import_continues_and_gives_the_same_set(
    tmp_path: Path, enough: Callable[[Path], Iterable[Path]], blow: signal.Signals, exit_code: int
) -> None:
    write_days(tmp_path / "raw", 25, 40)
    with process(tmp_path / "raw", tmp_path / "set") as killed:
        while killed.poll() is None and not any(enough(tmp_path / ".set.import")):
            pass  # there is nothing to wait on but the files themselves
        killed.send_signal(blow)
        told = killed.communicate()[1]
    assert killed.returncode == exit_code
    assert blow == signal.SIGKILL or "for the same command" in told
    assert not (tmp_path / "set").exists()
    result = finished(imported(tmp_path / "raw", tmp_path / "set"))
    whole = finished(imported(tmp_path / "raw", tmp_path / "whole"))
    assert result.text_bytes_read < result.text_bytes == whole.text_bytes_read
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "set", "whole"}
    days = sorted(
        path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("part-0.parquet")
    )
    assert len(days) == 25
    for day in days:
        assert pl.read_parquet(tmp_path / "set" / day).equals(pl.read_parquet(tmp_path / "whole" / day))


@pytest.mark.long
def test_memory_stays_bounded_when_days_alternate_in_one_large_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "raw").mkdir()
    with (tmp_path / "raw" / "all.txt").open("wb") as file:
        for first in (1, 4_001, 9_751):
            for place in range(20):
                rows = daily_rows(date(2013, 11, 1 + place), range(first, first + 250), rng)
                rows.write_csv(file, separator="\t", include_header=False)
    assert (tmp_path / "raw" / "all.txt").stat().st_size > 400e6
    with process(tmp_path / "raw", tmp_path / "set") as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1_024)
    assert peak_bytes < 1.5e9


def test_the_answer_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = write_days(tmp_path / "raw", 2, 3)
    assert main(["data", "import", str(tmp_path / "raw"), "--out", str(tmp_path / "set"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["files"], answer["rows"], answer["days"], answer["stations"]) == (2, rows.height, 2, 3)
    assert answer["gap_intervals"] == 0
    assert answer["mb_per_second"] > 0


def test_the_table_says_what_was_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_days(tmp_path / "raw", 1, 3)
    (tmp_path / "raw" / "notes.md").write_text("mine")
    assert main(["data", "import", str(tmp_path / "raw"), "--out", str(tmp_path / "set")]) == 0
    printed = capsys.readouterr().out
    assert "9,997 squares have no row and are no stations of the set" in printed
    assert "notes.md" in printed


def test_a_bad_line_ends_with_a_sentence_and_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "day.txt").write_text("1\t1383260400000\t39\t\t\t\t\t1\n1\t1383260400000\t39\t\t\t\t\t-1\n")
    assert main(["data", "import", str(tmp_path / "day.txt"), "--out", str(tmp_path / "set")]) == 3
    told = capsys.readouterr().err
    assert "day.txt:2: column 8 (internet): found '-1', expected a number from 0" in told
    assert "kept" not in told
    assert not (tmp_path / "set").exists()


def test_finished_parts_are_kept_and_named_when_another_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_days(tmp_path / "raw", 2, 3)
    with (tmp_path / "raw" / "sms-call-internet-mi-2013-11-02.txt").open("a") as file:
        file.write("x\n")
    assert main(["data", "import", str(tmp_path / "raw"), "--out", str(tmp_path / "set")]) == 3
    told = capsys.readouterr().err
    assert f"1 finished part is kept in {tmp_path / '.set.import'}" in told
    work = imported(tmp_path / "raw", tmp_path / "set")
    next(work)  # another import at the same time
    assert main(["data", "import", str(tmp_path / "raw"), "--out", str(tmp_path / "set")]) == 3
    work.close()
    told = capsys.readouterr().err
    assert "another import writes there now" in told
    assert "delete" not in told


def test_unfinished_downloads_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_days(tmp_path / "raw", 1, 3)
    (tmp_path / "raw" / "sms-call-internet-mi-2013-11-02.txt.0123456789ab.part").write_text("1")
    assert main(["data", "import", str(tmp_path / "raw"), "--out", str(tmp_path / "set")]) == 0
    assert "unfinished download" in capsys.readouterr().out


def test_other_areas_are_read_with_their_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = [[11, 46], [11, 46.002], [11.003, 46.002], [11.003, 46], [11, 46]]
    feature = {
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"cellId": 11_466},
    }
    (tmp_path / "grid.geojson").write_text(json.dumps({"features": [feature]}))
    raw = tmp_path / "sms-call-internet-tn-2013-11-01.txt"
    raw.write_text("11466\t1383260400000\t39\t\t\t\t\t1\n")
    words = [
        "data",
        "import",
        str(raw),
        "--out",
        str(tmp_path / "set"),
        "--grid",
        str(tmp_path / "grid.geojson"),
    ]
    assert main(words) == 0
    assert (tmp_path / "set" / "stations.csv").read_text() == "station,lon,lat\n11466,11.0015,46.001\n"
