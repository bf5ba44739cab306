"""`vhtwin up`: twin a set with a process for every base station, over Flower."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from data.errors import InputError
from data.progress import Step, Steps, Work
from data.store import whole_file
from fl_server.cli import output_folder, read_options, twin_options, twinning
from fl_server.cli.down import UP
from fl_server.cli.progress import shown
from fl_server.cli.twinning import Cast, How
from fl_server.federation.board import Board, asleep_in, words
from fl_server.federation.control import Control
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.federation.link import quiet
from fl_server.federation.stations import Crew, Crewing, Launched, federated
from fl_server.run import planned
from fl_server.run_folder import MEMORY, Record, keep_record, new_run, read_record
from fl_server.running import State

JOIN_SECONDS = 120.0
EXAMPLES = """examples:
  vhtwin up DIR --stations 50                       a server and 50 processes, one for each base station
  vhtwin up DIR --stations-per-process 50           hosts of 50 stations each
  vhtwin up --resume RUN                            go on with a run that was stopped
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "up",
        help="twin a set with a process for every base station",
        description="Start a server and the stations' processes on this machine, and twin them over Flower.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "set", type=Path, nargs="?", metavar="DIR", help="a set: stations.csv beside a traffic file"
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    group = parser.add_argument_group("federation")
    group.add_argument(
        "--stations-per-process", type=int, default=1, metavar="K", help="stations a process (default: 1)"
    )
    group.add_argument(
        "--answer-seconds",
        type=float,
        default=Patience.answer_seconds,
        metavar="S",
        help="close a round without stations that take longer (default: %(default)g)",
    )
    twin_options.add_to(parser)
    read_options.add_to(parser, leave_out_gappy=True)
    read_options.add_choice(parser)
    output_folder.add_to(parser)
    twinning.add_to(parser)
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Make a run, or go on with one."""
    twinning.refuse_bad(arguments)
    patience = Patience(answer_seconds=arguments.answer_seconds)
    if (arguments.set is None) == (arguments.resume is None):
        arguments.refuse("expected either DIR or --resume RUN")
    began = time.monotonic()
    if arguments.resume is not None:
        twin_options.refuse_beside_resume(arguments)
        if arguments.out is not None:
            raise InputError(f"--out {arguments.out}: a run that is gone on with stays where it is")
        record = read_record(arguments.resume)
        with _federated(record, arguments.resume, arguments.stations_per_process, patience) as running:
            twinning.refuse_changed(record, running.cast.plan)
            _finish(arguments.resume, record, running, arguments, began)
        return 0
    output_folder.refuse_bad(arguments)
    settings = twin_options.settings_from(arguments)
    version, source = metadata.version("vhtwin"), str(arguments.set.resolve())
    reading = read_options.settings_from(arguments)
    record = Record(version, source, "", reading, settings, twinning.links(settings))
    folder = output_folder.named_or_new(arguments, "up")
    private = settings.recipe.privacy.on

    def begin() -> None:
        if private:  # what stations spend is written into the folder as soon as they tell something
            new_run(folder, record, overwrite=arguments.overwrite)

    with _federated(record, folder, arguments.stations_per_process, patience, begin) as running:
        record = twinning.of_plan(record, running.cast.plan)
        if not private:
            new_run(folder, record, overwrite=arguments.overwrite)
        keep_record(folder, record)
        _finish(folder, record, running, arguments, began)
    return 0


@dataclass(frozen=True)
class Running:
    """A federation on this machine, what is told of it, and the run's cast."""

    crew: Crew
    board: Board
    cast: Cast


def _finish(
    folder: Path, record: Record, running: Running, arguments: argparse.Namespace, began: float
) -> None:
    """Take the run to its end, while a file in its folder says which processes belong to it."""
    up = folder / UP
    pids = {"up": os.getpid(), "stations": running.crew.launched.group, "address": running.crew.address}
    with whole_file(up) as partial:
        partial.write_text(json.dumps(pids) + "\n")
    running.board.run = folder.name

    def look(state: State) -> None:
        running.board.asleep = asleep_in(running.cast.plan, state)

    how = How(show=lambda work: _shown(work, running.board), look=look)
    try:
        twinning.finish(folder, record, running.cast, arguments, began, how)
    finally:
        up.unlink(missing_ok=True)


def _shown(work: Work[State], board: Board) -> State:
    """Show the steps, with how many stations are at what; whoever asks for the status sees them too."""
    return shown(_with_stations(work, board))


def _with_stations(work: Work[State], board: Board) -> Work[State]:
    steps = Steps(work)
    for step in steps:
        board.nodes = len(board.fleet.nodes) if board.fleet else 0
        board.step = replace(step, detail=f"{step.detail}; stations: {words(board.counted())}")
        yield board.step
    return steps.result


@contextmanager
def _federated(
    record: Record,
    folder: Path,
    stations_per_process: int,
    patience: Patience,
    before_telling: Callable[[], None] | None = None,
) -> Iterator[Running]:
    """The stations of the record's set, each in its process, joined to a server here.

    What they remember of the run they keep in its folder. It is a new one where there is something to be
    done `before_telling`; else it is gone on with.
    """
    quiet()
    board, setup = Board(), setup_of(record.settings)
    routes = Control(board).routes()
    crewing = Crewing(Path(record.set), record.reading, stations_per_process, folder.resolve() / MEMORY)
    with federated(crewing, setup, patience, routes) as crew:
        told = f"vhtwin status --server {crew.address} tells of every station"
        print(f"vhtwin up: {told}", file=sys.stderr)  # noqa: T201
        board.fleet = crew.fleet
        shown(_joining(crew.fleet, crew.launched))
        plan = planned(
            crew.fleet, record.settings, before_telling or twinning.remembered(folder, record, crew.fleet)
        )
        yield Running(crew, board, Cast(crew.fleet, plan))


def _joining(fleet: FlowerFleet, crew: Launched) -> Work[None]:
    """Wait until all stations have joined."""
    end = time.monotonic() + JOIN_SECONDS
    for there in fleet.gathered(crew.stations):
        yield Step("joining", there, crew.stations, unit="stations")
        if there < crew.stations and time.monotonic() > end:
            raise InputError(
                f"{there} of {crew.stations} stations joined within {JOIN_SECONDS:g} s, expected all of them"
                f"{fleet.trouble()}"
            )
