"""How good forecasts are. Axes: K stations, S test steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.windows import Task


@dataclass(frozen=True)
class Scores:
    """Errors over all stations and test steps.

    `mse` and `mae` are on the z-scored scale. `nrmse` is each station's RMSE over the range of its test
    values, averaged over the stations whose values vary. `raw_mae` is in the unit of the load.
    """

    mse: float
    mae: float
    nrmse: float
    raw_mae: float


def scores(task: Task, forecast: NDArray[np.floating]) -> Scores:
    """The scores of z-scored forecasts (K, S) of the task's test steps."""
    truth = task.test.targets
    errors = forecast.astype(np.float64) - truth  # (K, S)
    spans = np.ptp(truth, axis=1).astype(np.float64)  # (K,)
    rmse = np.sqrt((errors**2).mean(axis=1))
    varied = spans > 0
    return Scores(
        mse=float((errors**2).mean()),
        mae=float(np.abs(errors).mean()),
        nrmse=float((rmse[varied] / spans[varied]).mean()) if varied.any() else 0.0,
        raw_mae=float((np.abs(errors) * task.scaler.scale[:, None]).mean()),
    )


def mean_scores(several: list[Scores]) -> Scores:
    """The mean of the scores of several seeds."""
    return Scores(
        mse=float(np.mean([score.mse for score in several])),
        mae=float(np.mean([score.mae for score in several])),
        nrmse=float(np.mean([score.nrmse for score in several])),
        raw_mae=float(np.mean([score.raw_mae for score in several])),
    )
