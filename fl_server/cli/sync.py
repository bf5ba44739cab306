"""`vhtwin sync`: learn when a twin is worth refreshing, and hold what was learned against simple rules."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import polars as pl

from data.errors import InputError
from data.plain import plain, rebuilt
from data.sets.tables import read_set
from data.store import refuse_existing_file, whole_file
from data.words import counted
from fl_server.cli import output_folder, read_options, twin_options
from fl_server.cli.endings import TerminationError
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.experiments.claims import LEAST_SEEDS, Interval, interval
from fl_server.gate_streams import Streamed, stream_begin, streamed, taught
from fl_server.local import local_fleet
from fl_server.presets import laid_over, table_of_pairs
from fl_server.sync_picture import draw_curve, draw_returns, short_of_bound
from fl_server.sync_runs import (
    MOST_SEEDS,
    SyncPlan,
    curve_of,
    epochs_learned,
    held,
    judged,
    new_training,
    policy_name,
    read_plan,
    returns_of,
    trained,
)
from hetnet.sync.figures_learning import DQN, PAPER_DQN, PAPER_SAC, SAC, learners
from hetnet.sync.gate_learning import GateLearningSettings
from hetnet.sync.gates import GateSettings, gate_text, opens
from hetnet.sync.settings import Observed, SyncSettings
from hetnet.sync.training import LearningSettings

ENTRIES = {
    ("sac", "full"): SAC,
    ("dqn", "full"): DQN,
    ("sac", "paper"): PAPER_SAC,
    ("dqn", "paper"): PAPER_DQN,
}
POLICY, SEEDS = "sac", 10
TIE = 1e-3  # of a return: what lies within it is no difference that matters
EXAMPLES = """examples:
  vhtwin sync train --policy sac --seeds 10            ten seeds at once; kept in runs/sync-sac-1
  vhtwin sync evaluate runs/sync-sac-1                 beside never, always, periodic and threshold rules
  vhtwin sync gate DIR --out gate.json                 a policy for a run's gate, learned on the set DIR
  vhtwin twin DIR --sync-policy gate.json              and the run that uses it
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb, with verbs of its own, to the command's verbs."""
    parser = verbs.add_parser(
        "sync",
        help="learn when a twin is worth refreshing",
        description="Learn when a twin is worth refreshing, and hold that against simple rules.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = parser.add_subparsers(metavar="VERB", required=True)
    _add_train(below)
    _add_evaluate(below)
    _add_gate(below)


def _add_train(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "train",
        help="train SAC or DQN in the world of the twin-synchronisation paper",
        description="Train SAC or DQN to decide when the twin of a station's users is refreshed.",
    )
    parser.add_argument("--policy", choices=("sac", "dqn"), help=f"(default: {POLICY})")
    parser.add_argument("--seeds", type=int, metavar="N", help=f"trained at once (default: {SEEDS})")
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="E",
        help=f"episodes that all copies of each seed's world play (default: {LearningSettings.epochs})",
    )
    parser.add_argument(
        "--observed",
        choices=get_args(Observed),
        help="all that the station knows, or positions only and the constants of the paper (default: full)",
    )
    parser.add_argument(
        "--set",
        dest="pairs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any one setting, such as world.step=2; --list-settings shows them all",
    )
    parser.add_argument("--list-settings", action="store_true", help="print all settings and do no more")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the training in FOLDER")
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=train, refuse=parser.error)


def _add_evaluate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "evaluate",
        help="hold what was learned against rules and a bound",
        description="Play what was learned, simple rules and a bound on the same courses.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="that vhtwin sync train has made")
    parser.add_argument(
        "--copies", type=int, default=500, metavar="N", help="episodes a seed (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=evaluate)


def _add_gate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "gate",
        help="learn when clusters of a set should send their twins up",
        description="Learn a policy for the gate of H-twinning on the days before the test days of a set.",
    )
    learning = GateLearningSettings()
    parser.add_argument("set", type=Path, metavar="DIR", help="a set: stations.csv beside a traffic file")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the policy is written")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument(
        "--unit",
        type=float,
        default=learning.unit,
        metavar="X",
        help="the price of a sending: how far off, ε, the network may be for one report instead "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--streams",
        type=int,
        default=learning.streams,
        metavar="N",
        help="learned from (default: %(default)s)",
    )
    read_options.add_to(parser)
    twin_options.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=gate)


