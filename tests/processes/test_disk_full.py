"""A disk that is full when a run is kept: what was kept before stays good, and the run says so."""

import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl_server.cli.serving import STAYS_GOOD
from fl_server.run_folder import SUMMARY
from fl_server.stored_runs import reached
from tests.processes.test_server import (
    KEPT,
    LASTING,
    START_SECONDS,
    STATIONS,
    VHTWIN,
    alone,
    city,
    federation,
    twins,
)

__all__ = ["alone", "city"]  # fixtures
pytestmark = pytest.mark.long

DISK_BYTES = 4 << 20
SMALLEST_BYTES = 4096  # of a file, which is less than a state takes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The folder `runs`, on a small disk of its own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def filled(disk: Path) -> Path:
    """A file that takes all the space that is left on a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left on device"):
        while True:
            file.write(bytes(4096))
    return filler


def hidden(folder: Path) -> list[str]:
    """What was left half-written in a folder."""
    return [file.name for file in folder.rglob(".*") if file.name.endswith((".partial", ".replaced"))]


def test_a_server_whose_disk_is_full_says_so_and_goes_on_from_what_was_kept_once_there_is_space(
    city: Path, alone: Path, tmp_path: Path, disk: Path
) -> None:
    with federation(tmp_path, city) as here:
        here.done("run", "--name", "first", "--wait-for", "3", "--detach", *KEPT, *LASTING)
        here.until_kept("first", "vertical", 3)
        filler = filled(disk)
        here.until_told(lambda told: told["run"] == "", START_SECONDS)
        sentence = here.status()["runs"]["first"]
        assert sentence == f"failed: No space left on device; {STAYS_GOOD}"
        assert f"run first: {sentence}" in here.done("status")
        stopped_at = reached(here.run("first"))
        assert stopped_at.stage == "vertical"
        assert stopped_at.turn >= 3
        assert hidden(disk) == []
        assert "No space left" in here.refused("run", "--name", "first", "--resume", *KEPT)
        assert reached(here.run("first")) == stopped_at
        filler.unlink()
        here.done("run", "--name", "first", "--resume", *KEPT)
    assert twins(here.run("first")) == twins(alone)


def test_a_log_on_a_full_disk_ends_no_run(city: Path, alone: Path, tmp_path: Path, disk: Path) -> None:
    with federation(tmp_path / "home", city, stations=()) as here:
        here.kill("server")
        filled(disk)
        here.serve("--log", disk / "events")
        for station in STATIONS:
            here.station(station)
        here.done("run", "--name", "first", "--wait-for", "3", *LASTING)
        said = (tmp_path / "home" / "server.log").read_text()
        assert said.count("the log cannot be written: [Errno 28] No space left on device") == 1
    assert twins(here.run("first")) == twins(alone)


def limited(process: "subprocess.Popen[str]", size: int) -> None:
    """Let no file that the process writes become larger."""
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))


def test_a_run_on_this_machine_that_can_keep_nothing_more_says_so_and_can_be_gone_on_with(
    city: Path, alone: Path, tmp_path: Path
) -> None:
    """Its process may write no longer files than a few KB from some moment on, whatever disk it is on."""
    run = tmp_path / "run"
    words = [*VHTWIN, "up", str(city), "--out", str(run), *LASTING, *KEPT]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + START_SECONDS
        while not (run / "state").exists() or reached(run).turn < 3:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        limited(process, SMALLEST_BYTES)
        said = process.communicate(timeout=START_SECONDS)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 3, said
    assert "File too large" in said
    assert reached(run).turn >= 3
    assert hidden(run) == []
    assert not (run / SUMMARY).exists()
    again = subprocess.run([*VHTWIN, "up", "--resume", str(run)], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert twins(run) == twins(alone)
