"""Rules of one line."""

import numpy as np
import pytest

from hetnet.sync.rules import (
    FAMILIES,
    Columns,
    Perceptron,
    above_error,
    above_price,
    always,
    by_chance,
    candidates,
    never,
    paid_back,
    paid_back_in_a_cycle,
    periodic,
)

COLUMNS = Columns(("age", "error", "price", "left", "growth"), 10)
SEEN = np.array(  # age 3, 5 and 8 slots, 7, 5 and 1 left
    [[0.3, 0.2, 0.5, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5, 0.02], [0.8, 0.9, 2.0, 0.1, 0.1]], np.float32
)


def test_never_and_always_look_at_nothing() -> None:
    assert never(SEEN).tolist() == [0, 0, 0]
    assert always(SEEN).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("rule", "constant", "expected"),
    [
        (periodic, 5, [0, 1, 1]),
        (periodic, 1, [1, 1, 1]),
        (above_error, 0.5, [0, 1, 1]),
        (above_price, 1.0, [0, 1, 0]),
        (above_price, 0.4, [1, 1, 1]),
        (paid_back, 3, [1, 1, 0]),  # .2 over 3 slots is .6, .9 over the one left is less than 2
        (paid_back, 2, [0, 1, 0]),
        (paid_back_in_a_cycle, 1.0, [0, 1, 0]),  # √(.5 / .1) = 2.2 slots, √(.5 / .02) = 5, one is left
        (paid_back_in_a_cycle, 1.2, [1, 1, 0]),  # 2.7 slots of .2 pay .5
    ],
)
def test_a_rule_refreshes_where_its_sentence_says(rule, constant, expected) -> None:  # type: ignore[no-untyped-def]  # a table
    assert rule(COLUMNS, constant)(SEEN).tolist() == expected


def test_by_chance_refreshes_as_often_as_it_says_and_draws_the_same_when_made_again() -> None:
    seen = np.zeros((20_000, 5), np.float32)
    first, second = (by_chance(COLUMNS, 0.3)(seen) for _ in range(2))
    assert first.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(first, second)


def test_every_family_has_candidates() -> None:
    for family, (_, constants) in FAMILIES.items():
        found = candidates(COLUMNS, family)
        assert [constant for constant, _ in found] == list(constants)


def test_a_perceptron_takes_the_larger_output_or_draws_as_it_says() -> None:
    layers = ((np.zeros((4, 2), np.float32), np.array([0.0, np.log(3)], np.float32)),)
    seen = np.zeros((20_000, 4), np.float32)
    assert (Perceptron(layers)(seen) == 1).all()
    drawn = Perceptron(layers, np.random.default_rng(0))(seen)
    assert drawn.mean() == pytest.approx(0.75, abs=0.01)
