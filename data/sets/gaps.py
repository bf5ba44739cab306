"""Filling gaps with what was known before them, so that no forecast ever sees its future.

Axes: T time, N stations.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.grid import Grid, shown
from data.traffic import StationId

Number = TypeVar("Number", np.float32, np.float64)
RULE = "the value of a week before, else of a day before, else the last value before the gap"


def filled(
    load: NDArray[Number], stations: Sequence[StationId], grid: Grid, where: str, *, longest_gap: float
) -> tuple[NDArray[Number], int]:
    """`load` (T, N) with every NaN filled by RULE, and how many there were.

    A gap longer than `longest_gap` minutes, or one that nothing stands before, is refused.
    """
    missing = np.isnan(load)
    if not missing.any():
        return load, 0
    _refuse_long_gaps(missing, stations, grid, where, longest_gap)
    whole = load.copy()
    week, day = 7 * 1440 // grid.step_minutes, 1440 // grid.step_minutes
    for step in np.flatnonzero(missing.any(axis=1)):
        for back in (week, day, 1):
            gaps = np.isnan(whole[step])
            if back <= step:
                whole[step, gaps] = whole[step - back, gaps]
    return whole, int(missing.sum())


def _refuse_long_gaps(
    missing: NDArray[np.bool_], stations: Sequence[StationId], grid: Grid, where: str, longest_gap: float
) -> None:
    most = int(longest_gap // grid.step_minutes)
    for column, station in enumerate(stations):
        edges = np.diff(np.concatenate([[0], missing[:, column].astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        if len(begins) == 0:
            continue
        worst = int(np.argmax(ends - begins))
        begin = shown(grid.start + int(begins[worst]) * grid.step_minutes)
        length = int(ends[worst] - begins[worst])
        if length > most:
            raise InputError(
                f"{where}: station {station}: no value for {length * grid.step_minutes} min from "
                f"{begin} on, expected gaps of at most {longest_gap:g} min (--max-gap-hours)"
            )
        if begins[0] == 0:
            raise InputError(
                f"{where}: station {station}: no value at {shown(grid.start)}, the first time: "
                f"nothing stands before this gap to fill it with"
            )
