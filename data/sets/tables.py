"""Reading a set of traffic: `stations.csv` beside `traffic.csv`, `traffic.csv.gz` or `traffic.parquet`.

Traffic is wide (`time` and one column a station) or long (`time`, `station`, and `value` or one column
a channel). `traffic.parquet` is a file or a folder of long ones. Axes: T time, N stations.
"""

import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.sets.gaps import filled
from data.sets.grid import (
    Grid,
    minutes_and_zone,
    parsed_times,
    refuse_disorder,
    refuse_unknown_zone,
    regular_grid,
)
from data.sets.long_table import LongTable, long_load, station_columns
from data.sets.parquet_files import parquet_columns, parquet_files, parquet_frame, refuse_other_columns
from data.sets.places import read_places
from data.sets.text_files import header, numeric_frame, table_content
from data.sets.values import refuse_values
from data.sets.wide_table import refuse_other_stations, wide_load
from data.traffic import CHANNELS, StationId, Traffic, column_of, of_columns

Reading = tuple[NDArray[np.float32], Grid, str | None]  # (T, N) with NaN for gaps; its grid; the zone
TRAFFIC_FILES = ("traffic.csv", "traffic.csv.gz", "traffic.parquet")


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How a set is read: `timezone` is that of wall-clock times without an offset.

    `standardised` says that the values are z-scores already, so that negative ones are allowed. With
    `leave_out_gappy` a station whose gaps are too long to fill is left out in place of refusing the set.
    """

    channel: str = "internet"
    timezone: str | None = None
    max_gap_hours: float = 3.0
    standardised: bool = False
    leave_out_gappy: bool = False
    first_stations: int = 0  # read these many alone, in the order of the set; 0: all
    only: tuple[StationId, ...] = ()  # read these alone; none: all

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise InputError(f"unknown channel {self.channel!r}: expected one of {', '.join(CHANNELS)}")
        if not 0 <= self.max_gap_hours < np.inf:
            raise InputError(f"max_gap_hours must be 0 or more hours, got {self.max_gap_hours}")
        if self.first_stations < 0:
            raise InputError(f"first_stations must be at least 1, or 0 for all, got {self.first_stations}")
        if self.first_stations and self.only:
            raise InputError("first_stations and only exclude each other: expected one of them")
        if self.timezone is not None:
            refuse_unknown_zone(self.timezone)

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
        found = "a file" if folder.exists() else "nothing"
        raise InputError(f"{folder}: found {found}, expected a folder with stations.csv and a traffic file")
    path = _traffic_file(folder)
    places = read_places(folder / "stations.csv")
    source = _parquet_source(path) if path.suffix == ".parquet" else _csv_source(path, settings)
    read = _read_long if "station" in source.columns else _read_wide
    load, grid, timezone = read(source, places.stations, settings)
    measured = Traffic(
        load=load,
        stations=places.stations,
        positions=places.positions,
        names=places.names,
        start=np.datetime64(grid.start, "m"),
        step_minutes=grid.step_minutes,
        channel=settings.channel,
        timezone=timezone,
    )
    part = _part(measured, folder, settings)
    return filled(part, str(path), longest_gap=settings.longest_gap, leave_out=settings.leave_out_gappy)


def _part(measured: Traffic, folder: Path, settings: ReadSettings) -> Traffic:
    """The part of a set that is wanted, in its order."""
    if settings.only:
        return of_columns(measured, sorted({column_of(measured, each) for each in settings.only}))
    if not settings.first_stations:
        return measured
    if settings.first_stations > len(measured.stations):
        found = f"{len(measured.stations)} stations"
        raise InputError(f"{folder}: holds {found}, expected the first {settings.first_stations} of them")
    return of_columns(measured, range(settings.first_stations))


def channels_in(folder: Path) -> tuple[str, ...]:
    """The channels that the set in `folder` names; one without any name holds internet traffic."""
    path = _traffic_file(folder)
    if path.suffix == ".parquet":
        columns = list(parquet_columns(parquet_files(path)[0]))
    else:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            columns = [each.strip() for each in file.readline().split(",")]
    return tuple(each for each in CHANNELS if each in columns) or ("internet",)


def _traffic_file(folder: Path) -> Path:
    present = [folder / name for name in TRAFFIC_FILES if (folder / name).exists()]
    if len(present) != 1:
        found = " and ".join(path.name for path in present) or "none"
        raise InputError(f"{folder}: expected exactly one of {', '.join(TRAFFIC_FILES)}, found {found}")
    return present[0]


def _csv_source(path: Path, settings: ReadSettings) -> Source:
    content = table_content(path)
    columns = header(content)
    _refuse_no_time(columns, path)
    frame = numeric_frame(content, path, ("time", "station"))
    frame = frame.with_columns(parsed_times(frame["time"], path, settings.timezone).alias("time"))
    return Source(path, (path,), tuple(columns), lambda _, wanted: frame.select(wanted))


def _parquet_source(path: Path) -> Source:
    files = parquet_files(path)
    columns = parquet_columns(files[0])
    _refuse_no_time(columns, files[0])
    for file in files[1:]:
        refuse_other_columns(parquet_columns(file), file, columns, files[0])
    return Source(path, files, tuple(columns), parquet_frame)


def _refuse_no_time(columns: Iterable[str], path: Path) -> None:
    if "time" not in columns:
        where = f"{path}" if path.suffix == ".parquet" else f"{path}:1"
        raise InputError(
            f"{where}: no column 'time', expected time and a column a station, or time,station,value"
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
    minutes, zone = minutes_and_zone(frame["time"], settings.timezone, source.path)
    refuse_disorder(minutes, source.path, zone)
    grid = regular_grid(minutes, source.path, zone=zone, longest_gap=settings.longest_gap, of_rows=True)
    return wide_load(numbers, grid.places(minutes), grid), grid, zone


def _read_long(source: Source, stations: Sequence[StationId], settings: ReadSettings) -> Reading:
    column = _value_column(source, settings.channel)

    def times(file: Path) -> tuple[NDArray[np.int64], str | None]:
        if settings.timezone is None:  # which station a time is of matters in hours that are shown twice
            return minutes_and_zone(source.frame(file, ["time"])["time"], None, file)
        frame = source.frame(file, ["time", "station"])
        return minutes_and_zone(frame["time"], settings.timezone, file, frame["station"])

    def table(file: Path) -> LongTable:
        frame = source.frame(file, ["station", column])
        refuse_values(frame.select(column), file, standardised=settings.standardised)
        columns = station_columns(frame["station"], stations, file)
        values = frame[column].cast(pl.Float32).fill_null(np.nan)
        return LongTable(file, times(file)[0], columns, values.to_numpy())

    zone = times(source.files[0])[1]
    distinct = np.unique(np.concatenate([np.unique(times(file)[0]) for file in source.files]))
    grid = regular_grid(distinct, source.path, zone=zone, longest_gap=settings.longest_gap, of_rows=False)
    return long_load(map(table, source.files), stations, grid), grid, zone


def _value_column(source: Source, channel: str) -> str:
    """The column that holds `channel`; a table with one column `value` holds whatever channel it is."""
    for column in (channel, "value"):
        if column in source.columns:
            return column
    found = [column for column in source.columns if column not in ("time", "station")]
    raise InputError(f"{source.path}: no column {channel!r} or 'value', found {', '.join(found) or 'none'}")
