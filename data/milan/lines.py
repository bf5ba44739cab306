"""What is wrong with a raw row that the compiled reader could not read."""

import re
from datetime import datetime

from data.errors import InputError
from data.milan.files import HOURLY, Chunk, RawFormat, Source, lines_before
from data.milan.rows import LARGEST_ACTIVITY, MILLISECONDS_PER_INTERVAL
from data.milan.squares import SquareGrid

# The grammar of data.milan.rows; a test holds the two together.
INTEGER = re.compile(r"[0-9]{1,18}")
ACTIVITY = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,18})?|")
LOCAL_TIME = re.compile("{0}-{0}-{0} {0}:{0}:{0}".format("([0-9]{1,18})"))
FIRST_MILLISECOND, END_MILLISECOND = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100


def refuse_row(source: Source, chunk: Chunk, begin: int, raw_format: RawFormat, grid: SquareGrid) -> None:
    """Raise the error that says where the row at byte `begin` of `chunk` is, and what is wrong with it."""
    line = chunk.text[begin : chunk.length].tobytes().split(b"\n", 1)[0].decode("latin-1")
    number = lines_before(source, chunk.offset + begin) + 1
    reason = row_fault(line, raw_format, grid) or f"found {line[:80]!r}, expected a row of numbers"
    raise InputError(f"{source.label}:{number}: {reason}")


def row_fault(line: str, raw_format: RawFormat, grid: SquareGrid) -> str | None:
    """The first thing wrong with a row, without its line end; None when there is nothing wrong."""
    fields = line.removesuffix("\r").split(raw_format.separator)
    if len(fields) != len(raw_format.columns):
        return f"expected {len(raw_format.columns)} columns, found {len(fields)}"
    for place, (column, field) in enumerate(zip(raw_format.columns, fields, strict=True)):
        expected = _unmet(place, field, raw_format, grid)
        if expected:
            return f"column {place + 1} ({column}): found {field!r}, expected {expected}"
    return None


def _unmet(place: int, field: str, raw_format: RawFormat, grid: SquareGrid) -> str | None:
    """What is expected of the field at `place`, or None when it is met."""
    time, square = (0, 1) if raw_format is HOURLY else (1, 0)
    if place == time:
        return _unmet_hour(field) if raw_format is HOURLY else _unmet_interval(field)
    if place == square:
        known = INTEGER.fullmatch(field) and grid.knows(int(field))
        return None if known else f"a square of {grid.name}"
    if place == 2:
        return None if INTEGER.fullmatch(field) else "a country code of digits"
    numeric = ACTIVITY.fullmatch(field) and float(field or 0) < LARGEST_ACTIVITY
    return None if numeric else f"a number from 0 to {LARGEST_ACTIVITY:g} or nothing"


def _unmet_interval(field: str) -> str | None:
    inside = INTEGER.fullmatch(field) and FIRST_MILLISECOND <= int(field) < END_MILLISECOND
    if not inside:
        return "milliseconds since 1970, of a time from 2000 to 2099"
    if int(field) % MILLISECONDS_PER_INTERVAL:
        return f"a multiple of {MILLISECONDS_PER_INTERVAL} (ten minutes in milliseconds)"
    return None


def _unmet_hour(field: str) -> str | None:
    expected = "a full hour like 2013-11-01 00:00:00, from 2000 to 2099"
    match = LOCAL_TIME.fullmatch(field)
    if match is None:
        return expected
    try:
        moment = datetime(*[int(word) for word in match.groups()])  # type: ignore[arg-type]  # six numbers, no zone
    except (ValueError, OverflowError):
        return expected
    inside = 2000 <= moment.year < 2100 and moment.minute == 0 and moment.second == 0
    return None if inside else expected
