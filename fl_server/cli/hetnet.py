"""`vhtwin hetnet`: find trouble in a heterogeneous network, and orchestrate users and power there."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.progress import Step, Work
from data.store import whole_folder
from data.words import counted
from fl_server.cli import output_folder
from fl_server.cli.demand import Demand, demand_of
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.hetnet_picture import draw_situation
from hetnet.attributes import HistorySettings
from hetnet.channel import ChannelSettings
from hetnet.higher import higher_twin, report
from hetnet.scene import SceneSettings
from hetnet.simulation import SYSTEMS, Hour, Seconds, simulated
from hetnet.situation import made_situation
from hetnet.world import WorldSettings, made_world

MONDAY = np.datetime64("1970-01-05")
EXAMPLES = """examples:
  vhtwin hetnet show                                    where trouble is: six panels in hetnet.png
  vhtwin hetnet run                                     six systems side by side, hour by hour
  vhtwin hetnet run --twin runs/first --users 400       the demand is what these twins forecast
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb, with verbs of its own, to the command's verbs."""
    parser = verbs.add_parser(
        "hetnet",
        help="find trouble in a heterogeneous network, and orchestrate users and power",
        description="Simulate macro and small base stations with their users, and orchestrate them on twins.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = parser.add_subparsers(metavar="VERB", required=True)
    _add_run(below)
    _add_show(below)


def _add_run(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "run",
        help="orchestrate hour by hour, by several systems",
        description="Orchestrate a network hour by hour, by systems that know more or less of it.",
    )
    _add_scene(parser)
    parser.add_argument(
        "--hours", type=int, default=WorldSettings.hours, metavar="H", help="(default: %(default)s)"
    )
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _add_show(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "show",
        help="draw what attributes are worth, and where the trouble is",
        description="Draw the six panels of the hierarchical-twin paper's Fig. 4, and say what they show.",
    )
    _add_scene(parser)
    parser.add_argument(
        "--picture", type=Path, default=Path("hetnet.png"), metavar="FILE", help="(default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=show)


def _add_scene(parser: argparse.ArgumentParser) -> None:
    scene = SceneSettings()
    group = parser.add_argument_group("network")
    for name, about in (
        ("users", "users"),
        ("macro", "macro base stations"),
        ("small", "small base stations"),
    ):
        default = getattr(scene, name)
        group.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{about} (default: {default})"
        )
    group.add_argument(
        "--seed", type=int, default=scene.seed, help="of all that is drawn (default: %(default)s)"
    )
    group.add_argument(
        "--days",
        type=int,
        metavar="D",
        help=f"of history (default: {WorldSettings.days}, or those of the run's set if fewer)",
    )
    group.add_argument(
        "--path-loss",
        choices=("sound", "literal"),
        default="sound",
        help="of small stations: 38.46 dB at one metre, or 8.46 as the paper prints it (default: sound)",
    )
    group = parser.add_argument_group("demand")
    group.add_argument(
        "--twin",
        type=Path,
        metavar="RUN",
        help="from this run: its series, and from their end on what its twins forecast (default: the city)",
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="the run's set, if it was moved")


def run(arguments: argparse.Namespace) -> int:
    """Orchestrate, keep every hour, print the systems side by side."""
    place = argparse.Namespace(
        set=arguments.twin or Path("city"), out=arguments.out, overwrite=arguments.overwrite
    )
    output_folder.refuse_bad(place)
    clock = WorldSettings.clock if arguments.twin is None else 0  # forecasts begin where the data end
    demand = _demand(arguments, arguments.hours)
    settings = WorldSettings(days=demand.days, hours=arguments.hours, clock=clock, seed=arguments.seed)
    world = made_world(_scene(arguments), settings, _channel(arguments), demand.loads, demand.first)
    hours = shown(_hours(simulated(world), arguments.hours * len(SYSTEMS)))
    frame = pl.DataFrame([_row(each) for each in hours])
    table, spent = _systems(frame), _spent(hours)
    told = {"systems": table.to_dicts(), "seconds": spent.to_dicts()}
    folder = output_folder.named_or_new(place, "hetnet")
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        frame.write_csv(partial / "hours.csv")
        (partial / "summary.json").write_text(json.dumps(_asked(arguments) | told, indent=1) + "\n")
    if arguments.json:
        print_json(told | {"folder": str(folder)})
        return 0
    rows = [
        [row[0], *("" if value is None else f"{value:,.3f}" for value in row[1:])]
        for row in table.iter_rows()
    ]
    print_table(f"means over {counted(arguments.hours, 'hour')}", table.columns, rows)
    lines = [[row[0], *(f"{value:,.4f}" for value in row[1:])] for row in spent.iter_rows()]
    print_table("seconds of the processor an hour", spent.columns, lines)
    for each in hours:
        if each.explained and each.hour == arguments.hours - 1:
            print_text(f"in the last hour, {each.system.name}: {each.explained}")
    print_text(
        "the cost is that of all twins: of the detailed ones, and of the coarse ones that everybody has\n"
        f"every hour is in {folder}/hours.csv, what was asked for and the means in summary.json"
    )
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Look at the network as it stands."""
    demand = _demand(arguments, 0)
    history = HistorySettings(days=demand.days, seed=arguments.seed, first_hour=demand.first)
    now = made_situation(_scene(arguments), history, _channel(arguments), demand.loads)
    found = higher_twin(now.network, now.history, now.satisfaction)
    stations = arguments.macro + arguments.small
    draw_situation(
        arguments.picture,
        now,
        found,
        f"A network of {counted(arguments.users, 'user')} and {counted(stations, 'base station')}, "
        f"demand of {arguments.twin.name if arguments.twin else 'the city'}",
    )
    if arguments.json:
        areas = {
            "users": np.flatnonzero(found.areas.selected).tolist(),
            "stations": np.flatnonzero(found.areas.stations).tolist(),
        }
        print_json({"report": report(found), "target_areas": areas, "picture": str(arguments.picture)})
    else:
        print_text("\n".join([*report(found), f"drawn in {arguments.picture}"]))
    return 0


def _asked(arguments: argparse.Namespace) -> dict[str, object]:
    names = ("users", "macro", "small", "seed", "days", "hours", "path_loss")
    run = str(arguments.twin.resolve()) if arguments.twin else None
    return {"asked": {name: getattr(arguments, name) for name in names} | {"twin": run}}


def _scene(arguments: argparse.Namespace) -> SceneSettings:
    return SceneSettings(
        users=arguments.users, macro=arguments.macro, small=arguments.small, seed=arguments.seed
    )


def _channel(arguments: argparse.Namespace) -> ChannelSettings:
    return ChannelSettings(path_loss=arguments.path_loss)


def _demand(arguments: argparse.Namespace, hours: int) -> Demand:
    """The demand of a run's areas, or of the city's."""
    if arguments.days is not None and arguments.days < 1:
        raise InputError(f"--days {arguments.days}: expected at least 1")
    if arguments.twin is None and arguments.data:
        raise InputError("--data says where the set of a run is: expected --twin beside it")
    if arguments.twin is None:
        return Demand(arguments.days or WorldSettings.days)
    return demand_of(arguments.twin, arguments.data, arguments.days, hours)


def _hours(several: Iterator[Hour], total: int) -> Work[list[Hour]]:
    hours = []
    for each in several:
        hours.append(each)
        yield Step("orchestrating", len(hours), total, f"{each.system.name}, hour {each.hour + 1}")
    return hours


def _row(each: Hour) -> dict[str, object]:
    return {
        "system": each.system.name,
        "hour": each.hour + 1,
        **asdict(each.outcome),
        "detailed twins": each.twins,
        "cost": each.cost,
        "efficiency": each.outcome.award / each.cost if each.cost else None,
        "late hours": each.late,
        "explained": each.explained,
    }


def _spent(hours: list[Hour]) -> pl.DataFrame:
    """Where the time of each system with twins goes: the processor's seconds at each part of an hour."""
    rows = [{"system": each.system.name, **asdict(each.seconds)} for each in hours if each.twins or each.cost]
    frame = pl.DataFrame(rows, schema=["system", *(each.name for each in fields(Seconds))])
    return frame.group_by("system", maintain_order=True).agg(pl.exclude("system").mean())


def _systems(frame: pl.DataFrame) -> pl.DataFrame:
    """Each system with the means of its hours."""
    return frame.group_by("system", maintain_order=True).agg(pl.exclude("system", "hour", "explained").mean())
