"""The curves by which two sets of traffic are compared by eye. Axes: T hours, N stations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.figures.predictability import error_figures
from data.figures.statistics import Values, autocorrelation, comparable, mean_week, spatial_correlation
from data.traffic import Traffic, hourly

Array = NDArray[np.float64]

LAGS = tuple(range(1, 24 * 8 + 1))  # hours: a week and a day
DISTANCES = tuple(np.geomspace(0.24, 12, 14).tolist())  # kilometres
SAMPLE_HOURS = 14 * 24


@dataclass(frozen=True)
class TimeCurves:
    """How the loads of a set move."""

    week: Array  # (168,) mean load of each hour of the week over the mean; NaN where none was seen
    memory: Array  # (LAGS,) autocorrelation
    errors: Values  # of simple predictors
    sample: Array  # (up to SAMPLE_HOURS,) last two weeks of the station of median load over its mean


@dataclass(frozen=True)
class SpaceCurves:
    """How the mean loads of a set's stations spread; None for z-scored sets, which have no levels."""

    ranked: Array  # (N,) mean load / mean over stations, largest first
    likeness: Array  # (DISTANCES,) correlation of the logarithm; NaN where few pairs are so far apart


def time_curves(traffic: Traffic) -> TimeCurves:
    """The curves over time of those stations that `comparable` chooses."""
    some = comparable(traffic)
    hours = hourly(some)
    mean = hours.load.mean(axis=0, dtype=np.float64)
    median = int(np.argsort(mean)[len(mean) // 2])
    sample = hours.load[-SAMPLE_HOURS:, median].astype(np.float64)
    return TimeCurves(
        week=mean_week(hours) if hours.load.min() >= 0 else np.full(168, np.nan),
        memory=autocorrelation(hours.load, LAGS),
        errors=error_figures(some),
        sample=sample / mean[median] if hours.load.min() >= 0 else sample,
    )


def space_curves(traffic: Traffic) -> SpaceCurves | None:
    """The curves over space of all stations."""
    mean = traffic.load.mean(axis=0, dtype=np.float64)
    if traffic.load.min() < 0 or mean.max() == 0:
        return None
    likeness = spatial_correlation(traffic, DISTANCES) if len(mean) >= 20 else np.full(len(DISTANCES), np.nan)
    return SpaceCurves(ranked=np.sort(mean)[::-1] / mean.mean(), likeness=likeness)
