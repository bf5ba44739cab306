"""Attributes that change between one segmentation and the next, seeded.

No set carries the capacity of backhaul lines, so they can be drawn: log-normal over the stations. From then
on the logarithm of each capacity, and each slot of each profile, wander around their first value and forget
at one rate (an autoregression of order one), so that a long run does not run away.

Axes: N stations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clustering.relation import Attributes
from clustering.signatures import Array, Signatures, standardised
from data.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """Deviations of what wanders: of log capacity, and of profiles, whose own deviation is 1.

    `memory` is how much of a deviation is still there at the next segmentation.
    """

    backhaul: float = 0.3
    traffic: float = 0.2
    memory: float = 0.8

    def __post_init__(self) -> None:
        if not (0 <= self.backhaul < np.inf and 0 <= self.traffic < np.inf):
            raise InputError(f"drift must not be negative, got {self.backhaul} and {self.traffic}")
        if not 0 <= self.memory <= 1:
            raise InputError(f"the memory of a drift must be in [0, 1], got {self.memory}")


def drawn_backhaul(stations: int, rng: np.random.Generator) -> Array:
    """A capacity in Mbit/s for each station, (N,): log-normal, half of them below 1,000."""
    capacity: Array = 1_000 * rng.lognormal(0, 0.5, stations)
    return capacity


def drifting(first: Attributes, settings: DriftSettings, rng: np.random.Generator) -> Iterator[Attributes]:
    """The attributes at one segmentation after another, without end; the first are `first` as they are."""
    capacity = np.zeros(len(first.positions))  # (N,) deviations of the logarithm
    day, week = np.zeros_like(first.signatures.day), np.zeros_like(first.signatures.week)
    while True:
        yield _moved(first, capacity, day, week)
        capacity = _later(capacity, settings.backhaul, settings, rng)
        day = _later(day, settings.traffic, settings, rng)
        week = _later(week, settings.traffic, settings, rng)


def _later(deviation: Array, spread: float, settings: DriftSettings, rng: np.random.Generator) -> Array:
    news = np.sqrt(1 - settings.memory**2) * spread
    moved: Array = settings.memory * deviation + news * rng.normal(size=deviation.shape)
    return moved


def _moved(first: Attributes, capacity: Array, day: Array, week: Array) -> Attributes:
    if not (capacity.any() or day.any()):
        return first
    moved = Signatures(standardised(first.signatures.day + day), standardised(first.signatures.week + week))
    backhaul = None if first.backhaul is None else first.backhaul * np.exp(capacity)
    return replace(first, signatures=moved, backhaul=backhaul)
