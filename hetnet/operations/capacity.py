"""What stations can carry: what they have carried at most, and a margin; or what the operator says.

Axes: T hours of history, K stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.rows import likely_station, row_name
from data.sets.text_files import header, numeric_frame, table_content
from hetnet.network import Floats, Mask

COLUMNS = "station,capacity[,reach_km][,users]"
MOST = 1e30  # as of loads
FIGURES = ("capacity", "reach_km", "users")


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """`headroom` times the `peak` quantile of what a station has carried is what it can carry."""

    headroom: float = 1.0
    peak: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.headroom <= 100:
            raise InputError(f"capacity: headroom {self.headroom}, expected more than 0 and at most 100")
        if not 0.5 <= self.peak <= 1:
            raise InputError(f"capacity: peak {self.peak}, expected a quantile from 0.5 to 1")


@dataclass(frozen=True)
class Given:
    """What an operator's file says of each station; NaN where it says nothing."""

    capacity: Floats  # (K,)
    reach: Floats  # (K,) kilometres
    users: Floats  # (K,) around it


def shown_capacity(load: NDArray[np.floating], measured: Mask, settings: CapacitySettings) -> Floats:
    """What stations can carry by the history of what they have carried, `load` (T, K) where `measured`."""
    known = np.where(measured, load, np.nan)
    peak = np.nanquantile(known, settings.peak, axis=0) if settings.peak < 1 else np.nanmax(known, axis=0)
    capacity: Floats = settings.headroom * np.maximum(peak, 0.0).astype(np.float64)
    return capacity


def given_capacity(path: Path, stations: Sequence[str]) -> Given:
    """What the CSV `station,capacity[,reach_km][,users]` says of these stations; all must stand in it.

    Others may too: one file does for the runs of several parts of a network.
    """
    content = table_content(path)
    columns = header(content)
    if not {"station", "capacity"} <= set(columns) <= {"station", *FIGURES}:
        raise InputError(f"{path}:1: found the columns {', '.join(columns)}, expected {COLUMNS}")
    frame = numeric_frame(content, path, ("station",))
    rows: dict[str, int] = {}
    for row, station in enumerate(frame["station"]):
        if rows.setdefault(station, row) != row:
            raise InputError(f"{row_name(path, row)}: station {station} stands there twice, expected it once")
    for station in stations:
        if station not in rows:
            likely = likely_station(station, [each for each in rows if each])
            raise InputError(
                f"{path}: lacks station {station}, expected all {len(stations):,} of the run{likely}"
            )
    order = [rows[station] for station in stations]
    return Given(*(_figures(frame, name, order, path) for name in FIGURES))


def _figures(frame: pl.DataFrame, name: str, order: Sequence[int], path: Path) -> Floats:
    if name not in frame.columns:
        return np.full(len(order), np.nan)
    values = frame[name].to_numpy()[list(order)]
    good = (values <= MOST) & ((values > 0) | ((name == "users") & (values == 0)))
    if not good.all():
        row = order[int(np.flatnonzero(~good)[0])]
        value, least = frame[name][row], "at least 0" if name == "users" else "more than 0"
        found = "nothing" if value is None else f"{value:g}"
        raise InputError(
            f"{row_name(path, row)}: station {frame['station'][row]}: found {found} as {name}, expected a "
            f"number, {least} and at most {MOST:g}"
        )
    return values
