"""The same time on the wall clock of an earlier day, also across a change of daylight saving time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]


def utc_offsets(times: Times, timezone: str) -> NDArray[np.timedelta64]:
    """Minutes that the wall clock of `timezone` is ahead of UTC at each of `times` (UTC), (T,)."""
    zone = ZoneInfo(timezone)
    quarters = times.astype("datetime64[m]").astype(np.int64) // 15  # finer than any change
    unique, inverse = np.unique(quarters, return_inverse=True)
    moments = [datetime.fromtimestamp(int(quarter) * 900, zone) for quarter in unique]
    minutes = [(moment.utcoffset() or timedelta()) // timedelta(minutes=1) for moment in moments]
    return np.array(minutes, dtype="timedelta64[m]")[inverse]


def wall_clock(times: Times, timezone: str | None) -> Times:
    """`times` as the wall clock of `timezone` shows them, in minutes; without a zone they are that."""
    minutes = times.astype("datetime64[m]")
    if timezone is not None:
        minutes += utc_offsets(minutes, timezone)
    return minutes


def steps_at_earlier_clock(clock: Times, back_minutes: int, step_minutes: int) -> NDArray[np.int64]:
    """For each step the step whose wall-clock time was `back_minutes` earlier, (T,); below 0: before all.

    `clock` (T,) is the wall clock of regular steps. Of a time that was shown twice the first showing is
    meant, and for a time that was skipped the step that stood in its place.
    """
    back = back_minutes // step_minutes
    plain = np.arange(len(clock)) - back
    found = clock[np.maximum(plain, 0)]
    late = (found - (clock - np.timedelta64(back_minutes, "m"))) // np.timedelta64(step_minutes, "m")
    moved = plain - np.where(plain >= 0, late.astype(np.int64), 0)
    return np.minimum(moved, np.arange(len(clock)) - 1)
