"""The sums of raw rows per square, interval and channel, in bounded memory.

A `SumsWriter` takes the rows of one part of a file in any order and leaves a folder: for each day the sums
(`day-N.sums`) of what came in order and the rows themselves (`day-N.rows`) of what did not, and the keys of
all rows (`day-N.keys`, see `data.milan.repeats`). `day_sums` puts
the folders of all parts together, one day at a time. Adding goes by the order of the rows in the part, then
by that of the parts, so that the result does not depend on how many processors shared the work.

A day here is 24 hours of standard time, number N since 1970; `data.milan.conversion` cuts local days from
it. Axes: R rows, N squares, T intervals of a day.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.milan.files import RawFormat
from data.milan.repeats import append_keys
from data.milan.rows import Parsed, add_rows
from data.traffic import CHANNELS

RESIDENT_DAYS = 2  # rows in order touch one day, or two where days meet
ROW = np.dtype([("slot", "<i8"), ("column", "<i4"), ("load", "<f8", (len(CHANNELS),))])
ROWS_AT_ONCE = 1 << 18
SQUARES_AT_ONCE = 1_000
REPORT = "part.json"


@dataclass(frozen=True)
class DayShape:
    """How many squares and intervals a day has, and by how many intervals it begins before UTC's."""

    squares: int
    intervals: int
    ahead: int

    @property
    def bytes(self) -> int:
        """Memory of one day's sums."""
        return self.squares * self.intervals * len(CHANNELS) * 8


@dataclass(frozen=True)
class PartReport:
    """What stands in a part's folder."""

    folder: Path
    text_bytes: int
    rows_at: Mapping[int, NDArray[np.int64]]  # day -> rows in each interval, (T,)
    seen: NDArray[np.bool_]  # squares with a row, (N,)


