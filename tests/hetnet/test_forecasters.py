import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg

from data.errors import InputError
from hetnet.forecasters import (
    Forecaster,
    StlNarxSettings,
    alone,
    arima,
    arima_weights,
    linear,
    linear_innovations,
    paper_forecasters,
    seasonal_naive,
    stl_narx,
)
from hetnet.lags import Floats, no_neighbours

FORECASTERS = {each.name: each for each in paper_forecasters()}
TRAIN, STEPS = 800, 900
NEIGHBOURS = np.array([[1], [0], [-1]])


def seasonal(seed: int = 1) -> Floats:
    """Three series with a day and a week in them."""
    rng = np.random.default_rng(seed)
    hour = 2 * np.pi * np.arange(STEPS) / 24
    return np.sin(hour) + 0.3 * np.sin(hour / 7) + 0.3 * rng.normal(size=(3, STEPS)) + 5


@pytest.mark.parametrize("name", [name for name, each in FORECASTERS.items() if not each.look_ahead])
def test_no_forecast_depends_on_what_comes_after_its_origin(name: str) -> None:
    values = seasonal()
    issuer = FORECASTERS[name].fit(values[:, :TRAIN], NEIGHBOURS)
    changed = values.copy()
    changed[:, 851:] = np.random.default_rng(2).normal(50, 20, (3, STEPS - 851))
    origins = np.array([TRAIN, 849, 850])
    before, after = issuer(values, origins, 4), issuer(changed, origins, 4)
    assert np.array_equal(before, after)
    assert not np.allclose(before[:, 1:], before[:, :-1])


def test_the_literal_forecaster_looks_ahead_and_says_so() -> None:
    (literal,) = (each for each in FORECASTERS.values() if each.look_ahead)
    values = seasonal()
    issuer = literal.fit(values[:, :TRAIN], NEIGHBOURS)
    changed = values.copy()
    changed[:, 851:] += 20
    assert literal.name == "STL-NARX, look-ahead"
    assert not np.allclose(issuer(values, np.array([850]), 1), issuer(changed, np.array([850]), 1))


def test_only_look_ahead_forecasts_noise() -> None:
    noise, origins = np.random.default_rng(5).normal(size=(4, STEPS)), np.arange(TRAIN - 1, STEPS - 1)
    errors = {}
    for name in ("STL-NARX", "STL-NARX, look-ahead"):
        issued = FORECASTERS[name].fit(noise[:, :TRAIN], no_neighbours(4))(noise, origins, 1)[:, :, 0]
        errors[name] = ((issued - noise[:, origins + 1]) ** 2).mean()
    assert errors["STL-NARX"] > 0.95
    assert errors["STL-NARX, look-ahead"] < 0.85


@pytest.mark.parametrize("name", sorted(FORECASTERS.keys() - {"ARIMA(2,2,0)", "seasonal naive 24"}))
def test_a_forecast_knows_more_than_the_mean(name: str) -> None:
    values, origins = seasonal(), np.arange(TRAIN - 1, STEPS - 1)
    forecasts = FORECASTERS[name].fit(values[:, :TRAIN], NEIGHBOURS)(values, origins, 1)[:, :, 0]
    assert ((forecasts - values[:, origins + 1]) ** 2).mean() < 0.6 * values.var(axis=1).mean()


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_constant_series_is_forecast_without_a_gap(name: str) -> None:
    values = np.stack([np.zeros(STEPS), np.full(STEPS, 3.0), seasonal()[0]])
    forecasts = FORECASTERS[name].fit(values[:, :TRAIN], NEIGHBOURS)(values, np.array([TRAIN, 870]), 3)
    assert forecasts.shape == (3, 2, 3)
    assert np.isfinite(forecasts).all()


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_gap_in_the_history_is_named(name: str) -> None:
    values = seasonal()
    values[2, 7] = np.nan
    with pytest.raises(InputError, match="series 2, step 7"):
        FORECASTERS[name].fit(values, NEIGHBOURS)


@pytest.mark.parametrize(
    "name", [name for name in FORECASTERS if name not in ("TCN", "ARIMA(2,2,0)") and "naive" not in name]
)
def test_a_history_too_short_for_its_inputs_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="steps"):
        FORECASTERS[name].fit(seasonal()[:, :9], NEIGHBOURS)


def test_a_season_ago_is_repeated_for_as_long_as_is_asked() -> None:
    values = np.arange(10.0)[None]
    forecasts = seasonal_naive(3).fit(values, no_neighbours(1))(values, np.array([5, 9]), 4)
    assert forecasts.tolist() == [[[3, 4, 5, 3], [7, 8, 9, 7]]]


def test_the_weights_of_arima_are_those_of_an_autoregression_of_the_second_differences() -> None:
    values = np.cumsum(np.random.default_rng(3).normal(size=(2, 400)), axis=1)
    for weights, one in zip(arima_weights(values), values, strict=True):
        theirs = AutoReg(np.diff(one, 2), lags=2, trend="n").fit().params
        np.testing.assert_allclose(weights, theirs, atol=1e-6)


def test_arima_goes_on_with_a_parabola() -> None:
    values = (np.arange(60.0) ** 2)[None]
    forecasts = arima().fit(values, no_neighbours(1))(values, np.array([59]), 3)
    np.testing.assert_allclose(forecasts[0, 0], [3600, 3721, 3844], rtol=1e-6)


def test_a_linear_forecast_is_that_of_the_autoregression_that_made_the_series() -> None:
    rng = np.random.default_rng(4)
    series = np.zeros(4000)
    for step in range(2, 4000):
        series[step] = 0.6 * series[step - 1] + 0.3 * series[step - 2] + rng.normal()
    forecast = linear(lags=(1, 2)).fit(series[None], no_neighbours(1))(series[None], np.array([3999]), 1)
    assert forecast[0, 0, 0] == pytest.approx(0.6 * series[-1] + 0.3 * series[-2], abs=0.15)
    assert linear_innovations(series[None], lags=(1, 2)).std() * series.std() == pytest.approx(1, rel=0.05)


def test_without_neighbours_a_forecaster_is_alone() -> None:
    values = seasonal()
    both = FORECASTERS["linear, seasonal lags, neighbours"]
    lonely, plain = alone(both), FORECASTERS["linear, seasonal lags"]
    forecasts = [each.fit(values, NEIGHBOURS)(values, np.array([899]), 2) for each in (lonely, plain, both)]
    assert lonely.name == "linear, seasonal lags, neighbours, alone"
    np.testing.assert_allclose(forecasts[0], forecasts[1])
    assert not np.allclose(forecasts[0], forecasts[2])


def test_a_history_of_a_few_days_is_taken_apart_by_the_day_alone() -> None:
    values = seasonal()[:, :200]
    assert np.isfinite(_issue(stl_narx(StlNarxSettings()), values)).all()


def test_four_days_are_too_short_to_take_apart_and_to_learn_from() -> None:
    with pytest.raises(InputError, match="series of 97 steps, expected more than four seasons of 24"):
        stl_narx(StlNarxSettings()).fit(seasonal()[:, :97], NEIGHBOURS)


def _issue(forecaster: Forecaster, values: Floats) -> Floats:
    return forecaster.fit(values, no_neighbours(len(values)))(values, np.array([values.shape[1] - 1]), 2)


def test_an_origin_before_the_first_window_is_refused() -> None:
    values = seasonal()
    issuer = FORECASTERS["STL-NARX"].fit(values[:, :TRAIN], NEIGHBOURS)
    with pytest.raises(InputError, match="expected origins from"):
        issuer(values, np.array([100]), 1)
