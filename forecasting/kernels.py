"""The two compiled entry points, whose machine code is kept from one run to the next."""

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from forecasting.kernels_plan import Plan
from forecasting.kernels_products import Matrix, Vector
from forecasting.kernels_training import Data, Moving, Rule, forecast_stations, train_stations


@cached
def train_epoch(plan: Plan, rule: Rule, moving: Moving, data: Data) -> Vector:
    """Train every station for an epoch; its losses."""
    return train_stations(plan, rule, moving, data)


@cached
def forecast(plan: Plan, weights: Matrix, inputs: NDArray[np.float32], result: Matrix) -> None:
    """Write the forecasts of every station into `result`."""
    forecast_stations(plan, weights, inputs, result)
