"""Forecasts that a network must beat, for every issued step (calibration, then test) of a task.

Each is fitted on the training part and sees, at a step, only what came before it.

Axes: K stations, S steps, F features, T time.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data.clock import steps_at_earlier_clock
from data.errors import InputError
from data.windows import Task
from forecasting.moments import chosen_ridge, split_moments, summed

Forecast = NDArray[np.float32]  # (K, S) z-scored
MOST_BOOSTED_ROWS = 400_000  # a boosted tree gains little from more, and its time grows with them


def last_value(task: Task) -> Forecast:
    """The value of the step before."""
    return _at_steps(task, np.arange(len(task.load)) - 1)


def same_hour_yesterday(task: Task) -> Forecast:
    """The value of a day before, at the same time of the clock."""
    return _days_back(task, 1)


def same_hour_last_week(task: Task) -> Forecast:
    """The value of a week before, at the same time of the clock."""
    return _days_back(task, 7)


def mean_profile(task: Task) -> Forecast:
    """The training mean of each step of the week; of the day where the training part lacks that step."""
    minutes = task.traffic.local_times.astype("datetime64[m]").astype(np.int64)
    profile = np.zeros((7 * 1440, task.load.shape[1]), dtype=np.float32)  # (minutes of a week, K)
    for span in (1440, 7 * 1440):
        places = minutes[: task.train_steps] % span
        for place in np.unique(places):
            profile[place::span] = task.load[: task.train_steps][places == place].mean(axis=0)
    issued = minutes[task.train_steps - task.calibration_steps : len(task.load)]
    return profile[issued % (7 * 1440)].T


def ridge(task: Task) -> Forecast:
    """Ridge regression pooled over the stations; the last quarter of the training chooses its strength."""
    train = task.train
    split = [split_moments(*station) for station in zip(train.inputs, train.targets, strict=True)]
    early, late = zip(*split, strict=True)
    weights = chosen_ridge(summed(early), summed(late))  # (F + 1,)
    forecast: Forecast = (task.issued.inputs @ weights[:-1] + weights[-1]).astype(np.float32)
    return forecast


def boosting(task: Task) -> Forecast:
    """Gradient-boosted trees (scikit-learn) pooled over the stations."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    inputs = task.train.inputs.reshape(-1, task.train.layout.features)
    targets = task.train.targets.reshape(-1)
    if len(targets) > MOST_BOOSTED_ROWS:
        kept = np.random.default_rng(0).choice(len(targets), MOST_BOOSTED_ROWS, replace=False)
        inputs, targets = inputs[kept], targets[kept]
    trees = HistGradientBoostingRegressor(
        max_iter=200, learning_rate=0.05, early_stopping=False, random_state=0
    ).fit(inputs, targets)
    flat = trees.predict(task.issued.inputs.reshape(-1, task.issued.layout.features))
    return np.asarray(flat, dtype=np.float32).reshape(task.issued.targets.shape)


BASELINES: dict[str, Callable[[Task], Forecast]] = {
    "last value": last_value,
    "same hour yesterday": same_hour_yesterday,
    "same hour last week": same_hour_last_week,
    "mean profile": mean_profile,
    "ridge": ridge,
    "boosting": boosting,
}


def _days_back(task: Task, days: int) -> Forecast:
    clock = task.traffic.local_times[: len(task.load)]
    return _at_steps(task, steps_at_earlier_clock(clock, days * 1440, task.traffic.step_minutes))


def _at_steps(task: Task, steps: NDArray[np.int64]) -> Forecast:
    """The load that stood at `steps` (T,), for each issued step."""
    wanted = steps[task.train_steps - task.calibration_steps :]
    if wanted.min() < 0:
        raise InputError(f"needs {-wanted.min()} more steps before the first forecast")
    return task.load[wanted].T
