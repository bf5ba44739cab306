"""`vhtwin cache train`, `cache evaluate`: learn to serve and cache, and hold that against classic caches."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl

from data.errors import InputError
from data.plain import plain, rebuilt
from data.store import whole_file
from data.words import counted
from fl_server.cache_picture import draw_curves, draw_outcomes
from fl_server.cache_runs import (
    MOST_SEEDS,
    CachePlan,
    curve_of,
    held,
    judged,
    log_world,
    new_training,
    read_plan,
    trained,
)
from fl_server.cli import output_folder, request_options, twin_options
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.experiments.claims import Interval, interval
from fl_server.presets import laid_over, table_of_pairs
from hetnet.caching.contest import BOUND, MEASURES, POOLED
from hetnet.caching.learning import LearningSettings
from hetnet.caching.request_log import RequestLog, remark
from hetnet.caching.systems import RELIABLE, RELIABLE_TWIN, SYSTEMS

ABOUT = {BOUND: "no cache can pass it, all clients at home", POOLED: "no caches can pass it"}


def add_train(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train` to the verbs of `vhtwin cache`."""
    parser = verbs.add_parser(
        "train",
        help="train the four systems of the caching case study",
        description="Train RL and reliable RL, with and without the twin, to choose stations and contents.",
    )
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--generations",
        type=int,
        metavar="G",
        help=f"that each system learns for (default: {LearningSettings.generations})",
    )
    request_options.add_log(parser)
    parser.add_argument(
        "--history", type=float, default=0.3, metavar="SHARE", help="of a log, learned from (default: .3)"
    )
    parser.add_argument(
        "--twin", type=Path, metavar="RUN", help="stations as busy as the twins of this run forecast"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="the run's set, if it was moved")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--set",
        dest="pairs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any one setting, such as world.limit=1.4; --list-settings shows them all",
    )
    parser.add_argument("--list-settings", action="store_true", help="print all settings and do no more")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the training in FOLDER")
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=train, refuse=parser.error)


