"""Sums of weights that come out the same to the bit, whatever is added first.

Floating-point sums depend on their order, and so would a twin on which station answered first, or on which
of them share a process that adds up before it sends. Here every weight is rounded to a multiple of 2^-36 and
parted into two whole numbers, hi · 2^28 + lo, whose sums float64 holds exactly: of weights below 1e6, each
times its factor, as long as the factors add up to less than 2^25. Rounding moves a mean by at most 2^-37,
which float32 does not see in weights above 2^-12.

Axes: K contributors, P parameters.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from data.errors import InputError

Weights = NDArray[np.float32]
Sums = NDArray[np.float64]  # (2, P): hi, lo

LARGEST = 1e6  # a weight beyond it has diverged: those of a forecaster of z-scores are some units
UNIT_HI, UNIT_LO = 2.0**8, 2.0**28
FACTORS = 2**25


def exact_sum(weights: Weights, factors: NDArray[np.int64], rows: NDArray[np.intp] | None = None) -> Sums:
    """The sum (2, P) of those `rows` of `weights` (K, P), or of all, each times its factor.

    `factors` are as many as the rows, which must hold finite numbers of at most LARGEST.
    """
    sums = np.zeros((2, weights.shape[1]))
    _add(sums, weights, np.arange(len(weights)) if rows is None else rows, factors.astype(np.float64))
    return sums


def together(several: Iterable[Sums]) -> Sums:
    """The sum of sums; there must be one."""
    first, *others = several
    for other in others:
        first = first + other
    return first


def mean_of_sums(sums: Sums, factors: int) -> NDArray[np.float64]:
    """The mean (P,) of what was summed with factors that add up to `factors`."""
    if not 0 < factors < FACTORS:
        raise InputError(f"a sum over {factors:,} windows is not exact, expected 1 to {FACTORS:,} of them")
    total = sums[0] + sums[1] / UNIT_LO  # exact but for one rounding
    mean: NDArray[np.float64] = total / (factors * UNIT_HI)
    return mean


@cached
def _add(sums: Sums, weights: Weights, rows: NDArray[np.intp], factors: NDArray[np.float64]) -> None:
    for place, row in enumerate(rows):
        factor = factors[place]
        for column in range(weights.shape[1]):
            scaled = np.float64(weights[row, column]) * UNIT_HI
            hi = np.floor(scaled)
            sums[0, column] += factor * hi
            sums[1, column] += factor * np.rint((scaled - hi) * UNIT_LO)
