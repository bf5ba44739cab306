"""How little of a station's series may be told by what it sends: differential privacy, and its accountant.

The unit is a station's whole series. Two networks are neighbours if they differ in the series of one station,
whatever the two series are; who takes part, and how long the series are, is public. A station sends nothing
that depends on its series but vectors that are cut to a length and have Gaussian noise added before they
leave it, so that the server is among those whom the noise keeps from knowing (a local mechanism). Every one
of them is a release, and a run is calibrated for all of them together, by dp-accounting.

Axes: P parameters.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.masks import mask

Floats64 = NDArray[np.float64]
LARGEST_EPSILON = 1e6  # beyond it there is no noise to speak of
LARGEST_DELTA = 1e-3  # of a thousand stations one may lose all by then
LONGEST_CLIP = 1e3  # trained weights are some units, and so is any change of them
MANTISSA = 53  # bits of a float64


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """What a station may spend in a run: (ε, δ) for its series, in so many `releases`.

    Its changes are cut to the length `clip`. The releases are counted from the settings of the run where
    they are 0. No noise is on `errors` that a station tells of the stream; with none it tells none.
    """

    kind: Literal["none", "series"] = "none"
    epsilon: float = 8.0
    delta: float = 1e-5
    clip: float = 0.2
    releases: int = 0
    errors: Literal["told", "none"] = "told"

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= LARGEST_EPSILON:
            raise InputError(f"epsilon must lie in (0, {LARGEST_EPSILON:,.0f}], got {self.epsilon}")
        if not 0 < self.delta <= LARGEST_DELTA:
            raise InputError(
                f"delta must lie in (0, {LARGEST_DELTA}], got {self.delta}: it is the probability with which "
                "nothing at all is promised, and is to be far below 1 in so many stations"
            )
        if not 0 < self.clip <= LONGEST_CLIP:
            raise InputError(f"clip must lie in (0, {LONGEST_CLIP:,.0f}], got {self.clip}")
        if self.releases < 0:
            raise InputError(f"releases must be at least 1, or 0 for those of the run, got {self.releases}")

    @property
    def on(self) -> bool:
        """Whether anything is kept private."""
        return self.kind != "none"

    @property
    def silent(self) -> bool:
        """Whether stations tell no errors of their series at all."""
        return self.on and self.errors == "none"

    def planned(self, releases: int) -> "PrivacySettings":
        """The same with the releases of a run, where none were named."""
        return replace(self, releases=self.releases or releases)

    def within(self, most: "PrivacySettings") -> bool:
        """Whether it lets stations spend no more than another budget does, and tell no more."""
        silent = self.silent or not most.silent
        return self.on and silent and self.epsilon <= most.epsilon and self.delta <= most.delta

    @property
    def multiplier(self) -> float:
        """The deviation of the noise of one release, in times by which two series can make it differ."""
        return _multiplier(self.epsilon, self.delta, self.releases)


@lru_cache
def _multiplier(epsilon: float, delta: float, releases: int) -> float:
    from dp_accounting import get_sigma_gaussian  # slow to load

    return float(get_sigma_gaussian(epsilon, delta)) * math.sqrt(releases)


@lru_cache
def spent(settings: PrivacySettings, releases: int) -> float:
    """The ε that so many releases have spent, at the δ of the settings.

    Several Gaussian releases are as one whose noise is smaller by the root of their number: so does
    dp-accounting compose them, whose curve of one of them is exact.
    """
    if not releases:
        return 0.0
    from dp_accounting import get_epsilon_gaussian  # slow to load

    return float(get_epsilon_gaussian(settings.multiplier / math.sqrt(releases), settings.delta))


def clipped(values: Floats64, length: float) -> Floats64:
    """The vector (P,), cut to a 2-norm of at most `length`; zero where it is not finite."""
    if not np.isfinite(values).all():
        return np.zeros_like(values)
    largest = float(np.abs(values).max(initial=0))
    if not largest:
        return values
    norm = largest * float(np.linalg.norm(values / largest))  # squares of large numbers overflow
    return values if norm <= length else values * (length / norm)


def noised(values: Floats64, length: float, multiplier: float, key: bytes) -> Floats64:
    """A release of `values` (P,), whose 2-norm is at most `length`, under the noise that a key makes."""
    return values + 2 * length * multiplier * normals(key, len(values))


def normals(key: bytes, count: int) -> Floats64:
    """So many numbers (P,) of deviation 1 that nobody without the key can tell from random normal ones."""
    from scipy.special import ndtri  # slow to load

    uniform = ((mask(key, count) >> np.uint64(64 - MANTISSA)).astype(np.float64) + 0.5) / 2.0**MANTISSA
    found: Floats64 = ndtri(uniform)
    return found
