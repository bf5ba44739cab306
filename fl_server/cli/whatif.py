"""`vhtwin whatif`: the coming hours of a run's stations with an intervention and without."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.store import refuse_existing_file, refuse_inside, whole_file, whole_folder
from data.words import counted
from fl_server.cli import output_folder
from fl_server.cli.bounds import POSITIVE, SHARE, Bound, between, one_of, refuse_outside
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.what_if import (
    MOST_FUTURES,
    MOST_HOURS,
    ReplicaSettings,
    read_scenario,
    replica_of,
    to_json,
    what_if,
    written_scenario,
)
from fl_server.what_if_output import write_outcome
from hetnet.network import Mask
from hetnet.operations.capacity import COLUMNS, CapacitySettings
from hetnet.operations.choosing import BEST
from hetnet.operations.energy import PowerModel
from hetnet.operations.impact import Outcome, PlaySettings
from hetnet.operations.replica import Replica, Total, halves
from hetnet.operations.rerouting import POLICIES
from hetnet.operations.scenario import GRAMMAR, KINDS, Scenario, change_of
from hetnet.operations.sleeping import clauses_of, futures_to_plan, sleepers

MOST_LISTED = 12
ABOUT = {
    "off": "stations that serve nobody",
    "sleep": "cells that sleep",
    "demand": "more or less is asked",
    "move": "what is asked of some is asked of another",
}
BOUNDS = {
    "hours": between(1, MOST_HOURS),
    "futures": between(2, MOST_FUTURES),
    "users": POSITIVE,
    "headroom": Bound("more than 0 and at most 100", lambda value: 0 < value <= 100),
    "reach": POSITIVE,
    "coverage": SHARE,
    "confidence": SHARE,
    "policy": one_of((BEST, *POLICIES)),
}
EXAMPLES = """examples:
  vhtwin whatif RUN --off 5056,5057                       two stations fail
  vhtwin whatif RUN --off 5056@1-5 --demand near:5058:1=+30%@18-22
  vhtwin whatif RUN --move "5056>5060=20%"                a fifth of its users go elsewhere
  vhtwin whatif RUN --off cluster:3 --save fire.toml      and keep the scenario
  vhtwin whatif RUN --scenario fire.toml match.toml       several on the same futures, side by side
  vhtwin whatif RUN --sleep-plan 0-6 --save night.toml    which cells can sleep at night, and what it saves
  vhtwin whatif --list scenarios                          what scenarios a folder has

WHO is stations with commas between, cluster:N, near:STATION:KM or all; @18-22 are hours of the day.
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `whatif` to the command's verbs."""
    parser = verbs.add_parser(
        "whatif",
        help="try an intervention on the twins of a run first",
        description="Play scenarios on the coming hours as a run's stored twins forecast them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, nargs="?", metavar="RUN", help="the folder of a finished run")
    group = parser.add_argument_group("scenario")
    for kind in KINDS:
        grammar = GRAMMAR[kind].replace("%", "%%")
        group.add_argument(
            f"--{kind}", nargs="+", default=[], metavar="CLAUSE", help=f"{ABOUT[kind]}: {grammar}"
        )
    group.add_argument(
        "--sleep-plan", metavar="HOURS", help="find cells that can sleep at these hours, such as 0-6, or all"
    )
    group.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        help="with which no station is overloaded by those that sleep (default: %(default)s)",
    )
    group.add_argument("--name", default="", help="of the scenario (default: scenario)")
    group.add_argument("--scenario", nargs="+", type=Path, default=[], metavar="FILE", help="in TOML")
    group.add_argument("--save", type=Path, metavar="FILE", help="write the scenario of the clauses here")
    group.add_argument("--list", type=Path, metavar="DIR", help="name the scenarios in DIR, and do no more")
    _add_replica(parser)
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, refuse=parser.error)


