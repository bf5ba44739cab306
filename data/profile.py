"""What a step is usually like: the mean of the same time on earlier days of the same kind.

Axes: T time, D days, S steps of a day, N stations, W wanted steps, O offsets.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.calendar import is_weekend

Floats = NDArray[np.float32]


def profile_columns(
    load: Floats, times: NDArray[np.datetime64], steps_per_day: int, first: int, offsets: Sequence[int]
) -> Floats:
    """For each step from `first` on the usual load at each of `offsets` steps from it, (W, N, O).

    `load` is (T, N), `times` (T,) its wall clock. The usual load of step s is the mean over s - 1 day,
    s - 2 days, … of those days that are of the kind of s, working day or weekend; of the days of the
    other kind as long as there is none. It sees nothing of the last day before s, so that an offset
    below one day ahead sees nothing of the step itself.
    """
    usual = _usual(load, times, steps_per_day, beyond=max(0, *offsets))  # (T + beyond, N)
    steps = np.arange(first, len(load))
    return np.stack([usual[steps + offset] for offset in offsets], axis=2)


def _usual(load: Floats, times: NDArray[np.datetime64], steps_per_day: int, beyond: int) -> Floats:
    """The usual load of each step and of `beyond` further ones, (T + beyond, N); 0 on the first day."""
    steps = len(load) + beyond
    days = -(-steps // steps_per_day)
    padded = np.zeros((days * steps_per_day, load.shape[1]))
    padded[: len(load)] = load
    by_day = padded.reshape(days, steps_per_day, -1)  # (D, S, N)
    step = times[1] - times[0]
    clock = np.concatenate([times, times[-1] + step * np.arange(1, len(padded) - len(load) + 1)])
    weekend = is_weekend(clock).reshape(days, steps_per_day)  # (D, S)
    working_mean, working_days = _earlier_mean(by_day, ~weekend)
    weekend_mean, weekend_days = _earlier_mean(by_day, weekend)
    wants_weekend = np.where(weekend, weekend_days > 0, working_days == 0)[:, :, None]
    usual = np.where(wants_weekend, weekend_mean, working_mean)
    return usual.reshape(len(padded), -1)[:steps].astype(np.float32)


def _earlier_mean(
    by_day: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean over the `chosen` days before each day, (D, S, N), and how many these are, (D, S)."""
    sums = np.zeros_like(by_day)
    np.cumsum(by_day[:-1] * chosen[:-1, :, None], axis=0, out=sums[1:])
    counts = np.zeros(chosen.shape, dtype=np.int64)
    np.cumsum(chosen[:-1], axis=0, out=counts[1:])
    return sums / np.maximum(counts, 1)[:, :, None], counts
