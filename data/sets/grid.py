"""From the times of a file to one regular grid, or a sentence that says why there is none."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError

FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True)
class Grid:
    """`steps` times from `start` (minutes since 1970) on, `step_minutes` apart."""

    start: int
    step_minutes: int
    steps: int

    def places(self, minutes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The index of each time on this grid."""
        return (minutes - self.start) // self.step_minutes


def parsed_times(words: pl.Series, where: str) -> pl.Series:
    """`words` as moments: of UTC when they carry offsets, of a wall clock when they do not.

    Row i of `words` stands on line i + 2 of `where`.
    """
    offset = words.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    if offset.any():
        moments = words.str.to_datetime(time_zone="UTC", strict=False, time_unit="ms")
    else:
        attempts = [words.str.to_datetime(form, strict=False, time_unit="ms") for form in FORMATS]
        moments = pl.select(pl.coalesce(attempts)).to_series()
    expected = "expected a time like 2013-11-01T00:00, with an offset on every line or on none"
    _refuse_first(moments.is_null(), words, where, expected)
    return moments


def minutes_and_zone(
    moments: pl.Series, timezone: str | None, where: str, stations: pl.Series | None = None
) -> tuple[NDArray[np.int64], str | None]:
    """Moments as minutes since 1970, and the zone that these are UTC for (None: wall clock).

    `timezone` is that of a wall clock. Of an hour that it shows twice, the first showing (of each of
    `stations`, in a long table) comes first.
    """
    written_zone = moments.dtype.time_zone if isinstance(moments.dtype, pl.Datetime) else None
    if written_zone is None and timezone is not None:
        moments = _localised(moments, timezone, where, stations)
    milliseconds = moments.dt.cast_time_unit("ms").cast(pl.Int64)
    _refuse_first(milliseconds % 60_000 != 0, moments, where, "expected times on whole minutes")
    zone = timezone or written_zone
    return milliseconds.to_numpy() // 60_000, zone


def _localised(naive: pl.Series, timezone: str, where: str, stations: pl.Series | None) -> pl.Series:
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
    _refuse_first(moments.is_null(), naive, where, expected)
    return moments


def _refuse_first(bad: pl.Series, found: pl.Series, where: str, expected: str) -> None:
    if bad.any():
        row = int(bad.arg_true()[0])
        raise InputError(f"{where}:{row + 2}: column time: found {str(found[row])!r}, {expected}")


def refuse_disorder(minutes: NDArray[np.int64], where: str, first_line: int = 2) -> None:
    """Refuse times of consecutive lines that repeat or go back."""
    back = np.flatnonzero(np.diff(minutes) <= 0)
    if len(back) == 0:
        return
    line = int(back[0]) + 1 + first_line
    earlier, later = minutes[back[0]], minutes[back[0] + 1]
    if earlier == later:
        raise InputError(f"{where}:{line}: column time: {shown(later)} stands twice, expected each time once")
    hint = DAYLIGHT_HINT if earlier - later < 60 else ""
    found = f"{shown(later)} follows {shown(earlier)}"
    raise InputError(f"{where}:{line}: column time: {found}, expected increasing times{hint}")


def regular_grid(minutes: NDArray[np.int64], where: str, *, wall_clock: bool, longest_gap: float) -> Grid:
    """The grid that the increasing `minutes` lie on; steps may be missing for up to `longest_gap` minutes."""
    if len(minutes) < 2:
        raise InputError(f"{where}: holds {len(minutes)} times, expected at least two")
    differences = np.diff(minutes)
    values, counts = np.unique(differences, return_counts=True)
    step = int(values[np.argmax(counts)])
    _refuse_mixed_steps(minutes, differences, step, where)
    for place in np.flatnonzero(differences != step):
        before, gap = minutes[place], int(differences[place]) - step
        if wall_clock and gap == 60 and _is_clock_change(before + step):
            raise InputError(
                f"{where}: no times between {shown(before)} and {shown(minutes[place + 1])}{DAYLIGHT_HINT}"
            )
        if gap > longest_gap:
            raise InputError(
                f"{where}: no times between {shown(before)} and {shown(minutes[place + 1])}: a gap of "
                f"{gap} min, expected at most {longest_gap:g} (--max-gap-hours)"
            )
    return Grid(int(minutes[0]), step, int(minutes[-1] - minutes[0]) // step + 1)


DAYLIGHT_HINT = (
    "; this looks like a change of daylight saving time: name the zone of the wall clock "
    "(--timezone Europe/Rome) or write times with their offset"
)


def shown(minutes: int | np.int64) -> str:
    """A time as text, from minutes since 1970."""
    return str(np.datetime64(int(minutes), "m"))


def _refuse_mixed_steps(
    minutes: NDArray[np.int64], differences: NDArray[np.int64], step: int, where: str
) -> None:
    """Refuse differences that no gap explains: odd ones, and another step kept up for a while."""
    odd = differences % step != 0
    other = (
        (differences[:-2] != step)
        & (differences[:-2] == differences[1:-1])
        & (differences[1:-1] == differences[2:])
    )
    odd[: len(other)] |= other
    if odd.any():
        place = int(np.argmax(odd))
        raise InputError(
            f"{where}: mixed steps: {differences[place]} min from {shown(minutes[place])} to "
            f"{shown(minutes[place + 1])}, expected {step} min as nearly everywhere else"
        )


def _is_clock_change(missing: np.int64) -> bool:
    """Whether an hour missing from `missing` on is one that clocks skip: early on a Sunday."""
    moment = np.datetime64(int(missing), "m")
    sunday = (int(missing) // 1440 + 3) % 7 == 6
    month = int(moment.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return sunday and int(missing) % 1440 <= 180 and month in (3, 4, 9, 10)
