"""Kill a run again and again at random moments of its life: `python -m tests.processes.kills --kills 100`.

Once with all stations in one process, once with a process for each. A run that was killed goes on; when it
has ended its twins must be those of a run that nobody stopped, and then the next one begins.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fl_server.stored_runs import reached
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

VHTWIN = [sys.executable, "-m", "fl_server.cli.main"]
WORDS = [
    "--inputs",
    "paper",
    "--no-single-level",
    "--keep-every",
    "0.1",
    "--epochs",
    "40",
    "--stream-epochs",
    "6",
]
STATIONS = 3
WAYS = ("twin", "up")
MOST_SECONDS = 120  # of one attempt


@dataclass(frozen=True)
class Killed:
    """What came of many kills."""

    kills: int
    runs: int  # that came to their end in spite of them
    during: dict[str, int]  # how many kills by what the run was at
    differing: int  # runs with other twins than the one that nobody stopped


def killed(way: str, kills: int, seed: int, home: Path, more: Sequence[str] = ()) -> Killed:
    """The outcome of so many kills of runs by `vhtwin twin` or `vhtwin up`, with `more` options."""
    options = [*WORDS, *more]
    city = written_set(home, wavy_traffic(stations=STATIONS, days=12))
    began = time.monotonic()
    subprocess.run(
        [*VHTWIN, way, city, "--out", home / "straight", *options], check=True, capture_output=True
    )
    usual, expected = time.monotonic() - began, twins(home / "straight")
    draws, during, runs, differing = np.random.default_rng(seed), Counter[str](), 0, 0
    while during.total() < kills:
        folder = home / f"run-{runs}"
        for moment in _moments(draws, usual):
            at = _attempt([way, city, "--out", folder, *options], folder, moment)
            if at is None:
                break
            during[at] += 1
        differing += twins(folder) != expected
        runs += 1
    return Killed(during.total(), runs, dict(during), differing)


def twins(run: Path) -> dict[str, bytes]:
    """The twins that a run has stored."""
    return {file.name: file.read_bytes() for file in sorted((run / "twins").glob("[!.]*"))}


def _moments(draws: np.random.Generator, usual: float) -> Iterator[float]:
    """When to kill the attempts at a run: at first any time of it, then later and later, so that it ends."""
    patience = usual
    while True:
        yield float(draws.uniform(0, patience))
        patience *= 1.05


def _attempt(begin: list[object], folder: Path, seconds: float) -> str | None:
    """Run, or go on, and kill after so many seconds; what the run was at then, or None if it had ended."""
    on = ["resume", folder] if begin[0] == "twin" else ["up", "--resume", folder, "--keep-every", "0.1"]
    words = on if (folder / "run.json").exists() else begin
    with subprocess.Popen(
        [*VHTWIN, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            others = _started_by(process.pid)
            process.kill()
            _wait_for_end(others)
            return _stage(folder)
        assert process.stderr is not None
        assert process.returncode == 0, process.stderr.read()
    return None


def _stage(folder: Path) -> str:
    """What a run was at, by the state that it kept last."""
    if not (folder / "run.json").exists():
        return "before its folder was there"
    at = reached(folder)
    if at.turn == 0 and at.stage == "vertical":
        return "before a state was kept"
    return {"vertical": "in V-twinning", "horizontal": "in H-twinning", "done": "at its results"}[at.stage]


def _started_by(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listed.read_text().split()):
                found += [child, *_started_by(child)]
    return found


def _wait_for_end(pids: list[int]) -> None:
    """Wait until processes whose parent was killed have ended by themselves."""
    end = time.monotonic() + MOST_SECONDS
    while any(map(_is_there, pids)):
        assert time.monotonic() < end, f"processes {pids} outlived the run that was killed"
        time.sleep(0.02)


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main() -> int:
    """Kill as often as the command line asks for."""
    parser = argparse.ArgumentParser(description="Kill runs at random moments, and go on with them.")
    parser.add_argument("--kills", type=int, default=100, help="each way (default: %(default)s)")
    parser.add_argument("--way", choices=WAYS, action="append", help="both unless named")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compress", action="store_true", help="runs whose twins cross in fewer bytes")
    arguments = parser.parse_args()
    more = ["--compress"] if arguments.compress else []
    differing = 0
    for way in arguments.way or WAYS:
        with tempfile.TemporaryDirectory() as home:
            found = killed(way, arguments.kills, arguments.seed, Path(home), more)
        moments = ", ".join(f"{count} {stage}" for stage, count in sorted(found.during.items()))
        sys.stdout.write(
            f"vhtwin {way}: {found.kills} kills ({moments}), {found.runs} runs ended, "
            f"{found.differing} of them with other twins\n"
        )
        sys.stdout.flush()
        differing += found.differing
    return 1 if differing else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
