"""Weights tried by stations on their own latest readings, which stay where they are.

Axes: W witnesses, M trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.messages import Errors, EvaluateOrder
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.tree import Floats

Doubles = NDArray[np.float64]
WITNESSES = 42  # what a stream of random numbers is for, beside those of other rooms


@dataclass(frozen=True)
class Panel:
    """The witnesses of an occasion, and the steps whose readings they hold weights against."""

    witnesses: tuple[StationId, ...]  # W
    first: int
    last: int


def drawn_panel(
    stations: Sequence[StationId],
    witnesses: int,
    seed: int,
    occasion: tuple[int, ...],
    steps: tuple[int, int],
) -> Panel:
    """Some of the stations, drawn anew for every occasion, so that nobody knows before who they will be."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(WITNESSES, *occasion)))
    places = np.sort(rng.choice(len(stations), min(witnesses, len(stations)), replace=False))
    return Panel(tuple(stations[place] for place in places), *steps)


def errors_at(fleet: Fleet, weights: Floats, panel: Panel) -> Doubles:
    """The MSE of weights at each witness, (W,); NaN where one does not tell it."""
    order = EvaluateOrder(panel.witnesses, weights, panel.first, panel.last, trial=True)
    found = dict.fromkeys(panel.witnesses, np.nan)
    for each in fleet.ask([order]):
        if isinstance(each, Errors) and each.station in found and each.count > 0:
            found[each.station] = max(each.squared, 0.0) / each.count
    errors = np.array(list(found.values()))
    return np.where(np.isfinite(errors), errors, np.nan)
