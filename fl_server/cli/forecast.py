"""`vhtwin forecast`: train a forecaster on a set and put it beside its baselines, in table and picture."""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.inputs import INPUTS
from data.sets.tables import read_set
from data.store import whole_folder
from data.traffic import StationId, Traffic, column_of
from data.windows import SplitSettings
from fl_server.cli import output_folder, read_options
from fl_server.cli.forecast_output import answer, print_comparison, recorded, write_folder
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json
from forecasting.baselines import BASELINES
from forecasting.forecasts import OTHER_SCOPE, ForecastSettings, comparison, usual_inputs
from forecasting.intervals import IntervalSettings
from forecasting.networks import NAMES

MOST_DRAWN = 20
EXAMPLES = """examples:
  vhtwin forecast DIR                             the default network beside every baseline
  vhtwin forecast DIR --inputs profile+readings   also the readings of the last hour (10-minute data)
  vhtwin forecast DIR --model lstm --scope station --seeds 3
  vhtwin forecast DIR --validation-days 7         choose settings without a look at the test days
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `forecast` to the command's verbs."""
    parser = verbs.add_parser(
        "forecast",
        help="train a forecaster and compare it with its baselines",
        description="Train a forecaster on a set and score it beside its baselines on the last days.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a set: stations.csv beside a traffic file")
    _add_task_options(parser)
    _add_training_options(parser)
    read_options.add_to(parser)
    output_folder.add_to(parser)
    parser.add_argument(
        "--stations",
        action="extend",
        nargs="+",
        metavar="ID",
        help="stations to draw (default: three, by load)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("task")
    group.add_argument("--inputs", choices=INPUTS, help="what a forecast sees (default: that of the network)")
    group.add_argument("--native-step", action="store_true", help="forecast the set's own step, not hours")
    group.add_argument(
        "--test-days", type=float, default=7, metavar="D", help="the last D days are tested (default: 7)"
    )
    group.add_argument(
        "--validation-days",
        type=float,
        default=0,
        metavar="D",
        help="cut the test days off, score the D before",
    )
    group.add_argument(
        "--baselines",
        default="all",
        metavar="NAMES",
        help=f"all (the default), none, or names with commas: {', '.join((*BASELINES, 'other scope'))}",
    )
    group.add_argument("--coverage", type=float, default=0.9, help="of intervals (default: 0.9)")
    group.add_argument(
        "--level-shift",
        type=float,
        default=1.0,
        metavar="X",
        help="multiply loads by X from the test's middle on",
    )


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network and training (defaults: the recipe of inputs and scope)")
    default = ForecastSettings()
    group.add_argument("--model", choices=NAMES, default=default.model, help="which network (default: mlp)")
    group.add_argument("--hidden", type=int, nargs="+", metavar="WIDTH", help="width of each hidden layer")
    group.add_argument(
        "--scope",
        choices=("central", "station"),
        default=default.scope,
        help="one for all, or one each",
    )
    group.add_argument("--seed", type=int, default=default.seed, help="of the first network (default: 1)")
    group.add_argument(
        "--seeds",
        type=int,
        default=default.seeds,
        metavar="N",
        help="networks to average over (default: 1)",
    )
    group.add_argument("--epochs", type=int, help="passes over the training part")
    group.add_argument("--batch-size", type=int, help="windows a step")
    group.add_argument("--learning-rate", type=float, help="of the first epoch")
    group.add_argument("--weight-decay", type=float, help="decoupled for adamw, L2 otherwise")
    group.add_argument("--optimizer", choices=("sgd", "adam", "adamw"), help="rule of the steps")
    group.add_argument(
        "--engine", choices=("auto", "compiled", "torch"), help="what computes (default: auto)"
    )
    group.add_argument("--threads", type=int, help="spread stations over threads (default: 1)")
    group.add_argument("--device", help="auto, cpu, cuda, cuda:1, … (default: auto)")


def run(arguments: argparse.Namespace) -> int:
    """Train, compare, write the folder, print the table."""
    settings, reading = _settings(arguments), read_options.settings_from(arguments)
    _refuse_bad_output(arguments)
    began = time.monotonic()
    traffic = read_set(arguments.set, reading)
    wanted = [traffic.stations[column_of(traffic, station)] for station in arguments.stations or ()]
    found = shown(comparison(traffic, settings))
    drawn = [station for station in wanted if station not in found.task.silent]
    folder = output_folder.named_or_new(arguments, "forecast")
    record = recorded(arguments.set, reading, settings)
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        write_folder(partial, found, record, drawn or _three_by_load(found.task.traffic))
    if arguments.json:
        seconds = round(time.monotonic() - began, 3)
        print_json(answer(found, record, traffic.filled) | {"seconds": seconds, "folder": str(folder)})
    else:
        print_comparison(found, settings, folder, traffic.filled)
    return 0


def _refuse_bad_output(arguments: argparse.Namespace) -> None:
    """Refuse before the training what would be refused after it."""
    output_folder.refuse_bad(arguments)
    if len(arguments.stations or ()) > MOST_DRAWN:
        raise InputError(f"{len(arguments.stations)} stations to draw, expected at most {MOST_DRAWN}")


def _settings(arguments: argparse.Namespace) -> ForecastSettings:
    named = (
        "epochs",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "optimizer",
        "engine",
        "threads",
        "device",
    )
    changes = {name: getattr(arguments, name) for name in named if getattr(arguments, name) is not None}
    every = (*BASELINES, OTHER_SCOPE)
    chosen = {"all": every, "none": ()}.get(arguments.baselines)
    if chosen is None:
        chosen = tuple(name.strip().replace("-", " ") for name in arguments.baselines.split(","))
    return ForecastSettings(
        model=arguments.model,
        hidden=tuple(arguments.hidden) if arguments.hidden else None,
        inputs=arguments.inputs or usual_inputs(arguments.model),
        scope=arguments.scope,
        native_step=arguments.native_step,
        baselines=chosen,
        seed=arguments.seed,
        seeds=arguments.seeds,
        level_shift=arguments.level_shift,
        split=SplitSettings(test_days=arguments.test_days, validation_days=arguments.validation_days),
        central_training=replace(ForecastSettings().central_training, **changes),
        station_training=replace(ForecastSettings().station_training, **changes),
        interval=IntervalSettings(coverage=arguments.coverage),
    )


def _three_by_load(traffic: Traffic) -> list[StationId]:
    """The busiest, the middle and the quietest station."""
    order = np.argsort(-traffic.load.mean(axis=0), kind="stable")
    return [
        traffic.stations[column] for column in dict.fromkeys((order[0], order[len(order) // 2], order[-1]))
    ]
