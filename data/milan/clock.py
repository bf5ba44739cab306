"""Between the intervals of raw rows and the clocks of Rome; an interval is a number of steps since 1970."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

TIMEZONE = "Europe/Rome"  # of the raw files, and of the sets made of them
UNCLEAR = -1  # the clock shows the hour twice, or never


def utc_hours(local_hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hours on the wall clock as hours of UTC, (R,), or UNCLEAR."""
    first = int(local_hours.min()) // 24
    table = _utc_hours_from(first, int(local_hours.max()) // 24)
    return table[local_hours - first * 24]


@lru_cache(maxsize=256)
def _utc_hours_from(first_day: int, last_day: int) -> NDArray[np.int64]:
    """For each hour of these local days, counted from 1970 on, the hour of UTC."""
    zone = ZoneInfo(TIMEZONE)
    hours = range(first_day * 24, (last_day + 1) * 24)
    table = np.empty(len(hours), dtype=np.int64)
    for place, hour in enumerate(hours):
        moment = datetime(1970, 1, 1) + timedelta(hours=hour)
        early, late = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        table[place] = hour - (early or timedelta()) // timedelta(hours=1) if early == late else UNCLEAR
    return table


def local_day(interval: int, step_minutes: int) -> date:
    """The day that the wall clock shows when `interval` begins."""
    return datetime.fromtimestamp(interval * step_minutes * 60, ZoneInfo(TIMEZONE)).date()


def day_intervals(day: date, step_minutes: int) -> tuple[int, int]:
    """The first interval of a local day, and the first of the next."""
    midnights = (datetime.combine(day + timedelta(days=more), time(), ZoneInfo(TIMEZONE)) for more in (0, 1))
    begin, end = (int(midnight.timestamp()) // (step_minutes * 60) for midnight in midnights)
    return begin, end
