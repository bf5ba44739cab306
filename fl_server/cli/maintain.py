"""`vhtwin maintain`: which station to look after when, so that least traffic is lost."""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.store import refuse_existing_file, refuse_inside, whole_file
from data.words import counted
from fl_server.cli.bounds import SHARE, at_least, between, refuse_outside
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.experiments.claims import Interval, interval
from fl_server.maintaining import WEEK, Check, CrewSettings, Plan, checked, maintaining, visit_rows
from fl_server.watching import sighted
from hetnet.operations.maintenance import RiskSettings

MOST_LISTED = 20
WORN = 0.1  # of the stations that are worn out in a check
BOUNDS = {
    "crews": at_least(1),
    "hours": between(1, WEEK),
    "every": between(1, WEEK),
    "repair_hours": at_least(1),
    "failing": SHARE,
    "check": at_least(0),
}
EXAMPLES = """examples:
  vhtwin maintain RUN --data NEWER --crews 2           the visits of the coming week
  vhtwin maintain RUN --check 10                       would the risk have named those that fail?
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `maintain` to the command's verbs."""
    usual = CrewSettings()
    parser = verbs.add_parser(
        "maintain",
        help="plan which station to look after when",
        description="Rank stations by risk, and plan the visits of a week that lose least traffic.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a set of its stations (default: the run's)")
    for name, words in {
        "crews": "visits at the same time",
        "hours": "that a visit takes, in which the station carries nothing",
        "every": "hours from one slot for visits to the next",
        "repair_hours": "of load that a failure loses that was not prevented",
    }.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=int,
            default=getattr(usual, name),
            metavar="N",
            help=f"{words} (default: %(default)s)",
        )
    parser.add_argument(
        "--failing",
        type=float,
        default=RiskSettings().failing,
        metavar="X",
        help="share of all stations taken to fail in a week (default: %(default)s)",
    )
    parser.add_argument(
        "--check", type=int, default=0, metavar="SEEDS", help="also rank stations that are worn out by seeds"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the visits as CSV")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Rank, plan, check where wanted; print it."""
    refuse_outside(arguments, BOUNDS)
    if arguments.hours > arguments.every:
        slots = f"the {arguments.every} h between two slots (--every)"
        raise InputError(f"--hours {arguments.hours}: expected at most {slots}")
    crew = CrewSettings(
        **{name: getattr(arguments, name) for name in ("crews", "hours", "every", "repair_hours")}
    )
    settings = RiskSettings(failing=arguments.failing)
    for kept in (each for each in (arguments.folder, arguments.data) if arguments.out and each):
        refuse_inside(kept, arguments.out)
    if arguments.out:
        refuse_existing_file(arguments.out, overwrite=arguments.overwrite)
    found = sighted(arguments.folder, arguments.data)
    plan = shown(maintaining(arguments.folder, found, crew, settings))
    seeds = range(1, arguments.check + 1)
    check = checked(arguments.folder, found, settings, seeds, WORN) if arguments.check else None
    rows = visit_rows(plan, crew)
    if arguments.out:
        with whole_file(arguments.out) as partial:
            pl.DataFrame(rows, schema=["start", "station", "chance", "load"]).write_csv(partial)
    if arguments.json:
        print_json(_answer(plan, rows, check))
        return 0
    _print_risks(plan)
    lines = [[str(value) for value in row.values()] for row in rows[:MOST_LISTED]]
    print_table("visits", ["start", "station", "chance", "load meanwhile"], lines)
    print_text("\n".join(_said(plan, rows, check)))
    if arguments.out:
        print_text(f"all visits: {arguments.out}")
    return 0


def _print_risks(plan: Plan) -> None:
    risk = plan.risk
    order = np.argsort(-risk.chance, kind="stable")[:10].tolist()
    rows = [
        [
            plan.stations[each],
            f"{risk.chance[each]:.1%}",
            f"{np.expm1(risk.scatter[each]):+.0%}",
            f"{np.expm1(-risk.sunk[each]):+.0%}",
            f"{risk.outside[each]:.0%}",
            f"{risk.age_weeks[each]:.1f}",
        ]
        for each in order
    ]
    header = ["riskiest", "fails in a week", "scatter", "level", "outside its width", "twin's age, weeks"]
    print_table("", header, rows)


def _said(plan: Plan, rows: list[dict[str, object]], check: Check | None) -> list[str]:
    visits = plan.visits
    lines = [
        f"{counted(len(rows), 'visit')}: {visits.lost:,.0f} of traffic is expected to be lost, "
        f"{visits.lost_without:,.0f} without a visit, {plan.plain.lost:,.0f} if the riskiest go first"
    ]
    if check is not None:
        signs, none = interval(check.worn), interval(check.unworn)
        lines.append(
            f"{counted(check.stations, 'station')} worn out, {counted(signs.seeds, 'seed')}: they rank above "
            f"others with AUC {_written(signs)}; as many that fail without a sign {_written(none)}"
        )
    return lines


def _written(found: Interval) -> str:
    return f"{found.mean:.3f}" + (f" ± {found.half:.3f}" if found.seeds > 1 else "")


def _answer(plan: Plan, rows: list[dict[str, object]], check: Check | None) -> dict[str, object]:
    chances = dict(zip(plan.stations, (round(each, 5) for each in plan.risk.chance.tolist()), strict=True))
    answer: dict[str, object] = {
        "begin": str(plan.begin),
        "visits": rows,
        "lost": plan.visits.lost,
        "lost_without_visits": plan.visits.lost_without,
        "lost_riskiest_first": plan.plain.lost,
        "chance": chances,
    }
    if check is not None:
        answer["auc"] = {"worn": list(check.worn), "without_signs": list(check.unworn)}
    return answer
