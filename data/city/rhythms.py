"""The daily rhythm of each land use on each kind of day.

A rhythm is a floor that never sleeps plus humps: (hour of the top, width in hours, and its height on
a workday, a Saturday, a Sunday). People's day begins at five: Saturday's late evening ends on Sunday
morning. Heights are least-squares fits to the mean week of 25 Milan squares, rounded and pulled towards
what each land use is known for.

Axes: T steps, U land uses, S sites.
"""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from data.city.holidays import day_kind, is_long_break
from data.city.space import LAND_USES

DAY_BEGINS_HOUR = 5

_FLOOR = {"residential": 0.60, "business": 0.46, "leisure": 0.60, "transit": 0.40}
_HUMPS = {
    "residential": (
        (8.5, 1.8, 0.10, 0.05, 0.05),
        (13.0, 3.4, 0.20, 0.40, 0.75),
        (20.8, 3.4, 1.70, 1.35, 1.60),
    ),
    "business": ((9.3, 1.5, 0.90, 0.45, 0.10), (13.0, 2.4, 1.15, 0.50, 0.20), (17.0, 2.4, 0.45, 0.15, 0.25)),
    "leisure": ((12.5, 2.8, 0.50, 1.10, 0.95), (18.5, 2.6, 0.80, 1.05, 0.85), (23.3, 2.6, 0.45, 0.80, 0.70)),
    "transit": ((8.2, 1.0, 1.40, 0.20, 0.10), (13.0, 3.2, 0.50, 0.50, 0.55), (18.2, 1.6, 0.60, 0.45, 0.30)),
}
_HEIGHT = {"workday": 0, "saturday": 1, "sunday": 2, "holiday": 2}
_HOLIDAY_FACTOR = 0.90  # 1 November 2013 in Milan: a Sunday, and a little less
# 88 Milan neighbourhoods stood one standard deviation below their usual from 26 December to 1 January,
# about a third of their load; how the land uses share that is a guess.
_LONG_BREAK_FACTOR = {"residential": 0.75, "business": 0.55, "leisure": 0.80, "transit": 0.60}


def day_rhythm(day: date, minutes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Activity of each land use, about one on average, at `minutes` (T,) after midnight of `day`: (T, U)."""
    yesterday = date.fromordinal(day.toordinal() - 1)
    early = minutes < DAY_BEGINS_HOUR * 60
    both = [_full_day(which, minutes) for which in (yesterday, day)]
    return np.where(early[:, None], *both).astype(np.float32)


def _full_day(day: date, minutes: NDArray[np.int64]) -> NDArray[np.float64]:
    kind = day_kind(day)
    rhythms = np.stack([_rhythm(use, _HEIGHT[kind], minutes / 60) for use in LAND_USES], axis=1)  # (T, U)
    away = [_LONG_BREAK_FACTOR[use] if is_long_break(day) else 1.0 for use in LAND_USES]
    return rhythms * away * (_HOLIDAY_FACTOR if kind == "holiday" else 1.0)


def _rhythm(use: str, height: int, hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Floor and humps of one land use at `hours`, (T,)."""
    total = np.full(len(hours), _FLOOR[use])
    for top, width, *heights in _HUMPS[use]:
        away = np.abs((hours - top + 12) % 24 - 12)
        total += heights[height] * np.exp(-0.5 * (away / width) ** 2)
    return total
