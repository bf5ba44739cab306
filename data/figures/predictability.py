"""How well simple predictors do on a set: the yardstick of how hard its future is to guess.

One hour ahead over the last seven days; loads z-scored per station by the days before; mean squared
error over all stations and measured hours. The linear models are kept plain, with one fixed penalty, so
that two sets can be compared; `vhtwin forecast` has the better ridge.

Axes: K stations, S steps, F features.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.inputs import InputSettings
from data.traffic import Traffic
from data.windows import SplitSettings, Task, Windows, forecast_task

FEWEST_DAYS = 22
NAIVE = {"last value": 1, "same hour yesterday": 24, "same hour last week": 168}  # hours back
LINEAR = {"linear, past hours": False, "linear, past readings": True}  # within the hour before
ERRORS = tuple(f"error: {name}" for name in (*NAIVE, *LINEAR))
_PAST = InputSettings(recent=23, periodic_hours=(24, 168, 336), calendar=True)
_PENALTY = 1.0


@np.errstate(over="ignore", invalid="ignore")  # z-scores of a load that wakes up may be beyond all numbers
def error_figures(traffic: Traffic) -> dict[str, float]:
    """Errors, where finite, of naive predictors and of linear models pooled over the stations."""
    if len(traffic.load) * traffic.step_minutes < FEWEST_DAYS * 1440:
        return {}
    task = forecast_task(traffic, _PAST, SplitSettings(test_days=7))
    found = {name: naive_error(task, hours) for name, hours in NAIVE.items()}
    for name, readings in LINEAR.items():
        if readings and traffic.step_minutes == 10:
            task = forecast_task(traffic, replace(_PAST, readings=True), SplitSettings(test_days=7))
        if not readings or traffic.step_minutes == 10:
            found[name] = linear_error(task)
    return {f"error: {name}": error for name, error in found.items() if np.isfinite(error)}


def naive_error(task: Task, hours: int) -> float:
    """Error of forecasting what was measured `hours` before."""
    columns = [*sorted(_PAST.periodic_hours, reverse=True), *range(_PAST.recent, 0, -1)]
    return _error(task.test, task.test.inputs[:, :, columns.index(hours)])


def linear_error(task: Task) -> float:
    """Error of one ridge regression over all stations."""
    features = task.train.layout.features
    gram, moment = np.zeros((features, features)), np.zeros(features)
    for inputs, targets in zip(task.train.inputs.astype(np.float64), task.train.targets, strict=True):
        gram += inputs.T @ inputs
        moment += inputs.T @ targets
    weights = np.linalg.solve(gram + _PENALTY * np.eye(features), moment)
    return _error(task.test, task.test.inputs @ weights)


def _error(windows: Windows, forecast: NDArray[np.floating]) -> float:
    """Mean squared error of `forecast`, (K, S), where the target was measured."""
    return float(np.square(forecast - windows.targets, dtype=np.float64)[windows.measured].mean())
