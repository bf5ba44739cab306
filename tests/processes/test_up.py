"""Stations in processes of their own: the same twins, whatever is killed, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

VHTWIN = [sys.executable, "-m", "fl_server.cli.main"]
STATIONS = 3
WORDS = [
    "--inputs",
    "paper",
    "--epochs",
    "6",
    "--stream-epochs",
    "3",
    "--no-single-level",
    "--keep-every",
    "0",
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small set."""
    folder = tmp_path_factory.mktemp("sets") / "city"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=STATIONS, days=12))


@pytest.fixture(scope="module")
def alone(city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The twins of a run in one process."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    subprocess.run([*VHTWIN, "twin", city, "--out", run, *WORDS], check=True, capture_output=True)
    return twins(run)


def twins(run: Path) -> dict[str, bytes]:
    """The twins that a run has stored."""
    return {file.name: file.read_bytes() for file in (run / "twins").iterdir()}


@contextmanager
def up(*words: object) -> Iterator["subprocess.Popen[str]"]:
    """`vhtwin up` in a process of its own."""
    process = subprocess.Popen([*VHTWIN, "up", *map(str, words)], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(
    holds: Callable[[], bool], process: "subprocess.Popen[str] | None" = None, seconds: float = 60
) -> None:
    """Wait until something holds, as long as the process that brings it about is there."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def children(run: Path) -> list[int]:
    """The process that launched the stations of a run, and the stations' processes."""
    parent = json.loads((run / "up.json").read_text())["stations"]
    return [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def gone(pids: list[int]) -> bool:
    """Whether none of the processes is there, but for those whose end nobody has asked about."""
    return not any(_state(pid) not in ("", "Z") for pid in pids)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def rounds(run: Path) -> int:
    """How often the state of a run was kept, roughly: its file is another one every time."""
    state = run / "state"
    return state.stat().st_mtime_ns if state.exists() else 0


def test_a_process_for_each_station_makes_the_twins_of_one_process(
    city: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*VHTWIN, "up", city, "--out", tmp_path / "run", *WORDS],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert twins(tmp_path / "run") == alone
    assert "joining: 100%" in done.stderr
    assert "stations: 3 waiting" in done.stderr
    assert not (tmp_path / "run" / "up.json").exists()


@pytest.mark.long
def test_a_server_that_is_killed_leaves_no_process_and_its_run_ends_as_one_that_is_not(
    city: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    """In V-twinning, and then in the stream; gone on with once in processes and once in one process."""
    run = tmp_path / "run"
    with up(city, "--out", run, *WORDS) as process:
        until(lambda: rounds(run) > 0, process)
        left = children(run)
        assert len(left) == 1 + STATIONS
        process.kill()
        until(lambda: gone(left))
    with up("--resume", run, "--keep-every", "0") as process:
        before = rounds(run)
        until(lambda: rounds(run) > before, process)
        left = children(run)
        process.kill()
        until(lambda: gone(left))
    subprocess.run([*VHTWIN, "up", "--resume", run], check=True, capture_output=True, timeout=120)
    assert twins(run) == alone


@pytest.mark.long
@pytest.mark.parametrize("how", ["down", "SIGINT", "SIGTERM"])
def test_told_to_end_a_run_keeps_where_it_stands_and_leaves_no_process(
    city: Path, alone: dict[str, bytes], tmp_path: Path, how: str
) -> None:
    run = tmp_path / "run"
    with up(city, "--out", run, *WORDS) as process:
        until(lambda: rounds(run) > 0, process)
        left = children(run)
        if how == "down":
            subprocess.run([*VHTWIN, "down", run], check=True, capture_output=True, timeout=60)
        else:
            os.kill(process.pid, getattr(signal, how))
        told = process.communicate(timeout=60)[1]
        assert f"vhtwin resume {run} goes on with it" in told
        until(lambda: gone([*left, process.pid]))
    assert not (run / "up.json").exists()
    subprocess.run([*VHTWIN, "resume", run], check=True, capture_output=True, timeout=120)
    assert twins(run) == alone


@pytest.mark.long
def test_a_station_that_is_killed_is_done_without_and_comes_back(city: Path, tmp_path: Path) -> None:
    """Rounds close within the time that is set; it counts as lost until it introduces itself again."""
    run = tmp_path / "run"
    with up(city, "--out", run, *WORDS, "--answer-seconds", "3", "--epochs", "60", "--json") as process:
        until(lambda: rounds(run) > 0, process)
        victim = children(run)[1]
        os.kill(victim, signal.SIGKILL)
        told = process.communicate(timeout=180)[1]
        assert process.returncode == 0, told
    summary = json.loads((run / "summary.json").read_text())
    lost = sum(count for why, count in summary["phases"]["v"]["failures"].items() if "did not answer" in why)
    assert 0 < lost < 50, "it was missed in some rounds and was back before the end"
    flow = summary["phases"]["v"]["exchange"]["station_cluster"]
    assert flow["messages_up"] == STATIONS * 60 - lost
