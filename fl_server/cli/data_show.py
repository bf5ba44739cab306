"""`vhtwin data show`: say what a set of traffic is, and draw it."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from data.figures.description import Description, StationLoad, described
from data.sets.tables import read_set
from fl_server.cli import read_options
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.pictures import draw_set

RUNS = Path("runs")


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `show` to the verbs of `data`."""
    parser = verbs.add_parser("show", help="describe a set of traffic and draw it")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the set")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="a .png, .pdf or .svg (default: runs/show-NAME.png)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    read_options.add_to(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Describe the set in the folder, draw it, and say where the picture is."""
    traffic = read_set(arguments.folder, read_options.settings_from(arguments))
    name = arguments.folder.resolve().name
    description = described(traffic)
    picture = arguments.picture or RUNS / f"show-{name}.png"
    draw_set(picture, traffic, f"{name}, {_day(description.first)} to {_day(description.last)}")
    if arguments.json:
        print_json(_answer(description) | {"picture": str(picture)})
        return 0
    print_table(name, ["", "value"], rows_of(description))
    for title, stations in (("busiest", description.busiest), ("quietest", description.quietest)):
        print_table(f"{title} stations", ["station", "mean load"], _station_rows(stations))
    print_text(f"picture: {picture}")
    return 0


def rows_of(description: Description) -> list[tuple[str, str]]:
    """What a person wants to know of a set, line by line; what means nothing for it is left out."""
    rows = [
        ("stations", f"{description.stations:,}"),
        ("period (wall clock)", f"{_minute(description.first)} to {_minute(description.last)}"),
        ("steps", f"{description.steps:,} of {description.step_minutes} min"),
        ("time zone", description.timezone or "none: wall clock"),
        ("gaps filled", f"{description.filled:,} values ({description.filled_share:.3%})"),
        ("channel", description.channel + (" (standardised)" if description.standardised else "")),
    ]
    if not description.standardised:
        rows.append(("total load", f"{description.total_load:,.0f}"))
    rows.append(("mean load per station and step", f"{description.mean_load:,.4g}"))
    rows.append(("busiest hour of the day", f"{description.peak_hour}:00 to {description.peak_hour + 1}:00"))
    if description.weekend_ratio is not None:
        rows.append(("weekend over weekday load", f"{description.weekend_ratio:.3f}"))
    if description.busiest_tenth_share is not None:
        rows.append(("share of the busiest 10 % of stations", f"{description.busiest_tenth_share:.1%}"))
    return rows


def _station_rows(stations: Sequence[StationLoad]) -> list[tuple[str, str]]:
    return [(f"{load.station} {load.name}".rstrip(), f"{load.mean_load:,.2f}") for load in stations]


def _answer(description: Description) -> dict[str, object]:
    times = {"first": _minute(description.first), "last": _minute(description.last)}
    answer = asdict(description) | times
    return {key: value for key, value in answer.items() if value is not None or key == "timezone"}


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
