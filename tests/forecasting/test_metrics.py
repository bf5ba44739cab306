"""Scores, worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from data.inputs import INPUTS
from data.scaling import Scaler
from data.windows import SplitSettings, forecast_task
from forecasting.metrics import Scores, mean_scores, scores
from tests.cities import wavy_traffic


def test_scores_of_two_stations_worked_by_hand() -> None:
    task = forecast_task(wavy_traffic(stations=2, days=14), INPUTS["paper"], SplitSettings(test_days=1))
    truth = np.zeros((2, 24), np.float32)
    truth[:, 0] = 4, 1  # ranges 4 and 1
    targets = task.windows.targets.copy()
    targets[:, -24:] = truth
    windows = replace(task.windows, targets=targets)
    task = replace(task, windows=windows, scaler=Scaler(np.zeros(2), np.array([10.0, 100.0])))
    forecast = truth + np.array([[1], [-2]])
    found = scores(task, forecast)
    assert found.mse == (1 + 4) / 2
    assert found.mae == (1 + 2) / 2
    assert found.nrmse == pytest.approx((1 / 4 + 2 / 1) / 2)
    assert found.raw_mae == (10 * 1 + 100 * 2) / 2


def test_a_station_that_never_varies_has_no_range_to_divide_by() -> None:
    task = forecast_task(wavy_traffic(stations=1, days=14), INPUTS["paper"], SplitSettings(test_days=1))
    flat = replace(task, windows=replace(task.windows, targets=np.zeros_like(task.windows.targets)))
    assert scores(flat, np.ones((1, 24), np.float32)).nrmse == 0


def test_filled_truths_are_not_scored() -> None:
    task = forecast_task(wavy_traffic(stations=2, days=14), INPUTS["paper"], SplitSettings(test_days=1))
    measured = np.ones(task.windows.targets.shape, dtype=bool)
    measured[0, -1] = measured[1, -24:] = False
    holed = replace(task, windows=replace(task.windows, measured=measured))
    forecast = task.test.targets + np.float32(1)
    forecast[0, -1] = forecast[1] = 1000
    found = scores(holed, forecast)
    assert found.mse == pytest.approx(1)
    assert found.nrmse == pytest.approx(1 / np.ptp(task.test.targets[0, :-1]))


def test_seeds_are_averaged() -> None:
    assert mean_scores([Scores(1, 2, 3, 4), Scores(3, 4, 5, 6)]) == Scores(2, 3, 4, 5)
