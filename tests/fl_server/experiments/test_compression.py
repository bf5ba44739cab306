"""What is said of codings is what the stored rows say, and those are what the code makes."""

import pytest

from fl_server.experiments import tables
from fl_server.experiments.compression import COMPRESSION, LINES, PLAIN, USUAL, coding_run
from fl_server.experiments.studies import value_of, verdicts
from tests.benchmarks.reproduced import CROSSING_PAGE, crossing_page, studied_of


def test_the_page_is_made_of_the_stored_rows() -> None:
    assert CROSSING_PAGE.read_text() == crossing_page()


def test_the_default_meets_its_aim_on_ten_seeds() -> None:
    """A tenth of the bytes of all tiers at 1 % more error at most: the mean and its whole interval."""
    found = verdicts(studied_of(COMPRESSION))
    assert [each.claim.direction for each in found] == [1, -1]
    assert studied_of(COMPRESSION).rows["seed"].n_unique() == 10
    assert {tables.verdict_line(each)[-2] for each in found} == {"holds"}


@pytest.mark.parametrize("line", [PLAIN, USUAL])
def test_a_stored_line_is_what_the_code_makes(line: str) -> None:
    rows = studied_of(COMPRESSION).rows.filter(part="test days")
    for column, value in coding_run(2, 0.0, LINES[line]).items():
        assert value_of(rows, line, column)[2] == pytest.approx(value, rel=1e-4), column
