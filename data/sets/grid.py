"""From the times of a file to one regular grid, or a sentence that says why there is none."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.calendar import weekday
from data.clock import wall_clock
from data.errors import InputError
from data.sets.rows import row_name
from data.words import counted

FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f")
YEARS = (1900, 2199)
OFFSET = r"(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$"


@dataclass(frozen=True)
class Grid:
    """`steps` times from `start` (minutes since 1970) on, `step_minutes` apart.

    They are UTC when `zone` names a zone; otherwise they are those of a wall clock.
    """

    start: int
    step_minutes: int
    steps: int
    zone: str | None = None

    def places(self, minutes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The index of each time on this grid."""
        return (minutes - self.start) // self.step_minutes


def refuse_unknown_zone(timezone: str, where: str = "") -> None:
    """Refuse a name that no time zone has; `where` stands before the message."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{where}unknown time zone {timezone!r}: expected a name like Europe/Rome") from None


def parsed_times(words: pl.Series, path: Path, timezone: str | None) -> pl.Series:
    """`words` as moments: of UTC when they carry offsets and `timezone` is named, else of a wall clock.

    Without a `timezone` all offsets must be the same: that of the wall clock.
    """
    clock = words.str.replace(OFFSET, "")
    attempts = [clock.str.to_datetime(form, strict=False, time_unit="ms") for form in FORMATS]
    moments = pl.select(pl.coalesce(attempts)).to_series()
    _refuse_first(moments.is_null(), words, path, "expected a time like 2013-11-01T00:00")
    offsets = _offset_minutes(words)
    other = offsets.is_null() != offsets.is_null()[0]
    _refuse_first(other, words, path, "expected times with an offset on every line or on none")
    if offsets.is_null()[0]:
        return moments
    if timezone is None:
        expected = "expected one offset, or the zone that has them both (--timezone Europe/Rome)"
        _refuse_first(offsets != offsets[0], words, path, expected, after=repr(words[0]))
        return moments
    return (moments - (offsets * 60_000).cast(pl.Duration("ms"))).dt.replace_time_zone("UTC")


def _offset_minutes(words: pl.Series) -> pl.Series:
    """How far the offset of each time is ahead of UTC; null where there is none."""
    offset = words.str.extract(OFFSET).str.replace("Z", "+00:00", literal=True)
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(-2).cast(pl.Int64)
    return pl.select(pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)).to_series()


def minutes_and_zone(
    moments: pl.Series, timezone: str | None, path: Path, stations: pl.Series | None = None
) -> tuple[NDArray[np.int64], str | None]:
    """Moments as minutes since 1970, and the zone that these are UTC for (None: wall clock).

    `timezone` is that of a wall clock. Of an hour that it shows twice, the first showing (of each of
    `stations`, in a long table) comes first.
    """
    _refuse_first(moments.is_null(), moments, path, "expected a time")
    years = moments.dt.year().is_between(*YEARS)
    _refuse_first(~years, moments, path, f"expected a year from {YEARS[0]} to {YEARS[1]}")
    written_zone = moments.dtype.time_zone if isinstance(moments.dtype, pl.Datetime) else None
    if written_zone is None and timezone is not None:
        moments = _localised(moments, timezone, path, stations)
    microseconds = moments.dt.cast_time_unit("us").cast(pl.Int64)
    _refuse_first(microseconds % 60_000_000 != 0, moments, path, "expected times on whole minutes")
    return microseconds.to_numpy() // 60_000_000, timezone or written_zone


def _localised(naive: pl.Series, timezone: str, path: Path, stations: pl.Series | None) -> pl.Series:
    group = pl.DataFrame({"naive": naive} | ({"station": stations} if stations is not None else {}))
    second = pl.int_range(pl.len()).over(group.columns) > 0
    moments = group.select(
        pl.col("naive").dt.replace_time_zone(
            timezone,
            ambiguous=pl.when(second).then(pl.lit("latest")).otherwise(pl.lit("earliest")),
            non_existent="null",
        )
    )["naive"]
    expected = f"expected a time that the clocks of {timezone} show"
    _refuse_first(moments.is_null(), naive, path, expected)
    return moments


def _refuse_first(bad: pl.Series, found: pl.Series, path: Path, expected: str, *, after: str = "") -> None:
    if bad.any():
        row = int(bad.arg_true()[0])
        text = found.cast(pl.String)[row]  # Python has no moments before the year 1
        word = "nothing" if text is None else repr(text)
        behind = f" after {after}" if after else ""
        raise InputError(f"{row_name(path, row)}: column time: found {word}{behind}, {expected}")


def refuse_disorder(minutes: NDArray[np.int64], path: Path, zone: str | None) -> None:
    """Refuse times of consecutive rows that repeat or go back."""
    back = np.flatnonzero(np.diff(minutes) <= 0)
    if len(back) == 0:
        return
    earlier, later = minutes[back[0]], minutes[back[0] + 1]
    if earlier == later:
        found = f"{shown(later, zone)} stands twice, expected each time once"
    else:
        found = f"{shown(later, zone)} follows {shown(earlier, zone)}, expected increasing times"
    where = row_name(path, int(back[0]) + 1)
    raise InputError(f"{where}: column time: {found}{repeated_hour_hint(earlier, later, zone)}")


def regular_grid(
    minutes: NDArray[np.int64], path: Path, *, zone: str | None, longest_gap: float, of_rows: bool
) -> Grid:
    """The grid that the increasing `minutes` lie on; steps may be missing for up to `longest_gap` minutes.

    With `of_rows` they are those of the rows of `path`, one each, and messages name the row.
    """
    if len(minutes) < 2:
        raise InputError(f"{path}: holds {counted(len(minutes), 'time')}, expected at least two")
    differences = np.diff(minutes)
    values, counts = np.unique(differences, return_counts=True)
    step = int(values[np.argmax(counts)])
    _refuse_mixed_steps(minutes, step, path, zone, of_rows=of_rows)
    for place in np.flatnonzero(differences != step):
        before, gap = minutes[place], int(differences[place]) - step
        where = row_name(path, int(place) + 1) if of_rows else f"{path}"
        between = f"{where}: no times between {shown(before, zone)} and {shown(minutes[place + 1], zone)}"
        if zone is None and gap == 60 and _is_clock_change(before + step):
            raise InputError(f"{between}{DAYLIGHT_HINT}")
        if gap > longest_gap:
            expected = f"expected at most {longest_gap:g} (--max-gap-hours)"
            raise InputError(f"{between}: a gap of {gap} min, {expected}")
    return Grid(int(minutes[0]), step, int(minutes[-1] - minutes[0]) // step + 1, zone)


DAYLIGHT_HINT = (
    "; this looks like a change of daylight saving time: name the zone of the wall clock "
    "(--timezone Europe/Rome)"
)


def repeated_hour_hint(earlier: np.int64, later: np.int64, zone: str | None) -> str:
    """DAYLIGHT_HINT when a wall clock may have been put back between two times, of which one is `later`."""
    return DAYLIGHT_HINT if zone is None and earlier - later < 60 and _is_clock_change(later) else ""


def shown(minutes: int | np.int64, zone: str | None) -> str:
    """A time as text, as the wall clock shows it."""
    return str(wall_clock(np.array([minutes]).astype("datetime64[m]"), zone)[0])


def _refuse_mixed_steps(
    minutes: NDArray[np.int64], step: int, path: Path, zone: str | None, *, of_rows: bool
) -> None:
    """Refuse differences that no gap explains: odd ones, and another step kept up for a while."""
    differences = np.diff(minutes)
    odd = differences % step != 0
    other = (
        (differences[:-2] != step)
        & (differences[:-2] == differences[1:-1])
        & (differences[1:-1] == differences[2:])
    )
    odd[: len(other)] |= other
    if odd.any():
        place = int(np.argmax(odd))
        where = row_name(path, place + 1) if of_rows else f"{path}"
        raise InputError(
            f"{where}: mixed steps: {differences[place]} min from {shown(minutes[place], zone)} to "
            f"{shown(minutes[place + 1], zone)}, expected {step} min as nearly everywhere else"
        )


def _is_clock_change(minutes: np.int64) -> bool:
    """Whether clocks skip or repeat hours about then in some zones: early on a Sunday in spring or autumn."""
    moment = np.array([minutes]).astype("datetime64[m]")
    month = int(moment.astype("datetime64[M]").astype(np.int64)[0]) % 12 + 1
    return weekday(moment)[0] == 6 and int(minutes) % 1440 <= 180 and month in (3, 4, 9, 10, 11)
