"""From a folder of raw files to a set in our own layout, on all processors, in bounded memory.

Two passes. The first sums the rows of each part of the input (`data.milan.parts`) into files beside the set
to come; the second puts the parts of each day together and writes the day (`data.milan.output`). Both keep
what they have finished in the folder `.NAME.import`, so that an import that was stopped in any way
continues there. The set appears at its place by one rename at the very end.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.milan.days import REPORT, RESIDENT_DAYS, day_shape, part_report
from data.milan.files import UNFINISHED_SUFFIX, Source, common_format, refuse_changed, refuse_cut_off, sources
from data.milan.lanes import in_lanes, processors
from data.milan.output import RawSums, raw_sums, refuse_same_contents, write_frame, write_raw_day
from data.milan.parts import UNFINISHED_PART, Part, Reading, parts_of, read_part
from data.milan.repeats import RepeatedRowError, places_of_row
from data.milan.squares import SquareGrid, milan_grid
from data.progress import Step, Work
from data.store import move_folder, refuse_existing, refuse_overlap

WRITING_LANES = 4  # the writer of Parquet files uses all processors by itself


class AnotherImportError(InputError):
    """Another process imports to the same folder."""


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How an import goes about its work."""

    part_bytes: int = 256_000_000  # what an interruption can cost each lane
    sums_bytes: int = 800_000_000  # memory for sums, over all lanes
    lanes: int = 0  # 0: as many as there are processors

    def __post_init__(self) -> None:
        if self.part_bytes < 1 or self.sums_bytes < 1 or self.lanes < 0:
            raise ValueError(f"sizes must be positive and lanes not negative, got {self}")


@dataclass(frozen=True)
class Imported:
    """What an import made of its input; times are the first and the last interval, UTC."""

    files: int
    rows: int
    first: str
    last: str
    days: int
    step_minutes: int
    stations: int
    squares_without_rows: int
    gap_intervals: int
    text_bytes: int
    text_bytes_read: int  # by this attempt; the rest was read by those before it
    left_aside: tuple[str, ...]  # files that are no raw files
    unfinished_downloads: tuple[str, ...]  # files that are not whole yet, and left out


def imported(
    raw: Path,
    folder: Path,
    grid: SquareGrid | None = None,
    *,
    overwrite: bool = False,
    settings: ImportSettings | None = None,
) -> Work[Imported]:
    """Write the raw files in `raw` as a set to `folder`; `grid` is that of Milan unless given."""
    settings = settings or ImportSettings()
    _refuse_place(folder, raw, overwrite=overwrite)
    chosen, others = sources(raw)
    if grid is None and any("-tn-" in source.path.name for source in chosen):
        raise InputError(f"{raw}: these are files of Trentino: name the file of its squares (--grid GEOJSON)")
    raw_format = common_format(chosen)
    refuse_cut_off(chosen)
    grid = grid or milan_grid()
    reading = Reading(raw_format, grid, day_shape(len(grid.squares), raw_format))
    parts = [part for source in chosen for part in parts_of(source, raw_format, settings.part_bytes)]
    with _claimed(folder) as work:
        keys = [reading.key(part) for part in parts]
        target = work / f"set-{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:24]}"
        missing = _cleared(work, keys, target)
        yield from _read(work, parts, missing, reading, settings)
        refuse_changed(chosen)
        reports = [part_report(work / key) for key in keys]
        sums = raw_sums(reports, reading)
        refuse_same_contents(sums, [part.source for part in parts])
        try:
            yield from _written(sums, target)
        except RepeatedRowError as repeated:
            raise InputError(_told_twice(repeated, chosen, reading)) from None
        write_frame(sums, target, sorted({source.path.name for source in chosen}))
        move_folder(target, folder)
        shutil.rmtree(work)
    new = [report for key, report in zip(keys, reports, strict=True) if key in missing]
    return _summary(sums, len(chosen), sum(report.text_bytes for report in new), others)


