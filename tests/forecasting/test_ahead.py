"""Forecasts of several steps ahead, against doing the same one step at a time, and their intervals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import INPUTS, InputSettings, first_step, input_columns
from data.scaling import Scaler, fitted_scaler
from data.traffic import Traffic, hourly
from forecasting.ahead import (
    OutlookSettings,
    Series,
    ahead_forecasts,
    interval_widths,
    outlook,
    series_of,
)
from forecasting.networks import Floats, Network, build_network, initial_weights
from forecasting.training import predict
from tests.cities import wavy_traffic

LAST = InputSettings(recent=1)
YESTERDAY = InputSettings(recent=1, periodic_hours=(24,))


def made(traffic: Traffic, inputs: InputSettings) -> tuple[Network, Floats, Series]:
    """An untrained network for each station, and what it sees."""
    target = hourly(traffic)
    scaler = fitted_scaler(target.load)
    series = series_of(traffic, scaler, inputs, native_step=False)
    layout = input_columns(traffic, target, series.load, scaler, inputs)[1]
    network = build_network("mlp", layout, (8,))
    weights = [initial_weights(network, np.random.default_rng(seed)) for seed in range(len(traffic.stations))]
    return network, np.stack(weights), series


def step_by_step(
    network: Network, weights: Floats, traffic: Traffic, inputs: InputSettings, when: tuple[int, int]
) -> Floats:
    """Forecasts (K, H) made by appending each to the traffic as if it had come; `when`: origin, steps."""
    origin, steps = when
    scaler = fitted_scaler(hourly(traffic).load)
    per_hour = 60 // traffic.step_minutes
    known = replace(traffic, load=traffic.load[: origin * per_hour], gaps=None)
    forecasts = []
    for _ in range(steps):
        room = replace(known, load=np.concatenate([known.load, known.load[-per_hour:]]))
        target = hourly(room)
        features = input_columns(room, target, scaler.scaled(target.load), scaler, inputs)[0][-1]  # (K, F)
        forecasts.append(predict(network, weights, features[:, None])[:, 0])
        came = scaler.raw(forecasts[-1]) / per_hour
        known = replace(room, load=np.vstack([known.load, np.tile(came, (per_hour, 1)).astype(np.float32)]))
    return np.stack(forecasts, axis=1)


def of_last_value(load: list[float], slope: float) -> tuple[Network, Floats, Series]:
    """A network that forecasts `slope` times the last value, and a station with this load."""
    traffic = wavy_traffic(stations=1, days=1)
    traffic = replace(traffic, load=np.array(load, np.float32)[:, None])
    series = series_of(traffic, Scaler(np.zeros(1), np.ones(1)), LAST, native_step=False)
    network = build_network("linear", input_columns(traffic, traffic, series.load, series.scaler, LAST)[1])
    return network, np.array([[slope, 0]], np.float32), series


def test_a_network_that_halves_the_last_value_halves_it_at_each_step() -> None:
    known = of_last_value([0, 8, 16], 0.5)
    assert ahead_forecasts(*known, np.array([2, 3]), 3).tolist() == [[[4, 2, 1], [8, 4, 2]]]


def test_a_network_that_runs_away_is_held_within_what_has_been_before_it_goes_on() -> None:
    known = of_last_value([0, 8, 10, 99], 2)  # from step 3: 2 · 10, then 2 · 10 again, as 20 has never been
    assert ahead_forecasts(*known, np.array([3]), 3).tolist() == [[[20, 20, 20]]]


def test_stations_of_one_twin_are_forecast_as_if_each_were_alone() -> None:
    network, weights, series = made(wavy_traffic(stations=6, days=4), YESTERDAY)
    weights = weights[[0, 1, 0, 2, 0, 2]]
    weights[4, -1] += 1  # begins like two others
    origins = np.array([48, 60])
    together = ahead_forecasts(network, weights, series, origins, 5)
    for station in range(6):
        part = replace(series, load=series.load[:, [station]])
        alone = ahead_forecasts(network, weights[[station]], part, origins, 5)
        assert together[[station]] == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("name", ["paper", "day", "day+readings"])
def test_it_is_what_comes_of_taking_each_forecast_for_the_truth(name: str) -> None:
    traffic = wavy_traffic(stations=2, days=12, step_minutes=10)
    network, weights, series = made(traffic, INPUTS[name])
    forecast = ahead_forecasts(network, weights, series, np.array([200, 255]), 30)
    for place, origin in enumerate((200, 255)):
        expected = step_by_step(network, weights, traffic, INPUTS[name], (origin, 30))
        np.testing.assert_allclose(forecast[:, place], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["profile", "profile+readings"])
def test_the_usual_load_is_the_same_too_until_a_forecast_would_enter_it(name: str) -> None:
    traffic = wavy_traffic(stations=2, days=9, step_minutes=10)
    network, weights, series = made(traffic, INPUTS[name])
    forecast = ahead_forecasts(network, weights, series, np.array([170]), 23)[:, 0]
    expected = step_by_step(network, weights, traffic, INPUTS[name], (170, 23))
    np.testing.assert_allclose(forecast, expected, atol=1e-5)


@pytest.mark.parametrize("change", ["2024-03-31", "2024-10-27"])
@pytest.mark.parametrize("name", ["paper", "profile"])
def test_daylight_saving_is_followed_as_in_the_inputs_of_one_step(name: str, change: str) -> None:
    start = np.datetime64(change, "m") - np.timedelta64(5, "D")
    traffic = replace(wavy_traffic(stations=1, days=8), start=start, timezone="Europe/Rome")
    network, weights, series = made(traffic, INPUTS[name])
    origins = np.array([first_step(INPUTS[name], traffic), 5 * 24 - 8, 5 * 24 + 5])
    forecast = ahead_forecasts(network, weights, series, origins, 20)
    for place, origin in enumerate(origins.tolist()):
        expected = step_by_step(network, weights, traffic, INPUTS[name], (origin, 20))
        np.testing.assert_allclose(forecast[:, place], expected, atol=1e-5)


@given(origin=st.integers(60, 200), name=st.sampled_from(["paper", "profile", "profile+readings"]))
def test_nothing_at_or_after_the_origin_is_seen(origin: int, name: str) -> None:
    traffic = wavy_traffic(stations=1, days=10, step_minutes=10)
    inputs = INPUTS[name]
    origin = max(origin, first_step(inputs, hourly(traffic)))
    network, weights, series = made(traffic, inputs)
    changed = traffic.load.copy()
    changed[origin * 6 :] = 1e6
    other = series_of(replace(traffic, load=changed), series.scaler, inputs, native_step=False)
    origins = np.array([origin])
    forecast = ahead_forecasts(network, weights, series, origins, 30)
    np.testing.assert_array_equal(ahead_forecasts(network, weights, other, origins, 30), forecast)


def test_the_outlook_sees_nothing_at_or_after_its_origin_either() -> None:
    traffic = wavy_traffic(stations=2, days=10)
    network, weights, series = made(traffic, INPUTS["paper"])
    changed = traffic.load.copy()
    changed[200:] = 1e6
    other = series_of(replace(traffic, load=changed), series.scaler, INPUTS["paper"], native_step=False)
    settings = OutlookSettings(steps=12)
    one, two = (outlook(network, weights, each, 200, settings) for each in (series, other))
    np.testing.assert_array_equal(one.intervals.lower, two.intervals.lower)
    np.testing.assert_array_equal(one.intervals.upper, two.intervals.upper)


def test_stations_and_origins_do_not_touch_each_other() -> None:
    network, weights, series = made(wavy_traffic(stations=3, days=10), INPUTS["profile"])
    together = ahead_forecasts(network, weights, series, np.array([100, 150]), 24)
    alone = replace(series, load=series.load[:, [1]])
    np.testing.assert_allclose(
        ahead_forecasts(network, weights[1:2], alone, np.array([150]), 24)[0, 0], together[1, 1], atol=1e-6
    )


def test_nine_errors_give_their_largest_at_nine_tenths() -> None:
    # All at noon: the usual error there is (45 + 5 · 5) / (9 + 5) = 5, the mean of all. A tenth error comes
    # below the (9 + 1) · 0.9 = 9th of the nine in nine of ten cases: (9 / 5) · 5 = 9.
    errors = np.arange(1.0, 10)[None, :, None]
    noon = np.full((9, 1), 12)
    assert interval_widths(errors, noon, np.array([12]), 0.9) == pytest.approx(9)
    assert interval_widths(errors, noon, np.array([12]), 0.5) == pytest.approx(5)


def test_intervals_are_as_wide_as_errors_usually_are_at_that_hour() -> None:
    hours = np.arange(24 * 50)[:, None] % 24
    errors = np.where((hours >= 8) & (hours < 20), 3.0, 1.0)[None]
    day, night = interval_widths(np.tile(errors, (1, 1, 2)), np.tile(hours, (1, 2)), np.array([14, 2]), 0.9)[
        0
    ]
    assert 2.5 < day / night < 3


@given(seed=st.integers(0, 1000))
def test_intervals_do_not_narrow_as_the_lead_grows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24, (30, 6))
    widths = interval_widths(rng.exponential(1, (2, 30, 6)), hours, np.full(6, 9), 0.9)
    assert (np.diff(widths, axis=1) >= 0).all()


def test_unknown_errors_do_not_count() -> None:
    errors = np.append(np.arange(1.0, 10), np.nan)[None, :, None]
    assert interval_widths(errors, np.full((10, 1), 12), np.array([12]), 0.9) == pytest.approx(9)


def noisy_days(days: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A day's wave with noise that is three times larger by day than by night, (T, 4)."""
    hour = np.arange(days * 24)[:, None] % 24
    noise = rng.normal(0, np.where((hour >= 8) & (hour < 20), 3.0, 1.0), (days * 24, 4))
    return (50 - 20 * np.cos(2 * np.pi * hour / 24) + noise).astype(np.float32)


