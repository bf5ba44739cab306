"""A long run of many processes, whose memory must not grow with its rounds.

Axes: S samples, T processes.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fl_server.federation.control import STATUS
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.processes.test_server import VHTWIN
from tests.processes.test_up import children

pytestmark = pytest.mark.long

MACHINE_GB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
PROCESSES = 50 if MACHINE_GB > 8 else 10
ROUNDS, SETTLED = 200, 50  # by round 50 all that is made once has been made
ROUNDS_A_SAMPLE = 5
SECONDS = 1800
WORDS = ["--inputs", "paper", "--no-single-level", "--epochs", str(ROUNDS), "--stream-epochs", "1"]
SERVER_MB, STATION_MB = 3.0, 0.5  # that memory may grow in 100 rounds


@dataclass(frozen=True)
class Sample:
    """The memory of all processes after some round, in MB, the server's first."""

    turn: int
    memory: NDArray[np.float64]  # (T,)


def memory_mb(pid: int) -> float:
    """What a process has in memory; of what it shares with others its part of that."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@contextmanager
def up(city: Path, run: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`vhtwin up` with a process for every station."""
    with (run.parent / "up.log").open("wb") as log:
        words = [*VHTWIN, "up", str(city), "--out", str(run), *WORDS]
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def samples(run: Path, process: "subprocess.Popen[bytes]") -> Iterator[Sample]:
    """The memory after every few rounds, to the end of V-twinning."""
    end, turn = time.monotonic() + SECONDS, 0
    while not (run / "up.json").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.2)
    address = json.loads((run / "up.json").read_text())["address"]
    pids = [process.pid, *children(run)[1:]]
    assert len(pids) == 1 + PROCESSES
    while turn < ROUNDS:
        assert time.monotonic() < end
        assert process.poll() is None
        told = httpx.get(f"http://{address}{STATUS}", timeout=30).json()
        if told["stage"] == "H-twinning":
            return
        if told["done"] >= turn + ROUNDS_A_SAMPLE:
            turn = told["done"]
            yield Sample(turn, np.array([memory_mb(pid) for pid in pids]))
        time.sleep(0.2)


def growth(taken: list[Sample]) -> NDArray[np.float64]:
    """By how many MB the memory of each process grows in 100 rounds, (T,)."""
    settled = [each for each in taken if each.turn >= SETTLED]
    turns = np.array([each.turn for each in settled])  # (S,)
    memory = np.stack([each.memory for each in settled])  # (S, T)
    slope: NDArray[np.float64] = np.polyfit(turns, memory, 1)[0] * 100
    return slope


def test_the_memory_of_server_and_stations_stays_flat(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    city = written_set(tmp_path / "city", wavy_traffic(stations=PROCESSES, days=12))
    began = time.monotonic()
    with up(city, tmp_path / "run") as process:
        taken = list(samples(tmp_path / "run", process))
        took = time.monotonic() - began
    slope, last = growth(taken), taken[-1].memory
    station = f"{slope[1:].mean():+.3f} on average, {slope[1:].max():+.3f} at most"
    print(  # noqa: T201 - to be read with pytest -s
        f"\n{PROCESSES} processes, {taken[-1].turn} rounds in {took:.0f} s, {len(taken)} samples; "
        f"MB of memory and growth in 100 rounds: server {last[0]:.0f} and {slope[0]:+.2f}, "
        f"station {last[1:].mean():.1f} and {station}"
    )
    assert taken[-1].turn > ROUNDS - 3 * ROUNDS_A_SAMPLE
    assert slope[0] < SERVER_MB
    assert slope[1:].mean() < STATION_MB
