"""The bound of those who see what comes: it is reached by its plan, and nobody passes it."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from hetnet.network import Floats
from hetnet.sync.clairvoyant import Plan, best_plan, returns
from hetnet.sync.predictors import Hold
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Mobility
from hetnet.sync.world import Copies

WORLD = SyncSettings(foresight="drift", step=6.0)
WORLDS: list[dict[str, Any]] = [
    {},
    {"foresight": "hold", "redrawn": "slot"},
    {"fading": "blocks", "border": "stay"},
    {"foresight": "hold", "interference": (1e-3, 1e-1), "fading": "users"},
]


@dataclass(frozen=True)
class Trend:
    """A predictor that reads two states: users go on by a share of how they went last."""

    share: float
    memory: int = 2

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:
        ahead: Floats = past[:, -1] + self.share * (past[:, -1] - past[:, -2])
        return ahead


def fixed(copies: Copies, choice: tuple[int, ...]) -> Floats:
    """The returns of copies that all do the same."""
    actions = np.broadcast_to(np.array(choice), (copies.copies, len(choice)))
    return returns(copies, copies.course, Plan(actions, np.zeros(copies.copies), exact=True))


@pytest.mark.parametrize("change", WORLDS)
def test_a_plan_brings_what_it_reckons_with(change: dict[str, Any]) -> None:
    copies = Copies(replace(WORLD, **change), 50, np.random.default_rng(0))
    copies.reset()
    plan = best_plan(copies.settings, copies.course)
    assert plan.exact
    assert returns(copies, copies.course, plan) == pytest.approx(plan.expected)


@pytest.mark.parametrize("change", WORLDS)
def test_no_other_refreshes_bring_more(change: dict[str, Any]) -> None:
    copies = Copies(replace(WORLD, slots=7, **change), 40, np.random.default_rng(1))
    copies.reset()
    plan = best_plan(copies.settings, copies.course)
    best = np.max([fixed(copies, choice) for choice in product((0, 1), repeat=7)], axis=0)
    assert plan.expected == pytest.approx(best)


def test_a_predictor_that_reads_one_state_is_planned_for_exactly() -> None:
    held = Copies(replace(WORLD, foresight="hold"), 30, np.random.default_rng(2))
    asked = Copies(replace(WORLD, foresight="gru"), 30, np.random.default_rng(2), Hold())
    held.reset()
    asked.reset()
    one = best_plan(held.settings, held.course)
    other = best_plan(asked.settings, asked.course, Hold())
    assert other.exact
    assert (one.actions == other.actions).all()
    assert one.expected == pytest.approx(other.expected)


@pytest.mark.parametrize("trend", [0.2, 1.0])
def test_for_a_predictor_that_reads_more_the_plan_is_near_the_best_and_not_called_exact(trend: float) -> None:
    by = Trend(trend)
    copies = Copies(replace(WORLD, foresight="gru", slots=7, memory=3), 40, np.random.default_rng(3), by)
    copies.reset()
    plan = best_plan(copies.settings, copies.course, by)
    assert not plan.exact
    assert returns(copies, copies.course, plan) == pytest.approx(plan.expected)
    best = np.max([fixed(copies, choice) for choice in product((0, 1), repeat=7)], axis=0)
    assert (plan.expected <= best + 1e-9).all()
    assert plan.expected.mean() > 0.995 * best.mean()
