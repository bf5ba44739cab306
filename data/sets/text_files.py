"""CSV files from outside: whole, not empty, and with the same number of columns on every line."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError


def file_content(path: Path) -> bytes:
    """The bytes of a plain or gzip file; a file that is missing, empty or cut off is refused."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not content.strip():
        raise InputError(f"{path}: is empty, expected a header and at least one line")
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def header(content: bytes) -> list[str]:
    """The column names on the first line."""
    return content.split(b"\n", 1)[0].decode(errors="replace").split(",")


def numeric_frame(content: bytes, path: Path, text_columns: Sequence[str]) -> pl.DataFrame:
    """A CSV as `text_columns` of text and all others of numbers, an empty field or NaN being null."""
    columns = header(content)
    _refuse_repeated_columns(columns, path)
    _refuse_ragged_lines(content, path)
    schema = {column: pl.String() if column in text_columns else pl.Float64() for column in columns}
    try:
        frame = pl.read_csv(content, schema=schema, null_values=["NaN", "nan"])
    except pl.exceptions.ComputeError:
        raise InputError(_first_non_number(content, path, text_columns)) from None
    if len(frame) == 0:
        raise InputError(f"{path}: holds a header only, expected at least one line of data")
    return frame


def _refuse_repeated_columns(columns: Sequence[str], path: Path) -> None:
    for place, column in enumerate(columns):
        if column in columns[:place]:
            raise InputError(f"{path}:1: column {column!r} stands twice, expected each once")


def _refuse_ragged_lines(content: bytes, path: Path) -> None:
    """Refuse a line with another number of columns than the header; our CSV has no quoted commas."""
    raw = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if content[-1:] != b"\n":
        ends = np.append(ends, len(raw))
    commas = np.searchsorted(np.flatnonzero(raw == ord(",")), ends)  # commas up to each line's end
    columns = np.diff(commas, prepend=0) + 1
    columns[np.diff(ends, prepend=-1) <= 1] = 0  # blank lines
    ragged = np.flatnonzero(columns != columns[0])
    if len(ragged):
        line = int(ragged[0])
        raise InputError(f"{path}:{line + 1}: expected {columns[0]} columns, found {columns[line]}")


def _first_non_number(content: bytes, path: Path, text_columns: Sequence[str]) -> str:
    """The sentence on the first field that should be a number and is not."""
    words = pl.read_csv(content, infer_schema=False, null_values=["NaN", "nan"])
    first = (len(words), "")
    for column in words.columns:
        if column not in text_columns:
            bad = words[column].cast(pl.Float64, strict=False).is_null() & words[column].is_not_null()
            if bad.any():
                first = min(first, (int(bad.arg_true()[0]), column))
    row, column = first
    return f"{path}:{row + 2}: column {column}: found {words[column][row]!r}, expected a number or nothing"
