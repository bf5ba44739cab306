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
from hetnet.network import Floats, Mask

COLUMNS = "station,capacity[,reach_km][,users]"


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
    """What the CSV `station,capacity[,reach_km][,users]` says of these stations; all must stand in it."""
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a CSV of {COLUMNS}")
    try:
        frame = pl.read_csv(path, schema_overrides={"station": pl.String})
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no CSV: {error}") from error
    if not {"station", "capacity"} <= set(frame.columns) <= {"station", "capacity", "reach_km", "users"}:
        found = ", ".join(frame.columns)
        raise InputError(f"{path}: found the columns {found}, expected {COLUMNS}")
    if frame["station"].is_duplicated().any():
        twice = frame.filter(pl.col("station").is_duplicated())["station"][0]
        raise InputError(f"{path}: station {twice} stands there twice, expected it once")
    rows = {station: row for row, station in enumerate(frame["station"].to_list())}
    missing = [station for station in stations if station not in rows]
    if missing:
        raise InputError(f"{path}: lacks station {missing[0]}, expected all {len(stations)} of the run")
    order = [rows[station] for station in stations]
    return Given(*(_numbers(frame, name, order, path) for name in ("capacity", "reach_km", "users")))


def _numbers(frame: pl.DataFrame, name: str, order: Sequence[int], path: Path) -> Floats:
    if name not in frame.columns:
        return np.full(len(order), np.nan)
    column = frame[name][list(order)]
    if not column.dtype.is_numeric():
        raise InputError(f"{path}: found {name} that is no number, expected numbers")
    values = column.cast(pl.Float64).to_numpy()
    good = np.isfinite(values) & ((values > 0) | ((name == "users") & (values == 0)))
    if not good.all():
        place = int(np.flatnonzero(~good)[0])
        least = "at least 0" if name == "users" else "more than 0"
        station = frame["station"][order[place]]
        raise InputError(f"{path}: station {station} has the {name} {values[place]}, expected {least}")
    return values
