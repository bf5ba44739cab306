"""The README says what the stored results say."""

from pathlib import Path

import polars as pl
import pytest

from tests.benchmarks.milan25 import RESULTS, rows, tables
from tests.cities import real_set

README = Path(__file__).parents[1] / "README.md"


def test_the_result_tables_are_those_of_the_stored_rows() -> None:
    text = README.read_text()
    shown = text.split("<!-- results: milan25 -->\n")[1].split("<!-- end of results -->")[0]
    assert shown == tables(pl.read_csv(RESULTS))


@pytest.mark.parametrize("inputs", ["profile", "profile+readings"])
def test_the_stored_rows_are_what_the_program_gives(inputs: str) -> None:
    real_set("milan25")
    stored = pl.read_csv(RESULTS).filter(pl.col("inputs") == inputs)
    for row, again in zip(stored.iter_rows(named=True), rows(inputs), strict=True):
        assert row["predictor"] == again["predictor"]
        assert again["mse"] == pytest.approx(row["mse"], abs=0.0015)  # another processor rounds otherwise


def test_the_goals_are_reached_on_the_test_days() -> None:
    stored = pl.read_csv(RESULTS).filter(pl.col("predictor") == "mlp, one for all")
    mse = dict(stored.select("inputs", "mse").iter_rows())
    assert mse["profile"] <= 0.157
    assert mse["profile+readings"] <= 0.135
