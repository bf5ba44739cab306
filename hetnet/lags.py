"""Values of before as inputs, and forecasts some steps ahead made of forecasts one step ahead.

Axes: N series, T time, O origins (a forecast issued at origin t has seen the steps up to and with t), R
steps of the past (oldest first), L lags, E neighbours, H steps ahead.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
NextValues = Callable[[Floats], Floats]  # of pasts (N, O, R), the values of the step after them (N, O)
NO_NEIGHBOUR = -1


def no_neighbours(series: int) -> Counts:
    """Neighbours (N, 0) of series that have none."""
    return np.zeros((series, 0), np.int64)


def pasts(series: Floats, origins: Counts, reach: int) -> Floats:
    """The `reach` latest values at each origin, oldest first (N, O, R)."""
    check_origins(origins, reach, series.shape[1])
    return series[:, origins[:, None] + np.arange(1 - reach, 1)]


def check_origins(origins: Counts, reach: int, steps: int) -> None:
    """Refuse origins before which there is too little, or that are not there."""
    if len(origins) and not reach - 1 <= origins.min() <= origins.max() < steps:
        raise InputError(
            f"origins {origins.min()} … {origins.max()} of series of {steps} steps, expected origins from "
            f"{reach - 1} on, which have {reach} steps to look at, and up to {steps - 1}"
        )


def lagged(past: Floats, lags: Sequence[int]) -> Floats:
    """The values of `past` (N, O, R) at each lag from the step after it (N, O, L): lag 1 is the latest."""
    return past[:, :, past.shape[2] - np.asarray(lags, np.int64)]


def of_neighbours(past: Floats, neighbours: Counts, lags: Sequence[int]) -> Floats:
    """The lagged values of each series' neighbours (N, O, E L); 0 for a neighbour that is missing."""
    known = (neighbours != NO_NEIGHBOUR)[:, None, :, None]  # (N, 1, E, 1)
    theirs = lagged(past, lags)[neighbours]  # (N, E, O, L)
    kept = np.where(known, theirs.transpose(0, 2, 1, 3), 0)
    return kept.reshape(*past.shape[:2], neighbours.shape[1] * len(lags))


def iterated(next_values: NextValues, past: Floats, steps: int) -> Floats:
    """Forecasts 1 … `steps` ahead (N, O, H), each made of `past` (N, O, R) and the forecasts before it.

    All series are forecast together, so that a neighbour's forecast is there when it is needed.
    """
    reach = past.shape[2]
    path = np.concatenate([past, np.zeros((*past.shape[:2], steps))], axis=2)  # (N, O, R + H)
    for step in range(steps):
        path[:, :, reach + step] = next_values(path[:, :, step : reach + step])
    return path[:, :, reach:]