def _add_replica(parser: argparse.ArgumentParser) -> None:
    replica, capacity, power = ReplicaSettings(), CapacitySettings(), PowerModel()
    group = parser.add_argument_group("what is taken for granted")
    group.add_argument("--hours", type=int, default=replica.hours, metavar="H", help="(default: %(default)s)")
    group.add_argument(
        "--futures", type=int, default=replica.futures, metavar="R", help="sampled (default: %(default)s)"
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="newer data (default: the run's)")
    group.add_argument("--capacity", type=Path, metavar="FILE", help=f"what stations can carry: {COLUMNS}")
    group.add_argument(
        "--users",
        type=float,
        metavar="N",
        help="users of the whole network, spread as the load is: say how many lose service",
    )
    group.add_argument(
        "--headroom",
        type=float,
        default=capacity.headroom,
        metavar="X",
        help="without such a file: times what each has carried at most (default: %(default)s)",
    )
    group.add_argument(
        "--reach",
        type=float,
        default=replica.reach,
        metavar="X",
        help="of stations, in mean distances to their neighbours (default: %(default)s)",
    )
    group.add_argument(
        "--policy", default=BEST, help=f"who reroutes: {', '.join((BEST, *POLICIES))} (default: %(default)s)"
    )
    group.add_argument("--coverage", type=float, default=0.9, help="of intervals (default: %(default)s)")
    group.add_argument(
        "--power",
        type=float,
        nargs=5,
        metavar=("N", "P0", "SLOPE", "PMAX", "PSLEEP"),
        default=(power.transceivers, power.idle, power.slope, power.radiated, power.asleep),
        help="of the EARTH model, W a transceiver (default: a macro station)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the scenarios, write the folder, say what they change."""
    if arguments.list:
        return _list(arguments)
    if arguments.folder is None:
        arguments.refuse("expected the folder of a finished run")
    refuse_outside(arguments, BOUNDS)
    scenarios = [] if arguments.sleep_plan is not None else _scenarios(arguments)
    place = argparse.Namespace(set=arguments.folder, out=arguments.out, overwrite=arguments.overwrite)
    output_folder.refuse_bad(place)
    folder = output_folder.named_or_new(place, "whatif")
    for kept in (each for each in (arguments.folder, arguments.data) if each):
        refuse_inside(kept, folder)
        if arguments.save:
            refuse_inside(kept, arguments.save)
    if arguments.save:
        refuse_existing_file(arguments.save, overwrite=arguments.overwrite)
    settings = _play_settings(arguments)
    replica = replica_of(arguments.folder, _replica_settings(arguments))
    if arguments.sleep_plan is not None:
        older, replica = halves(replica)
        scenarios = [_planned_sleep(arguments, older)]
        settings = replace(settings, policy="nearest" if settings.policy == BEST else settings.policy)
    found = what_if(arguments.folder, scenarios, settings, replica)
    if arguments.save:
        with whole_file(arguments.save) as partial:
            partial.write_text(written_scenario(scenarios[0]))
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        for outcome in found:
            write_outcome(partial if len(found) == 1 else partial / _safe(outcome), outcome, replica)
    if arguments.json:
        answers = [to_json(each, replica) for each in found]
        print_json({"run": str(arguments.folder), "folder": str(folder), "scenarios": answers})
        return 0
    for outcome in found:
        _print(outcome, replica)
    if len(found) > 1:
        _print_comparison(found)
    print_text(f"picture, tables: {folder}")
    return 0


def _scenarios(arguments: argparse.Namespace) -> list[Scenario]:
    """Those of files, and that of the clauses, if there are any."""
    clauses: dict[str, Any] = {kind: tuple(getattr(arguments, kind)) for kind in KINDS}  # Any: texts
    scenarios = [read_scenario(path) for path in arguments.scenario]
    if any(clauses.values()):
        scenarios.append(Scenario(name=arguments.name or "scenario", **clauses))
    elif arguments.name:
        raise InputError("--name is for the scenario of clauses, expected some, such as --off 5056")
    elif arguments.save:
        raise InputError("--save writes the scenario of clauses, expected some, such as --off 5056")
    if not scenarios:
        raise InputError("no scenario: expected clauses, such as --off 5056, or --scenario FILE")
    names = [each.name for each in scenarios]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"two scenarios are called {twice[0]!r}, expected a name for each")
    if arguments.save:
        scenarios.insert(0, scenarios.pop())
    return scenarios


