"""Long traffic: one line a time and station, in one table or in several that follow each other.

Axes: T time, L lines of a table, N stations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.grid import Grid, repeated_hour_hint, shown
from data.sets.rows import likely_station, row_name
from data.traffic import StationId


@dataclass(frozen=True)
class LongTable:
    """One table: where it comes from, and each line's time (minutes), station index and value."""

    path: Path
    minutes: NDArray[np.int64]  # (L,)
    columns: NDArray[np.int64]  # (L,) index into the stations
    values: NDArray[np.float32]  # (L,)


def station_columns(words: pl.Series, stations: Sequence[StationId], path: Path) -> NDArray[np.int64]:
    """The index of each row's station; ids of digits may be integers."""
    columns = words.cast(pl.String).replace_strict(
        pl.Series(stations, dtype=pl.String),
        pl.Series(np.arange(len(stations))),
        default=None,
        return_dtype=pl.Int64,
    )
    unknown = columns.is_null()
    if unknown.any():
        row = int(unknown.arg_true()[0])
        found = "nothing" if words[row] is None else repr(words[row])
        raise InputError(
            f"{row_name(path, row)}: column station: found {found}, expected a station of stations.csv"
            f"{likely_station(str(words[row]), stations)}"
        )
    return columns.to_numpy()


def long_load(tables: Iterable[LongTable], stations: Sequence[StationId], grid: Grid) -> NDArray[np.float32]:
    """The load (T, N) on `grid`, with NaN where no line stands; every station must have a line."""
    load = np.full((grid.steps, len(stations)), np.nan, dtype=np.float32)
    seen = np.zeros(load.shape, dtype=bool)
    path = Path()
    for table in tables:
        path = table.path
        _refuse_disorder(table, stations, grid.zone)
        places = grid.places(table.minutes), table.columns
        _refuse_repeats(table, seen, places, stations, grid.zone)
        seen[places] = True
        load[places] = table.values
    silent = np.flatnonzero(~seen.any(axis=0))
    if len(silent):
        raise InputError(f"{path}: station {stations[silent[0]]!r} of stations.csv has no line")
    return load


def _refuse_disorder(table: LongTable, stations: Sequence[StationId], zone: str | None) -> None:
    """Refuse rows that take a station back in time; the order between stations is free."""
    if (np.diff(table.minutes) >= 0).all():
        return
    order = np.argsort(table.columns, kind="stable")
    same_station = np.diff(table.columns[order]) == 0
    back = same_station & (np.diff(table.minutes[order]) < 0)
    if back.any():
        row = int(order[np.argmax(back) + 1])
        earlier, later = table.minutes[order[np.argmax(back)]], table.minutes[row]
        raise InputError(
            f"{row_name(table.path, row)}: station {stations[table.columns[row]]}: {shown(later, zone)} "
            f"follows {shown(earlier, zone)}, expected increasing times"
            f"{repeated_hour_hint(earlier, later, zone)}"
        )


def _refuse_repeats(
    table: LongTable,
    seen: NDArray[np.bool_],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    stations: Sequence[StationId],
    zone: str | None,
) -> None:
    """Refuse a time and station that stand twice, here or in an earlier table."""
    flat = places[0] * seen.shape[1] + places[1]
    repeated = seen[places]
    if not repeated.any():
        firsts = np.unique(flat, return_index=True)[1]
        repeated = np.ones(len(flat), dtype=bool)
        repeated[firsts] = False
    if repeated.any():
        row = int(np.argmax(repeated))
        moment = table.minutes[row]
        raise InputError(
            f"{row_name(table.path, row)}: {shown(moment, zone)} of station "
            f"{stations[table.columns[row]]} stands twice, expected once"
            f"{repeated_hour_hint(moment, moment, zone)}"
        )
