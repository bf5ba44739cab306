"""Finding rows that stand twice: one square, interval and country, in one file or in several.

Their activities would be summed as if two countries had them. Every row leaves a key; the keys of a day are
sorted, a range of squares at a time, and equal neighbours are rows that stand twice. Axes: R rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.clock import wall_clock
from data.milan.clock import TIMEZONE
from data.milan.files import HOURLY, RawFormat, Source, chunks, header_bytes, lines_before

Keys = NDArray[np.uint64]
KEYS_AT_ONCE = 1 << 23  # 64 MB, held a few times over while they are sorted
COUNTRY_BITS = np.uint64(32)


@dataclass(frozen=True)
class RepeatedRowError(Exception):
    """A row of a day stands twice; its cell is square times intervals plus interval, as the sums count."""

    day: int
    cell: int
    country: int


def append_keys(folder: Path, day: int, cells: NDArray[np.int64], countries: NDArray[np.uint32]) -> None:
    """Add the keys of some rows (R,) of a day to those in a part's folder."""
    keys = (cells.astype(np.uint64) << COUNTRY_BITS) | countries
    with keys_file(folder, day).open("ab") as file:
        keys.tofile(file)


def keys_file(folder: Path, day: int) -> Path:
    """Where the keys of a day stand in a part's folder."""
    return folder / f"day-{day}.keys"


def refuse_repeated_rows(folders: Sequence[Path], day: int, cells: int) -> None:
    """Raise a RepeatedRowError when a row of `day` stands twice in the parts' `folders`."""
    files = [file for folder in folders if (file := keys_file(folder, day)).exists()]
    total = sum(file.stat().st_size for file in files) // 8
    passes = max(1, -(-total // KEYS_AT_ONCE))
    edges = np.array([cells * step // passes for step in range(passes + 1)], dtype=np.uint64) << COUNTRY_BITS
    for begin, end in pairwise(edges):
        pieces: Iterator[Keys] = _pieces(files)
        if passes > 1:
            pieces = (piece[(begin <= piece) & (piece < end)] for piece in pieces)
        keys = np.concatenate(list(pieces))
        keys.sort()
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            cell, country = divmod(int(keys[twice[0]]), 1 << 32)
            raise RepeatedRowError(day, cell, country)


def _pieces(files: Sequence[Path]) -> Iterator[Keys]:
    yield np.empty(0, np.uint64)
    for path in files:
        with path.open("rb") as file:
            while len(keys := np.fromfile(file, dtype=np.uint64, count=KEYS_AT_ONCE)):
                yield keys


def places_of_row(
    sources: Sequence[Source], raw_format: RawFormat, square: int, interval: int, country: int
) -> list[str]:
    """The first two places, as file:line, of the rows of a square, interval (UTC) and country."""
    if raw_format is HOURLY:
        hour = wall_clock(np.array([interval], dtype="datetime64[h]"), TIMEZONE)[0]
        words = f"{str(hour).replace('T', ' ')}:00,{square},{country},"
    else:
        words = f"{square}\t{interval * raw_format.step_minutes * 60_000}\t{country}\t"
    found: list[str] = []
    for source in sources:
        found += _lines(source, raw_format, b"\n" + words.encode(), 2 - len(found))
    return found


def _lines(source: Source, raw_format: RawFormat, words: bytes, most: int) -> list[str]:
    """Where up to `most` lines of `source` begin with `words`, which begin with the end of a line before."""
    found: list[str] = []
    for chunk in chunks(source, header_bytes(source, raw_format)):
        text = b"\n" + chunk.text[: chunk.length].tobytes()
        at = text.find(words)
        while at >= 0 and len(found) < most:
            line = lines_before(source, chunk.offset) + text.count(b"\n", 0, at) + 1
            found.append(f"{source.label}:{line}")
            at = text.find(words, at + 1)
    return found
