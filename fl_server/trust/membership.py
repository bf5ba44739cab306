"""What a curious server finds out of updates: whether a day, or a whole series, was among what made them.

The server has sent the weights that a station began with in each round, and has the updates that came back.
It knows the series in question, what else the station has, and how stations train. Three of it: one looks at
the loss of the day alone; one holds the update against those of shadow stations that it trains itself, with
the day and without (a likelihood ratio, Carlini et al. 2022); one knows the station's random numbers too,
which are those of the run's seed, and so both updates that there can be: against Gaussian noise nobody can do
better than it does.

Axes: G games, R rounds, P parameters, S samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from forecasting.private import PrivacySettings, clipped

Array = NDArray[np.float64]
RARE = 0.01  # of false alarms
FLOOR = 1e-9  # deviation of what has none


@dataclass(frozen=True)
class Game:
    """What a station could have sent in each of R rounds: with the member and without it.

    `shadows` are what stations with random numbers of their own would have sent, H of them.
    """

    inside: Array  # (R, P)
    outside: Array  # (R, P)
    shadows_inside: Array  # (H, R, P)
    shadows_outside: Array  # (H, R, P)


def sent(changes: Array, budget: PrivacySettings, rng: np.random.Generator) -> Array:
    """What leaves the station of its changes (R, P): cut and noised where there is a budget."""
    if not budget.on:
        return changes
    cut = np.array([clipped(each, budget.clip) for each in changes])
    return cut + deviation(budget) * rng.standard_normal(cut.shape)


def deviation(budget: PrivacySettings) -> float:
    """That of the noise on each number of a change."""
    return 2 * budget.clip * budget.multiplier if budget.on else 0.0


def informed_score(seen: Array, game: Game, budget: PrivacySettings) -> float:
    """The logarithm of the likelihood ratio of what was seen (R, P), by who knows all but which it is."""
    inside, outside = (_cut(each, budget) for each in (game.inside, game.outside))
    apart = inside - outside
    return float(((seen - (inside + outside) / 2) * apart).sum() / max(deviation(budget), FLOOR) ** 2)


def shadow_score(seen: Array, game: Game, budget: PrivacySettings) -> float:
    """The same by who has shadow stations alone: along the line between their means."""
    inside, outside = (
        np.array([_cut(each, budget) for each in some])
        for some in (game.shadows_inside, game.shadows_outside)
    )
    direction = inside.mean(axis=0) - outside.mean(axis=0)  # (R, P)
    length = max(float(np.linalg.norm(direction)), FLOOR)
    ins, outs = ((some * direction).sum(axis=(1, 2)) / length for some in (inside, outside))
    spread = (ins.var(ddof=1) + outs.var(ddof=1)) / 2 + deviation(budget) ** 2
    middle = (ins.mean() + outs.mean()) / 2
    where = float((seen * direction).sum() / length)
    return float((where - middle) * (ins.mean() - outs.mean()) / max(spread, FLOOR**2))


def _cut(changes: Array, budget: PrivacySettings) -> Array:
    return np.array([clipped(each, budget.clip) for each in changes]) if budget.on else changes


def area(members: Sequence[float], others: Sequence[float]) -> float:
    """The area under the receiver operating curve: how often a member scores above another."""
    ins, outs = np.asarray(members), np.sort(others)
    below = np.searchsorted(outs, ins, side="left")
    equal = np.searchsorted(outs, ins, side="right") - below
    return float((below + equal / 2).mean() / len(outs))


def found_at(members: Sequence[float], others: Sequence[float], rare: float = RARE) -> float:
    """Which share of the members is found where a share `rare` of the others is taken for members at most."""
    allowed = int(rare * len(others))
    threshold = np.sort(others)[len(others) - 1 - allowed]
    return float((np.asarray(members) > threshold).mean())


def bound(epsilon: float, delta: float, rare: float = RARE) -> float:
    """The largest share that anybody can find at so many false alarms (Kairouz et al. 2015)."""
    if epsilon > 700:
        return 1.0
    return min(1.0, exp(epsilon) * rare + delta, 1 - exp(-epsilon) * (1 - delta - rare))
