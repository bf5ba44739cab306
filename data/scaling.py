"""Per-station z-scores. Axes: T time, N stations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scaler:
    """Per-station z-score; a constant series has the scale 1."""

    mean: NDArray[np.float64]  # (N,)
    scale: NDArray[np.float64]  # (N,)

    def scaled(self, load: NDArray[np.floating]) -> NDArray[np.float32]:
        """`load` (..., N) as z-scores."""
        return ((load - self.mean) / self.scale).astype(np.float32)

    def raw(self, scaled: NDArray[np.floating]) -> NDArray[np.float64]:
        """Z-scores (..., N) back in the unit of the load."""
        return scaled.astype(np.float64) * self.scale + self.mean


def fitted_scaler(load: NDArray[np.floating]) -> Scaler:
    """The scaler of each column of `load` (T, N), to the last bit the same whatever the other columns are."""
    rows = np.ascontiguousarray(load.T, np.float64)  # (N, T): numpy sums each row in one order
    spread = rows.std(axis=1)
    return Scaler(rows.mean(axis=1), np.where(spread > 1e-9 * np.abs(rows).max(axis=1), spread, 1.0))