def train(arguments: argparse.Namespace) -> int:
    """Train, or go on training; print what each seed's policy earns."""
    if arguments.resume:
        chosen = (arguments.policy, arguments.seeds, arguments.epochs, arguments.observed)
        if arguments.out or arguments.pairs or any(each is not None for each in chosen):
            arguments.refuse(
                "--resume goes on with the settings of the training: expected no others beside it"
            )
        folder: Path = arguments.resume
        read_plan(folder)
    else:
        plan = _plan(arguments)
        if arguments.list_settings:
            print_text("\n".join(twin_options.listed(plan)))
            return 0
        place = argparse.Namespace(
            set=Path(arguments.policy or POLICY), out=arguments.out, overwrite=arguments.overwrite
        )
        folder = output_folder.named_or_new(place, "sync")
        new_training(folder, plan, overwrite=arguments.overwrite)
    with held(folder), _telling_how_to_go_on(folder):
        training = shown(trained(folder))
        curve = curve_of(training)
        draw_curve(folder / "curve.png", curve, f"{policy_name(read_plan(folder))}: how it learned")
    last = curve.filter(epoch=training.epoch)
    found = interval(last["surest"].to_list())
    if arguments.json:
        print_json({"folder": str(folder), "epochs": training.epoch, "returns": last.to_dicts()})
        return 0
    print_text(
        f"after {counted(training.epoch, 'epoch')}, {counted(len(training.seeds), 'seed')}: a return of "
        f"{found.mean:.2f}{f' ± {found.half:.2f}' if found.seeds > 1 else ''} an episode\n"
        f"policies, curve.csv, curve.png: {folder}\n"
        f"beside simple rules: vhtwin sync evaluate {folder}"
    )
    return 0


@contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Whoever stops a training is told how it is continued."""
    try:
        yield
    except (KeyboardInterrupt, TerminationError):
        sentence = f"the training is kept; vhtwin sync train --resume {folder} goes on with it"
        print(f"vhtwin: {sentence}", file=sys.stderr)  # noqa: T201
        raise


def _plan(arguments: argparse.Namespace) -> SyncPlan:
    seeds = SEEDS if arguments.seeds is None else arguments.seeds
    if not 1 <= seeds <= MOST_SEEDS:
        raise InputError(f"--seeds {seeds}: expected 1 to {MOST_SEEDS:,}")
    entry = learners()[ENTRIES[arguments.policy or POLICY, arguments.observed or "full"]]
    learning = entry.learning
    if arguments.epochs is not None:
        learning = replace(learning, epochs=arguments.epochs)
    plan = SyncPlan(
        world=SyncSettings(observed=entry.observed),
        learning=learning,
        seeds=tuple(range(1, seeds + 1)),
    )
    plan = rebuilt(SyncPlan, laid_over(plain(plan, {}), table_of_pairs(arguments.pairs)))
    if plan.learning.epochs <= plan.learning.warmup:
        raise InputError(
            f"{counted(plan.learning.epochs, 'epoch')}, of which the first {plan.learning.warmup} are played "
            "by chance and teach nothing (learning.warmup): expected more"
        )
    return plan


def evaluate(arguments: argparse.Namespace) -> int:
    """Play all policies on the same courses; print, keep and draw what they earn."""
    folder: Path = arguments.folder
    if arguments.copies < 1:
        raise InputError(f"--copies {arguments.copies}: expected at least 1")
    plan = read_plan(folder)
    with held(folder):
        found = shown(judged(folder, arguments.copies))
        frame = returns_of(found, plan.seeds, plan.world.weight)
        with whole_file(folder / "returns.csv") as partial:
            frame.write_csv(partial)
        draw_returns(folder / "returns.png", frame, f"{policy_name(plan)} beside rules")
    lines, learned = _policies(frame), epochs_learned(folder)
    if arguments.json:
        print_json({"policies": lines, "epochs": learned, "of": plan.learning.epochs, "folder": str(folder)})
        return 0
    if learned < plan.learning.epochs:
        print_text(
            f"learned {learned} of {counted(plan.learning.epochs, 'epoch')}; the rest: vhtwin sync train "
            f"--resume {folder}"
        )
    print_table(
        f"means over {counted(len(plan.seeds), 'seed')}, {arguments.copies:,} episodes each",
        ["policy", "return", "short of the bound", "±", "error costs", "refreshes"],
        [[str(each["policy"]), *(_figure(each[name]) for name in list(each)[1:])] for each in lines],
    )
    told = (
        "short of the bound: on the same courses, ± its 95 % interval over seeds; error costs: what the\n"
        "twin's error takes from the return"
    )
    by_chance = any(str(each["policy"]).endswith(", drawn") for each in lines)
    print_text(told + "; drawn: actions drawn as the policy says, not the surer one" * by_chance)
    print_text("\n".join(_said(frame, policy_name(plan))))
    print_text(f"returns.csv, returns.png: {folder}")
    return 0


def _figure(value: object) -> str:
    return f"{round(value, 2) + 0.0:,.2f}" if isinstance(value, float) else ""  # + 0.0: no -0.00


def _policies(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Each policy with its mean return, how far that is short of the bound, and the rest; the best last."""
    lines: list[dict[str, object]] = []
    for name in frame["policy"].unique(maintain_order=True):
        mine = frame.filter(policy=name)
        short = short_of_bound(frame, name)
        half = short.half if short.seeds > 1 else None
        found = {"return": mine["return"].mean(), "short": short.mean, "half": half}
        rest = {"error": mine["error_cost"].mean(), "refreshes": mine["refreshes"].mean()}
        lines.append({"policy": name, **found, **rest})
    return sorted(lines, key=lambda each: float(str(each["return"])))


