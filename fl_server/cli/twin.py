"""`vhtwin twin`: segment a network, build its twins, keep them in step with the stream, store everything."""

import argparse
import os
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from data.errors import InputError
from data.sets.tables import read_set
from data.traffic import Traffic
from fl_server.cli import output_folder, read_options, twin_options, twinning
from fl_server.cli.report import print_text
from fl_server.cli.twinning import Cast
from fl_server.local import local_fleet, remembering
from fl_server.run import planned
from fl_server.run_folder import FEDERATION, MEMORY, Record, new_run, read_record, way_on
from fl_server.settings import TwinSettings
from fl_server.trust.attacked_fleet import attacked

EXAMPLES = """examples:
  vhtwin twin DIR                                     V-twinning, then H-twinning along the last 7 days
  vhtwin twin DIR --personal head                     also a twin for each station, with a head of its own
  vhtwin twin DIR --clusters 10 --preset paper        the paper's settings, Girvan-Newman
  vhtwin twin DIR --cluster-strategy krum:faulty=2 --refresh mix:rate=0.5
  vhtwin twin DIR --compress                          send changes of twins in fewer bytes, between all tiers
  vhtwin twin DIR --attack sign-flip:.2 --defend on   what a fifth of the stations could do, and the defence
  vhtwin twin DIR --privacy epsilon=8,delta=1e-5      bound what anybody learns of one station's series
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
    read_options.add_choice(parser)
    output_folder.add_to(parser)
    twinning.add_to(parser)
    _add_threads(parser)
    parser.set_defaults(run=run, refuse=parser.error)
    parser = verbs.add_parser(
        "resume",
        help="go on with a run that was stopped",
        description="Go on with a run of vhtwin twin from where it was stopped, to the same end.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the set is now, if it was moved")
    twinning.add_to(parser)
    _add_threads(parser)
    parser.set_defaults(run=run_again)


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="spread stations over N threads (default: the processors at hand)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Make a run."""
    settings = twin_options.settings_from(arguments)
    if arguments.list_settings:
        print_text("\n".join(twin_options.listed(settings)))
        return 0
    if arguments.set is None:
        arguments.refuse("the following arguments are required: DIR")
    twinning.refuse_bad(arguments)
    output_folder.refuse_bad(arguments)
    began = time.monotonic()
    reading = read_options.settings_from(arguments)
    # what cannot be is refused before an earlier run is replaced
    cast = _cast(read_set(arguments.set, reading), settings, arguments.threads)
    version, source = metadata.version("vhtwin"), str(arguments.set.resolve())
    record = Record(version, source, cast.plan.data, reading, settings, twinning.links(settings))
    folder = output_folder.named_or_new(arguments, "twin")
    new_run(folder, record, overwrite=arguments.overwrite)
    remembering(cast.fleet, folder / MEMORY)
    twinning.finish(folder, record, cast, arguments, began)
    return 0


def run_again(arguments: argparse.Namespace) -> int:
    """Go on with a run."""
    twinning.refuse_bad(arguments)
    began = time.monotonic()
    record = read_record(arguments.folder)
    if record.set == FEDERATION:
        raise InputError(
            f"{arguments.folder}: its stations are elsewhere; on its server {way_on(arguments.folder)}"
        )
    if arguments.data is not None:
        record = replace(record, set=str(arguments.data.resolve()))
    traffic = read_set(Path(record.set), record.reading)
    cast = _cast(traffic, record.settings, arguments.threads, (arguments.folder, record))
    twinning.refuse_changed(record, cast.plan)
    twinning.finish(arguments.folder, record, cast, arguments, began)
    return 0


def _cast(
    traffic: Traffic, settings: TwinSettings, threads: int, before: tuple[Path, Record] | None = None
) -> Cast:
    """The stations of `traffic`; where they have been at a run `before`, they look up what they remember."""
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature, threads)
    before_telling = None
    if before is not None:
        folder, record = before
        remembering(fleet, folder / MEMORY)
        before_telling = twinning.remembered(folder, record, fleet)
    plan = planned(fleet, settings, before_telling)
    return Cast(attacked(fleet, plan), plan)