def _planned_sleep(arguments: argparse.Namespace, older: Replica) -> Scenario:
    """The scenario in which all sleep that can at the hours that were named."""
    if arguments.scenario or any(getattr(arguments, kind) for kind in KINDS):
        raise InputError("--sleep-plan is a scenario of its own, expected no clauses or files beside it")
    if arguments.hours > 24:
        raise InputError(f"--hours {arguments.hours}: expected at most 24 beside --sleep-plan, a day")
    needed = futures_to_plan(arguments.confidence)
    if len(older.futures) < needed:
        raise InputError(
            f"--futures {arguments.futures}: half of them choose who sleeps, expected at least {2 * needed} "
            f"for a --confidence of {arguments.confidence:.0%}"
        )
    within = _hours_planned(arguments.sleep_plan, older)
    asleep = sleepers(older, arguments.confidence, within)
    return Scenario(name=arguments.name or "sleep", sleep=clauses_of(asleep, older))


def _hours_planned(words: str, replica: Replica) -> Mask:
    """Which of the coming hours are those that `words` name, (H,)."""
    hours = "" if words == "all" else f"@{words}"
    try:
        within: Mask = change_of(Scenario(demand=(f"all=+1%{hours}",)), replica).factor[:, 0] != 1
    except InputError:
        raise InputError(
            f"--sleep-plan {words or repr(words)}: expected all, or hours of the day of which some are to "
            f"come, such as 0-6 or 22-6"
        ) from None
    return within


def _replica_settings(arguments: argparse.Namespace) -> ReplicaSettings:
    return ReplicaSettings(
        hours=arguments.hours,
        futures=arguments.futures,
        reach=arguments.reach,
        capacity=CapacitySettings(headroom=arguments.headroom),
        capacities=arguments.capacity,
        data=arguments.data,
        users=arguments.users,
    )


def _play_settings(arguments: argparse.Namespace) -> PlaySettings:
    number, idle, slope, radiated, asleep = arguments.power
    words = f"--power {' '.join(f'{each:g}' for each in arguments.power)}"
    if not float(number).is_integer():
        raise InputError(f"{words}: {number:g} transceivers, expected a whole number")
    try:
        power = PowerModel(transceivers=int(number), idle=idle, slope=slope, radiated=radiated, asleep=asleep)
    except InputError as error:
        raise InputError(f"{words}: {error}") from None
    return PlaySettings(coverage=arguments.coverage, policy=arguments.policy, power=power)


