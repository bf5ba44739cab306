"""The options by which a verb reads a set of traffic."""

import argparse
from pathlib import Path

from data.sets.tables import ReadSettings
from data.traffic import CHANNELS, StationId
from fl_server.cli.bounds import at_least, refuse_outside
from fl_server.stored_runs import stations_of_clusters


def add_to(parser: argparse.ArgumentParser, *, leave_out_gappy: bool = False) -> None:
    """Add the options to the parser of a verb, which may leave gappy stations out unless told not to."""
    parser.set_defaults(first_stations=0, only=[], only_clusters=[])
    group = parser.add_argument_group("reading the set")
    group.add_argument(
        "--channel", choices=CHANNELS, default="internet", help="which load (default: internet)"
    )
    group.add_argument("--timezone", help="zone of wall-clock times without an offset, such as Europe/Rome")
    group.add_argument(
        "--max-gap-hours",
        type=float,
        default=3.0,
        metavar="H",
        help="fill gaps of up to H hours (default: 3)",
    )
    group.add_argument(
        "--leave-out-gappy",
        action=argparse.BooleanOptionalAction,
        default=leave_out_gappy,
        help="go on without stations whose gaps are too long; the usual here is "
        + ("to go on" if leave_out_gappy else "to refuse the set"),
    )
    group.add_argument(
        "--standardised", action="store_true", help="the values are z-scores: negative ones are allowed"
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the options to take a part of the set alone."""
    group = parser.add_argument_group("which stations")
    group.add_argument(
        "--stations",
        type=int,
        default=0,
        dest="first_stations",
        metavar="N",
        help="only the first N stations of the set",
    )
    add_only(group)


def add_only(group: "argparse._ArgumentGroup") -> None:
    """Add the options that choose stations by their ids or by their clusters."""
    group.add_argument(
        "--only", action="extend", nargs="+", default=[], metavar="ID", help="only these stations"
    )
    group.add_argument(
        "--only-clusters",
        action="extend",
        nargs="+",
        default=[],
        metavar="RUN:N",
        help="only the stations of cluster N of an earlier run",
    )


def settings_from(arguments: argparse.Namespace) -> ReadSettings:
    """What the options say."""
    refuse_outside(arguments, {"max_gap_hours": at_least(0)})
    chosen = [StationId(each) for each in arguments.only]
    chosen += stations_of_clusters(arguments.only_clusters, Path())
    return ReadSettings(
        channel=arguments.channel,
        timezone=arguments.timezone,
        max_gap_hours=arguments.max_gap_hours,
        standardised=arguments.standardised,
        leave_out_gappy=arguments.leave_out_gappy,
        first_stations=arguments.first_stations,
        only=tuple(chosen),
    )
