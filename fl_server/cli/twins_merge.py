"""`vhtwin twins merge`: the network twins of two runs made one, and how well each of the three forecasts."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
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
The twins that are merged may have learned from these days: on days that they have not seen they err more.
"""
MUCH = 1.25  # times the error of the better of both
LEARNED = (
    "both may have learned from these days, as each does along its own stream: on days that they have not "
    "seen they err more, as vhtwin twins show tells of each run"
)
Errors = dict[str, dict[str, Any]]  # of each twin, by the runs at whose stations; Any: what JSON can hold


@dataclass(frozen=True)
class Way:
    """How the share of the first was found: by what, and with which MSE of each twin before the streams."""

    by: str
    share: float
    earlier: dict[str, float]


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
        help="the share of each: where the mixture errs least before the streams (default; cannot be where a "
        "run is private), or by stations and age",
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
    names = [str(folder) for folder in arguments.runs]
    places = {name: at_hand(folder) for name, folder in zip(names, arguments.runs, strict=True)}
    by = _chosen_way(arguments.by, places)
    share = share_by_stations(one, other, half_life_days=arguments.half_life_days)
    if by == "errors":
        share = fitted_share(one, other, share, lambda weights: _earlier_error(places.values(), weights))
    made = merged(one, other, arguments.out.stem, share)
    twins = dict(zip((*names, "merged"), (one, other, made), strict=True))
    errors = {
        folder: {name: asdict(tally_scores(place.errors(twin.weights))) for name, twin in twins.items()}
        for folder, place in places.items()
    }
    by_errors = twins if by == "errors" else {}
    earlier = {name: _earlier_error(places.values(), twin.weights) for name, twin in by_errors.items()}
    save_twin(arguments.out, made)
    _tell(arguments, made, Way(by, share, earlier), errors)
    return 0


def _chosen_way(asked: str | None, places: Mapping[str, AtHand]) -> str:
    """By what the shares are found: by errors, unless something else is asked for or a run tells none."""
    private = [name for name, place in places.items() if place.private]
    if asked == "errors" and private:
        raise InputError(
            f"--by errors: {private[0]} is private, and its stations tell no errors of the days before the "
            "stream; expected --by stations"
        )
    return asked or ("stations" if private else "errors")


def _earlier_error(places: Iterable[AtHand], weights: Floats) -> float:
    """The MSE at the stations of both runs, before their streams."""
    sums = [place.earlier_errors(weights) for place in places]
    return float(sum(each.squared.sum() for each in sums) / sum(each.count.sum() for each in sums))


def _network_twin(folder: Path) -> Twin:
    read_summary(folder)
    return stored_twin(folder / "twins" / twin_file("global", NETWORK))


def _tell(arguments: argparse.Namespace, made: Twin, way: Way, errors: Errors) -> None:
    first, warnings = str(arguments.runs[0]), list(_warnings(errors))
    if arguments.json:
        told = {"file": str(arguments.out), "stations": len(made.stations), "warnings": warnings}
        way_told = {"by": way.by, "share_of_first": way.share, "earlier_mse": way.earlier or None}
        print_json(told | way_told | {"errors": errors})
        return
    for folder, found in errors.items():
        rows = [(name, f"{each['mse']:.4f}", f"{each['mae']:.4f}") for name, each in found.items()]
        print_table(f"at the stations and days of {folder}", ["twin", "MSE", "MAE"], rows)
    print_text(LEARNED)
    print_text(f"{arguments.out}: a twin of {len(made.stations):,} stations, {way.share:.0%} of {first}")
    print_text(_how_shared(way))
    for sentence in warnings:
        print_text(f"warning: {sentence}")


def _how_shared(way: Way) -> str:
    """Whence the share is, in words."""
    if way.by == "stations":
        return (
            "the share goes by stations and age, not by errors, which private runs do not tell of their "
            "histories: the tables alone say whether the mixture is good"
        )
    found = ", ".join(f"{name} {error:.4f}" for name, error in way.earlier.items())
    told = f"the share is the best of those tried on the days before the streams, by MSE there: {found}"
    if way.share not in (0, 1):
        return told
    alone = list(way.earlier)[0 if way.share == 1 else 1]
    return (
        f"{told}; no mixture errs less there than {alone} alone, as is usual where twins began from "
        "different weights (--seed): the merged twin is that one"
    )


def _warnings(errors: Errors) -> Iterator[str]:
    """Where the merged twin errs much more than the better of both."""
    for folder, found in errors.items():
        error, best = min((each["mse"], name) for name, each in found.items() if name != "merged")
        made = found["merged"]["mse"]
        if made > MUCH * error:
            yield (
                f"at the stations of {folder} the merged twin has an MSE of {made:.4g}, and {best} alone "
                f"one of {error:.4g}"
            )
