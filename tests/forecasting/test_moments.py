"""What stations send as sums gives the same ridge as their pooled samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from data.inputs import Layout
from data.messages import Moments
from forecasting.moments import (
    STRENGTHS,
    chosen_ridge,
    ridge_weights,
    split_moments,
    squared_error,
    station_moments,
    summed,
)
from forecasting.networks import build_network
from forecasting.training import predict

Samples = list[tuple[np.ndarray, np.ndarray]]


def some_stations(sizes: list[int], features: int = 4, seed: int = 0) -> Samples:
    """Noisy weighted sums with an intercept; station k has `sizes[k]` samples."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=features)
    stations = []
    for size in sizes:
        inputs = rng.normal(size=(size, features)).astype(np.float32)
        targets = inputs @ weights + 2 + rng.normal(size=size)
        stations.append((inputs, targets.astype(np.float32)))
    return stations


def pooled(stations: Samples) -> tuple[np.ndarray, np.ndarray]:
    """All samples as if they lay in one place."""
    return np.concatenate([each[0] for each in stations]), np.concatenate([each[1] for each in stations])


def test_the_moments_of_two_samples_by_hand() -> None:
    moments = station_moments(np.array([[2.0], [3.0]]), np.array([1.0, 5.0]))
    np.testing.assert_array_equal(moments.gram, [[2 * 2 + 3 * 3, 2 + 3], [2 + 3, 1 + 1]])
    np.testing.assert_array_equal(moments.moment, [2 * 1 + 3 * 5, 1 + 5])
    assert moments.squares == 1 * 1 + 5 * 5
    assert moments.count == 2


def test_a_ridge_by_hand() -> None:
    # Around their means the samples are (-1, -2) and (1, 2): w = (2 + 2) / (1 + 1 + strength 2) = 1.
    moments = station_moments(np.array([[4.0], [6.0]]), np.array([1.0, 5.0]))
    np.testing.assert_allclose(ridge_weights(moments, 2.0), [1, 3 - 1 * 5], atol=1e-8)


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any),
    strength=st.sampled_from(STRENGTHS),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_federated_ridge_is_the_pooled_one(sizes: list[int], strength: float, seed: int) -> None:
    stations = some_stations(sizes, seed=seed)
    federated = ridge_weights(summed([station_moments(*each) for each in stations]), strength)
    inputs, targets = pooled(stations)
    here = ridge_weights(station_moments(inputs, targets), strength)
    np.testing.assert_allclose(federated, here, rtol=1e-8, atol=1e-8)
    oracle = Ridge(alpha=strength).fit(inputs.astype(np.float64), targets.astype(np.float64))
    np.testing.assert_allclose(federated, [*oracle.coef_, oracle.intercept_], rtol=1e-6, atol=1e-6)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_stations_is_irrelevant(seed: int) -> None:
    parts = [station_moments(*each) for each in some_stations([5, 9, 30, 2], seed=seed)]
    one, other = ridge_weights(summed(parts), 1.0), ridge_weights(summed(parts[::-1]), 1.0)
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_error_follows_from_the_moments(seed: int) -> None:
    ((inputs, targets),) = some_stations([40], seed=seed)
    weights = np.random.default_rng(seed).normal(size=5)
    errors = inputs.astype(np.float64) @ weights[:-1] + weights[-1] - targets
    assert squared_error(station_moments(inputs, targets), weights) == pytest.approx((errors**2).sum())


def test_the_last_quarter_chooses_the_strength() -> None:
    stations = some_stations([20, 24, 28], features=12)
    split = [split_moments(*each) for each in stations]
    assert [(early.count, late.count) for early, late in split] == [(15, 5), (18, 6), (21, 7)]
    early, late = (summed([each[part] for each in split]) for part in (0, 1))
    first = pooled([(inputs[: len(inputs) * 3 // 4], y[: len(y) * 3 // 4]) for inputs, y in stations])
    last = pooled([(inputs[len(inputs) * 3 // 4 :], y[len(y) * 3 // 4 :]) for inputs, y in stations])
    errors = [((Ridge(alpha=each).fit(*first).predict(last[0]) - last[1]) ** 2).sum() for each in STRENGTHS]
    best = Ridge(alpha=STRENGTHS[int(np.argmin(errors))]).fit(*pooled(stations))
    np.testing.assert_allclose(
        chosen_ridge(early, late), [*best.coef_, best.intercept_], rtol=1e-4, atol=1e-4
    )


def test_a_single_sample_has_no_last_quarter() -> None:
    early, late = split_moments(np.array([[2.0]]), np.array([3.0]))
    assert (early.count, late.count) == (1, 0)
    np.testing.assert_array_equal(chosen_ridge(early, late), ridge_weights(early, 1.0))


def test_a_constant_column_is_survived() -> None:
    inputs, targets = np.full((10, 2), 5.0), np.arange(10.0)
    weights = ridge_weights(station_moments(inputs, targets), 1.0)
    np.testing.assert_allclose(inputs @ weights[:-1] + weights[-1], 4.5, atol=1e-6)  # the targets' mean


def test_ridge_weights_are_those_of_the_linear_network() -> None:
    ((inputs, targets),) = some_stations([50])
    weights = ridge_weights(station_moments(inputs, targets), 1.0)
    network = build_network("linear", Layout(periodic=1, recent=3, extra=0))
    forecast = predict(network, weights[None].astype(np.float32), inputs[None])[0]
    np.testing.assert_allclose(forecast, inputs @ weights[:-1] + weights[-1], atol=1e-5)


def test_what_a_station_sends_does_not_grow_with_its_samples() -> None:
    def sent(moments: Moments) -> int:
        return moments.gram.size + moments.moment.size

    week, year = (station_moments(*some_stations([hours])[0]) for hours in (168, 8760))
    assert sent(week) == sent(year) == 5 * 5 + 5