def day_shape(squares: int, raw_format: RawFormat) -> DayShape:
    """The shape of a day of `raw_format`; Rome's standard time is one hour ahead of UTC."""
    return DayShape(squares, raw_format.per_day, 60 // raw_format.step_minutes)


class SumsWriter:
    """Sums rows into the files of `folder`, holding at most RESIDENT_DAYS days in memory."""

    def __init__(self, folder: Path, shape: DayShape) -> None:
        self.folder = folder
        self.shape = shape
        self.rows_at: dict[int, NDArray[np.int64]] = {}
        self.seen = np.zeros(shape.squares, dtype=np.bool_)
        self._resident: dict[int, NDArray[np.float64]] = {}  # day -> (N, T, 3), the latest touched last
        self._evicted: set[int] = set()

    def add(self, rows: Parsed) -> None:
        """Add the rows of one chunk."""
        slots = rows.intervals[: rows.rows] + self.shape.ahead
        columns, loads = rows.columns[: rows.rows], rows.loads[: rows.rows]
        self.seen[columns] = True
        self._keep_keys(slots, columns, rows.countries[: rows.rows])
        first = int(slots.min()) // self.shape.intervals
        if first == int(slots.max()) // self.shape.intervals:
            self._add_day(first, slots - first * self.shape.intervals, columns, loads, in_order=True)
            return
        days, slots = np.divmod(slots, self.shape.intervals)
        present = np.unique(days).tolist()
        for day in present:
            if day in self._resident:
                self._resident[day] = self._resident.pop(day)
        for day in present:
            mine = days == day
            in_order = len(present) <= RESIDENT_DAYS
            self._add_day(day, slots[mine], columns[mine], loads[mine], in_order=in_order)

    def finish(self, text_bytes: int) -> None:
        """Write what is still in memory, and last the report."""
        while self._resident:
            self._evict_oldest()
        np.save(self.folder / "seen.npy", self.seen)
        report = {
            "text_bytes": text_bytes,
            "rows_at": {day: counts.tolist() for day, counts in sorted(self.rows_at.items())},
        }
        (self.folder / REPORT).write_text(json.dumps(report))

    def _keep_keys(
        self, slots: NDArray[np.int64], columns: NDArray[np.int32], countries: NDArray[np.uint32]
    ) -> None:
        """Note which square, interval and country each row is of, by day."""
        first, last = int(slots.min()) // self.shape.intervals, int(slots.max()) // self.shape.intervals
        if first == last:
            cells = columns.astype(np.int64) * self.shape.intervals + (slots - first * self.shape.intervals)
            append_keys(self.folder, first, cells, countries)
            return
        days, slots = np.divmod(slots, self.shape.intervals)
        cells = columns.astype(np.int64) * self.shape.intervals + slots
        for day in np.unique(days).tolist():
            mine = days == day
            append_keys(self.folder, day, cells[mine], countries[mine])

    def _add_day(
        self,
        day: int,
        slots: NDArray[np.int64],
        columns: NDArray[np.int32],
        loads: NDArray[np.float64],
        *,
        in_order: bool,
    ) -> None:
        """Add rows of one day, in memory when it is or can be there, to its file of rows otherwise."""
        if in_order and day not in self._resident and day not in self._evicted:
            if len(self._resident) == RESIDENT_DAYS:
                self._evict_oldest()
            self._resident[day] = np.zeros((self.shape.squares, self.shape.intervals, len(CHANNELS)))
        counts = self.rows_at.setdefault(day, np.zeros(self.shape.intervals, dtype=np.int64))
        if day in self._resident:
            add_rows(self._resident[day], counts, slots, columns, loads)
            return
        counts += np.bincount(slots, minlength=self.shape.intervals)
        aside = np.empty(len(slots), dtype=ROW)
        aside["slot"], aside["column"], aside["load"] = slots, columns, loads
        with (self.folder / f"day-{day}.rows").open("ab") as file:
            aside.tofile(file)

    def _evict_oldest(self) -> None:
        day = next(iter(self._resident))
        sums = self._resident.pop(day)
        self._evicted.add(day)
        active = np.flatnonzero(sums.any(axis=(1, 2)))
        with (self.folder / f"day-{day}.sums").open("wb") as file:
            np.save(file, active)
            for begin in range(0, len(active), SQUARES_AT_ONCE):
                sums[active[begin : begin + SQUARES_AT_ONCE]].tofile(file)


def part_report(folder: Path) -> PartReport:
    """The report in a finished part's folder."""
    report = json.loads((folder / REPORT).read_text())
    rows_at = {int(day): np.array(counts) for day, counts in report["rows_at"].items()}
    return PartReport(folder, report["text_bytes"], rows_at, np.load(folder / "seen.npy"))


def day_sums(parts: Iterable[PartReport], day: int, shape: DayShape) -> NDArray[np.float64]:
    """The sums of one day over all `parts`, in their order, (N, T, 3)."""
    total = np.zeros((shape.squares, shape.intervals, len(CHANNELS)))
    for part in parts:
        if day in part.rows_at:
            _add_sums(total, part.folder / f"day-{day}.sums")
            _add_aside(total, part.folder / f"day-{day}.rows")
    return total


def _add_sums(total: NDArray[np.float64], path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb") as file:
        active = np.load(file)
        for begin in range(0, len(active), SQUARES_AT_ONCE):
            some = active[begin : begin + SQUARES_AT_ONCE]
            sums = np.fromfile(file, dtype=np.float64, count=len(some) * total[0].size)
            total[some] += sums.reshape(len(some), *total.shape[1:])


def _add_aside(total: NDArray[np.float64], path: Path) -> None:
    if not path.exists():
        return
    counts = np.zeros(total.shape[1], dtype=np.int64)
    with path.open("rb") as file:
        while len(rows := np.fromfile(file, dtype=ROW, count=ROWS_AT_ONCE)):
            slots, columns, loads = (
                np.ascontiguousarray(rows[field]) for field in ("slot", "column", "load")
            )
            add_rows(total, counts, slots, columns, loads)
