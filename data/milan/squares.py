"""The squares that raw rows count activity in, and where they are."""

import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.plain import read_json

SIDE = 100  # squares along each edge of the Milan grid
LARGEST_SQUARE = 10_000_000  # ids index a table

# Centres of the Milan squares in degrees: a polynomial in (1, x, y, xy, xx, yy), x eastward and y northward
# from -1 to 1. The squares are 235 m wide in UTM zone 32N, which longitude and latitude see slightly bent;
# fitted to the published grid file, from which no centre departs by more than 5 cm.
LONGITUDE = (9.161808427, 0.148792908, 0.000299517, 0.000275422, -0.000000824, 0.000000824)
LATITUDE = (45.462336984, -0.000210772, 0.104705866, -0.000000765, -0.000096908, -0.000000965)


@dataclass(frozen=True)
class SquareGrid:
    """The squares of an area; `name` says in messages which."""

    name: str
    squares: NDArray[np.int64]  # (N,)
    positions: NDArray[np.float64]  # (N, 2): longitude, latitude of the centres

    @cached_property
    def column_of(self) -> NDArray[np.int32]:
        """The column of each square id, or -1."""
        table = np.full(int(self.squares.max()) + 1, -1, dtype=np.int32)
        table[self.squares] = np.arange(len(self.squares))
        return table

    @cached_property
    def digest(self) -> str:
        """A word that two grids share only when they are equal."""
        return hashlib.sha256(self.squares.tobytes() + self.positions.tobytes()).hexdigest()[:16]

    def knows(self, square: int) -> bool:
        """Whether `square` is one of the grid."""
        return square < len(self.column_of) and bool(self.column_of[square] >= 0)


def milan_grid() -> SquareGrid:
    """The 100 x 100 squares of Milan: 1 is in the south-west, +1 eastward, +100 northward."""
    squares = np.arange(SIDE * SIDE)
    x = (squares % SIDE - (SIDE - 1) / 2) / ((SIDE - 1) / 2)
    y = (squares // SIDE - (SIDE - 1) / 2) / ((SIDE - 1) / 2)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)  # (N, 6)
    positions = terms @ np.array([LONGITUDE, LATITUDE]).T
    return SquareGrid("the Milan grid, 1 to 10000 (other areas: --grid)", squares + 1, positions)


def grid_from_geojson(path: Path) -> SquareGrid:
    """The squares of a published grid file: one polygon each, named by its property `cellId`."""
    features = _features(path)
    if not features:
        raise InputError(f"{path}: holds no square, expected a FeatureCollection of polygons with a cellId")
    cells = [_cell(feature, f"{path}: feature {place}") for place, feature in enumerate(features, start=1)]
    squares = np.array([square for square, _ in cells], dtype=np.int64)
    positions = np.array([centre for _, centre in cells])
    unique, counts = np.unique(squares, return_counts=True)
    if counts.max() > 1:
        raise InputError(f"{path}: cellId {unique[counts.argmax()]} stands twice, expected each once")
    order = np.argsort(squares)
    return SquareGrid(f"{path}", squares[order], positions[order])


def _features(path: Path) -> Sequence[Any]:  # JSON from outside: every use below is checked
    try:
        content = path.read_bytes()
        document = read_json(gzip.decompress(content) if path.suffix == ".gz" else content)
    except (OSError, EOFError, zlib.error, InputError) as error:
        raise InputError(f"{path}: not a readable GeoJSON file: {error}") from None
    features = document.get("features") if isinstance(document, Mapping) else None
    return features if isinstance(features, list) else []


def _cell(feature: Any, where: str) -> tuple[int, NDArray[np.float64]]:  # JSON from outside
    """Id and centre of one square."""
    try:
        square = feature["properties"]["cellId"]
        ring = np.array(feature["geometry"]["coordinates"][0], dtype=np.float64)
        corners = ring[:-1, :2]  # the last repeats the first
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise InputError(f"{where}: expected a polygon of numbers with the property cellId") from None
    if not isinstance(square, int) or not 0 <= square <= LARGEST_SQUARE:
        raise InputError(f"{where}: cellId: found {square!r}, expected an id from 0 to {LARGEST_SQUARE}")
    if len(corners) < 3 or not (np.abs(corners) <= (180, 90)).all():
        raise InputError(f"{where}: expected a ring of longitudes and latitudes in degrees")
    return square, corners.mean(axis=0)
