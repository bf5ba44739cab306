"""Intervals hold what they promise, also after the world has changed, and never look ahead."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from forecasting.intervals import Intervals, IntervalSettings, adaptive_intervals, coverage, mean_width


def errors(seed: int, steps: int, stations: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((stations, steps))


def every(truth: np.ndarray) -> np.ndarray:
    return np.ones(truth.shape, dtype=bool)


@pytest.mark.parametrize("nominal", [0.5, 0.8, 0.9, 0.95])
def test_coverage_comes_to_the_nominal_one(nominal: float) -> None:
    truth = errors(1, 1000)
    intervals = adaptive_intervals(
        np.zeros_like(truth), truth, errors(2, 100), IntervalSettings(coverage=nominal)
    )
    assert abs(coverage(intervals, truth, every(truth)) - nominal) < 0.02


@pytest.mark.parametrize("factor", [0.2, 3.0, 10.0])
def test_coverage_recovers_within_days_of_a_level_shift(factor: float) -> None:
    truth = errors(1, 700)
    truth[:, 300:] *= factor
    intervals = adaptive_intervals(np.zeros_like(truth), truth, errors(2, 100), IntervalSettings())
    later = Intervals(intervals.lower[:, 324:], intervals.upper[:, 324:])
    assert abs(coverage(later, truth[:, 324:], every(truth[:, 324:])) - 0.9) < 0.03


def test_coverage_holds_whatever_the_series_does() -> None:
    truth = np.cumsum(errors(3, 2000), axis=1) * np.linspace(0, 5, 2000)  # errors that grow without end
    intervals = adaptive_intervals(np.zeros_like(truth), truth, errors(2, 100), IntervalSettings())
    assert coverage(intervals, truth, every(truth)) > 0.85


def test_a_series_without_errors_gets_intervals_that_close() -> None:
    truth = np.ones((1, 300))
    intervals = adaptive_intervals(truth, truth, np.ones((1, 10)), IntervalSettings())
    assert coverage(intervals, truth, every(truth)) == 1
    assert intervals.upper[0, -1] - intervals.lower[0, -1] < 0.01


@given(step=st.integers(0, 99), factor=st.floats(-5, 5))
def test_an_interval_does_not_move_with_its_future(step: int, factor: float) -> None:
    truth, forecast = errors(4, 100), errors(5, 100)
    changed = truth.copy()
    changed[:, step:] *= factor
    before = adaptive_intervals(forecast, truth, errors(2, 50), IntervalSettings())
    after = adaptive_intervals(forecast, changed, errors(2, 50), IntervalSettings())
    assert np.array_equal(before.lower[:, : step + 1], after.lower[:, : step + 1])
    assert np.array_equal(before.upper[:, : step + 1], after.upper[:, : step + 1])


def test_coverage_and_width_worked_by_hand() -> None:
    intervals = Intervals(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]))
    assert coverage(intervals, np.array([[0.5, 4.0]]), np.ones((1, 2), bool)) == 0.5
    assert mean_width(intervals) == 2


def test_interval_settings_are_checked() -> None:
    with pytest.raises(InputError, match="coverage"):
        IntervalSettings(coverage=1.0)
    with pytest.raises(InputError, match="speed"):
        IntervalSettings(speed=0)
