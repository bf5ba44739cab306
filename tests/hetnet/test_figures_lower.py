from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from hetnet.decomposition import StlSettings
from hetnet.figures_lower import (
    LowerFigureSettings,
    Sample,
    clock_rows,
    figure5_curves,
    figure5_rows,
    figure6_rows,
    figure7_forecasters,
    figure7_rows,
    figure_sample,
    forecast_errors,
    synchronisation_rows,
)
from hetnet.forecasters import arima, linear, seasonal_naive
from hetnet.lags import Floats, no_neighbours

STEPS = 700
SETTINGS = LowerFigureSettings(users=3, test_steps=100, neighbours=1)
DAY = StlSettings(periods=(24,), cycles=(11,))


def history(users: int = 5) -> Floats:
    """Five attributes, of which throughput, delay and loss have a day in them and the others do not."""
    rng = np.random.default_rng(1)
    values = 5 + 0.3 * rng.normal(size=(users, 5, STEPS))
    values[:, [0, 1, 3]] += np.sin(2 * np.pi * np.arange(STEPS) / 24)
    return values


def sample(settings: LowerFigureSettings = SETTINGS) -> Sample:
    return figure_sample(history(), np.random.default_rng(2).uniform(size=(5, 2)), settings)


def test_a_sample_has_the_attributes_of_its_users_one_after_the_other() -> None:
    found = sample()
    expected = np.concatenate([history()[found.users, place] for place in (0, 1, 2, 3)])
    assert np.array_equal(found.series, expected)
    assert (found.train, found.constant, found.neighbours.shape) == (600, 0, (12, 1))


def test_users_with_an_attribute_that_never_changes_are_left_out_and_counted() -> None:
    values = history()
    values[[0, 3], 3] = 1.0
    found = figure_sample(values, np.zeros((5, 2)), SETTINGS)
    assert found.users.tolist() == [1, 2, 4]
    assert found.constant == 2


def test_a_history_of_constants_is_refused() -> None:
    with pytest.raises(InputError, match="every one of 2 users has an attribute that never changes"):
        figure_sample(np.ones((2, 5, STEPS)), np.zeros((2, 2)), SETTINGS)


def test_a_history_no_longer_than_the_test_is_refused() -> None:
    with pytest.raises(InputError, match="longer than the 100 steps of the test"):
        figure_sample(np.ones((2, 5, 100)), np.zeros((2, 2)), SETTINGS)


def test_an_error_is_the_mean_square_of_what_a_forecast_misses_in_deviations_of_the_history() -> None:
    # 0 1 0 1 …, whose deviation is ½, then 0 3 0 3: the value two steps before misses the first 3 by 2 and
    # nothing else: (0 + 4 + 0 + 0) / 4 / ¼ = 4
    values = np.r_[np.tile([0.0, 1], 10), 0, 3, 0, 3][None]
    tiny = Sample(values, no_neighbours(1), 20, np.array([0]), 0)
    settings = replace(SETTINGS, attributes=("load",), test_steps=4)
    assert forecast_errors(tiny, settings, seasonal_naive(2)).tolist() == [pytest.approx(4)]


def test_the_rows_of_figure_7_name_method_attribute_and_error() -> None:
    rows = [row for each in figure7_rows(sample(), SETTINGS, (linear(), arima())) for row in each]
    assert [(row["method"], row["attribute"]) for row in rows] == [
        (method, attribute)
        for method in ("linear, seasonal lags", "ARIMA(2,2,0)")
        for attribute in ("throughput", "delay", "load", "loss")
    ]
    assert all(row["series"] == 3 and not row["look_ahead"] for row in rows)
    errors = {(row["method"], row["attribute"]): float(row["mse"]) for row in rows}
    assert errors["linear, seasonal lags", "throughput"] < 0.35 < errors["linear, seasonal lags", "load"]


def test_one_forecaster_of_figure_7_looks_ahead() -> None:
    names = {each.name: each.look_ahead for each in figure7_forecasters(1)}
    assert [name for name, ahead in names.items() if ahead] == ["STL-NARX, look-ahead"]
    assert {"STL-NARX", "NARX", "TCN", "ARIMA(2,2,0)", "NARX, alone", "STL-NARX, alone"} <= names.keys()


def test_figure_5_finds_the_day_where_there_is_one() -> None:
    rows = figure5_rows(sample(), SETTINGS, DAY)
    strength = {row["attribute"]: float(row["strength"]) for row in rows}
    assert min(strength["throughput"], strength["delay"], strength["loss"]) > 0.8
    assert strength["load"] == pytest.approx(float(rows[0]["noise"]), abs=0.05)


def test_the_curves_of_figure_5_sum_up_to_the_series() -> None:
    rows = figure5_curves(sample(), SETTINGS, DAY)
    assert len(rows) == 4 * 600
    for row in rows[::97]:
        total = float(row["trend"]) + float(row["season"]) + float(row["remainder"])
        assert total == pytest.approx(float(row["value"]))


def test_figure_6_holds_truth_and_forecast_of_each_attribute() -> None:
    rows = figure6_rows(sample(), SETTINGS, hours=48)
    assert len(rows) == 4 * 48
    assert rows[0]["step"] == 600
    throughput = [
        (float(row["truth"]), float(row["forecast"])) for row in rows if row["attribute"] == "throughput"
    ]
    truth, forecast = np.array(throughput).T
    assert np.corrcoef(truth, forecast)[0, 1] > 0.7


def test_synchronised_and_not_are_alike_one_step_ahead_and_apart_later() -> None:
    rows = synchronisation_rows(sample(), SETTINGS, linear(), most_ahead=6)
    errors = {(row["kind"], row["ahead"]): float(row["mse"]) for row in rows if row["attribute"] == "delay"}
    assert errors["synchronised", 1] == errors["not synchronised", 1]
    assert errors["synchronised", 6] < 0.5 * errors["not synchronised", 6]


def test_clock_rows_hold_both_ways() -> None:
    found = {str(row["variant"]): float(row["found_ppm"]) for row in clock_rows(1)}
    assert abs(found["sound"] - 50) < 1
    assert abs(found["literal"] - 50) > abs(found["sound"] - 50)


def test_unknown_attributes_are_named() -> None:
    with pytest.raises(InputError, match="unknown attributes"):
        LowerFigureSettings(attributes=("colour",))
