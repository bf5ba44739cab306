"""Rules that a few arbitrary updates cannot carry away.

Axes: K contributors, P parameters.
"""

# ruff: noqa: ARG001, ARG002 - every rule takes the same arguments, and some need few of them

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from fl_server.aggregation.specs import demand
from fl_server.aggregation.updates import Doubles, Floats, State, Updates, as_floats, mean_of

STANDSTILL = 1e-9  # Weiszfeld ends when a step is this small beside the spread of the updates


def median(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """The median of each parameter (Yin et al. 2018)."""
    return as_floats(_middle(updates.weights, len(updates.weights))), state


@dataclass(frozen=True, kw_only=True)
class TrimmedMean:
    """The mean of each parameter without its lowest and highest `share` of values (Yin et al. 2018).

    The number cut on each side is rounded up, so that a cluster of three or more is guarded too; at least
    one value is left.
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        demand(0 <= self.share < 0.5, f"trimmed-mean: share must be in [0, 0.5), got {self.share}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The trimmed mean of the updates."""
        cut = math.ceil(self.share * len(updates.weights) - 1e-9)  # .14 · 50 is a little above 7 in binary
        return as_floats(_middle(updates.weights, cut)), state


@dataclass(frozen=True, kw_only=True)
class Krum:
    """The update nearest to its neighbours (Blanchard et al. 2017).

    An update's score is the sum of the squared distances to its K − faulty − 2 nearest. As the paper needs
    K ≥ 2·faulty + 3, `faulty` is lowered to what K allows; at least one neighbour is scored. Equal scores
    are averaged: of three updates the two nearest, of two both.
    """

    faulty: int = 1

    def __post_init__(self) -> None:
        demand(self.faulty >= 0, f"krum: faulty must be 0 or more, got {self.faulty}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The update with the lowest score."""
        chosen = _lowest_scores(updates.weights, self.faulty, 1)
        return as_floats(mean_of(updates.weights[chosen])), state


@dataclass(frozen=True, kw_only=True)
class MultiKrum:
    """The mean of the `kept` updates with the lowest Krum scores.

    By default, and at most, K − faulty − 2 are kept (Blanchard et al. 2017), and at least one; small K
    lower `faulty` as in Krum.
    """

    faulty: int = 1
    kept: int | None = None

    def __post_init__(self) -> None:
        demand(self.faulty >= 0, f"multi-krum: faulty must be 0 or more, got {self.faulty}")
        demand(self.kept is None or self.kept >= 1, f"multi-krum: kept must be 1 or more, got {self.kept}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The mean of the kept updates."""
        kept = self.kept or len(updates.weights)
        chosen = _lowest_scores(updates.weights, self.faulty, kept)
        return as_floats(mean_of(updates.weights[chosen])), state


@dataclass(frozen=True, kw_only=True)
class GeometricMedian:
    """The point with the least sum of distances to the updates (Pillutla et al. 2022).

    Smoothed Weiszfeld steps from the coordinate median; distances count as at least `smoothing` times
    their first median. Of two updates it is the midpoint.
    """

    smoothing: float = 1e-6
    iterations: int = 100

    def __post_init__(self) -> None:
        demand(self.smoothing > 0, f"geometric-median: smoothing must be above 0, got {self.smoothing}")
        demand(self.iterations >= 1, f"geometric-median: iterations must be 1 or more, got {self.iterations}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The smoothed geometric median of the updates."""
        weights = updates.weights.astype(np.float64)
        centre = _middle(updates.weights, len(weights))  # (P,)
        spread = np.median(_distances(weights, centre))
        for _ in range(self.iterations if spread > 0 else 0):  # where half of the updates meet, it is
            closeness = 1 / np.maximum(_distances(weights, centre), self.smoothing * spread)
            moved = closeness / closeness.sum() @ weights
            step = np.linalg.norm(moved - centre)
            centre = moved
            if step <= STANDSTILL * spread:
                break
        return as_floats(centre), state


def _middle(weights: Floats, cut: int) -> Doubles:
    """The mean (P,) of what is left when `cut` values go at each end: one or two at least, the median."""
    contributors = len(weights)
    cut = min(cut, (contributors - 1) // 2)
    return mean_of(np.sort(weights, axis=0)[cut : contributors - cut])


def _distances(weights: Doubles, centre: Doubles) -> Doubles:
    distances: Doubles = np.linalg.norm(weights - centre, axis=1)  # (K,)
    return distances


def _lowest_scores(weights: Floats, faulty: int, kept: int) -> NDArray[np.bool_]:
    """Which (K,) updates have the `kept` lowest Krum scores; all that share the last of these count."""
    contributors = len(weights)
    if contributors < 3:
        return np.ones(contributors, dtype=np.bool_)
    neighbours = contributors - min(faulty, (contributors - 3) // 2) - 2
    squared = squareform(pdist(weights.astype(np.float64), "sqeuclidean"))  # (K, K)
    np.fill_diagonal(squared, np.inf)  # nobody is a neighbour of its own
    scores = np.sort(squared, axis=1)[:, :neighbours].sum(axis=1)  # (K,)
    worst = np.sort(scores)[min(kept, neighbours) - 1]
    return np.asarray(scores <= worst)
