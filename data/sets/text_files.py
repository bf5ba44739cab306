"""CSV files from outside: whole, plain UTF-8 text, and with the same number of columns on every line."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.sets.rows import row_name


def file_content(path: Path) -> bytes:
    """The text of a plain or gzip file, with LF line ends and without blank lines at its end."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b" \n")
    if not content:
        raise InputError(f"{path}: is empty, expected a header and at least one line")
    _refuse_other_text(content, path)
    return content


def table_content(path: Path) -> bytes:
    """The text of a table of plain numbers and ids, without the spaces around its fields."""
    content = file_content(path)
    if b'"' in content:
        line = _line_at(content, content.index(b'"'))
        raise InputError(f"{path}:{line}: quoted fields are not supported, expected plain numbers and ids")
    if any(mark in content for mark in (b" ,", b", ", b" \n", b"\n ")) or content.startswith(b" "):
        lines = ([field.strip(b" ") for field in line.split(b",")] for line in content.split(b"\n"))
        content = b"\n".join(map(b",".join, lines))
    return content


def header(content: bytes) -> list[str]:
    """The column names on the first line."""
    return content.split(b"\n", 1)[0].decode().split(",")


def refuse_repeated_columns(columns: Sequence[str], path: Path) -> None:
    """Refuse two columns of one name."""
    for place, column in enumerate(columns):
        if column in columns[:place]:
            raise InputError(f"{path}:1: column {column!r} stands twice, expected each once")


def numeric_frame(content: bytes, path: Path, text_columns: Sequence[str]) -> pl.DataFrame:
    """A table as `text_columns` of text and all others of numbers; an empty field is null."""
    columns = header(content)
    refuse_repeated_columns(columns, path)
    _refuse_ragged_lines(content, path)
    if b"\n" not in content:
        raise InputError(f"{path}: holds a header only, expected at least one line of data")
    schema = {column: pl.String() if column in text_columns else pl.Float64() for column in columns}
    try:
        return pl.read_csv(content, schema=schema, quote_char=None)
    except pl.exceptions.PolarsError as error:
        found = _first_non_number(content, path, text_columns)
        raise InputError(found or f"{path}: cannot be read as a table of numbers: {error}") from None


def _line_at(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1


def _refuse_other_text(content: bytes, path: Path) -> None:
    """Refuse what is no UTF-8, and CSV as other programs write it: other line ends, other separators."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        found = f"{content[error.start]:#x}"
        where = f"{path}:{_line_at(content, error.start)}"
        raise InputError(f"{where}: the byte {found} is no UTF-8 text, expected UTF-8") from None
    if b"\r" in content:
        line = _line_at(content, content.index(b"\r"))
        raise InputError(f"{path}:{line}: found a carriage return, expected lines that end with LF or CR LF")
    columns = header(content)
    for separator in (";", "\t"):
        if len(columns) == 1 and separator in columns[0]:
            raise InputError(
                f"{path}:1: found columns separated by {separator!r}, expected ',' and decimal points"
            )


def _refuse_ragged_lines(content: bytes, path: Path) -> None:
    """Refuse a line with another number of columns than the header; no field holds a comma or a line end."""
    raw = np.frombuffer(content, dtype=np.uint8)
    ends = np.append(np.flatnonzero(raw == ord("\n")), len(raw))
    commas = np.searchsorted(np.flatnonzero(raw == ord(",")), ends)  # commas up to each line's end
    columns = np.diff(commas, prepend=0) + 1
    blank = np.diff(ends, prepend=-1) == 1
    ragged = np.flatnonzero((columns != columns[0]) | blank)
    if len(ragged):
        line = int(ragged[0])
        found = "a blank line" if blank[line] else columns[line]
        raise InputError(f"{path}:{line + 1}: expected {columns[0]} columns, found {found}")


def _first_non_number(content: bytes, path: Path, text_columns: Sequence[str]) -> str | None:
    """The sentence on the first field that should be a number and is not."""
    words = pl.read_csv(content, infer_schema=False, quote_char=None)
    bad = {column: _non_numbers(words[column]) for column in words.columns if column not in text_columns}
    firsts = [(int(rows.arg_true()[0]), column) for column, rows in bad.items() if rows.any()]
    if not firsts:
        return None
    row, column = min(firsts)
    found = f"found {words[column][row]!r}, expected a number or nothing"
    return f"{row_name(path, row)}: column {column}: {found}"


def _non_numbers(words: pl.Series) -> pl.Series:
    return words.cast(pl.Float64, strict=False).is_null() & words.is_not_null()
