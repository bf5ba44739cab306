"""Crowds: hours in which far more is asked for at one station than usual.

Axes: T hours, B stations.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.network import Floats

HOURS_A_WEEK = 168


@dataclass(frozen=True, kw_only=True)
class CrowdSettings:
    """`per_week` crowds, each at one station, which is then asked `factor` times as much for some `hours`."""

    per_week: float = 3.0
    factor: tuple[float, float] = (1.5, 3.0)
    hours: tuple[int, int] = (1, 3)

    def __post_init__(self) -> None:
        if not 0 <= self.per_week < np.inf:
            raise InputError(f"crowds: per_week is {self.per_week}, expected 0 or more")
        for name, low in (("factor", 0.0), ("hours", 1)):
            least, most = getattr(self, name)
            if not low <= least <= most < np.inf:
                raise InputError(f"crowds: {name} are {least} to {most}, expected a range from {low:g} on")


def with_crowds(intensity: Floats, settings: CrowdSettings, rng: np.random.Generator) -> Floats:
    """The same `intensity` (T, B), hour by hour, with crowds at some hours."""
    busy = intensity.copy()
    count = rng.poisson(settings.per_week * len(intensity) / HOURS_A_WEEK)
    for _ in range(count):
        begin, station = rng.integers(len(intensity)), rng.integers(intensity.shape[1])
        end = begin + rng.integers(settings.hours[0], settings.hours[1] + 1)
        busy[begin:end, station] *= rng.uniform(*settings.factor)
    return busy
