"""What is said of privacy is what the stored rows say, and those are what the code makes."""

import pytest

from fl_server.experiments import tables
from fl_server.experiments.membership import ATTACKERS, FOUND, MEMBERSHIP, membership_values
from fl_server.experiments.privacy import NETWORK, PRIVACY, Setting, _run
from fl_server.experiments.studies import value_of, verdicts
from tests.benchmarks.reproduced import studied_of


@pytest.mark.parametrize(("line", "how"), [("none", Setting()), ("ε = 10000", Setting(epsilon=1e4))])
def test_a_stored_line_is_what_the_code_makes(line: str, how: Setting) -> None:
    rows = studied_of(PRIVACY).rows.filter(part="error")
    for name, value in _run(2, how).items():
        assert value_of(rows, line, name)[2] == pytest.approx(value, rel=1e-3), name


def test_a_budget_that_says_much_is_of_no_use_to_thirty_stations_and_a_large_one_is() -> None:
    found = verdicts(studied_of(PRIVACY))
    assert [(each.claim.direction, tables.verdict_line(each)[-2]) for each in found] == [
        (1, "holds"),
        (-1, "holds"),
    ]
    rows = studied_of(PRIVACY).rows.filter(part="error")
    assert min(value_of(rows, "ε = 8", NETWORK).values()) > 1  # worse than the mean of the history


def test_who_knows_all_finds_every_day_without_a_budget_and_few_at_one() -> None:
    rows = studied_of(MEMBERSHIP).rows.filter(part="day")
    column = f"{ATTACKERS[-1]}: {FOUND}"
    assert set(value_of(rows, "none", column).values()) == {100.0}
    assert max(value_of(rows, "ε = 1", column).values()) < 10


@pytest.mark.long
def test_a_stored_seed_of_the_attackers_is_what_the_code_makes() -> None:
    rows = studied_of(MEMBERSHIP).rows
    for part, line, column, value in membership_values(2):
        stored = value_of(rows.filter(part=part), line, column)[2]
        assert stored == pytest.approx(value, abs=2 if "found" in column else 0.02), (part, line, column)
