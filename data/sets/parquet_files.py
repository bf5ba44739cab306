"""Parquet files from outside: readable, with timestamps, text and numbers where these must be."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from data.errors import InputError
from data.sets.grid import refuse_unknown_zone

Columns = Mapping[str, pl.DataType]


def parquet_files(path: Path) -> tuple[Path, ...]:
    """The file `path`, or those in this folder and its folders, without hidden ones that copying leaves."""
    if not path.is_dir():
        return (path,)
    files = (file for file in path.glob("**/*.parquet") if file.is_file())
    visible = tuple(sorted(file for file in files if not file.name.startswith(".")))
    if not visible:
        raise InputError(f"{path}: holds no Parquet file")
    return visible


def parquet_columns(file: Path) -> Columns:
    """The columns of a Parquet file and their types; one that cannot be traffic is refused."""
    with _readable(file):
        columns = dict(pl.scan_parquet(file, glob=False, hive_partitioning=False).collect_schema())
    for column, kind in columns.items():
        expected = _unmet(column, kind)
        if expected:
            raise InputError(f"{file}: column {column}: found {kind}, expected {expected}")
        if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
            refuse_unknown_zone(kind.time_zone, f"{file}: column time: ")
    return columns


def refuse_other_columns(columns: Columns, file: Path, first_columns: Columns, first: Path) -> None:
    """Refuse the `columns` of `file` when they or their types are not those of the `first` file."""
    for column in {**columns, **first_columns}:
        found, expected = columns.get(column), first_columns.get(column)
        if found != expected:
            both = f"found {found or 'none'}, expected {expected or 'none'}"
            raise InputError(f"{file}: column {column}: {both} as in {first}")


def parquet_frame(file: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a Parquet file."""
    with _readable(file):
        return pl.read_parquet(file, columns=list(columns), hive_partitioning=False, glob=False)


def _unmet(column: str, kind: pl.DataType) -> str:
    """What is expected of the type of a column; nothing when it is met."""
    if column == "time":
        return "" if isinstance(kind, pl.Datetime) else "timestamps"
    if column == "station":
        text = isinstance(kind, pl.String | pl.Categorical | pl.Enum)
        return "" if text or kind.is_integer() else "text or integers"
    return "" if kind.is_integer() or kind.is_float() else "integers or floats"


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what the reader raises on a damaged file into a sentence; its panics are no `Exception`."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise InputError(f"{file}: not a readable Parquet file ({error})") from None
