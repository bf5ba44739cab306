"""The safety modules, each by itself. Axes: B stations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetnet.caching.safety import NOWHERE, Limits, load_ratios, safe_action, safe_reward, safe_state

LIMITS = Limits(limit=1.25, margin=0.1, penalty=2.0, price=0.3)
LOADS = st.lists(st.floats(0, 1e6), min_size=2, max_size=6).map(np.array)


def test_ratios_worked_by_hand() -> None:
    assert load_ratios(np.array([1.0, 2.0, 3.0])) == pytest.approx([0.5, 1.0, 1.5])
    assert load_ratios(np.zeros(3)) == pytest.approx([1, 1, 1])  # nothing was asked for yet


@given(loads=LOADS)
def test_ratios_are_even_shares_in_the_mean(loads: np.ndarray) -> None:
    assert load_ratios(loads).mean() == pytest.approx(1)


def test_a_station_is_near_its_limit_from_the_margin_on() -> None:
    assert safe_state(np.array([1.0, 1.14, 1.15, 1.3]), LIMITS).tolist() == [False, False, True, True]


def test_an_action_is_overridden_only_for_a_station_that_is_not_near_its_limit() -> None:
    near = np.array([True, False, True])
    assert safe_action(0, 1, near) == 1
    assert safe_action(0, 2, near) == 0  # the other one is near its limit too
    assert safe_action(1, 0, near) == 1
    assert safe_action(0, NOWHERE, near) == 0  # the client reaches no other


@given(
    chosen=st.integers(0, 3), other=st.integers(-1, 3), near=st.lists(st.booleans(), min_size=4, max_size=4)
)
def test_what_serves_is_chosen_or_other_and_never_nearer(chosen: int, other: int, near: list[bool]) -> None:
    found = safe_action(chosen, other, np.array(near))
    assert found in (chosen, other)
    assert near[found] <= near[chosen]


def test_rewards_worked_by_hand() -> None:
    # 1.35 is .2 beyond 1.15: 2 times that, and the price of an intervention
    assert safe_reward(1.0, 1.35, True, LIMITS) == pytest.approx(1 - 0.4 - 0.3)
    assert safe_reward(1.0, 1.35, False, LIMITS) == pytest.approx(1 - 0.4)
    assert safe_reward(0.0, 1.0, False, LIMITS) == 0.0