def test_intervals_hold_the_share_they_promise_where_errors_stay_what_they_were() -> None:
    traffic = wavy_traffic(stations=4, days=60)
    traffic = replace(traffic, load=noisy_days(60, np.random.default_rng(1)))
    series = series_of(traffic, fitted_scaler(traffic.load), YESTERDAY, native_step=False)
    network = build_network(
        "linear", input_columns(traffic, traffic, series.load, series.scaler, YESTERDAY)[1]
    )
    weights = np.tile(np.array([1, 0, 0], np.float32), (4, 1))  # the load of the same hour yesterday
    inside = []
    for origin in range(20 * 24, 59 * 24, 24):
        found = outlook(network, weights, series, origin, OutlookSettings(steps=24))
        truth = series.load[origin : origin + 24].T
        inside.append((found.intervals.lower <= truth) & (truth <= found.intervals.upper))
    hours = np.mean(inside, axis=(0, 1))  # leads from midnight are hours of the day
    assert 0.88 < hours.mean() < 0.93
    assert hours[9:19].mean() == pytest.approx(hours[[0, 1, 2, 3, 4, 5, 22, 23]].mean(), abs=0.03)


def test_what_was_filled_in_for_gaps_is_no_error() -> None:
    traffic = wavy_traffic(stations=1, days=10)
    load, gaps = traffic.load.copy(), np.zeros(traffic.load.shape, dtype=bool)
    load[::3], gaps[::3] = 1e4, True
    scaler = Scaler(np.zeros(1), np.ones(1))
    series = series_of(replace(traffic, load=load, gaps=gaps), scaler, LAST, native_step=False)
    network = build_network("linear", input_columns(traffic, traffic, load, scaler, LAST)[1])
    nothing = np.zeros((1, 2), np.float32)  # forecasts 0: each error is the load
    found = outlook(network, nothing, series, 240, OutlookSettings(steps=3))
    assert found.intervals.upper.max() <= 4 * traffic.load.max()


