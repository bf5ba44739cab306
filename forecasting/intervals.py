"""Intervals around forecasts that adapt to how often they were wrong (adaptive conformal inference).

The half-width of each station is the quantile of its recent absolute errors, times a factor that rises
after a miss and sinks after a hit, by speed * coverage and speed * (1 - coverage) in its logarithm. It is
in balance only when the share of hits is `coverage`, whatever the series does: the idea of Gibbs and
Candès, Adaptive Conformal Inference Under Distribution Shift (2021), with the factor in the place of
their level, because no level reaches beyond the largest error seen.

Axes: K stations, S test steps, C calibration steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Values = NDArray[np.floating]
LOWEST_LOG_FACTOR = -2.0  # after years without an error the factor must still rise again within days


@dataclass(frozen=True, kw_only=True)
class IntervalSettings:
    """`coverage` is the share of truths that intervals should hold; `speed` is how fast they adapt."""

    coverage: float = 0.9
    speed: float = 0.1
    memory_steps: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise InputError(f"coverage must lie between 0 and 1, got {self.coverage}")
        if not self.speed > 0 or self.memory_steps < 1:
            raise InputError(
                f"speed must be positive and memory_steps at least 1, got {self.speed}, {self.memory_steps}"
            )


@dataclass(frozen=True)
class Intervals:
    """Lower and upper ends, (K, S)."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def adaptive_intervals(
    forecast: Values, truth: Values, calibration_errors: Values, settings: IntervalSettings
) -> Intervals:
    """Intervals around `forecast` (K, S); that of a step has seen the truth of earlier steps alone.

    `calibration_errors` (K, C) are errors made before the first step, from which the widths start.
    """
    errors = np.abs(truth - forecast).astype(np.float64)
    past = np.abs(calibration_errors[:, -settings.memory_steps :]).astype(np.float64)
    memory, seen = past.shape[1], np.concatenate([past, errors], axis=1)
    log_factor = np.zeros(len(errors))  # (K,)
    widths = np.empty(errors.shape)
    for step in range(errors.shape[1]):
        quantile = np.quantile(seen[:, step : step + memory], settings.coverage, axis=1)
        widths[:, step] = quantile * np.exp(log_factor)
        missed = errors[:, step] > widths[:, step]
        log_factor += settings.speed * np.where(missed, settings.coverage, settings.coverage - 1)
        log_factor = np.maximum(log_factor, LOWEST_LOG_FACTOR)
    return Intervals(forecast - widths, forecast + widths)


def coverage(intervals: Intervals, truth: Values, counted: NDArray[np.bool_]) -> float:
    """The share of the `counted` truths (K, S) that lie inside their intervals."""
    return float(((intervals.lower <= truth) & (truth <= intervals.upper))[counted].mean())


def part_of(intervals: Intervals, steps: slice) -> Intervals:
    """The intervals of some steps."""
    return Intervals(intervals.lower[:, steps], intervals.upper[:, steps])


def mean_width(intervals: Intervals) -> float:
    """The mean width of the intervals."""
    return float((intervals.upper - intervals.lower).mean())
