"""`vhtwin twins merge`: the network twins of two runs made one, and how well each of the three forecasts."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.store import refuse_existing_file
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.run_folder import read_summary
from fl_server.stored_runs import stored_twin, twin_file
from fl_server.trust.at_hand import AtHand, at_hand
from fl_server.trust.merging import fitted_share, merged, refuse_unlike, share_by_stations
from fl_server.twins import NETWORK
from forecasting.metrics import tally_scores
from forecasting.networks import Floats
from forecasting.twin import Twin, save_twin

EXAMPLES = """examples:
  vhtwin twins merge runs/north runs/south --out city.twin
  vhtwin twins merge runs/may runs/june --out year.twin --half-life-days 14   older twins count less

Errors are those of a network twin on the days of each run's stream, at all stations of the set of that run.
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `merge` to the verbs of `twins`."""
    parser = verbs.add_parser(
        "merge",
        help="make one twin of the network twins of two runs",
        description="Merge the network twins of two runs, of overlapping areas or different times.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the twin is stored")
    parser.add_argument(
        "--half-life-days",
        type=float,
        default=30.0,
        metavar="D",
        help="a twin that is D days older counts half (default: %(default)g)",
    )
    parser.add_argument(
        "--by",
        choices=("errors", "stations"),
        default="errors",
        help="the share of each: where the mixture errs least before the streams, or by stations and age",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Merge them."""
    if not 0 < arguments.half_life_days < np.inf:
        raise InputError(f"--half-life-days must be positive, got {arguments.half_life_days}")
    refuse_existing_file(arguments.out, overwrite=arguments.overwrite)
    one, other = (_network_twin(folder) for folder in arguments.runs)
    refuse_unlike(one, other)
    places = [at_hand(folder) for folder in arguments.runs]
    share = share_by_stations(one, other, half_life_days=arguments.half_life_days)
    if arguments.by == "errors" and not any(place.private for place in places):
        share = fitted_share(one, other, share, lambda weights: _earlier_error(places, weights))
    made = merged(one, other, arguments.out.stem, share)
    names = [str(folder) for folder in arguments.runs]
    twins = dict(zip((*names, "merged"), (one, other, made), strict=True))
    errors = {
        folder: {name: asdict(tally_scores(place.errors(twin.weights))) for name, twin in twins.items()}
        for folder, place in zip(names, places, strict=True)
    }
    save_twin(arguments.out, made)
    _tell(arguments, made, share, errors)
    return 0


def _earlier_error(places: Sequence[AtHand], weights: Floats) -> float:
    """The MSE at the stations of both runs, before their streams."""
    sums = [place.earlier_errors(weights) for place in places]
    return float(sum(each.squared.sum() for each in sums) / sum(each.count.sum() for each in sums))


def _network_twin(folder: Path) -> Twin:
    read_summary(folder)
    return stored_twin(folder / "twins" / twin_file("global", NETWORK))


def _tell(arguments: argparse.Namespace, made: Twin, share: float, errors: dict[str, Any]) -> None:
    first = str(arguments.runs[0])
    if arguments.json:
        file, stations = str(arguments.out), len(made.stations)
        print_json({"file": file, "stations": stations, "share_of_first": share, "errors": errors})
        return
    for folder, found in errors.items():
        rows = [(name, f"{each['mse']:.4f}", f"{each['mae']:.4f}") for name, each in found.items()]
        print_table(f"at the stations and days of {folder}", ["twin", "MSE", "MAE"], rows)
    print_text(f"{arguments.out}: a twin of {len(made.stations):,} stations, {share:.0%} of {first}")
    if share in (0, 1):
        print_text(
            "no mixture errs less than one of the two alone, as is usual where they began from different "
            "weights (--seed): the merged twin is that one"
        )
