"""Risk, and visits that lose least."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.metrics import roc_auc_score

from hetnet.operations.deviations import DeviationSettings, deviations
from hetnet.operations.maintenance import (
    NOT_VISITED,
    RiskSettings,
    best_visits,
    failure_losses,
    lost_by,
    ranked_above,
    risk,
    riskiest_first,
    visit_costs,
    worn,
)
from tests.hetnet.operations.worlds import followed_world


@settings(max_examples=30)
@given(some.integers(0, 10_000), some.integers(1, 2))
def test_no_other_plan_loses_less(seed: int, crews: int) -> None:
    """All plans of four stations and two slots, tried one by one."""
    rng = np.random.default_rng(seed)
    costs, without = rng.uniform(0, 10, (4, 2)), rng.uniform(0, 10, 4)
    plans = [np.array(plan) for plan in product((NOT_VISITED, 0, 1), repeat=4)]
    possible = [plan for plan in plans if all((plan == slot).sum() <= crews for slot in (0, 1))]
    least = min(lost_by(plan, costs, without) for plan in possible)
    found = best_visits(costs, without, crews)
    assert found.lost == pytest.approx(least)
    assert all((found.slot == slot).sum() <= crews for slot in (0, 1))
    assert found.lost <= riskiest_first(without, costs, without, crews).lost + 1e-9


def test_costs_worked_by_hand() -> None:
    """A load of 10 an hour: a visit of 2 hours loses 20; half a week's waiting half of .5 x 24 x 10."""
    expected = np.full((168, 1), 10.0)
    costs = visit_costs(np.array([0.5]), expected, np.array([0, 84]), 2, 24)
    np.testing.assert_allclose(costs, [[20.0, 20 + 0.5 * 120]])
    np.testing.assert_allclose(failure_losses(np.array([0.5]), expected, 24), [120.0])


def test_a_visit_that_loses_more_than_it_saves_is_not_made() -> None:
    found = best_visits(np.array([[5.0], [1.0]]), np.array([4.0, 0.5]), 2)
    assert found.slot.tolist() == [NOT_VISITED, NOT_VISITED]
    assert found.lost == found.lost_without == 4.5


@settings(max_examples=20)
@given(some.lists(some.tuples(some.integers(0, 5), some.booleans()), min_size=4, max_size=30))
def test_the_area_is_that_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    risks, failed = np.array([float(each) for each, _ in pairs]), np.array([each for _, each in pairs])
    if failed.all() or not failed.any():
        assert np.isnan(ranked_above(risks, failed))
    else:
        assert ranked_above(risks, failed) == pytest.approx(roc_auc_score(failed, risks))


def test_stations_that_wear_out_are_at_the_highest_risk() -> None:
    world = followed_world(stations=30)
    chosen, rng = np.array([3, 17]), np.random.default_rng(1)
    seen = worn(world.seen, chosen, slice(len(world.seen) - 72, len(world.seen)), 0.15, 0.2, rng)
    changed = type(world)(**{**vars(world), "seen": seen})
    found = risk(deviations(changed, DeviationSettings()), changed, np.zeros(30), RiskSettings())
    assert set(np.argsort(-found.chance)[:2].tolist()) == {3, 17}
    assert found.chance.max() <= 0.5


def test_older_twins_are_at_a_higher_risk_when_all_else_is_equal() -> None:
    world = followed_world(stations=6)
    twice = type(world)(**{**vars(world), **{
        name: np.tile(getattr(world, name)[:, :1], 6) for name in ("seen", "usual", "ahead")}})  # fmt: skip
    ages = np.array([0.0, 500, 0, 0, 0, 0])
    found = risk(deviations(twice, DeviationSettings()), twice, ages, RiskSettings())
    assert int(found.chance.argmax()) == 1
