"""What a step is usually like: the mean of the same time of the clock on earlier days of the same kind.

Axes: T time, D days, S steps of a day, N stations, W wanted steps, O offsets.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.calendar import is_weekend

Floats = NDArray[np.float32]
Times = NDArray[np.datetime64]


def profile_columns(load: Floats, clock: Times, first: int, offsets: Sequence[int]) -> Floats:
    """For each step from `first` on the usual load at each of `offsets` steps from it, (W, N, O).

    `load` is (T, N); `clock` is the wall clock of its regular steps and of as many more as the largest
    offset asks for. The usual load of a step is the mean at the same time of the clock over all earlier
    days that are of its kind, working day or weekend; of the days of the other kind as long as there is
    none. It sees nothing of its own day, so that an offset below a day ahead does not see the step itself.
    """
    usual = _usual(load, clock)  # (T + beyond, N)
    steps = np.arange(first, len(load))
    return np.stack([usual[steps + offset] for offset in offsets], axis=2)


def _usual(load: Floats, clock: Times) -> Floats:
    """The usual load at each time of `clock`, (len(clock), N); 0 where there is no earlier day."""
    step_minutes = int((clock[1] - clock[0]).astype("timedelta64[m]").astype(np.int64))
    days = clock.astype("datetime64[D]")
    day = (days - days[0]).astype(np.int64)
    slot = (clock - days).astype("timedelta64[m]").astype(np.int64) // step_minutes
    by_day = np.zeros((int(day.max()) + 1, int(slot.max()) + 1, load.shape[1]))  # (D, S, N)
    known = np.zeros(by_day.shape[:2], dtype=bool)
    by_day[day[: len(load)], slot[: len(load)]] = load  # of an hour shown twice the second showing
    known[day[: len(load)], slot[: len(load)]] = True
    weekend = is_weekend(days[0] + np.arange(len(by_day)))[:, None]  # (D, 1)
    working_mean, working_days = _earlier_mean(by_day, known & ~weekend)
    weekend_mean, weekend_days = _earlier_mean(by_day, known & weekend)
    wants_weekend = np.where(weekend, weekend_days > 0, working_days == 0)[:, :, None]
    usual = np.where(wants_weekend, weekend_mean, working_mean)
    columns: Floats = usual[day, slot].astype(np.float32)
    return columns


def _earlier_mean(
    by_day: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean over the `chosen` days before each day, (D, S, N), and how many these are, (D, S)."""
    sums = np.zeros_like(by_day)
    np.cumsum(by_day[:-1] * chosen[:-1, :, None], axis=0, out=sums[1:])
    counts = np.zeros(chosen.shape, dtype=np.int64)
    np.cumsum(chosen[:-1], axis=0, out=counts[1:])
    return sums / np.maximum(counts, 1)[:, :, None], counts
