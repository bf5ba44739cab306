"""`vhtwin cache twin`: learn a twin of who asks for what, and say how like it is to what came later."""

import argparse
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from data.words import counted
from fl_server.cli import request_options
from fl_server.cli.report import print_json, print_table, print_text
from hetnet.caching.cells import Cells
from hetnet.caching.fidelity import Fidelity, FidelitySettings, fidelity
from hetnet.caching.generation import generated
from hetnet.caching.popularity import HOUR
from hetnet.caching.request_twin import RequestTwin, chances, learned_twin
from hetnet.caching.requests import Requests, between
from hetnet.network import Floats

LEAST_STEPS = 30  # that counts are compared in
FEWEST = 1000  # requests on either side


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to those of `vhtwin cache`."""
    parser = verbs.add_parser(
        "twin",
        help="learn a twin of the requests, and measure it on later ones",
        description="Learn a twin of who asks for what from the first part of the requests, and hold what "
        "it generates and foretells against the rest.",
    )
    request_options.add_to(parser)
    parser.add_argument(
        "--history",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of the time, that the twin learns from (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=twin)


@dataclass(frozen=True)
class Measured:
    """A twin beside what it has not seen."""

    twin: RequestTwin
    later: Requests
    common: Fidelity
    rare: Fidelity
    repeated: Fidelity  # of the history itself
    surprise: float  # mean -log of the chance that the twin gave to what came
    surprise_before: float  # the same of what the history was asked for, unchanged


def twin(arguments: argparse.Namespace) -> int:
    """Learn the twin; print how like generated requests are to later ones, and how well it foretells."""
    if not 0 < arguments.history < 1:
        raise InputError(f"--history {arguments.history}: expected a share between 0 and 1")
    requests, cells = request_options.requests_from(arguments)
    found = measured(requests, cells, arguments.history, np.random.default_rng([arguments.seed, 1]))
    if arguments.json:
        print_json(_told(found))
        return 0
    _print(found)
    return 0


def measured(requests: Requests, cells: Cells, share: float, rng: np.random.Generator) -> Measured:
    """A twin of the first part of the requests, beside the rest."""
    begin, end = (float(requests.times[0]), float(requests.times[-1])) if len(requests) else (0.0, 0.0)
    cut = begin + share * (end - begin)
    history, later = between(requests, begin, cut), between(requests, cut, np.inf)
    if min(len(history), len(later)) < FEWEST:
        raise InputError(
            f"{counted(len(history), 'request')} to learn from, {counted(len(later), 'request')} to measure "
            f"by, expected {FEWEST} of each at least"
        )
    learned = learned_twin(history, cells)
    hours = (end - cut) / HOUR
    settings = FidelitySettings(
        step_seconds=min(HOUR, (end - cut) / LEAST_STEPS, (cut - begin) / LEAST_STEPS)
    )
    kinds = [generated(learned, hours, rng, "common"), generated(learned, hours, rng, "rare"), history]
    common, rare, repeated = (fidelity(later, each, settings, cells.home) for each in kinds)
    came = chances(learned, requests)[len(history) :]
    counts = np.bincount(history.contents, minlength=history.content_count) + 0.5
    before = (counts / counts.sum())[later.contents]
    return Measured(learned, later, common, rare, repeated, _surprise(came), _surprise(before))


def _surprise(chance: Floats) -> float:
    return float(-np.log(chance).mean())


def _told(found: Measured) -> dict[str, object]:
    kinds = {"common": found.common, "rare": found.rare, "history": found.repeated}
    told: dict[str, object] = {
        name: {
            "popularity": each.popularity,
            "popularity_floor": each.popularity_floor,
            "autocorrelation_error": each.autocorrelation_error,
            "hit_rate_errors": each.hit_rate_errors.tolist(),
        }
        for name, each in kinds.items()
    }
    learned = found.twin
    return told | {
        "surprise": found.surprise,
        "surprise_of_history": found.surprise_before,
        "session": learned.sessions.length,
        "gap_seconds": learned.sessions.gap_seconds,
        "follows": learned.sessions.follows,
        "groups": learned.tastes.count,
        "memory_hours": learned.tastes.memory_hours,
        "bursts_per_day": learned.tastes.bursts_per_day,
    }


def _print(found: Measured) -> None:
    learned = found.twin
    print_text(
        f"learned from {counted(len(learned.seen), 'request')}: {counted(learned.tastes.count, 'group')} of "
        f"clients, sessions of {learned.sessions.length:.1f} requests {learned.sessions.gap_seconds:.0f} s "
        f"apart, {learned.sessions.follows:.0%} of them follow the one before;\nwhat is popular correlates "
        f"by 1/e with what was {learned.tastes.memory_hours:.0f} hours before, "
        f"{learned.tastes.bursts_per_day:.1f} bursts a day"
    )
    sizes = [f"LRU, {size} slots" for size in FidelitySettings().slots]
    lines = [
        [name, f"{each.popularity:.3f}", f"{each.autocorrelation_error:.3f}", *_rates(each)]
        for name, each in (
            ("generated, common", found.common),
            ("generated, rare", found.rare),
            ("the history itself", found.repeated),
        )
    ]
    print_table(
        f"beside the {counted(len(found.later), 'request')} after the history (real hit rates: "
        + ", ".join(f"{rate:.3f}" for rate in found.common.hit_rates[0])
        + ")",
        ["requests", "popularity off by", "counts' rhythm off by", *sizes],
        lines,
    )
    print_text(
        f"popularity: total variation; {found.common.popularity_floor:.3f} between samples of one "
        f"popularity\none step ahead, the twin gives what comes a chance of 1 "
        f"in {np.exp(found.surprise):.0f} "
        f"(in the geometric mean), the history's shares 1 in {np.exp(found.surprise_before):.0f}"
    )


def _rates(found: Fidelity) -> list[str]:
    """Hit rates on generated requests, and how far these are from those on real ones."""
    return [
        f"{rate:.3f} ({error:+.3f})"
        for rate, error in zip(found.hit_rates[1], found.hit_rate_errors, strict=True)
    ]
