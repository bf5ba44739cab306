"""The two compiled entry points, and how their machine code is kept from one run to the next.

numba keeps compiled code beside the module (or where NUMBA_CACHE_DIR says) and compiles again when the
file of the function has changed. These functions are built from several files, so a stamp of all of them
takes part in the lookup: numba compares the values that a function closes over.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from forecasting.kernels_plan import Plan
from forecasting.kernels_products import Matrix, Vector
from forecasting.kernels_training import Data, Moving, Rule, forecast_stations, train_stations


def _stamp() -> str:
    sources = sorted(Path(__file__).parent.glob("kernels*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _training(stamp: str) -> Any:  # numba's functions have no type
    @cached
    def train_epoch(plan: Plan, rule: Rule, moving: Moving, data: Data) -> Vector:
        _ = stamp
        return train_stations(plan, rule, moving, data)

    return train_epoch


def _forecasting(stamp: str) -> Any:
    @cached
    def forecast(plan: Plan, weights: Matrix, inputs: NDArray[np.float32], result: Matrix) -> None:
        _ = stamp
        forecast_stations(plan, weights, inputs, result)

    return forecast


train_epoch = _training(_stamp())
forecast = _forecasting(_stamp())
