"""The blocks of the compiled engine, each against float64."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.inputs import Layout
from forecasting.engine_compiled import NETWORKS
from forecasting.kernels_compile import vectorised
from forecasting.kernels_curves import sigmoid, tanh
from forecasting.kernels_plan import build_plan
from forecasting.kernels_products import COLUMNS, LANES, ROWS, multiply, transpose
from forecasting.networks import build_network

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@vectorised
def tanh_of(values: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    for index in range(len(values)):
        result[index] = tanh(values[index])


@vectorised
def sigmoid_of(values: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    for index in range(len(values)):
        result[index] = sigmoid(values[index])


def exact_sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


@pytest.mark.parametrize(("ours", "exact"), [(tanh_of, np.tanh), (sigmoid_of, exact_sigmoid)])
def test_curves_are_within_three_units_in_the_last_place(ours: Callable[..., None], exact: Curve) -> None:
    small = np.logspace(-30, 1, 100_000)
    values = np.concatenate([np.linspace(-30, 30, 600_001), small, -small]).astype(np.float32)
    result = np.empty_like(values)
    ours(values, result)
    truth = exact(values.astype(np.float64))
    unit = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    assert np.abs((result - truth) / unit).max() < 3


@pytest.mark.parametrize(("ours", "limits"), [(tanh_of, [-1, 1]), (sigmoid_of, [0, 1])])
def test_curves_hold_at_the_ends_and_keep_nan(ours: Callable[..., None], limits: list[float]) -> None:
    values = np.array([-np.inf, np.inf, -1e30, 1e30, np.nan], np.float32)
    result = np.empty_like(values)
    ours(values, result)
    np.testing.assert_allclose(result, [*limits, *limits, np.nan], atol=1e-30)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 9),
    depth=st.integers(1, 70),
    columns=st.integers(1, 4),
    turned=st.booleans(),
    fresh=st.booleans(),
)
def test_a_product_equals_numpys(rows: int, depth: int, columns: int, turned: bool, fresh: bool) -> None:
    rng = np.random.default_rng(rows * depth)
    shape = (rows * ROWS, depth)
    left = (
        rng.normal(size=shape[::-1]).astype(np.float32).T
        if turned
        else rng.normal(size=shape).astype(np.float32)
    )
    right = rng.normal(size=(depth, columns * COLUMNS)).astype(np.float32)
    result = rng.normal(size=(rows * ROWS, columns * COLUMNS)).astype(np.float32)
    expected = left.astype(np.float64) @ right + (0 if fresh else result)
    multiply(left, right, result, fresh)
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_a_product_touches_its_own_columns_only() -> None:
    wide = np.full((ROWS, 2 * COLUMNS), 7, np.float32)
    multiply(np.ones((ROWS, 3), np.float32), np.ones((3, COLUMNS), np.float32), wide[:, :COLUMNS], True)
    assert (wide[:, :COLUMNS] == 3).all()
    assert (wide[:, COLUMNS:] == 7).all()


def test_a_transposed_matrix_has_rows_for_columns() -> None:
    matrix = np.arange(6 * LANES**2, dtype=np.float32).reshape(2 * LANES, 3 * LANES)
    result = np.empty((3 * LANES, 2 * LANES), np.float32)
    transpose(matrix, result)
    np.testing.assert_array_equal(result, matrix.T)


@given(
    name=st.sampled_from(NETWORKS[1:]),
    layout=st.builds(Layout, st.integers(1, 5), st.integers(1, 5), st.integers(0, 40)),
    hidden=st.lists(st.integers(1, 40), min_size=1, max_size=3),
)
def test_every_parameter_has_a_place_of_its_own(name: str, layout: Layout, hidden: list[int]) -> None:
    network = build_network(name, layout, tuple(hidden))
    plan = build_plan(network)
    assert len(plan.places) == len(np.unique(plan.places)) == network.parameters
    assert 0 <= plan.places.min() <= plan.places.max() < plan.packed
