"""Base stations as processes of this machine, for as long as a run needs them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.routing import Route

from data.errors import InputError
from data.plain import Plain, plain
from data.sets.tables import ReadSettings
from fl_server.federation.fleet import FlowerFleet, Patience
from fl_server.federation.link import Doors, Link
from fl_server.federation.link_grid import LinkGrid

END_SECONDS = 10.0


@dataclass(frozen=True)
class Crew:
    """A federation on this machine: its stations, their processes, and where its server is."""

    fleet: FlowerFleet
    launched: "Launched"
    address: str


@dataclass(frozen=True)
class Crewing:
    """Which stations are launched: those of a set, so many a process; where they keep what they remember."""

    folder: Path
    reading: ReadSettings
    stations_per_process: int = 1
    memory: Path | None = None


@contextmanager
def federated(
    crewing: Crewing, setup: Plain, patience: Patience, routes: Sequence[Route] = ()
) -> Iterator[Crew]:
    """Stations in processes that join a server here, which also has `routes`."""
    link = Link(Doors())
    address = link.open(routes)
    grid = LinkGrid(link)
    try:
        with launched(crewing, address) as processes:
            yield Crew(FlowerFleet(grid, setup, patience, grid.pause), processes, address)
    finally:
        grid.end()
        link.close()


@dataclass(frozen=True)
class Launched:
    """What was launched: the group of processes, how many stations they have, how many they are."""

    group: int
    stations: int
    processes: int


@contextmanager
def launched(crewing: Crewing, server: str) -> Iterator[Launched]:
    """A process for every so many stations of a set; none is left afterwards."""
    each = crewing.stations_per_process
    if each < 1:
        raise InputError(f"stations_per_process must be at least 1, got {each}")
    words = [sys.executable, "-m", "bs_client.launch", str(crewing.folder), "--server", server]
    words += ["--parent", str(os.getpid())]
    words += ["--stations-per-process", str(each), "--reading", json.dumps(plain(crewing.reading, {}))]
    words += [] if crewing.memory is None else ["--memory", str(crewing.memory)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            raise InputError(_last_sentence(process.stderr.read()))
        said = json.loads(line)
        yield Launched(process.pid, said["stations"], said["processes"])
    finally:
        end_group(process)


def end_group(process: "subprocess.Popen[str]") -> None:
    """End a process with all that it has started, in good order if it can be had."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _last_sentence(said: str) -> str:
    """What a process that failed said last."""
    lines = [line for line in said.splitlines() if line.strip()]
    return (
        lines[-1].removeprefix("vhtwin: ").removeprefix("data.errors.InputError: ")
        if lines
        else "the stations' processes ended without a word"
    )
