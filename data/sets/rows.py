"""How messages name a row of a file, and a station that is nearly the right one."""

from collections.abc import Collection
from pathlib import Path


def row_name(path: Path, row: int) -> str:
    """The row at index `row` of the data in `path`: by its line in a CSV, by its number in a Parquet file."""
    return f"{path}: row {row + 1}" if path.suffix == ".parquet" else f"{path}:{row + 2}"


def likely_station(word: str, stations: Collection[str]) -> str:
    """What to add to a message on the unknown station `word` when it differs by leading zeros only."""
    for station in stations:
        if word and station.lstrip("0") == word.lstrip("0"):
            return f" (which has {station!r}: zeros in front belong to an id, and numbers lose them)"
    return ""
