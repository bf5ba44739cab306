"""What the verbs share that take a run to its end, wherever its stations are."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from data.errors import InputError, SettingsError
from data.messages import KeepOrder
from data.progress import Work
from fl_server.cli.endings import TerminationError
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json
from fl_server.cli.twin_output import print_twins, written
from fl_server.fleet import Fleet
from fl_server.pacing import paced
from fl_server.run import Plan
from fl_server.run_folder import Record, held, keep_record, kept, kept_state
from fl_server.running import State, first_state, states, steps
from fl_server.settings import TwinSettings
from fl_server.trust.privacy import refuse_forgotten

KEEP_SECONDS = 2.0


@dataclass(frozen=True)
class Cast:
    """The stations of a run, and what it goes by."""

    fleet: Fleet
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class How:
    """How a run is taken to its end, which changes nothing of what comes out."""

    show: Callable[[Work[State]], State] = shown
    keep_every: float = KEEP_SECONDS
    replay: float | None = None  # hours of the stream a second; None: as fast as possible
    look: Callable[[State], None] = lambda _: None  # at every state, as soon as it is reached
    before_keeping: Callable[[State], None] = lambda _: None  # at every state that is going to be kept


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run that are no settings: they change nothing of what comes out."""
    parser.add_argument(
        "--replay",
        type=float,
        metavar="H",
        help="replay the stream at H hours a second (default: as fast as possible)",
    )
    parser.add_argument(
        "--keep-every",
        type=float,
        default=KEEP_SECONDS,
        metavar="S",
        help="keep the state every S seconds (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def refuse_bad(arguments: argparse.Namespace) -> None:
    """Refuse options that make no sense."""
    if arguments.replay is not None and not 0 < arguments.replay < float("inf"):
        raise InputError(f"--replay must be a positive number of hours a second, got {arguments.replay}")
    if not 0 <= arguments.keep_every < float("inf"):
        raise InputError(f"--keep-every must be 0 or more seconds, got {arguments.keep_every}")


def links(settings: TwinSettings) -> str:
    """The SHA-256 of the file of links, if there is one."""
    file = Path(settings.segment.topology)
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def of_plan(record: Record, plan: Plan) -> Record:
    """The record of a run whose stations are known by now."""
    return replace(record, data=plan.data)


def refuse_changed(record: Record, plan: Plan) -> None:
    """Refuse to go on with a run on other data than it began with."""
    if plan.data != record.data:
        raise InputError(f"{record.set}: has changed since the run began; make a new run of it")
    if links(record.settings) != record.links:
        topology = record.settings.segment.topology
        raise InputError(f"{topology}: has changed since the run began; make a new run of it")


def remembered(folder: Path, record: Record, fleet: Fleet) -> Callable[[], None]:
    """What is done before stations that go on with a run tell anything: refuse, if they have forgotten it."""

    def refuse() -> None:
        state = kept_state(folder) if record.settings.recipe.privacy.on else None
        if state is not None:
            refuse_forgotten(fleet, state.hierarchical, folder)

    return refuse


def finish(
    folder: Path,
    record: Record,
    cast: Cast,
    arguments: argparse.Namespace,
    began: float,
    how: How | None = None,
) -> dict[str, object]:
    """Run to the end from the state that was kept, if there is one, and print what came of it."""
    how = replace(how or How(), keep_every=arguments.keep_every, replay=arguments.replay)
    with held(folder):
        state = resumed(folder, record, cast.plan)
        with _telling_how_to_go_on(folder):
            summary = finished(folder, record, cast, state, how)
    if arguments.json:
        seconds = round(time.monotonic() - began, 3)
        print_json(summary | {"seconds": seconds, "folder": str(folder)})
    else:
        print_twins(summary, folder, time.monotonic() - began)
    return summary


def resumed(folder: Path, record: Record, plan: Plan) -> State:
    """The state from which the run in a folder that is held goes on."""
    keep_record(folder, record)
    return kept_state(folder) or first_state(plan)


def finished(folder: Path, record: Record, cast: Cast, state: State, how: How) -> dict[str, object]:
    """Run from `state` to the end, and write into the folder what came of it; the summary of that."""
    if not state.finished:
        several = states(cast.fleet, cast.plan, state)
        if how.replay is not None:
            several = paced(several, cast.plan, how.replay)
        keeping = partial(_kept_below, cast, how)
        several = kept(folder, _looked_at(several, how.look), how.keep_every, keeping)
        state = how.show(steps(cast.plan, several))
    return written(folder, record, cast.fleet, cast.plan, state)


def _kept_below(cast: Cast, how: How, state: State) -> None:
    """Let whoever remembers something keep what belongs to a state that is going to be kept."""
    if cast.plan.settings.crossing.remembers:
        cast.fleet.ask([KeepOrder(cast.plan.stations, 0)])
    how.before_keeping(state)


def _looked_at(several: Iterator[State], look: Callable[[State], None]) -> Iterator[State]:
    for state in several:
        look(state)
        yield state


@contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Whoever stops a run, or sees it fail, is told how it is continued."""
    try:
        yield
    except (KeyboardInterrupt, TerminationError):
        _tell(f"the run is kept; vhtwin resume {folder} goes on with it")
        raise
    except SettingsError:
        _tell("the run is kept as it was before that; its settings lead there again: make a new one")
        raise
    except InputError:
        _tell(f"the run is kept as it was before that; vhtwin resume {folder} tries again")
        raise


def _tell(sentence: str) -> None:
    print(f"vhtwin: {sentence}", file=sys.stderr)  # noqa: T201
