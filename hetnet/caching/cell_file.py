"""Who reaches which stations, as someone knows it: a CSV file with the columns client and station.

Axes: B stations, C clients.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.sets.rows import row_name
from data.sets.text_files import header, numeric_frame, table_content
from hetnet.caching.cells import Cells

COLUMNS = ("client", "station")
MOST_REACHED = 2  # stations by a client, as in the paper; what is learned chooses between two


@dataclass(frozen=True)
class NamedCells:
    """Who is where, the names behind the numbers, and the file that tells it."""

    path: Path
    cells: Cells
    clients: tuple[str, ...]  # (C,)
    stations: tuple[str, ...]  # (B,)


def read_cells(path: Path) -> NamedCells:
    """The cells of a file; the first station that a client has a line of is its home.

    Clients and stations are numbered in the order in which they come up. Other columns are passed over.
    """
    content = table_content(path)
    columns = header(content)
    missing = [each for each in COLUMNS if each not in columns]
    if missing:
        names = " and ".join(map(repr, missing))
        raise InputError(
            f"{path}:1: no column {names}, expected {', '.join(COLUMNS)}, found {', '.join(columns)}"
        )
    lines = list(numeric_frame(content, path, columns).select(COLUMNS).iter_rows())
    reached: dict[str, list[str]] = {}
    for row, (client, station) in enumerate(lines):
        _refuse_missing(client, station, row, path)
        mine = reached.setdefault(client, [])
        if station in mine:
            raise InputError(
                f"{row_name(path, row)}: client {client!r} reaches the station {station!r} twice, "
                "expected each once"
            )
        if len(mine) == MOST_REACHED:
            raise InputError(
                f"{row_name(path, row)}: client {client!r} reaches a third station, "
                f"expected {MOST_REACHED} at most"
            )
        mine.append(station)
    return _numbered(path, reached, tuple(dict.fromkeys(station for _, station in lines)))


def _refuse_missing(client: str | None, station: str | None, row: int, path: Path) -> None:
    for name, word in zip(COLUMNS, (client, station), strict=True):
        if word is None:
            raise InputError(
                f"{row_name(path, row)}: column {name}: found nothing, expected the name of a {name}"
            )


def _numbered(path: Path, reached: dict[str, list[str]], stations: tuple[str, ...]) -> NamedCells:
    numbers = {station: number for number, station in enumerate(stations)}
    reach = np.zeros((len(reached), len(stations)), dtype=bool)
    for client, mine in enumerate(reached.values()):
        reach[client, [numbers[station] for station in mine]] = True
    home = np.array([numbers[mine[0]] for mine in reached.values()], dtype=np.int64)
    return NamedCells(path, Cells(home, reach), tuple(reached), stations)
