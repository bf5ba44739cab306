"""Which values a load may have."""

from pathlib import Path

import polars as pl

from data.errors import InputError
from data.sets.rows import row_name

LARGEST_VALUE = 1e30  # sums of thousands of them still fit a float32


def refuse_values(numbers: pl.DataFrame, path: Path, *, standardised: bool) -> None:
    """Refuse values beyond LARGEST_VALUE, infinite ones too, and negative ones unless they are z-scores."""
    present = pl.all().fill_nan(None)
    _refuse(numbers, present.abs() > LARGEST_VALUE, path, f"a number up to {LARGEST_VALUE:g}")
    if not standardised:
        expected = "at least 0 (--standardised allows z-scores, which may be negative)"
        _refuse(numbers, present < 0, path, expected)


def _refuse(numbers: pl.DataFrame, bad: pl.Expr, path: Path, expected: str) -> None:
    wrong = numbers.select(bad.fill_null(False))
    if not any(wrong.select(pl.all().any()).row(0)):
        return
    row, column = min(
        (int(wrong[column].arg_true()[0]), column) for column in wrong.columns if wrong[column].any()
    )
    found = f"{numbers[column][row]:g}"
    raise InputError(f"{row_name(path, row)}: column {column}: found {found}, expected {expected}")
