"""Raw files of the official shape, drawn at random: for tests, and in bulk for the benchmark."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

ACTIVITIES = ("sms-in", "sms-out", "call-in", "call-out", "internet")
COLUMNS = ("square", "milliseconds", "country", *ACTIVITIES)
SQUARES_AT_ONCE = 250
FIRST_DAY = date(2013, 11, 1)
FOREIGN = np.array(
    [1, 7, 20, 30, 31, 32, 33, 34, 36, 40, 41, 43, 44, 45, 46, 48, 49, 60, 63, 86, 91, 212, 380]
)
# How often a field is filled, for country 0 (unknown), 39 (Italy) and all others.
FILLED = {
    "sms-in": (0.6, 0.95, 0.5),
    "sms-out": (0.05, 0.95, 0.25),
    "call-in": (0.6, 0.95, 0.3),
    "call-out": (0.1, 0.95, 0.25),
    "internet": (0.2, 0.99, 0.5),
}


def daily_rows(day: date, squares: range, rng: np.random.Generator) -> pl.DataFrame:
    """The rows of `squares` on a day in Rome, in the official order; empty fields are null."""
    midnight = datetime.combine(day, time(), ZoneInfo("Europe/Rome"))
    cells = len(squares) * 144
    countries = 2 + rng.poisson(1.6, cells)
    cell = np.repeat(np.arange(cells), countries)
    place = np.arange(len(cell)) - np.repeat(np.cumsum(countries) - countries, countries)
    kind = np.minimum(place, 2)  # 0 unknown, 1 Italy, 2 foreign
    foreign = FOREIGN[(place + rng.integers(0, len(FOREIGN), cells)[cell]) % len(FOREIGN)]
    frame = pl.DataFrame(
        {
            "square": cell // 144 + squares.start,
            "milliseconds": int(midnight.timestamp()) * 1000 + cell % 144 * 600_000,
            "country": np.where(kind == 0, 0, np.where(kind == 1, 39, foreign)),
        }
    )
    activities = [_activity(name, kind, rng) for name in ACTIVITIES]
    return frame.with_columns(activities).filter(~pl.all_horizontal(pl.col(ACTIVITIES).is_null()))


def _activity(name: str, kind: NDArray[np.int64], rng: np.random.Generator) -> pl.Series:
    scale = 5.0 if name == "internet" else 0.2
    values = rng.lognormal(np.where(kind == 1, 0.5, -2.5), 1.2) * scale
    empty = rng.random(len(kind)) >= np.array(FILLED[name])[kind]
    return pl.Series(name, values).set(pl.Series(empty), None)


def write_rows(rows: pl.DataFrame, path: Path) -> Path:
    """Write rows as an official file, in their order."""
    rows.select(COLUMNS).write_csv(path, separator="\t", include_header=False)
    return path


def official_name(day: date) -> str:
    """The name of a day's file."""
    return f"sms-call-internet-mi-{day.isoformat()}.txt"


def write_days(folder: Path, days: int, squares: int, seed: int = 0) -> pl.DataFrame:
    """Write a file a day to `folder` and return all rows."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for place in range(days):
        day = FIRST_DAY + timedelta(days=place)
        frames.append(daily_rows(day, range(1, squares + 1), rng))
        write_rows(frames[-1], folder / official_name(day))
    return pl.concat(frames)


def write_bulk(folder: Path, megabytes: float, seed: int = 0) -> Iterator[Path]:
    """Write full Milan days to `folder`, as many as make `megabytes` (the last may end early)."""
    rng = np.random.default_rng(seed)
    wanted, written = megabytes * 1e6, 0
    for place in range(62):
        day = FIRST_DAY + timedelta(days=place)
        path = folder / official_name(day)
        for first in range(1, 10_001, SQUARES_AT_ONCE):
            with path.open("ab") as file:
                rows = daily_rows(day, range(first, first + SQUARES_AT_ONCE), rng)
                rows.write_csv(file, separator="\t", include_header=False)
            if written + path.stat().st_size >= wanted:
                yield path
                return
        written += path.stat().st_size
        yield path


def expected_sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Internet, sms and call of each square and interval that have a row, sorted by time and square."""
    activity = pl.col(ACTIVITIES).fill_null(0.0).sum()
    sums = rows.group_by("milliseconds", "square").agg(activity).sort("milliseconds", "square")
    return sums.select(
        "milliseconds",
        "square",
        "internet",
        sms=pl.col("sms-in") + pl.col("sms-out"),
        call=pl.col("call-in") + pl.col("call-out"),
    )
