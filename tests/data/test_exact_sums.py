"""Sums in which the order does not matter."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.errors import InputError
from data.exact_sums import FACTORS, LARGEST, exact_sum, mean_of_sums, together

WEIGHTS = st.floats(-LARGEST, LARGEST, width=32)
STACKS = arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=WEIGHTS)


@given(STACKS)
def test_the_order_and_who_adds_up_what_do_not_matter(weights: np.ndarray) -> None:
    factors = np.arange(1, len(weights) + 1)
    order = np.random.default_rng(len(weights)).permutation(len(weights))
    cut = len(weights) // 2
    parts = [exact_sum(weights[some], factors[some]) for some in (order[:cut], order[cut:])]
    assert together(parts).tobytes() == exact_sum(weights, factors).tobytes()


@given(STACKS)
def test_the_mean_is_that_of_fractions_but_for_the_rounding_that_is_told(weights: np.ndarray) -> None:
    """Each weight is moved by at most 2^-37, and the two parts are put together in double precision."""
    factors = np.arange(3, len(weights) + 3)
    found = mean_of_sums(exact_sum(weights, factors), int(factors.sum()))
    for column, mean in zip(weights.T, found, strict=True):
        each = zip(column.tolist(), factors.tolist(), strict=True)
        exact = sum((Fraction(weight) * factor for weight, factor in each), Fraction()) / int(factors.sum())
        assert abs(Fraction(float(mean)) - exact) <= Fraction(1, 2**37) + abs(exact) / 2**51


@given(arrays(np.float32, 4, elements=WEIGHTS), st.integers(1, 50))
def test_the_mean_of_equals_is_that_to_the_bit_where_float32_sees_it(weights: np.ndarray, count: int) -> None:
    weights = np.where(np.abs(weights) < 2**-12, 0, weights).astype(np.float32)
    mean = mean_of_sums(exact_sum(np.tile(weights, (count, 1)), np.ones(count, np.int64)), count)
    assert mean.astype(np.float32).tobytes() == (weights + 0.0).astype(np.float32).tobytes()


def test_the_largest_weights_and_factors_are_summed_exactly() -> None:
    """1e6 with all its digits behind the point, 2^25 - 1 times: (2^28 - 1) · 2^25 is just below 2^53."""
    weight = np.array([[np.nextafter(np.float32(LARGEST), np.float32(0))]])
    sums = exact_sum(weight, np.array([FACTORS - 1]))
    assert mean_of_sums(sums, FACTORS - 1)[0] == weight[0, 0]
    assert np.abs(sums).max() < 2**53


def test_some_rows_can_be_summed_without_the_others() -> None:
    weights = np.array([[1.5], [10.0], [-0.25]], np.float32)
    sums = exact_sum(weights, np.array([2, 4]), np.array([2, 0]))
    assert mean_of_sums(sums, 6)[0] == (2 * -0.25 + 4 * 1.5) / 6


@pytest.mark.parametrize("factors", [0, FACTORS])
def test_too_many_windows_to_be_exact_are_refused(factors: int) -> None:
    with pytest.raises(InputError, match="windows is not exact"):
        mean_of_sums(np.zeros((2, 1)), factors)
