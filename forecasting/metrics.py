"""How good forecasts are. Axes: K stations, S steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.windows import Task

Values = NDArray[np.float64]


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


@dataclass(frozen=True)
class Tally:
    """Sums of the errors of K stations over some steps; those over several spans can be joined."""

    count: NDArray[np.int64]  # (K,) truths that were measured
    squared: Values  # (K,)
    absolute: Values  # (K,)
    raw_absolute: Values  # (K,) in the unit of the load
    spread: Values  # (K,) between the lowest and the highest truth, z-scored; 0 where that is not known

    def part(self, stations: NDArray[np.bool_]) -> "Tally":
        """The sums of some of the stations."""
        return Tally(
            self.count[stations],
            self.squared[stations],
            self.absolute[stations],
            self.raw_absolute[stations],
            self.spread[stations],
        )


def tally(
    forecast: NDArray[np.floating],
    truth: NDArray[np.floating],
    measured: NDArray[np.bool_],
    scale: Values,
) -> Tally:
    """The sums of z-scored forecasts (K, S); filled-in truths are not counted. `scale` (K,) is the unit's."""
    errors = np.where(measured, forecast.astype(np.float64) - truth, 0.0)  # (K, S)
    errors = np.ascontiguousarray(errors)  # numpy sums each row in one order, whatever the others are
    absolute = np.abs(errors).sum(axis=1)
    return Tally(
        count=measured.sum(axis=1),
        squared=(errors**2).sum(axis=1),
        absolute=absolute,
        raw_absolute=absolute * scale,
        spread=_spread(np.where(measured, truth, np.nan)),
    )


def _spread(truth: NDArray[np.floating]) -> Values:
    """The range of each row's truths, those that are NaN left out, (K,)."""
    spread = np.zeros(len(truth))
    if not truth.shape[1]:
        return spread
    seen = ~np.isnan(truth).all(axis=1)
    spread[seen] = np.nanmax(truth[seen], axis=1) - np.nanmin(truth[seen], axis=1)
    return spread


def empty_tally(stations: int) -> Tally:
    """The sums of no steps."""
    zero = np.zeros(stations)
    return Tally(zero.astype(np.int64), zero, zero, zero, zero)


def joined(one: Tally, other: Tally) -> Tally:
    """The sums of the same stations over two spans of steps; their spread is the larger of the two known."""
    return Tally(
        one.count + other.count,
        one.squared + other.squared,
        one.absolute + other.absolute,
        one.raw_absolute + other.raw_absolute,
        np.maximum(one.spread, other.spread),
    )


def tally_scores(sums: Tally) -> Scores:
    """The scores that these sums make; there must be a measured truth."""
    seen = sums.count > 0
    total = sums.count.sum()
    spans = sums.spread[seen]
    rmse = np.sqrt(sums.squared[seen] / sums.count[seen])
    varied = spans > 0
    return Scores(
        mse=float(sums.squared.sum() / total),
        mae=float(sums.absolute.sum() / total),
        nrmse=float((rmse[varied] / spans[varied]).mean()) if varied.any() else 0.0,
        raw_mae=float(sums.raw_absolute.sum() / total),
    )


def scores(task: Task, forecast: NDArray[np.floating]) -> Scores:
    """The scores of z-scored forecasts (K, S) of the task's test steps; filled-in truths are not scored."""
    test = task.test
    return tally_scores(tally(forecast, test.targets, test.measured, task.scaler.scale))


def mean_scores(several: list[Scores]) -> Scores:
    """The mean of the scores of several seeds."""
    return Scores(
        mse=float(np.mean([score.mse for score in several])),
        mae=float(np.mean([score.mae for score in several])),
        nrmse=float(np.mean([score.nrmse for score in several])),
        raw_mae=float(np.mean([score.raw_mae for score in several])),
    )
