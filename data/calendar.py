"""Where a moment stands in its day and week."""

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]
TURNS = (1, 2, 3)


def weekday(times: Times) -> NDArray[np.int64]:
    """The day of the week of wall-clock times, Monday being 0."""
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday


def is_weekend(times: Times) -> NDArray[np.bool_]:
    """Whether wall-clock times fall on a Saturday or Sunday."""
    return weekday(times) >= 5


def calendar_columns(times: Times) -> NDArray[np.float32]:
    """The place of each wall-clock time (S,) in its day, as waves of 1, 2, 3 turns, and the weekend, (S, 7).

    A wave over the week is left out: with a few weeks to learn from it made forecasts worse.
    """
    minutes = times.astype("datetime64[m]").astype(np.int64) % 1440
    angle = minutes / 1440 * 2 * np.pi
    waves = [wave(turn * angle) for turn in TURNS for wave in (np.sin, np.cos)]
    return np.stack([*waves, is_weekend(times)], axis=1).astype(np.float32)
