"""`vhtwin whatif`: the coming hours of a run's stations with an intervention and without."""

import argparse
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
from fl_server.cli.whatif_tables import print_outcomes
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
from hetnet.operations.impact import PlaySettings
from hetnet.operations.replica import Replica, halves
from hetnet.operations.rerouting import POLICIES
from hetnet.operations.scenario import GRAMMAR, KINDS, Scenario, change_of
from hetnet.operations.sleeping import clauses_of, futures_to_plan, sleepers

MOST_USERS = 1e10
MOST_LETTERS = 60  # of the name of a folder
ABOUT = {
    "off": "stations that serve nobody",
    "sleep": "cells that sleep",
    "demand": "more or less is asked",
    "move": "what is asked of some is asked of another",
}
BOUNDS = {
    "hours": between(1, MOST_HOURS),
    "futures": between(2, MOST_FUTURES),
    "users": Bound("more than 0 and at most 1e10", lambda value: 0 < value <= MOST_USERS),
    "headroom": Bound("more than 0 and at most 100", lambda value: 0 < value <= 100),
    "reach": POSITIVE,
    "coverage": SHARE,
    "confidence": SHARE,
    "policy": one_of((BEST, *POLICIES)),
}
EXAMPLES = """examples:
  vhtwin whatif RUN --off 5050,5051                       two stations fail
  vhtwin whatif RUN --off 5050@1-5 --demand near:5052:1=+30%@18-22
  vhtwin whatif RUN --move "5050>5053=20%"                a fifth of its users go elsewhere
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
            f"--{kind}",
            action="extend",
            nargs="+",
            default=[],
            metavar="CLAUSE",
            help=f"{ABOUT[kind]}: {grammar}",
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
    group.add_argument("--name", default="", help="of the scenario of clauses (default: scenario, or sleep)")
    group.add_argument(
        "--scenario", action="extend", nargs="+", type=Path, default=[], metavar="FILE", help="in TOML"
    )
    group.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the scenario of the clauses here, in TOML; --overwrite replaces it",
    )
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
        metavar="X",
        help=f"without such a file: times what each has carried at most (default: {capacity.headroom})",
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
    if arguments.headroom is not None and arguments.capacity:
        raise InputError("--headroom: --capacity says what stations can carry, expected one of them")
    scenarios = [] if arguments.sleep_plan is not None else _scenarios(arguments)
    place = argparse.Namespace(set=arguments.folder, out=arguments.out, overwrite=arguments.overwrite)
    output_folder.refuse_bad(place)
    folder = output_folder.named_or_new(place, "whatif")
    for kept in (each for each in (arguments.folder, arguments.data) if each):
        refuse_inside(kept, folder)
        if arguments.save:
            refuse_inside(kept, arguments.save)
    if arguments.save:
        _refuse_odd_file(arguments.save)
        refuse_existing_file(arguments.save, overwrite=arguments.overwrite)
    settings = _play_settings(arguments)
    replica = replica_of(arguments.folder, _replica_settings(arguments))
    if arguments.sleep_plan is not None:
        older, replica = halves(replica)
        scenarios = [_planned_sleep(arguments, older)]
        settings = replace(settings, policy="nearest" if settings.policy == BEST else settings.policy)
    _refuse_files(arguments.scenario, scenarios, replica)
    found = what_if(arguments.folder, scenarios, settings, replica)
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        for outcome in found:
            write_outcome(
                partial if len(found) == 1 else partial / _safe(outcome.scenario.name), outcome, replica
            )
    if arguments.save:
        with whole_file(arguments.save) as partial:
            partial.write_text(written_scenario(scenarios[0]))
    if arguments.json:
        answers = [to_json(each, replica) for each in found]
        print_json({"run": str(arguments.folder), "folder": str(folder), "scenarios": answers})
        return 0
    print_outcomes(found, replica)
    print_text(f"picture, tables: {folder}")
    return 0


def _scenarios(arguments: argparse.Namespace) -> list[Scenario]:
    """That of the clauses, if there are any, and those of files."""
    clauses: dict[str, Any] = {kind: tuple(getattr(arguments, kind)) for kind in KINDS}  # Any: texts
    scenarios = [read_scenario(path) for path in arguments.scenario]
    if any(clauses.values()):
        scenarios.insert(0, Scenario(name=arguments.name or "scenario", **clauses))
    elif arguments.name:
        raise InputError("--name is for the scenario of clauses, expected some, such as --off 5050")
    elif arguments.save:
        raise InputError("--save writes the scenario of clauses, expected some, such as --off 5050")
    if not scenarios:
        raise InputError("no scenario: expected clauses, such as --off 5050, or --scenario FILE")
    folders = [_safe(each.name) for each in scenarios]
    twice = [each.name for each in scenarios if folders.count(_safe(each.name)) > 1]
    if twice:
        words = " and ".join(map(repr, dict.fromkeys(twice[:2])))
        raise InputError(f"two scenarios are called {words}, expected a name, and a folder, for each")
    return scenarios


def _refuse_odd_file(file: Path) -> None:
    """Refuse to save a scenario where `--list` would not look for one."""
    if file.suffix != ".toml":
        raise InputError(f"--save {file}: expected a file whose name ends in .toml")


def _refuse_files(files: Sequence[Path], scenarios: Sequence[Scenario], replica: Replica) -> None:
    """Refuse a file whose scenario cannot be played here; those of files stand last, in their order."""
    for path, scenario in zip(files, scenarios[len(scenarios) - len(files) :], strict=True):
        try:
            change_of(scenario, replica)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


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
        capacity=CapacitySettings()
        if arguments.headroom is None
        else CapacitySettings(headroom=arguments.headroom),
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


def _safe(name: str) -> str:
    """A name for the folder of the scenario called `name`."""
    return "".join(each if each.isalnum() or each in "-_" else "-" for each in name[:MOST_LETTERS])
