"""Processes that hold stations end with the one that launched them, whenever that ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set


def launched(home: Path, parent: int) -> "subprocess.Popen[str]":
    city = written_set(home, wavy_traffic(stations=2, days=12))
    words = [sys.executable, "-m", "bs_client.launch", city, "--server", "127.0.0.1:1", "--parent", parent]
    return subprocess.Popen(
        [str(each) for each in words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_who_was_launched_by_a_process_that_is_gone_by_now_ends(tmp_path: Path) -> None:
    with launched(tmp_path, os.getppid()) as process:  # whose child it is not
        assert process.wait(60) == 0


def test_who_was_launched_by_a_process_that_is_there_stays(tmp_path: Path) -> None:
    with launched(tmp_path, os.getpid()) as process:
        assert process.stdout is not None
        assert '"stations": 2' in process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
        assert process.wait(60) == 0
