"""How well simple predictors do on a set: the yardstick of how hard its future is to guess.

One hour ahead over the last seven days; loads z-scored per station by the days before; mean squared
error over all stations. Axes: T hours, N stations, F features.
"""

import numpy as np
from numpy.typing import NDArray

from data.traffic import Traffic, hourly

Array = NDArray[np.float64]

TEST_HOURS = 168
LONGEST_LAG = 336
_LAGS = (*range(1, 25), 168, LONGEST_LAG)
_PENALTY = 1.0


def error_figures(traffic: Traffic) -> dict[str, float]:
    """Errors of naive predictors and of a ridge regression; needs 22 days."""
    hours = hourly(traffic)
    if len(hours.load) < LONGEST_LAG + TEST_HOURS + 24:
        return {}
    score = scores(hours.load)  # (T, N)
    if score.shape[1] == 0:
        return {}
    found = {
        f"error: {name}": float(np.square(score[-TEST_HOURS:] - score[-TEST_HOURS - lag : -lag]).mean())
        for name, lag in (("last value", 1), ("same hour yesterday", 24), ("same hour last week", 168))
    }
    found["error: ridge"] = ridge_error(score, calendar(hours))
    if traffic.step_minutes == 10:
        found["error: ridge, readings within the hour"] = ridge_error(
            score, calendar(hours), within(traffic, hours)
        )
    return found


def scores(load: NDArray[np.floating]) -> Array:
    """`load` z-scored per station by the hours before the test, (T, N); constant stations are left out."""
    before = load[:-TEST_HOURS].astype(np.float64)
    mean, deviation = before.mean(axis=0), before.std(axis=0)
    moving = deviation > 0
    score: Array = (load[:, moving] - mean[moving]) / deviation[moving]
    return score


def within(traffic: Traffic, hours: Traffic) -> Array:
    """The six ten-minute readings of each hour on the scale of the hour's z-score, (T, 6, N)."""
    first = int((hours.start - traffic.start) / np.timedelta64(10, "m"))
    fine = traffic.load[first : first + 6 * len(hours.load)].reshape(len(hours.load), 6, -1)
    before = hours.load[:-TEST_HOURS].astype(np.float64)
    mean, deviation = before.mean(axis=0), before.std(axis=0)
    moving = deviation > 0
    score: Array = (6.0 * fine[:, :, moving] - mean[moving]) / deviation[moving]
    return score


def calendar(hours: Traffic) -> Array:
    """Local hour and weekend, one column each, (T, 25)."""
    times = hours.local_times
    of_day = times.astype("datetime64[h]").astype(np.int64) % 24
    weekend = (times.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5
    return np.column_stack([np.eye(24)[of_day], weekend])


def ridge_error(score: Array, calendar: Array, fine: Array | None = None) -> float:
    """Error of one ridge regression over all stations on lags, calendar and, when given, `fine` (T, 6, N)."""
    features = len(_LAGS) + calendar.shape[1] + (0 if fine is None else fine.shape[1])
    gram, moment = np.zeros((features, features)), np.zeros(features)
    for station in range(score.shape[1]):
        inputs = _inputs(score, calendar, fine, station)[:-TEST_HOURS]
        gram += inputs.T @ inputs
        moment += inputs.T @ score[LONGEST_LAG:-TEST_HOURS, station]
    weights = np.linalg.solve(gram + _PENALTY * np.eye(features), moment)
    errors = [
        np.square(
            _inputs(score, calendar, fine, station)[-TEST_HOURS:] @ weights - score[-TEST_HOURS:, station]
        )
        for station in range(score.shape[1])
    ]
    return float(np.mean(errors))


def _inputs(score: Array, calendar: Array, fine: Array | None, station: int) -> Array:
    """What one station's forecasts are made from, (T - LONGEST_LAG, F)."""
    series = score[:, station]
    columns = [series[LONGEST_LAG - lag : len(series) - lag, None] for lag in _LAGS]
    columns.append(calendar[LONGEST_LAG:])
    if fine is not None:
        columns.append(fine[LONGEST_LAG - 1 : -1, :, station])
    return np.hstack(columns)