def test_times_go_on_after_the_data_on_the_wall_clock() -> None:
    end = np.datetime64("2024-03-31T00:00", "m")  # UTC; at 01:00 clocks in Rome go from 02:00 to 03:00
    traffic = replace(wavy_traffic(days=8), start=end - np.timedelta64(8, "D"), timezone="Europe/Rome")
    network, weights, series = made(traffic, INPUTS["paper"])
    found = outlook(network, weights, series, 8 * 24, OutlookSettings(steps=3))
    assert [str(time)[11:] for time in found.times] == ["01:00", "03:00", "04:00"]


def test_too_little_data_is_a_sentence() -> None:
    network, weights, series = made(wavy_traffic(days=5), INPUTS["paper"])
    for origin, count in ((72 + 24 + 7, 8), (30, 0)):
        with pytest.raises(InputError, match=f"allow {count} earlier forecasts of 24 steps .* 90% need 9"):
            outlook(network, weights, series, origin, OutlookSettings(steps=24))
    assert outlook(network, weights, series, 72 + 24 + 8, OutlookSettings(steps=24)).forecast.shape == (3, 24)


@pytest.mark.parametrize(
    ("steps", "coverage", "sentence"),
    [(0, 0.9, "steps ahead must be at least 1"), (1, 1.0, "between 0 and 1"), (1, float("nan"), "nan")],
)
def test_bad_settings_are_refused(steps: int, coverage: float, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        OutlookSettings(steps=steps, coverage=coverage)