def _refuse_place(folder: Path, raw: Path, *, overwrite: bool) -> None:
    """Refuse to write over anything but a set, and in or around the raw files."""
    refuse_overlap(raw, folder)
    if folder.resolve().is_relative_to(raw.resolve()):
        raise InputError(f"{folder}: lies in {raw}, which is read; name another folder")
    refuse_existing(folder, overwrite=overwrite)


def work_folder(folder: Path) -> Path:
    """Where an import to `folder` keeps what a later attempt can use."""
    return folder.parent / f".{folder.name}.import"


def finished_parts(folder: Path) -> int:
    """How many parts earlier attempts at an import to `folder` have finished."""
    reports = work_folder(folder).glob(f"*/{REPORT}")
    return sum(report.parent.suffix != UNFINISHED_PART for report in reports)


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """The work folder of an import to `folder`, for this process alone; it stays if there is work in it."""
    work = work_folder(folder)
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherImportError(
                f"{folder}: another import writes there now, expected one at a time"
            ) from None
        try:
            yield work
        finally:
            if finished_parts(folder) == 0:
                shutil.rmtree(work, ignore_errors=True)


def _cleared(work: Path, keys: Sequence[str], target: Path) -> set[str]:
    """Remove what belongs to no part and to no other set than `target`; return the keys of missing parts."""
    for entry in work.iterdir():
        if entry.is_dir() and entry.name not in keys and entry != target:
            shutil.rmtree(entry)
    for unfinished in target.rglob(".*.partial"):
        unfinished.unlink()
    return {key for key in keys if not (work / key).exists()}


def _read(
    work: Path, parts: Sequence[Part], missing: set[str], reading: Reading, settings: ImportSettings
) -> Work[None]:
    """The first pass: sum every part that is missing."""
    total = sum(part.raw_bytes for part in parts)
    wanted = [part for part in parts if reading.key(part) in missing]
    left = sum(part.raw_bytes for part in wanted)
    tasks = [bound(read_part, part, reading, work / reading.key(part)) for part in wanted]
    fitting = settings.sums_bytes // (reading.shape.bytes * RESIDENT_DAYS)
    lanes = max(1, min(settings.lanes or processors(), fitting))
    yield from in_lanes(tasks, lanes, Step("read", total - left, total, unit="B"))


def _written(sums: RawSums, target: Path) -> Work[None]:
    """The second pass: write every day."""
    tasks = [bound(write_raw_day, sums, day, target) for day in sums.days]
    lanes = min(WRITING_LANES, processors())
    yield from in_lanes(tasks, lanes, Step("write", 0, len(tasks), unit="days"))


def _told_twice(repeated: RepeatedRowError, chosen: Sequence[Source], reading: Reading) -> str:
    """The sentence on a row that stands twice."""
    column, slot = divmod(repeated.cell, reading.shape.intervals)
    interval = repeated.day * reading.shape.intervals + slot - reading.shape.ahead
    square = int(reading.grid.squares[column])
    places = places_of_row(chosen, reading.raw_format, square, interval, repeated.country)
    moment = np.datetime64(interval * reading.raw_format.step_minutes, "m")
    return (
        f"{' and '.join(places) or 'the raw files'}: two rows of square {square} at {moment} UTC for country "
        f"{repeated.country}, expected one: they would be summed"
    )


def _summary(sums: RawSums, files: int, text_bytes_read: int, others: Sequence[Path]) -> Imported:
    first, last = (
        str(np.datetime64(interval * sums.step_minutes, "m")) for interval in (sums.first, sums.end - 1)
    )
    return Imported(
        files=files,
        rows=int(sums.rows_at.sum()),
        first=first,
        last=last,
        days=len(sums.days),
        step_minutes=sums.step_minutes,
        stations=len(sums.stations),
        squares_without_rows=len(sums.reading.grid.squares) - len(sums.stations),
        gap_intervals=sums.gap_intervals,
        text_bytes=sum(part.text_bytes for part in sums.parts),
        text_bytes_read=text_bytes_read,
        left_aside=tuple(str(path) for path in others if path.suffix != UNFINISHED_SUFFIX),
        unfinished_downloads=tuple(str(path) for path in others if path.suffix == UNFINISHED_SUFFIX),
    )
