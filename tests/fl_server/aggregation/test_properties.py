"""What holds of every strategy, whatever it is sent."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fl_server.aggregation.strategies import NAMES, chosen_strategy
from fl_server.aggregation.updates import Floats, State, Strategy, Updates
from tests.fl_server.aggregation.cases import Case, cases

SCALED = (
    "mean",
    "weighted-mean",
    "median",
    "trimmed-mean",
    "krum",
    "multi-krum",
    "geometric-median",
    "momentum",
)
ROBUST = ("median", "trimmed-mean", "krum", "multi-krum", "geometric-median")
EVERY = pytest.mark.parametrize("name", NAMES)


def twice(strategy: Strategy, case: Case) -> tuple[Floats, State]:
    """The result of two calls, so that what is remembered takes part."""
    first, state = strategy(case.current, case.updates, {})
    return strategy(first, case.updates, state)


def close(left: Floats, right: Floats, size: float = 1.0) -> bool:
    """Equal but for float32 rounding of numbers up to `size` times 64."""
    return np.allclose(left, right, rtol=1e-5, atol=2e-5 * size)


@EVERY
@given(case=cases(), seed=st.integers(0, 99))
def test_the_order_of_contributors_is_irrelevant(name: str, case: Case, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(case.updates.weights))
    updates = case.updates
    shuffled = replace(updates, weights=updates.weights[order], samples=updates.samples[order])
    weights, state = twice(chosen_strategy(name), case)
    others, other_state = twice(chosen_strategy(name), replace(case, updates=shuffled))
    assert close(weights, others)
    assert all(close(state[key], other_state[key]) for key in {*state, *other_state})


@EVERY
@given(
    twin=arrays(np.float32, 5, elements=st.floats(-1e6, 1e6, width=32)),
    samples=arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 1000)),
)
def test_updates_equal_to_the_twin_change_nothing_at_all(
    name: str, twin: Floats, samples: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    """Of weights that float32 holds no finer than exact sums do: those are multiples of 2^-36."""
    twin = np.where(np.abs(twin) < 2**-12, np.float32(0), twin)
    updates = Updates(np.tile(twin, (len(samples), 1)), samples, (2, 3))
    weights, _ = twice(chosen_strategy(name), Case(twin, updates))
    np.testing.assert_array_equal(weights, twin)


@EVERY
@given(
    twin=arrays(np.float32, 5, elements=st.floats(-(2**-12), 2**-12, width=32)),
    samples=arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 1000)),
)
def test_small_updates_equal_to_the_twin_change_it_by_half_a_step_of_the_sums(
    name: str, twin: Floats, samples: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    updates = Updates(np.tile(twin, (len(samples), 1)), samples, (2, 3))
    weights, _ = chosen_strategy(name)(twin, updates, {})
    assert np.abs(weights.astype(np.float64) - twin).max() <= 2**-37 + 2**-50


@EVERY
@given(case=cases(), shift=st.integers(-64, 64))
def test_shifting_twin_and_updates_shifts_the_result(name: str, case: Case, shift: int) -> None:
    offset = np.float32(shift / 8)
    moved = replace(case.updates, weights=case.updates.weights + offset)
    weights, _ = chosen_strategy(name)(case.current, case.updates, {})
    others, _ = chosen_strategy(name)(case.current + offset, moved, {})
    assert close(weights + offset, others)


@pytest.mark.parametrize("name", SCALED)
@given(case=cases(), scale=st.sampled_from([-4, -1, 0.25, 3]))
def test_scaling_twin_and_updates_scales_the_result(name: str, case: Case, scale: float) -> None:
    factor = np.float32(scale)
    grown = replace(case.updates, weights=case.updates.weights * factor)
    weights, _ = chosen_strategy(name)(case.current, case.updates, {})
    others, _ = chosen_strategy(name)(case.current * factor, grown, {})
    assert close(weights * factor, others, abs(scale))


@pytest.mark.parametrize("name", ROBUST)
@given(
    case=cases(fewest=3), place=st.integers(0, 8), size=st.integers(-30, 30), sign=st.sampled_from([-1, 1])
)
def test_robust_rules_stay_near_the_others_whatever_one_update_is(
    name: str, case: Case, place: int, size: int, sign: int
) -> None:
    """Within 5 diagonals of the others' box: Krum's bound is 1 + √K ≤ 4, Weiszfeld's 1 + 2(K−1)/(K−2)."""
    wild = place % len(case.updates.weights)
    honest = np.delete(case.updates.weights, wild, axis=0)
    weights = case.updates.weights.copy()
    weights[wild] = sign * 10.0**size * np.linspace(1, 2, weights.shape[1])
    found, _ = chosen_strategy(name)(case.current, replace(case.updates, weights=weights), {})
    diagonal = np.linalg.norm(np.ptp(honest, axis=0))
    assert np.linalg.norm(found - honest.mean(axis=0)) <= 5 * diagonal + 1e-5


def test_the_mean_is_carried_away_by_one_update() -> None:
    updates = Updates(np.array([[0], [1], [2], [1e30]], dtype=np.float32), np.ones(4, dtype=np.int64))
    weights, _ = chosen_strategy("mean")(np.zeros(1, dtype=np.float32), updates, {})
    assert weights[0] > 1e29


@EVERY
@given(case=cases())
def test_inputs_are_neither_changed_nor_shared_with_the_result(name: str, case: Case) -> None:
    inputs = (case.current, case.updates.weights, case.updates.samples)
    before = [array.copy() for array in inputs]
    strategy = chosen_strategy(name)
    first, state = strategy(case.current, case.updates, {})
    remembered = {key: array.copy() for key, array in state.items()}
    second, after = strategy(case.current, case.updates, state)
    for array, copied in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copied)
        assert not any(np.shares_memory(array, made) for made in (first, second, *state.values()))
    assert all(np.array_equal(state[key], remembered[key]) for key in remembered)
    assert not any(np.shares_memory(state[key], after[key]) for key in remembered)


@EVERY
@given(case=cases())
def test_results_are_float32_of_the_twin_s_shape(name: str, case: Case) -> None:
    weights, _ = chosen_strategy(name)(case.current, case.updates, {})
    assert weights.dtype == np.float32
    assert weights.shape == case.current.shape
