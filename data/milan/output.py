"""The second pass of an import: the sums of all parts become the days of a set.

Axes: N squares of the grid, S of them with at least one row, T intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.milan.clock import TIMEZONE, day_intervals, local_day
from data.milan.days import PartReport, day_sums
from data.milan.files import Source
from data.milan.lanes import Report
from data.milan.parts import Reading
from data.milan.repeats import refuse_repeated_rows
from data.sets.partitions import day_file, write_about, write_day, write_stations
from data.traffic import CHANNELS, StationId

LONGEST_PERIOD_DAYS = 1_000
SOURCE = "raw files in the layout of the Telecom Italia Big Data Challenge"


@dataclass(frozen=True)
class RawSums:
    """All that was read: the parts' reports, in the order of the parts, and the time that they cover."""

    parts: tuple[PartReport, ...]
    reading: Reading
    first: int  # interval
    rows_at: NDArray[np.int64]  # (T,) rows in each interval from `first` on

    @property
    def step_minutes(self) -> int:
        """Minutes from one interval to the next."""
        return self.reading.raw_format.step_minutes

    @property
    def end(self) -> int:
        """The interval after the last."""
        return self.first + len(self.rows_at)

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """The squares of the grid that have a row, (S,); a square without any is no station of the set."""
        return np.flatnonzero(np.any([part.seen for part in self.parts], axis=0))

    @cached_property
    def stations(self) -> list[StationId]:
        """The ids of these squares, (S,)."""
        return [StationId(str(square)) for square in self.reading.grid.squares[self.columns]]

    @property
    def days(self) -> list[date]:
        """Every local day that is covered, be it in part."""
        first, last = (local_day(interval, self.step_minutes) for interval in (self.first, self.end - 1))
        return [first + timedelta(days=day) for day in range((last - first).days + 1)]

    @property
    def gap_intervals(self) -> int:
        """How many intervals no square has a row in."""
        return int((self.rows_at == 0).sum())


def raw_sums(parts: Sequence[PartReport], reading: Reading) -> RawSums:
    """What `parts` cover together."""
    per_day, ahead = reading.shape.intervals, reading.shape.ahead
    present = sorted({day for part in parts for day in part.rows_at})
    length = present[-1] - present[0] + 1
    if length > LONGEST_PERIOD_DAYS:
        raise InputError(
            f"the rows reach from {_named(present[0])} to {_named(present[-1])}, {length:,} days, "
            f"expected at most {LONGEST_PERIOD_DAYS:,}: is a year wrong?"
        )
    rows_at = np.zeros((length, per_day), dtype=np.int64)
    for part in parts:
        for day, counts in part.rows_at.items():
            rows_at[day - present[0]] += counts
    covered = np.flatnonzero(rows_at)
    first = present[0] * per_day - ahead + int(covered[0])
    return RawSums(tuple(parts), reading, first, rows_at.reshape(-1)[covered[0] : covered[-1] + 1])


def _named(day: int) -> str:
    return str(np.datetime64(day, "D"))


def refuse_same_contents(sums: RawSums, sources: Sequence[Source]) -> None:
    """Refuse two sources that hold the same rows of a day under different names; `sources` are the parts'."""
    fingerprints: dict[tuple[object, ...], Source] = {}
    for source in dict.fromkeys(sources):
        mine = [part for part, its in zip(sums.parts, sources, strict=True) if its is source]
        squares = np.any([part.seen for part in mine], axis=0).tobytes()
        for day in sorted({day for part in mine for day in part.rows_at}):
            counts = np.sum([part.rows_at[day] for part in mine if day in part.rows_at], axis=0)
            twin = fingerprints.setdefault((day, counts.tobytes(), squares), source)
            if twin is not source:
                theirs = [part for part, its in zip(sums.parts, sources, strict=True) if its is twin]
                if _same_sums(mine, theirs, day, sums.reading):
                    raise InputError(
                        f"{twin.label} and {source.label} hold the same rows of {_named(day)}, expected each "
                        f"row once: they would be summed"
                    )


def _same_sums(mine: Sequence[PartReport], theirs: Sequence[PartReport], day: int, reading: Reading) -> bool:
    return np.allclose(
        day_sums(mine, day, reading.shape), day_sums(theirs, day, reading.shape), rtol=1e-12, atol=0
    )


def write_raw_day(sums: RawSums, day: date, folder: Path, report: Report) -> None:
    """Write one local day of the set in `folder`, unless an earlier attempt did."""
    begin, end = day_intervals(day, sums.step_minutes)
    begin, end = max(begin, sums.first), min(end, sums.end)
    if not day_file(folder, day).exists():
        gaps = sums.rows_at[begin - sums.first : end - sums.first] == 0  # (T,)
        loads = _loads(sums, begin, end)  # (3, T, S)
        loads[:, gaps] = np.nan
        times = np.arange(begin, end) * np.timedelta64(sums.step_minutes, "m") + np.datetime64(0, "m")
        write_day(
            folder, day, times, sums.stations, dict(zip(CHANNELS, loads, strict=True)), timezone=TIMEZONE
        )
    report(1)


def _loads(sums: RawSums, begin: int, end: int) -> NDArray[np.float32]:
    """The activity of each station from interval `begin` to `end`, (3, T, S)."""
    shape = sums.reading.shape
    loads = np.empty((len(CHANNELS), end - begin, len(sums.columns)), dtype=np.float32)
    begin, end = begin + shape.ahead, end + shape.ahead
    for day in range(begin // shape.intervals, (end - 1) // shape.intervals + 1):
        first, last = max(begin, day * shape.intervals), min(end, (day + 1) * shape.intervals)
        slots = slice(first - day * shape.intervals, last - day * shape.intervals)
        total = day_sums(sums.parts, day, shape)  # (N, T, 3)
        folders = [part.folder for part in sums.parts if day in part.rows_at]
        refuse_repeated_rows(folders, day, shape.squares * shape.intervals)
        for channel in range(len(CHANNELS)):
            loads[channel, first - begin : last - begin] = total[sums.columns, slots, channel].T
    return loads


def write_frame(sums: RawSums, folder: Path, files: Sequence[str]) -> None:
    """Write what a set has beside its days."""
    write_stations(folder, sums.stations, sums.reading.grid.positions[sums.columns])
    details = {
        "raw_format": sums.reading.raw_format.name,
        "files": list(files),
        "rows": int(sums.rows_at.sum()),
        "gap_intervals": sums.gap_intervals,
        "squares_without_rows": len(sums.reading.grid.squares) - len(sums.columns),
    }
    write_about(folder, timezone=TIMEZONE, step_minutes=sums.step_minutes, source=SOURCE, details=details)
