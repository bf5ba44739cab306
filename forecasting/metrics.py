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
    """The scores of z-scored forecasts (K, S) of the task's test steps; filled-in truths are not scored."""
    test = task.test
    errors = forecast.astype(np.float64) - test.targets  # (K, S)
    errors, truth = (np.where(test.measured, values, np.nan) for values in (errors, test.targets))
    rmse, spans = _station_figures(errors, truth)
    varied = spans > 0
    return Scores(
        mse=float(np.nanmean(errors**2)),
        mae=float(np.nanmean(np.abs(errors))),
        nrmse=float((rmse[varied] / spans[varied]).mean()) if varied.any() else 0.0,
        raw_mae=float(np.nanmean(np.abs(errors) * task.scaler.scale[:, None])),
    )


def _station_figures(
    errors: NDArray[np.float64], truth: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RMSE and range of each station that has a measured truth."""
    seen = ~np.isnan(truth).all(axis=1)
    rmse = np.sqrt(np.nanmean(errors[seen] ** 2, axis=1))
    return rmse, np.nanmax(truth[seen], axis=1) - np.nanmin(truth[seen], axis=1)


def mean_scores(several: list[Scores]) -> Scores:
    """The mean of the scores of several seeds."""
    return Scores(
        mse=float(np.mean([score.mse for score in several])),
        mae=float(np.mean([score.mae for score in several])),
        nrmse=float(np.mean([score.nrmse for score in several])),
        raw_mae=float(np.mean([score.raw_mae for score in several])),
    )
