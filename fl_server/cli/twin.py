"""`vhtwin twin`: segment a network, build its twins, keep them in step with the stream, store everything."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from data.errors import InputError
from data.sets.tables import read_set
from data.traffic import Traffic, fingerprint
from fl_server.cli import output_folder, read_options, twin_options
from fl_server.cli.endings import TerminationError
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_text
from fl_server.cli.twin_output import print_twins, written
from fl_server.local import LocalFleet, local_fleet
from fl_server.pacing import paced
from fl_server.run import Plan, planned
from fl_server.run_folder import Record, held, keep_record, kept, kept_state, new_run, read_record
from fl_server.running import State, first_state, states, steps
from fl_server.settings import TwinSettings

EXAMPLES = """examples:
  vhtwin twin DIR                                     V-twinning, then H-twinning along the last 7 days
  vhtwin twin DIR --personal head                     also a twin for each station, with a head of its own
  vhtwin twin DIR --clusters 10 --preset paper        the paper's settings, Girvan-Newman
  vhtwin twin DIR --cluster-strategy krum:faulty=2 --refresh mix:rate=0.5
  vhtwin twin DIR --validation-days 7                 choose settings without a look at the test days
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `twin` and `resume` to the command's verbs."""
    parser = verbs.add_parser(
        "twin",
        help="build the twins of a network and keep them in step",
        description="Segment the stations of a set, twin them vertically, then along the stream.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "set", type=Path, nargs="?", metavar="DIR", help="a set: stations.csv beside a traffic file"
    )
    twin_options.add_to(parser)
    parser.add_argument("--list-settings", action="store_true", help="print every setting, and do nothing")
    read_options.add_to(parser, leave_out_gappy=True)
    output_folder.add_to(parser)
    _add_running(parser)
    parser.set_defaults(run=run, refuse=parser.error)
    parser = verbs.add_parser(
        "resume",
        help="go on with a run that was stopped",
        description="Go on with a run of vhtwin twin from where it was stopped, to the same end.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the set is now, if it was moved")
    _add_running(parser)
    parser.set_defaults(run=run_again)


def _add_running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replay",
        type=float,
        metavar="H",
        help="replay the stream at H hours a second (default: as fast as possible)",
    )
    parser.add_argument(
        "--keep-every",
        type=float,
        default=2.0,
        metavar="S",
        help="keep the state every S seconds (default: 2)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="spread stations over N threads (default: the processors at hand)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Make a run."""
    settings = twin_options.settings_from(arguments)
    if arguments.list_settings:
        print_text("\n".join(twin_options.listed(settings)))
        return 0
    if arguments.set is None:
        arguments.refuse("the following arguments are required: DIR")
    _refuse_bad_running(arguments)
    output_folder.refuse_bad(arguments)
    began = time.monotonic()
    reading = read_options.settings_from(arguments)
    traffic = read_set(arguments.set, reading)
    version, source = metadata.version("vhtwin"), str(arguments.set.resolve())
    record = Record(version, source, fingerprint(traffic), reading, settings, _links(settings))
    cast = _cast(traffic, settings, arguments.threads)  # refuses what cannot be, before it replaces a run
    folder = output_folder.named_or_new(arguments, "twin")
    new_run(folder, record, overwrite=arguments.overwrite)
    return _finish(folder, record, cast, arguments, began)


def run_again(arguments: argparse.Namespace) -> int:
    """Go on with a run."""
    _refuse_bad_running(arguments)
    began = time.monotonic()
    record = read_record(arguments.folder)
    if arguments.data is not None:
        record = replace(record, set=str(arguments.data.resolve()))
    traffic = read_set(Path(record.set), record.reading)
    if fingerprint(traffic) != record.data:
        raise InputError(f"{record.set}: has changed since the run began; make a new run of it")
    if _links(record.settings) != record.links:
        topology = record.settings.segment.topology
        raise InputError(f"{topology}: has changed since the run began; make a new run of it")
    return _finish(
        arguments.folder, record, _cast(traffic, record.settings, arguments.threads), arguments, began
    )


def _links(settings: TwinSettings) -> str:
    """The SHA-256 of the file of links, if there is one."""
    file = Path(settings.segment.topology)
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@dataclass(frozen=True)
class Cast:
    """The stations of a run, and what it goes by."""

    traffic: Traffic
    fleet: LocalFleet
    plan: Plan


def _cast(traffic: Traffic, settings: TwinSettings, threads: int) -> Cast:
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature, threads)
    positions = dict(zip(traffic.stations, traffic.positions.tolist(), strict=True))
    return Cast(traffic, fleet, planned(fleet, positions, traffic.timezone, settings))


def _refuse_bad_running(arguments: argparse.Namespace) -> None:
    if arguments.replay is not None and not 0 < arguments.replay < float("inf"):
        raise InputError(f"--replay must be a positive number of hours a second, got {arguments.replay}")
    if not 0 <= arguments.keep_every < float("inf"):
        raise InputError(f"--keep-every must be 0 or more seconds, got {arguments.keep_every}")


def _finish(folder: Path, record: Record, cast: Cast, arguments: argparse.Namespace, began: float) -> int:
    """Run to the end from the state that was kept, if there is one."""
    with held(folder):
        keep_record(folder, record)
        state = kept_state(folder) or first_state(cast.plan)
        with _telling_how_to_go_on(folder):
            if not state.finished:
                several = _paced(states(cast.fleet, cast.plan, state), cast.plan, arguments)
                state = shown(steps(cast.plan, kept(folder, several, arguments.keep_every)))
            summary = written(folder, record, cast.traffic, cast.fleet, cast.plan, state)
    if arguments.json:
        seconds = round(time.monotonic() - began, 3)
        print_json(summary | {"seconds": seconds, "folder": str(folder)})
    else:
        print_twins(summary, folder, time.monotonic() - began)
    return 0


@contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Whoever stops a run, or sees it fail, is told how it is continued."""
    try:
        yield
    except (KeyboardInterrupt, TerminationError):
        _tell(f"the run is kept; vhtwin resume {folder} goes on with it")
        raise
    except InputError:
        _tell(f"the run is kept as it was before that; vhtwin resume {folder} tries again")
        raise


def _tell(sentence: str) -> None:
    print(f"vhtwin: {sentence}", file=sys.stderr)  # noqa: T201


def _paced(several: Iterator[State], plan: Plan, arguments: argparse.Namespace) -> Iterator[State]:
    return several if arguments.replay is None else paced(several, plan, arguments.replay)