def add_evaluate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `evaluate` to the verbs of `vhtwin cache`."""
    parser = verbs.add_parser(
        "evaluate",
        help="hold what was learned against classic caches and bounds",
        description="Serve what follows the history by what was learned, by classic caches and by bounds.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="that vhtwin cache train has made")
    request_options.add_log(parser.add_argument_group("a log to judge by, instead of the training's own"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=evaluate)


def train(arguments: argparse.Namespace) -> int:
    """Train, or go on training; print how often each system hits."""
    if arguments.processes < 1:
        raise InputError(f"--processes {arguments.processes}: expected at least 1")
    if arguments.resume:
        others = ("out", "pairs", "generations", "requests", "cells", "timezone", "twin")
        if any(getattr(arguments, name) not in (None, []) for name in others):
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
        folder = _new_folder(arguments, plan)
    with held(folder):
        trainings = shown(trained(folder, arguments.processes))
        curve = curve_of(trainings)
        draw_curves(folder / "curve.png", curve, "How the four systems learned")
    last = curve.filter(pl.col("generation") == pl.col("generation").max())
    if arguments.json:
        print_json({"folder": str(folder), "learned": last.to_dicts()})
        return 0
    print_table(
        f"after {counted(int(last['generation'][0]), 'generation')}, {counted(len(trainings), 'seed')}; "
        "in the first requests after the history",
        ["system", "hits", "reward", "interventions"],
        [[system.name, *_last(last.filter(system=system.name))] for system in SYSTEMS],
    )
    print_text(f"policies, curve.csv, curve.png: {folder}\nbeside others: vhtwin cache evaluate {folder}")
    return 0


def _last(rows: pl.DataFrame) -> list[str]:
    return [_words(interval(rows[name].to_list())) for name in ("hits", "reward", "interventions")]


def _words(found: Interval) -> str:
    return f"{found.mean:.4f} ± {found.half:.4f}"


def _new_folder(arguments: argparse.Namespace, plan: CachePlan) -> Path:
    if arguments.requests and arguments.twin:
        raise InputError("--requests gives the requests: expected no --twin beside it")
    if plan.log is not None:
        log_world(plan.log, plan.world, plan.history)  # refused before a folder is made
        _tell_remark(plan.log, plan)
    stations = plan.world.requests.cells.stations
    intensity = None
    if arguments.twin:
        intensity = request_options.foretold_intensity(arguments.twin, arguments.data, stations)
    place = argparse.Namespace(set=Path("systems"), out=arguments.out, overwrite=arguments.overwrite)
    folder = output_folder.named_or_new(place, "cache")
    new_training(folder, plan, intensity=intensity, overwrite=arguments.overwrite)
    return folder


def _tell_remark(log: RequestLog, plan: CachePlan) -> None:
    """Say on stderr why a log may tell little of caches, such as one of fewer contents than slots."""
    said = remark(log.read()[0], plan.world.slots)
    if said:
        print(f"{log.path}: {said}", file=sys.stderr)  # noqa: T201 - beside the progress, not the answer


def _plan(arguments: argparse.Namespace) -> CachePlan:
    if not 1 <= arguments.seeds <= MOST_SEEDS:
        raise InputError(f"--seeds {arguments.seeds}: expected 1 to {MOST_SEEDS:,}")
    plan = CachePlan(
        seeds=tuple(range(1, arguments.seeds + 1)),
        log=request_options.log_from(arguments),
        history=arguments.history,
    )
    if arguments.generations is not None:
        plan = replace(plan, learning=replace(plan.learning, generations=arguments.generations))
    return rebuilt(CachePlan, laid_over(plain(plan, {}), table_of_pairs(arguments.pairs)))


def evaluate(arguments: argparse.Namespace) -> int:
    """Serve the same requests by all policies; print, keep and draw what they come to."""
    folder: Path = arguments.folder
    plan, log = read_plan(folder), request_options.log_from(arguments)
    name, place = "outcomes", "in the world of the training"
    if log is not None:
        name, place = f"outcomes-{Path(log.path).stem}", f"on {Path(log.path).name}"
    with held(folder):
        frame = shown(judged(folder, log))
        with whole_file(folder / f"{name}.csv") as partial:
            frame.write_csv(partial)
        draw_outcomes(folder / f"{name}.png", frame, f"The four systems beside other caches, {place}")
    if log is not None:
        _tell_remark(log, plan)
    print_outcomes(frame, as_json=arguments.json)
    if not arguments.json:
        print_text(f"{name}.csv, {name}.png: {folder}")
    return 0


def print_outcomes(frame: pl.DataFrame, *, as_json: bool) -> None:
    """Print what policies came to, the best last, and how the four systems compare."""
    lines = outcome_lines(frame)
    seeds = frame["seed"].n_unique()
    if as_json:
        print_json({"seeds": seeds, "policies": lines})
        return
    print_table(
        f"means over {counted(seeds, 'seed')}; shares of requests, loads beside the mean of all stations",
        ["policy", *MEASURES],
        [[str(each["policy"]), *(_cell(each, name) for name in MEASURES)] for each in lines],
    )
    print_text("\n".join([*(f"{name}: {about}" for name, about in ABOUT.items()), *said(frame)]))


def outcome_lines(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Each policy with the means of its measures and the half widths of their intervals; the best last."""
    lines: list[dict[str, object]] = []
    for name in frame["policy"].unique(maintain_order=True):
        line: dict[str, object] = {"policy": name}
        for measure in MEASURES:
            values = frame.filter(policy=name, measure=measure)["value"].to_list()
            if values:
                found = interval(values)
                line |= {measure: found.mean, f"{measure} ±": found.half}
        lines.append(line)
    return sorted(lines, key=lambda line: float(str(line["hits"])))


def _cell(line: dict[str, object], measure: str) -> str:
    if measure not in line:
        return ""
    return f"{line[measure]:.4f} ± {line[f'{measure} ±']:.4f}"


def said(frame: pl.DataFrame) -> list[str]:
    """How reliable RL + twin does beside the other systems, seed by seed, in plain sentences."""
    lines = []
    for measure, more, fewer in (
        ("hits", "hits more often than", "hits less often than"),
        ("interventions", "needs more interventions than", "needs fewer interventions than"),
        ("Jain", "loads stations more evenly than", "loads stations less evenly than"),
    ):
        for other in SYSTEMS:
            if other is RELIABLE_TWIN or (measure == "interventions" and other is not RELIABLE):
                continue
            mine, theirs = (_by_seed(frame, each.name, measure) for each in (RELIABLE_TWIN, other))
            found = interval([mine[seed] - theirs[seed] for seed in mine])
            word = more if found.low > 0 else fewer if found.high < 0 else f"ties in {measure} with"
            if found.seeds < 2:
                word = f"({measure}, one seed) beside"
            lines.append(
                f"{RELIABLE_TWIN.name} {word} {other.name}: {found.mean:+.4f} ± {found.half:.4f} "
                "(differences seed by seed)"
            )
    return lines


def _by_seed(frame: pl.DataFrame, policy: str, measure: str) -> dict[int, float]:
    return dict(frame.filter(policy=policy, measure=measure).select("seed", "value").iter_rows())
