"""Wide traffic: one line a time, one column a station. Axes: T time, L lines, N stations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.grid import Grid
from data.sets.rows import likely_station
from data.traffic import StationId


def wide_load(numbers: pl.DataFrame, rows: NDArray[np.int64], grid: Grid) -> NDArray[np.float32]:
    """The load (T, N): line l of `numbers` (L, N) stands at step rows[l]; NaN where there is none."""
    load = np.full((grid.steps, numbers.width), np.nan, dtype=np.float32)
    load[rows] = numbers.to_numpy()
    return load


def refuse_other_stations(columns: Sequence[str], stations: Sequence[StationId], path: Path) -> None:
    """Refuse columns that `stations.csv` does not list, and stations without a column."""
    where = f"{path}" if path.suffix == ".parquet" else f"{path}:1"
    known, present = set(stations), set(columns)
    for column in columns:
        if column not in known:
            hint = likely_station(column, stations)
            raise InputError(f"{where}: unknown station {column!r}: it does not stand in stations.csv{hint}")
    for station in stations:
        if station not in present:
            raise InputError(f"{where}: station {station!r} of stations.csv has no column")
