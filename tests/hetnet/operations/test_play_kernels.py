"""Compiled sums over futures, beside what numpy makes of the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetnet.operations.energy import PowerModel, drawn_watts
from hetnet.operations.play_kernels import lost_and_drawn, outermost, share_over, spread


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(1, 7), st.integers(0, 6))
def test_the_ends_are_those_of_sorted_columns(seed: int, count: int, more: int) -> None:
    values = np.random.default_rng(seed).integers(0, 9, (count + more, 1500)).astype(np.float64)
    lower, upper = outermost(values, count)
    ordered = np.sort(values, axis=0)
    assert (lower == ordered[count - 1]).all()
    assert (upper == ordered[-count]).all()


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_what_is_lost_and_drawn_is_summed_as_the_model_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    loads, capacity = rng.uniform(0, 2, (4, 3, 5)), np.array([1.0, 0.0, 1.5, 0.3, 1.0])
    off, asleep = rng.random((3, 5)) < 0.2, rng.random((3, 5)) < 0.3
    model = PowerModel(transceivers=2, idle=100, slope=5, radiated=20, asleep=60)
    lost, drawn = lost_and_drawn(loads, capacity, off, asleep, drawn_watts(model))
    use = np.clip(np.divide(loads, capacity, out=np.zeros_like(loads), where=capacity > 0), 0, 1)
    watts = np.where(off, 0, np.where(asleep, 2 * 60, 2 * (100 + 5 * 20 * use)))
    assert lost == pytest.approx(np.maximum(loads - capacity, 0).sum(axis=(1, 2)))
    assert drawn == pytest.approx(watts.sum(axis=(1, 2)))
    assert share_over(loads, capacity) == pytest.approx((loads > capacity).mean(axis=0))


def test_shares_go_where_they_should() -> None:
    """Of 10 at station 0 a half stays and a fifth goes to station 2, which keeps its own 1."""
    demand, kept = np.array([[[10.0, 5.0, 1.0]]]), np.array([[0.5, 1.0, 1.0]])
    found = spread(demand, kept, np.array([0]), np.array([2]), np.array([[0.2]]))
    assert found.tolist() == [[[5.0, 5.0, 3.0]]]
