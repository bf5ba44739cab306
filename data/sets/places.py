"""Where the stations are: reading `stations.csv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.rows import row_name
from data.sets.text_files import file_content, refuse_repeated_columns
from data.traffic import StationId

COLUMNS_OF_TRAFFIC = ("time", "station")


@dataclass(frozen=True)
class Places:
    """The stations of a set, in the order of `stations.csv`."""

    stations: tuple[StationId, ...]
    positions: NDArray[np.float64]  # (N, 2): longitude, latitude in degrees
    names: tuple[str, ...]


def read_places(path: Path) -> Places:
    """What `stations.csv` (station,lon,lat[,name]) says."""
    lines = file_content(path).decode().split("\n")
    columns = _fields(lines[0], path, 1)
    for column in ("station", "lon", "lat"):
        if column not in columns:
            raise InputError(f"{path}:1: no column {column!r}, expected station,lon,lat[,name]")
    refuse_repeated_columns(columns, path)
    if len(lines) == 1:
        raise InputError(f"{path}: lists no station, expected at least one")
    rows = [_row(text, path, line, len(columns)) for line, text in enumerate(lines[1:], start=2)]
    fields_of = dict(zip(columns, zip(*rows, strict=True), strict=True))
    _refuse_bad_ids(fields_of["station"], path)
    positions = [_degrees(fields_of[axis], axis, most, path) for axis, most in (("lon", 180), ("lat", 90))]
    return Places(
        tuple(StationId(station) for station in fields_of["station"]),
        np.stack(positions, axis=1),
        tuple(fields_of.get("name", ())),
    )


def _row(text: str, path: Path, line: int, columns: int) -> list[str]:
    fields = _fields(text, path, line)
    if len(fields) != columns:
        found = len(fields) if text.strip() else "a blank line"
        raise InputError(f"{path}:{line}: expected {columns} columns, found {found}")
    return fields


def _fields(text: str, path: Path, line: int) -> list[str]:
    """The fields of one line, which may be quoted, without the spaces around them."""
    try:
        fields = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error as error:
        raise InputError(f"{path}:{line}: expected every quote to end on its line ({error})") from None
    return [field.strip() for field in fields]


def _refuse_bad_ids(stations: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for row, station in enumerate(stations):
        if not station or station in COLUMNS_OF_TRAFFIC or station in seen:
            found = (repr(station) if station else "nothing") + " a second time" * (station in seen)
            expected = f"expected an id of its own, other than {' and '.join(COLUMNS_OF_TRAFFIC)}"
            raise InputError(f"{row_name(path, row)}: column station: found {found}, {expected}")
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
            raise InputError(f"{row_name(path, row)}: column {axis}: found {word!r}, {expected}")
    return values
