"""Cells of a few users, for tests of powers."""

import numpy as np
from numpy.typing import NDArray

from hetnet.network import Interference
from hetnet.power import Cells

Floats = NDArray[np.float64]
NOISE = 1e-13


def cells(seed: int, users: int, stations: int, interference: Interference = "sound") -> Cells:
    """Users near stations of a plane; the last user has no station."""
    rng = np.random.default_rng(seed)
    here, there = rng.uniform(-400, 400, (users, 2)), rng.uniform(-400, 400, (stations, 2))
    apart = np.maximum(np.linalg.norm(here[:, None] - there[None], axis=2), 10)
    gain = 10**-1.53 * apart**-3.76 * rng.exponential(1, apart.shape)
    serving = (gain * rng.uniform(0.5, 1, gain.shape)).argmax(axis=1)
    serving[-1] = -1
    limits = rng.choice([0.05, 10.0], stations)
    return Cells(gain, serving, limits, np.zeros(stations), NOISE, interference)


def targets(seed: int, users: int, most: float) -> Floats:
    return np.random.default_rng(seed + 1).uniform(0.05, most, users)
