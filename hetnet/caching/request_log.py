"""Requests as someone has logged them: a CSV file with the columns time, client and content.

Axes: R requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.sets.grid import parsed_times, refuse_unknown_zone
from data.sets.rows import likely_station, row_name
from data.sets.text_files import header, numeric_frame, table_content
from data.words import counted
from hetnet.caching.cell_file import NamedCells, read_cells
from hetnet.caching.requests import Requests
from hetnet.network import Counts, Floats

COLUMNS = ("time", "client", "content")


@dataclass(frozen=True, kw_only=True)
class RequestLog:
    """Where requests are logged, and where it stands which stations their clients reach, if it does."""

    path: str
    cells: str | None = None
    timezone: str | None = None

    def read(self) -> tuple[Requests, NamedCells | None]:
        """The requests, and who is where as far as that is told."""
        cells = read_cells(Path(self.cells)) if self.cells is not None else None
        return read_requests(Path(self.path), cells=cells, timezone=self.timezone), cells


def read_requests(path: Path, *, cells: NamedCells | None = None, timezone: str | None = None) -> Requests:
    """The requests of a log in the order of its lines; their times are counted from the first one on.

    Times are numbers of seconds, or moments like 2013-11-01T00:00:05. Those are of a wall clock, or carry an
    offset each; `timezone` names the zone where there are several offsets. Clients are numbered as in
    `cells`, which must have them all, else in the order in which they come up, as contents are. Other
    columns are passed over.
    """
    if timezone is not None:
        refuse_unknown_zone(timezone)
    content = table_content(path)
    columns = header(content)
    _refuse_other_columns(columns, path)
    frame = numeric_frame(content, path, columns)  # all of them text
    seconds = _seconds(frame["time"], path, timezone)
    client_names = cells.clients if cells is not None else _names(frame["client"])
    content_names = _names(frame["content"])
    return Requests(
        times=seconds - seconds[0],
        clients=_numbers(frame["client"], client_names, path, cells.path if cells is not None else path),
        contents=_numbers(frame["content"], content_names, path, path),
        client_count=len(client_names),
        content_count=len(content_names),
        client_names=client_names,
        content_names=content_names,
    )


def remark(requests: Requests, slots: int) -> str | None:
    """A sentence on why no cache of so many slots can be judged by these requests; None where it can."""
    asked = len(np.unique(requests.contents))
    if not len(requests):
        return "There is no request: no cache can be judged."
    if asked > slots:
        return None
    all_of_them = f"all {asked:,} contents that are asked for" if asked > 1 else "the one content asked for"
    return (
        f"A cache of {counted(slots, 'slot')} holds {all_of_them}: every policy comes to the same, a miss at "
        "the first request for each content and a hit at every later one."
    )


def _refuse_other_columns(columns: Sequence[str], path: Path) -> None:
    missing = [each for each in COLUMNS if each not in columns]
    if missing:
        names = " and ".join(map(repr, missing))
        raise InputError(
            f"{path}:1: no column {names}, expected {', '.join(COLUMNS)}, found {', '.join(columns)}"
        )


def _seconds(words: pl.Series, path: Path, timezone: str | None) -> Floats:
    """The times in seconds, (R,), which never go back."""
    numbers = words.cast(pl.Float64, strict=False)
    seconds = numbers if numbers[0] is not None else _moments(words, path, timezone)
    unusable = seconds.is_null() | ~seconds.is_finite().fill_null(False)
    _refuse_first(
        unusable, words, "time", path, "expected a finite number of seconds, or moments on all lines"
    )
    _refuse_disorder(seconds, words, path)
    return seconds.to_numpy()


def _moments(words: pl.Series, path: Path, timezone: str | None) -> pl.Series:
    """Moments as seconds since 1970."""
    if words[0] is None or not any(mark in words[0] for mark in "-:"):
        found = "nothing" if words[0] is None else repr(words[0])
        raise InputError(
            f"{row_name(path, 0)}: column time: found {found}, expected a number of seconds or a time like "
            "2013-11-01T00:00:05"
        )
    milliseconds = parsed_times(words, path, timezone).dt.epoch("ms")
    return milliseconds.cast(pl.Float64) / 1000


def _refuse_disorder(seconds: pl.Series, words: pl.Series, path: Path) -> None:
    """Refuse times that go back: what a cache holds depends on the order."""
    back = (seconds.diff() < 0).fill_null(False)
    if back.any():
        row = int(back.arg_true()[0])
        raise InputError(
            f"{row_name(path, row)}: column time: {words[row]} follows {words[row - 1]}, expected times that "
            f"never go back ({counted(int(back.sum()), 'such line')} in all); sort the lines by time first"
        )


def _names(words: pl.Series) -> tuple[str, ...]:
    """The names in the order in which they come up."""
    return tuple(words.drop_nulls().unique(maintain_order=True).to_list())


def _numbers(words: pl.Series, names: tuple[str, ...], path: Path, source: Path) -> Counts:
    """The number of each line's name among `names`, which stand in `source`, (R,)."""
    _refuse_first(words.is_null(), words, words.name, path, f"expected the name of a {words.name}")
    numbers = words.replace_strict(
        pl.Series(names, dtype=pl.String),
        pl.Series(np.arange(len(names)), dtype=pl.Int64),
        default=None,
        return_dtype=pl.Int64,
    )
    unknown = numbers.is_null()
    if unknown.any():
        row = int(unknown.arg_true()[0])
        raise InputError(
            f"{row_name(path, row)}: column {words.name}: found {words[row]!r}, expected one of the "
            f"{counted(len(names), words.name)} of {source}{likely_station(str(words[row]), names)}"
        )
    return numbers.to_numpy()


def _refuse_first(bad: pl.Series, words: pl.Series, column: str, path: Path, expected: str) -> None:
    if bad.any():
        row = int(bad.arg_true()[0])
        found = "nothing" if words[row] is None else repr(words[row])
        raise InputError(f"{row_name(path, row)}: column {column}: found {found}, {expected}")
