"""Which values a load may have."""

from pathlib import Path

import polars as pl

from data.errors import InputError


def refuse_values(numbers: pl.DataFrame, path: Path, *, standardised: bool) -> None:
    """Refuse infinite values, and negative ones unless they are z-scores; row i is line i + 2 of `path`."""
    bad = pl.all().is_infinite() if standardised else pl.all().is_infinite() | (pl.all() < 0)
    counts = numbers.select(bad.fill_null(False))
    if not any(counts.select(pl.all().any()).row(0)):
        return
    row, column = min(
        (int(counts[column].arg_true()[0]), column) for column in counts.columns if counts[column].any()
    )
    expected = (
        "a finite number"
        if standardised
        else "at least 0 (--standardised allows z-scores, which may be negative)"
    )
    raise InputError(
        f"{path}:{row + 2}: column {column}: found {numbers[column][row]:g}, expected {expected}"
    )
