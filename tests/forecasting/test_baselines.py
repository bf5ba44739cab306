"""The baselines, each against a computation of its own."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from data.errors import InputError
from data.inputs import INPUTS, InputSettings
from data.windows import SplitSettings, Task, forecast_task
from forecasting.baselines import (
    BASELINES,
    last_value,
    mean_profile,
    ridge,
    same_hour_last_week,
    same_hour_yesterday,
)
from forecasting.moments import STRENGTHS
from tests.cities import wavy_traffic


def task_of(days: int = 28, inputs: str = "day") -> Task:
    return forecast_task(wavy_traffic(days=days), INPUTS[inputs], SplitSettings())


@pytest.mark.parametrize(
    ("baseline", "back"), [(last_value, 1), (same_hour_yesterday, 24), (same_hour_last_week, 168)]
)
def test_seasonal_baselines_repeat_what_was(baseline, back: int) -> None:  # type: ignore[no-untyped-def]  # any of the three
    task = task_of()
    forecast = baseline(task)
    assert forecast.shape == task.issued.targets.shape
    begin = 21 * 24
    expected = task.load[begin - back : begin - back + 168].T
    assert np.array_equal(forecast[:, task.calibration_steps :], expected)


def test_the_mean_profile_is_the_training_mean_of_each_hour_of_the_week() -> None:
    task = task_of()
    forecast = mean_profile(task)[:, task.calibration_steps :]
    weeks = task.load[: 21 * 24].reshape(3, 168, -1).mean(axis=0)
    assert np.allclose(forecast, weeks.T, atol=1e-6)


def test_the_mean_profile_falls_back_on_the_hour_of_the_day() -> None:
    task = forecast_task(wavy_traffic(days=7), INPUTS["paper"], SplitSettings(test_days=2))
    sunday = mean_profile(task)[:, -24:]  # the training part is Monday to Friday
    assert np.allclose(sunday, task.load[: 5 * 24].reshape(5, 24, -1).mean(axis=0).T, atol=1e-6)


def test_ridge_is_the_strength_that_does_best_on_the_last_quarter() -> None:
    task = task_of(inputs="paper")
    inputs, targets = task.train.inputs, task.train.targets
    begun = targets.shape[1] * 3 // 4

    def predicted(strength: float, steps: int, wanted: np.ndarray) -> np.ndarray:
        flat = inputs[:, :steps].reshape(-1, inputs.shape[2]), targets[:, :steps].reshape(-1)
        model = Ridge(alpha=strength).fit(*flat)
        flat_forecast: np.ndarray = model.predict(wanted.reshape(-1, inputs.shape[2]))
        return flat_forecast.reshape(wanted.shape[:2])

    errors = {
        strength: ((predicted(strength, begun, inputs[:, begun:]) - targets[:, begun:]) ** 2).mean()
        for strength in STRENGTHS
    }
    best = min(errors, key=errors.__getitem__)
    assert len(set(np.round(list(errors.values()), 9))) == len(STRENGTHS)  # the choice makes a difference
    assert np.abs(ridge(task) - predicted(best, targets.shape[1], task.issued.inputs)).max() < 1e-4


def test_ridge_survives_a_column_that_is_always_the_same() -> None:
    task = task_of(inputs="paper")
    flat = replace(task.windows, inputs=task.windows.inputs.copy())
    flat.inputs[:, :, 1] = 5
    assert np.isfinite(ridge(replace(task, windows=flat))).all()


def test_a_seasonal_baseline_says_when_its_past_is_missing() -> None:
    task = forecast_task(
        wavy_traffic(days=8), InputSettings(recent=3, periodic_hours=(24,)), SplitSettings(test_days=2)
    )
    with pytest.raises(InputError, match="more steps before the first forecast"):
        same_hour_last_week(task)


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_forecast_moves_with_its_future(name: str) -> None:
    traffic = wavy_traffic(days=21)
    step = 40  # of the test part
    changed = traffic.load.copy()
    changed[14 * 24 + step :] *= 3
    before, after = (
        BASELINES[name](forecast_task(each, INPUTS["day"], SplitSettings()))
        for each in (traffic, replace(traffic, load=changed))
    )
    seen = 100 + step + 1  # calibration steps, then the test up to and with the step that changed
    assert np.array_equal(before[:, :seen], after[:, :seen])
    if name not in ("mean profile", "same hour last week"):  # which look back beyond the change
        assert not np.array_equal(before[:, seen:], after[:, seen:])
