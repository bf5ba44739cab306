"""Where the stations are: reading `stations.csv`."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.text_files import file_content
from data.traffic import StationId


@dataclass(frozen=True)
class Places:
    """The stations of a set, in the order of `stations.csv`."""

    stations: tuple[StationId, ...]
    positions: NDArray[np.float64]  # (N, 2): longitude, latitude in degrees
    names: tuple[str, ...]


def read_places(path: Path) -> Places:
    """What `stations.csv` (station,lon,lat[,name]) says."""
    try:
        lines = list(csv.reader(io.StringIO(file_content(path).decode(), newline="")))
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    columns = lines[0]
    for column in ("station", "lon", "lat"):
        if column not in columns:
            raise InputError(f"{path}:1: no column {column!r}, expected station,lon,lat[,name]")
    if len(lines) == 1:
        raise InputError(f"{path}: lists no station, expected at least one")
    for line, fields in enumerate(lines[1:], start=2):
        if len(fields) != len(columns):
            raise InputError(f"{path}:{line}: expected {len(columns)} columns, found {len(fields)}")
    fields_of = dict(zip(columns, zip(*lines[1:], strict=True), strict=True))
    _refuse_bad_ids(fields_of["station"], path)
    positions = [_degrees(fields_of[axis], axis, most, path) for axis, most in (("lon", 180), ("lat", 90))]
    return Places(
        tuple(StationId(station) for station in fields_of["station"]),
        np.stack(positions, axis=1),
        tuple(fields_of.get("name", ())),
    )


def _refuse_bad_ids(stations: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for line, station in enumerate(stations, start=2):
        if not station or station in seen:
            found = f"{station!r} a second time" if station else "nothing"
            raise InputError(f"{path}:{line}: column station: found {found}, expected an id of its own")
        seen.add(station)


def _degrees(words: Sequence[str], axis: str, most: float, path: Path) -> NDArray[np.float64]:
    values = np.empty(len(words))
    for row, word in enumerate(words):
        try:
            values[row] = float(word)
        except ValueError:
            values[row] = np.nan
        if not abs(values[row]) <= most:
            expected = f"expected degrees from {-most:g} to {most:g}"
            raise InputError(f"{path}:{row + 2}: column {axis}: found {word!r}, {expected}")
    return values
