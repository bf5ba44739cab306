"""Readings at odd instants as values on a common grid, each with its uncertainty, by Gaussian processes.

(hierarchical-twin paper, eqs. 25-26). The covariance of two instants is a smooth part (Matérn 3/2) and a
part that returns every day; its numbers are chosen for each class of attribute by their likelihood. A value
on the grid may be made of the readings up to it (the default: a forecast made of it has then seen nothing
later) or of all. One Cholesky factor serves both, since the readings are in the order of time.

Axes: S readings, G instants of the grid, C candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from data.errors import InputError

Floats = NDArray[np.float64]
READINGS_AT_ONCE = 400  # a factor of more costs time with their third power, and far readings tell little
LEAST_NOISE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The covariance of normalised values at two instants, and the variance of a reading's noise.

    `length` is how far the smooth part reaches, in the unit of the instants; `period` that of the part that
    returns, whose variance is `returning` (0 for none).
    """

    length: float
    smooth: float = 1.0  # variance
    returning: float = 0.0  # variance
    period: float = 24.0
    noise: float = 0.05  # variance

    def __post_init__(self) -> None:
        for name in ("length", "period"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"kernel: {name} must be positive, got {getattr(self, name)}")
        if min(self.smooth, self.returning) < 0 or self.smooth + self.returning <= 0:
            raise InputError(
                f"kernel: variances must be 0 or more, one above, got {self.smooth}, {self.returning}"
            )
        if not self.noise >= LEAST_NOISE:
            raise InputError(f"kernel: noise must be at least {LEAST_NOISE}, got {self.noise}")

    def between(self, one: Floats, other: Floats) -> Floats:
        """The covariance of the values at instants (A,) and (B,), (A, B)."""
        apart = np.abs(one[:, None] - other[None, :])
        far = np.sqrt(3) * apart / self.length
        covariance: Floats = self.smooth * (1 + far) * np.exp(-far)
        if self.returning:
            covariance = covariance + self.returning * np.exp(-2 * np.sin(np.pi * apart / self.period) ** 2)
        return covariance


@dataclass(frozen=True)
class Resampled:
    """Values on a grid and the variance of each; those of the prior where no reading tells anything."""

    mean: Floats  # (G,)
    variance: Floats  # (G,)


def resampled(
    stamps: Floats, values: Floats, grid: Floats, kernel: Kernel, *, causal: bool = True
) -> Resampled:
    """The values at the instants of a rising `grid` (G,) from `values` read at `stamps` (S,)."""
    times, readings = _checked(stamps, values)
    instants = np.asarray(grid, np.float64)
    if instants.ndim != 1 or not np.isfinite(instants).all() or (np.diff(instants) <= 0).any():
        raise InputError("resampling: expected a grid (G,) of finite, rising instants")
    parts = [_stretch(times, readings, some, kernel, causal) for some in _stretches(times, instants)]
    mean = np.concatenate([part.mean for part in parts]) if parts else np.zeros(0)
    return Resampled(mean, np.concatenate([part.variance for part in parts]) if parts else np.zeros(0))


def normalised(values: Floats) -> tuple[Floats, float, float]:
    """`values` (S,) with mean 0 and deviation 1, and both; a constant has the deviation 1."""
    mean, deviation = float(values.mean()), float(values.std())
    if deviation <= 1e-9 * max(abs(mean), 1e-300):
        deviation = 1.0
    return (values - mean) / deviation, mean, deviation


def log_likelihood(stamps: Floats, values: Floats, kernel: Kernel) -> float:
    """How likely normalised `values` at `stamps` (S,) are under `kernel`, as a logarithm."""
    times, readings = _checked(stamps, values)
    factor, white = _whitened(times, readings, kernel)
    fit = float(white @ white) / 2 + float(np.log(np.diag(factor)).sum())
    return -fit - len(times) / 2 * float(np.log(2 * np.pi))


def candidates(step: float, period: float) -> list[Kernel]:
    """Kernels to choose from, for readings some `step` apart that may return every `period`."""
    return [
        Kernel(length=length * step, smooth=1 - returning, returning=returning, period=period, noise=noise)
        for length, returning, noise in product((1, 3, 10, 30), (0.0, 0.3, 0.7), (0.01, 0.1, 0.4))
    ]


def chosen_kernel(streams: Sequence[tuple[Floats, Floats]], choice: Sequence[Kernel]) -> Kernel:
    """The kernel under which the latest readings of a class's streams (stamps and values) are likeliest."""
    if not streams or not choice:
        raise InputError(
            f"resampling: {len(streams)} streams and {len(choice)} kernels, expected some of each"
        )
    latest = [
        (stamps[-READINGS_AT_ONCE:], values[-READINGS_AT_ONCE:]) for stamps, values in map(_sorted, streams)
    ]
    plain = [(stamps, normalised(values)[0]) for stamps, values in latest]
    return max(choice, key=lambda kernel: sum(log_likelihood(*each, kernel) for each in plain))


def _stretches(times: Floats, instants: Floats) -> list[Floats]:
    """The grid in pieces between which half of the readings at once lie: each sees as many before it."""
    if not len(instants):
        return []
    edges = times[READINGS_AT_ONCE // 2 :: READINGS_AT_ONCE // 2]
    return [piece for piece in np.split(instants, np.searchsorted(instants, edges)) if len(piece)]


def _stretch(times: Floats, readings: Floats, instants: Floats, kernel: Kernel, causal: bool) -> Resampled:
    """One piece of the grid, from the readings around it."""
    half = READINGS_AT_ONCE // 2
    begin = max(0, int(np.searchsorted(times, instants[0])) - half)
    end = int(np.searchsorted(times, instants[-1], side="right"))
    near = slice(begin, end if causal else min(len(times), end + half))
    prior = float(kernel.smooth + kernel.returning)
    if near.start >= near.stop:
        return Resampled(np.zeros(len(instants)), np.full(len(instants), prior))
    factor, white = _whitened(times[near], readings[near], kernel)
    shares = solve_triangular(factor, kernel.between(times[near], instants), lower=True)  # (S, G)
    if causal:  # the factor of the first readings is the first part of the factor
        shares = np.where(times[near][:, None] <= instants[None, :], shares, 0.0)
    variance = np.clip(prior - (shares**2).sum(axis=0), 0.0, prior)
    return Resampled(white @ shares, variance)


def _whitened(times: Floats, readings: Floats, kernel: Kernel) -> tuple[Floats, Floats]:
    """The lower Cholesky factor of the readings' covariance (S, S), its inverse times the readings (S,)."""
    covariance = kernel.between(times, times) + kernel.noise * np.eye(len(times))
    factor = cholesky(covariance, lower=True, check_finite=False)
    return factor, solve_triangular(factor, readings, lower=True)


def _checked(stamps: Floats, values: Floats) -> tuple[Floats, Floats]:
    times, readings = _sorted((stamps, values))
    if not (np.isfinite(times).all() and np.isfinite(readings).all()):
        raise InputError("resampling: stamps and values must be finite; leave missing readings out")
    return times, readings


def _sorted(stream: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Stamps and values in the order of time."""
    times, readings = (np.asarray(each, np.float64) for each in stream)
    if times.ndim != 1 or times.shape != readings.shape:
        raise InputError(
            f"resampling: {times.shape} stamps and {readings.shape} values, expected (S,) of each"
        )
    order = np.argsort(times, kind="stable")
    return times[order], readings[order]
