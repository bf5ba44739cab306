"""Raw files cut into parts, each of them summed into a folder of its own that a later attempt can use.

The name of a part's folder is drawn from all that its content depends on: file, size, time of change,
grid. A finished part is a folder of that name; one that is not finished has another name. So there is
nothing to repair after an interruption, and a changed file is another part.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from data.errors import InputError
from data.milan.clock import TIMEZONE, UNCLEAR, utc_hours
from data.milan.days import DayShape, SumsWriter
from data.milan.files import (
    BUFFER_BYTES,
    HOURLY,
    Chunk,
    RawFormat,
    Source,
    chunks,
    header_bytes,
    lines_before,
)
from data.milan.lanes import Report
from data.milan.lines import refuse_row
from data.milan.rows import Parsed, parsed
from data.milan.squares import SquareGrid

LAYOUT = 2  # of a part's folder
UNFINISHED_PART = ".partial"


@dataclass(frozen=True)
class Part:
    """The lines from byte `begin` to byte `end` (None: the last) of the text of a source."""

    source: Source
    begin: int
    end: int | None

    @property
    def raw_bytes(self) -> int:
        """How much of the file on disk belongs to it."""
        return self.source.size if self.end is None else self.end - self.begin


@dataclass(frozen=True)
class Reading:
    """What all parts of one import have in common."""

    raw_format: RawFormat
    grid: SquareGrid
    shape: DayShape

    def key(self, part: Part) -> str:
        """The name of the folder that holds the sums of `part`."""
        source = part.source
        place = [
            str(source.path.resolve()),
            source.member,
            source.size,
            source.modified_ns,
            part.begin,
            part.end,
        ]
        words = json.dumps([LAYOUT, self.raw_format.name, self.grid.digest, *place])
        return hashlib.sha256(words.encode()).hexdigest()[:24]


def parts_of(source: Source, raw_format: RawFormat, part_bytes: int) -> list[Part]:
    """`source` in parts of about `part_bytes`; one part when its text can only be read from the start."""
    header = header_bytes(source, raw_format)
    pieces = max(1, round(source.size / part_bytes)) if source.plain else 1
    if pieces == 1:
        return [Part(source, header, None)]
    cuts = _line_starts(source, [source.size * piece // pieces for piece in range(1, pieces)])
    edges = sorted({header, *cuts, source.size})
    return [Part(source, begin, end) for begin, end in pairwise(edges)]


def _line_starts(source: Source, places: Sequence[int]) -> list[int]:
    """Where the first line behind each of `places` begins."""
    starts = []
    with source.path.open("rb") as text:
        for place in places:
            text.seek(place)
            text.readline(BUFFER_BYTES)
            starts.append(text.tell())
    return starts


def read_part(part: Part, reading: Reading, folder: Path, report: Report) -> None:
    """Sum the rows of `part` into `folder`, which appears when it is whole."""
    partial = folder.with_suffix(UNFINISHED_PART)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    writer = SumsWriter(partial, reading.shape)
    text_bytes = 0
    for chunk in chunks(part.source, part.begin, part.end):
        report(chunk.raw_bytes)
        writer.add(_rows(part.source, chunk, reading))
        text_bytes += chunk.length
    if text_bytes == 0:
        raise InputError(f"{part.source.label}: holds no row, expected at least one")
    writer.finish(text_bytes)
    partial.rename(folder)


def _rows(source: Source, chunk: Chunk, reading: Reading) -> Parsed:
    """The rows of `chunk` with their intervals in UTC."""
    hourly = reading.raw_format is HOURLY
    rows: Parsed = parsed(chunk.text, chunk.length, reading.grid.column_of, hourly)
    if rows.stopped_at < chunk.length:
        refuse_row(source, chunk, rows.stopped_at, reading.raw_format, reading.grid)
    if not hourly:
        return rows
    intervals = utc_hours(rows.intervals[: rows.rows])
    if intervals.min() == UNCLEAR:
        line = lines_before(source, chunk.offset) + int((intervals == UNCLEAR).argmax()) + 1
        raise InputError(
            f"{source.label}:{line}: column 1 (datetime): found an hour "
            f"that the clocks of {TIMEZONE} show twice or never, expected hours without doubt"
        )
    return rows._replace(intervals=intervals)
