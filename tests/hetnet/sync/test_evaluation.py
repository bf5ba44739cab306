"""Policies judged on the same worlds."""

import numpy as np
import pytest

from data.errors import InputError
from hetnet.sync.evaluation import compared, earned, tuned
from hetnet.sync.rules import FAMILIES, always, never
from tests.hetnet.sync.toys import COLUMNS, GROWTH, PRICES, RATE, SLOTS, Toy, best_return, toy

SEED = np.random.SeedSequence(5)


def test_never_refreshing_earns_all_rates_less_an_error_that_grows() -> None:
    found = earned(Toy(7, np.random.default_rng(1)), never)
    error = GROWTH * SLOTS * (SLOTS + 1) / 2
    np.testing.assert_allclose(found.returns, RATE * SLOTS - error)
    np.testing.assert_allclose(found.errors, error)
    assert (found.refreshes == 0).all()


def test_always_refreshing_pays_every_price() -> None:
    found = compared({"always": (toy, always)}, 4000, SEED)["always"]
    assert (found.refreshes == SLOTS).all()
    assert found.returns.mean() == pytest.approx(SLOTS * (RATE - np.mean(PRICES)), rel=0.002)
    np.testing.assert_allclose(found.returns, found.rates)


def test_all_policies_meet_the_same_worlds() -> None:
    first = compared({"one": (toy, always), "other": (toy, always)}, 50, SEED)
    np.testing.assert_array_equal(first["one"].returns, first["other"].returns)


def test_no_rule_earns_more_than_the_best_policy_and_prices_are_worth_looking_at() -> None:
    found = {family: tuned(toy, COLUMNS, family, 2000, SEED).mean for family in FAMILIES}
    assert max(found.values()) < best_return() + 0.05
    assert found["error above the price"] > found["every k slots"] + 0.5


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(InputError, match="no rules called"):
        tuned(toy, COLUMNS, "by the moon", 5, SEED)