def _list(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.list
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, expected one with scenarios in TOML")
    several, bad = {}, []
    for path in sorted(folder.glob("*.toml")):
        try:
            several[path] = read_scenario(path)
        except InputError as error:
            bad.append(str(error))
    rows = [
        [each.name, str(path), *(str(len(getattr(each, kind))) for kind in KINDS), each.about]
        for path, each in several.items()
    ]
    if arguments.json:
        told = [{"name": row[0], "file": row[1], "about": row[-1]} for row in rows]
        print_json({"scenarios": told, "refused": bad})
        return 0
    print_table(counted(len(rows), "scenario"), ["name", "file", *KINDS, "about"], rows)
    if bad:
        print_text("\n".join(f"no scenario: {each}" for each in bad))
    return 0


def _print(outcome: Outcome, replica: Replica) -> None:
    scenario = outcome.scenario
    words = [f"--{kind} {_short(text)}" for kind in KINDS for text in getattr(scenario, kind)]
    print_text(f"{scenario.name}: {' '.join(words) or 'nothing is different'}")
    print_text(
        f"{counted(len(replica.hours), 'hour')} from {replica.hours[0]}; "
        f"{counted(len(outcome.stations), 'station')} of {len(replica.stations):,} affected"
    )
    print_table("", ["over all hours and stations", "without", "with", "difference"], _totals(outcome))
    print_text(f"{_told(outcome)}; stations over capacity, and who is served elsewhere, by the forecast")
    if replica.users is not None:
        print_text(
            f"users: {replica.users.sum(axis=1).max():,.0f}, taken to be served, handed over and lost as the "
            f"traffic around them is"
        )
    if outcome.policies:
        _print_policies(outcome, len(replica.futures) - outcome.told)
    _print_stations(outcome, replica)


def _print_policies(outcome: Outcome, choosing: int) -> None:
    """What each policy loses, and in how many futures that is so."""
    means = [(each.lost_choosing, each.lost_mean) for each in outcome.policies]
    rows = [
        [
            each.name,
            f"{each.lost:,.0f}",
            *(f"{mean:,.0f}" for mean in of_futures if mean is not None),
            f"{each.moved:,.0f}",
        ]
        for each, of_futures in zip(outcome.policies, means, strict=True)
    ]
    header = [f"mean of {outcome.told} futures"]
    if choosing:
        header = [f"mean of the {choosing} futures that choose", f"mean of {outcome.told} others"]
    title = f"what is lost by who reroutes; {outcome.policy} is taken"
    print_table(title, ["policy", "lost by the forecast", *header, "moved by the forecast"], rows)
    if outcome.left_out:
        print_text(
            f"not tried, as they would take minutes for so much traffic: {' and '.join(outcome.left_out)}"
        )


def _short(text: str) -> str:
    """A clause with fewer of its stations, if it is long; how much and when stay."""
    end = re.search(r"[@=>]", text)
    names, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    if len(text) <= 60 or "," not in names[:40]:
        return text
    return f"{names[:40].rpartition(',')[0]},…{rest}"


def _totals(outcome: Outcome) -> list[list[str]]:
    before, after = (str(int(over.any(axis=0).sum())) for over in outcome.over)
    return [
        ["lost", *map(_written, (outcome.lost_base, outcome.lost_scenario, outcome.lost_difference))],
        ["stations over capacity", before, after, f"{int(after) - int(before):+d}"],
        ["kWh", *map(_written, (outcome.energy_base, outcome.energy_scenario, outcome.energy_difference))],
        *_user_rows(outcome),
    ]


def _user_rows(outcome: Outcome) -> list[list[str]]:
    """Users without service, where somebody has told how many there are."""
    users = outcome.users
    if users is None:
        return []
    several = (users.before, users.after, users.more)
    return [
        ["users without service, on average", *(_written(each.mean) for each in several)],
        ["users without service, most at a time", *(_written(each.most) for each in several)],
        ["users served by another station, most at a time", "", f"{users.moved_most:,.0f}", ""],
    ]


def _written(total: Total) -> str:
    median, lower, upper = (round(each) for each in (total.median, total.lower, total.upper))
    return f"{median:,} [{lower:,}, {upper:,}]"


def _told(outcome: Outcome) -> str:
    medians = f"medians of {outcome.told} futures, which need not add up"
    return f"{medians}, and what holds {outcome.coverage:.0%} of them"


def _print_stations(outcome: Outcome, replica: Replica) -> None:
    """The stations whose load changes most, by what the difference is over all hours."""
    change = outcome.difference.forecast.sum(axis=0)
    order = sorted(range(len(change)), key=lambda row: -abs(change[row]))[:MOST_LISTED]
    rows = []
    for row in order:
        place = outcome.stations[row]
        hour = int(outcome.load.forecast[:, row].argmax())
        rows.append(
            [
                replica.stations[place],
                f"{outcome.base.forecast[:, row].sum():,.0f}",
                f"{outcome.load.forecast[:, row].sum():,.0f}",
                f"{outcome.load.forecast[hour, row] / max(replica.capacity[place], 1e-12):.0%}",
                f"{outcome.risk[:, row].max():.0%}",
                f"{outcome.lost[:, row].sum():,.0f}",
            ]
        )
    header = ["station", "load without", "with", "of capacity, at most", "risk, at most", "lost"]
    if rows:
        print_table("by the forecast; risk: the share of futures over capacity", header, rows)
    if len(change) > MOST_LISTED:
        print_text(f"and {counted(len(change) - MOST_LISTED, 'station')} more, in stations.csv")


def _print_comparison(found: Sequence[Outcome]) -> None:
    rows = [
        [
            each.scenario.name,
            _written(each.lost_difference),
            str(int(each.over[1].any(axis=0).sum())),
            _written(each.energy_difference),
            f"{each.flows.sum():,.0f}",
        ]
        for each in found
    ]
    print_table("on the same futures", ["scenario", "lost more", "over capacity", "kWh more", "moved"], rows)
    print_text(f"lost, kWh: {_told(found[0])}; the others by the forecast")


def _safe(outcome: Outcome) -> str:
    """A name for the folder of a scenario."""
    return "".join(each if each.isalnum() or each in "-_" else "-" for each in outcome.scenario.name)