def _said(frame: pl.DataFrame, learned: str) -> list[str]:
    """How the learned policy does beside the best rule, in plain sentences."""
    means = {
        name: dict(frame.filter(policy=name).select("seed", "return").iter_rows())
        for name in frame["policy"].unique(maintain_order=True)
    }
    rules = [name for name in means if name not in (learned, f"{learned}, drawn") and "bound" not in name]
    best = max(rules, key=lambda name: sum(means[name].values()))
    found = interval([means[learned][seed] - means[best][seed] for seed in means[best]])
    if found.seeds < LEAST_SEEDS:
        return [
            f"{learned} beside the best rule, {best}: {found.mean:+.3f} an episode; {found.seeds} of at "
            f"least {LEAST_SEEDS} seeds, which cannot be judged"
        ]
    word = _beside(found, sum(means[best].values()) / found.seeds)
    return [
        f"{learned} {word} the best rule, {best}: {found.mean:+.3f} ± {found.half:.3f} an episode "
        "(differences seed by seed)"
    ]


def _beside(found: Interval, of: float) -> str:
    """The words for a difference to a return of so much."""
    if found.low > 0:
        return "earns more than"
    if found.high < 0:
        return "earns less than"
    near = max(-found.low, found.high) <= TIE * abs(of)
    return "ties with" if near else "cannot be told from"


def gate(arguments: argparse.Namespace) -> int:
    """Learn a gate on the days before the test days; say what it costs there beside fixed thresholds."""
    refuse_existing_file(arguments.out, overwrite=arguments.overwrite)
    settings = twin_options.settings_from(arguments)
    if not settings.horizontal.epochs or settings.crossing.secure_sum:
        raise InputError(
            "a gate is learned on the stream, whose reports come one by one: expected --stream-epochs of 1 "
            "or more, and no --secure-sum"
        )
    learning = GateLearningSettings(unit=arguments.unit, streams=arguments.streams, seed=settings.recipe.seed)
    split = settings.recipe.split
    if not split.validation_days:
        split = replace(split, validation_days=split.test_days)
    settings = replace(settings, recipe=replace(settings.recipe, split=split))
    traffic = read_set(arguments.set, read_options.settings_from(arguments))
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    plan, run = stream_begin(fleet, settings)
    made = shown(taught(fleet, plan, run, learning))
    with whole_file(arguments.out) as partial:
        partial.write_text(gate_text(made.gate))
    learned = GateSettings(rule="learned", learned=made.gate)
    found = {
        "learned": streamed(fleet, plan, run, lambda seen: opens(learned, 0.0, seen)),
        f"psi {settings.horizontal.psi:g}": streamed(
            fleet, plan, run, lambda seen: opens(GateSettings(), settings.horizontal.psi, seen)
        ),
    }
    costs = {name: each.cost(learning.unit) for name, each in found.items()}
    if arguments.json:
        told = {name: vars(each) | {"cost": costs[name]} for name, each in found.items()}
        print_json({"file": str(arguments.out), "costs": list(made.costs), "gates": told})
        return 0
    _print_gates(found, costs, learning.unit)
    print_text(f"the policy is in {arguments.out}: vhtwin twin {arguments.set} --sync-policy {arguments.out}")
    return 0


def _print_gates(found: Mapping[str, Streamed], costs: Mapping[str, float], unit: float) -> None:
    """What gates come to, and whether the fixed threshold costs less than what was learned."""
    rows = [
        (
            name,
            f"{costs[name]:.3f}",
            f"{each.sent} of {each.reports}",
            f"{each.megabytes:.2f}",
            f"{each.distance:.3g}",
            f"{each.mse:.4f}",
        )
        for name, each in found.items()
    ]
    print_table(
        f"on the days it was learned on; a sending is worth an ε of {unit:g} for one report",
        ["gate", "cost", "sent", "MB", "ε left", "MSE of the G-NDT"],
        rows,
    )
    print_text("cost: sendings a report, and what is not sent in their price")
    fixed, least = min((cost, name) for name, cost in costs.items() if name != "learned")
    if costs["learned"] > fixed:
        print_text(f"{least} costs less than what was learned: let it learn from more (--streams)")
