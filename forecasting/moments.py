"""Ridge regression from sums alone: what a station sends is as large for a year of samples as for a week.

The sums of squares and products add up over stations, so the ridge of the summed moments is the ridge of
the pooled samples, and no sample leaves its station. (A station with hardly more samples than features
could still be read from its moments.) A ridge's weights are those of the network `linear`, whose flat
vector has the same order.

Axes: S samples, F features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.messages import Moments

Values = NDArray[np.float64]
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def station_moments(inputs: NDArray[np.floating], targets: NDArray[np.floating]) -> Moments:
    """The moments of samples with `inputs` (S, F) and `targets` (S,)."""
    columns = np.ones((len(targets), inputs.shape[1] + 1))  # (S, F + 1)
    columns[:, :-1] = inputs
    wide = targets.astype(np.float64)
    return Moments(columns.T @ columns, columns.T @ wide, float(wide @ wide), len(targets))


def split_moments(inputs: NDArray[np.floating], targets: NDArray[np.floating]) -> tuple[Moments, Moments]:
    """The moments of the first three quarters of the samples, in the order of time, and of the last one."""
    begun = max(1, len(targets) * 3 // 4)
    return station_moments(inputs[:begun], targets[:begun]), station_moments(inputs[begun:], targets[begun:])


def summed(parts: Sequence[Moments]) -> Moments:
    """The moments of all samples together; there must be at least one part."""
    return Moments(
        np.sum([part.gram for part in parts], axis=0),
        np.sum([part.moment for part in parts], axis=0),
        sum(part.squares for part in parts),
        sum(part.count for part in parts),
    )


def ridge_weights(moments: Moments, strength: float) -> Values:
    """Weights (F + 1,) minimising Σ (y - w·x)² + strength · ‖w‖², in which the intercept does not count."""
    penalty = np.full(len(moments.moment), strength)
    penalty[-1] = 1e-9  # keeps the system solvable when a column is constant
    return np.linalg.solve(moments.gram + np.diag(penalty), moments.moment).astype(np.float64)


def squared_error(moments: Moments, weights: Values) -> float:
    """Σ (y - w·x)² over the samples, from their sums."""
    return float(weights @ moments.gram @ weights - 2 * weights @ moments.moment + moments.squares)


def chosen_ridge(early: Moments, late: Moments, strengths: Sequence[float] = STRENGTHS) -> Values:
    """Ridge weights of all samples, of the strength that errs least on the late ones, fitted to the early."""
    if late.count == 0:
        return ridge_weights(early, 1.0)
    strength = min(strengths, key=lambda each: squared_error(late, ridge_weights(early, each)))
    return ridge_weights(summed([early, late]), strength)
