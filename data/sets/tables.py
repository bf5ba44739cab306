"""Reading a set of traffic: `stations.csv` beside `traffic.csv`, `traffic.csv.gz` or `traffic.parquet`.

Traffic is wide (`time` and one column a station) or long (`time`, `station`, and `value` or one column
a channel). `traffic.parquet` is a file or a folder of long ones. Axes: T time, N stations.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.gaps import filled
from data.sets.grid import Grid, minutes_and_zone, parsed_times, refuse_disorder, regular_grid
from data.sets.long_table import LongTable, long_load, station_columns
from data.sets.places import read_places
from data.sets.text_files import file_content, header, numeric_frame
from data.sets.values import refuse_values
from data.sets.wide_table import refuse_other_stations, wide_load
from data.traffic import CHANNELS, StationId, Traffic

Reading = tuple[NDArray[np.float32], Grid, str | None]  # (T, N) with NaN for gaps; its grid; the zone
TRAFFIC_FILES = ("traffic.csv", "traffic.csv.gz", "traffic.parquet")


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How a set is read: `timezone` is that of wall-clock times without an offset.

    `standardised` says that the values are z-scores already, so that negative ones are allowed.
    """

    channel: str = "internet"
    timezone: str | None = None
    max_gap_hours: float = 3.0
    standardised: bool = False

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise InputError(f"unknown channel {self.channel!r}: expected one of {', '.join(CHANNELS)}")
        if not self.max_gap_hours >= 0:
            raise InputError(f"max_gap_hours must not be negative, got {self.max_gap_hours}")
        if self.timezone is not None:
            _refuse_unknown_zone(self.timezone)

    @property
    def longest_gap(self) -> float:
        """The longest gap that is filled, in minutes."""
        return self.max_gap_hours * 60


@dataclass(frozen=True)
class Source:
    """Where the lines of a set come from: one CSV file in memory, or Parquet files read one by one."""

    path: Path
    files: tuple[Path, ...]
    columns: tuple[str, ...]
    frame: Callable[[Path, Sequence[str]], pl.DataFrame]  # the named columns of one of the files


def read_set(folder: Path, settings: ReadSettings) -> Traffic:
    """The traffic of the set in `folder`, checked, on a regular grid, with short gaps filled."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, expected one with stations.csv and a traffic file")
    path = _traffic_file(folder)
    places = read_places(folder / "stations.csv")
    source = _parquet_source(path) if path.suffix == ".parquet" else _csv_source(path)
    read = _read_long if "station" in source.columns else _read_wide
    load, grid, timezone = read(source, places.stations, settings)
    load, gaps = filled(load, places.stations, grid, str(path), longest_gap=settings.longest_gap)
    return Traffic(
        load=load,
        stations=places.stations,
        positions=places.positions,
        names=places.names,
        start=np.datetime64(grid.start, "m"),
        step_minutes=grid.step_minutes,
        channel=settings.channel,
        timezone=timezone,
        filled=gaps,
    )


def _traffic_file(folder: Path) -> Path:
    present = [folder / name for name in TRAFFIC_FILES if (folder / name).exists()]
    if len(present) != 1:
        found = " and ".join(path.name for path in present) or "none"
        raise InputError(f"{folder}: expected exactly one of {', '.join(TRAFFIC_FILES)}, found {found}")
    return present[0]


def _csv_source(path: Path) -> Source:
    content = file_content(path)
    columns = header(content)
    _refuse_no_time(columns, path)
    frame = numeric_frame(content, path, ("time", "station"))
    frame = frame.with_columns(parsed_times(frame["time"], str(path)).alias("time"))
    return Source(path, (path,), tuple(columns), lambda _, wanted: frame.select(wanted))


def _parquet_source(path: Path) -> Source:
    files = tuple(sorted(path.glob("**/*.parquet"))) if path.is_dir() else (path,)
    if not files:
        raise InputError(f"{path}: holds no Parquet file")
    columns = _parquet_columns(files[0])
    _refuse_no_time(columns, files[0])
    for file in files[1:]:
        if _parquet_columns(file) != columns:
            raise InputError(f"{file}: has other columns than {files[0]}, expected {', '.join(columns)}")
    return Source(path, files, tuple(columns), _parquet_frame)


def _parquet_columns(file: Path) -> dict[str, pl.DataType]:
    """The columns of a Parquet file and their types; text, numbers and timestamps where these must be."""
    try:
        schema = dict(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{file}: not a readable Parquet file ({error})") from None
    for column, kind in schema.items():
        if column == "time" and not isinstance(kind, pl.Datetime):
            raise InputError(f"{file}: column time: found {kind}, expected timestamps")
        if column not in ("time", "station") and not kind.is_numeric():
            raise InputError(f"{file}: column {column}: found {kind}, expected numbers")
    return schema


def _parquet_frame(file: Path, columns: Sequence[str]) -> pl.DataFrame:
    try:
        return pl.read_parquet(file, columns=list(columns), hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{file}: not a readable Parquet file ({error})") from None


def _refuse_no_time(columns: Iterable[str], path: Path) -> None:
    if "time" not in columns:
        raise InputError(
            f"{path}:1: no column 'time', expected time and a column a station, or time,station,value"
        )


def _read_wide(source: Source, stations: Sequence[StationId], settings: ReadSettings) -> Reading:
    if len(source.files) > 1:
        raise InputError(
            f"{source.path}: a folder of Parquet files must be long, expected a column 'station'"
        )
    frame = source.frame(source.files[0], source.columns)
    refuse_other_stations([column for column in frame.columns if column != "time"], stations, source.path)
    numbers = frame.select(stations)
    refuse_values(numbers, source.path, standardised=settings.standardised)
    minutes, zone = minutes_and_zone(frame["time"], settings.timezone, str(source.path))
    refuse_disorder(minutes, str(source.path))
    grid = _grid(minutes, zone, source, settings)
    return wide_load(numbers, grid.places(minutes), grid), grid, zone


def _read_long(source: Source, stations: Sequence[StationId], settings: ReadSettings) -> Reading:
    column = _value_column(source, settings.channel)

    def times(file: Path) -> tuple[NDArray[np.int64], str | None]:
        frame = source.frame(file, ["time", "station"])
        return minutes_and_zone(frame["time"], settings.timezone, str(file), frame["station"])

    def table(file: Path) -> LongTable:
        frame = source.frame(file, ["station", column])
        refuse_values(frame.select(column), file, standardised=settings.standardised)
        columns = station_columns(frame["station"], stations, file)
        values = frame[column].cast(pl.Float32).fill_null(np.nan)
        return LongTable(file, times(file)[0], columns, values.to_numpy())

    zone = times(source.files[0])[1]
    distinct = np.unique(np.concatenate([np.unique(times(file)[0]) for file in source.files]))
    grid = _grid(distinct, zone, source, settings)
    return long_load(map(table, source.files), stations, grid), grid, zone


def _value_column(source: Source, channel: str) -> str:
    """The column that holds `channel`; a table with one column `value` holds whatever channel it is."""
    for column in (channel, "value"):
        if column in source.columns:
            return column
    found = [column for column in source.columns if column not in ("time", "station")]
    raise InputError(f"{source.path}: no column {channel!r} or 'value', found {', '.join(found) or 'none'}")


def _grid(minutes: NDArray[np.int64], zone: str | None, source: Source, settings: ReadSettings) -> Grid:
    return regular_grid(minutes, str(source.path), wall_clock=zone is None, longest_gap=settings.longest_gap)


def _refuse_unknown_zone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"unknown time zone {timezone!r}: expected a name like Europe/Rome") from None
