import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import MSTL, STL

from data.errors import InputError
from hetnet.decomposition import (
    StlSettings,
    causal_components,
    decomposed,
    last_step_filters,
    season_strength,
    settings_for,
)
from hetnet.lags import Floats

SMALL = StlSettings(periods=(6, 18), cycles=(7, 9), window=50)


def seasonal(seed: int, steps: int, series: int = 3) -> Floats:
    rng = np.random.default_rng(seed)
    place = 2 * np.pi * np.arange(steps)
    day, week = np.sin(place / 6), np.sin(place / 18)
    return day + 0.5 * week + 0.3 * rng.normal(size=(series, steps)) + rng.normal(size=(series, 1))


@pytest.mark.parametrize("steps", [25, 60, 61, 200])
def test_one_season_is_taken_out_as_statsmodels_takes_it(steps: int) -> None:
    values = seasonal(1, steps)
    parts = decomposed(values, StlSettings(periods=(12,), cycles=(7,)))
    for number, one in enumerate(values):
        theirs = STL(one, period=12, seasonal=7).fit()
        np.testing.assert_allclose(parts.trend[number], theirs.trend, atol=1e-11)
        np.testing.assert_allclose(parts.season[number], theirs.seasonal, atol=1e-11)
        np.testing.assert_allclose(parts.remainder[number], theirs.resid, atol=1e-11)


@pytest.mark.parametrize("steps", [50, 97, 300])
def test_two_seasons_are_taken_out_as_statsmodels_takes_them(steps: int) -> None:
    values = seasonal(2, steps)
    parts = decomposed(values, SMALL)
    for number, one in enumerate(values):
        theirs = MSTL(one, periods=(6, 18), windows=(7, 9)).fit()
        np.testing.assert_allclose(parts.trend[number], theirs.trend, atol=1e-11)
        np.testing.assert_allclose(parts.season[number], theirs.seasonal.sum(axis=1), atol=1e-11)


def test_a_causal_component_is_the_last_one_of_the_window_that_ends_there() -> None:
    values = seasonal(3, 120)
    parts = causal_components(values, SMALL)
    for step in (49, 80, 119):
        window = decomposed(values[:, step - 49 : step + 1], SMALL)
        np.testing.assert_allclose(parts.trend[:, step - parts.first], window.trend[:, -1], atol=1e-11)
        np.testing.assert_allclose(parts.season[:, step - parts.first], window.season[:, -1], atol=1e-11)


@given(step=st.integers(49, 118), size=st.floats(-1e6, 1e6))
@settings(deadline=None, max_examples=30)
def test_nothing_later_reaches_a_causal_component(step: int, size: float) -> None:
    values = seasonal(4, 120)
    changed = values.copy()
    changed[:, step + 1 :] += size
    before = causal_components(values, SMALL).stacked()[:, :, : step - 48]
    after = causal_components(changed, SMALL).stacked()[:, :, : step - 48]
    assert np.array_equal(before, after)


def test_the_whole_decomposition_looks_ahead() -> None:
    values = seasonal(4, 120)
    changed = values.copy()
    changed[:, 80:] += 10
    assert not np.allclose(decomposed(values, SMALL).trend[:, :80], decomposed(changed, SMALL).trend[:, :80])


@given(level=st.floats(-1e6, 1e6), rise=st.floats(-10, 10))
@settings(deadline=None, max_examples=30)
def test_a_straight_line_is_trend_alone(level: float, rise: float) -> None:
    line = (level + rise * np.arange(120.0))[None]
    for parts in (decomposed(line, SMALL), causal_components(line, SMALL)):
        assert np.abs(parts.season).max() <= 1e-8 * (1 + abs(level))
        assert np.abs(parts.remainder).max() <= 1e-8 * (1 + abs(level))


def test_the_components_sum_up_to_the_series() -> None:
    values = seasonal(5, 120)
    np.testing.assert_allclose(decomposed(values, SMALL).stacked().sum(axis=0), values, atol=1e-12)
    parts = causal_components(values, SMALL)
    np.testing.assert_allclose(parts.stacked().sum(axis=0), values[:, parts.first :], atol=1e-12)


def test_the_weights_of_the_last_step_sum_up_to_the_level() -> None:
    trend, season = last_step_filters(SMALL)
    assert trend.sum() == pytest.approx(1)
    assert season.sum() == pytest.approx(0, abs=1e-12)


def test_a_season_is_strong_where_there_is_one_and_absent_from_a_constant() -> None:
    rng = np.random.default_rng(6)
    wave = np.sin(2 * np.pi * np.arange(300) / 12) + 0.1 * rng.normal(size=300)
    parts = decomposed(
        np.stack([wave, rng.normal(size=300), np.full(300, 7.0)]), StlSettings(periods=(12,), cycles=(11,))
    )
    strong, weak, none = season_strength(parts)
    assert strong > 0.95
    assert weak < 0.5
    assert none == 0


def test_seasons_of_which_there_are_not_two_are_left_out() -> None:
    fitting = settings_for(300, StlSettings())
    assert (fitting.periods, fitting.cycles, fitting.window) == ((24,), (11,), 300)


def test_a_series_shorter_than_two_seasons_is_refused() -> None:
    with pytest.raises(InputError, match="48 steps are too short for STL: expected more than two seasons"):
        decomposed(np.zeros((1, 48)), StlSettings())


def test_a_gap_is_named() -> None:
    values = seasonal(7, 60)
    values[1, 5] = np.nan
    with pytest.raises(InputError, match="series 1, step 5: expected a finite value, got nan"):
        decomposed(values, SMALL)


@pytest.mark.parametrize(
    ("periods", "cycles"), [((), ()), ((24,), (11, 15)), ((168, 24), (11, 15)), ((24,), (4,)), ((1,), (11,))]
)
def test_settings_that_make_no_sense_are_refused(periods: tuple[int, ...], cycles: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        StlSettings(periods=periods, cycles=cycles)
