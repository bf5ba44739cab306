"""The replica: what is known of the coming hours of a network without any intervention.

Axes: K stations, H hours ahead, R sampled futures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Counts, Floats
from hetnet.operations.play_kernels import outermost

Singles = NDArray[np.float32]
LEAST_SPREAD = 1e-12
ROUNDING = 1e-9  # of a load or capacity, so that what fills it to the last bit is not over it


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What clauses of scenarios speak of: stations, and hours that are to come."""

    stations: tuple[str, ...]
    positions: Floats  # (K, 2) longitude, latitude in degrees
    clusters: Counts  # (K,)
    hours: NDArray[np.datetime64]  # (H,) wall clock, when each begins

    @property
    def shape(self) -> tuple[int, int]:
        """How many hours there are, and how many stations."""
        return len(self.hours), len(self.stations)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each station stands."""
        return {station: place for place, station in enumerate(self.stations)}


@dataclass(frozen=True, kw_only=True)
class Replica(Ground):
    """The coming hours as the twins forecast them, and futures that are as likely as any.

    A future is a whole: what one station's future has too much goes with what its neighbours' have, and
    every scenario is played on the same futures, so that what differs between two is due to them alone.
    """

    forecast: Floats  # (H, K)
    futures: Singles  # (R, H, K)
    capacity: Floats  # (K,) the most that each can carry in an hour
    reach: Floats  # (K,) kilometres within which each can serve
    users: Floats | None = None  # (H, K) around each station, where somebody has told how many there are

    def __post_init__(self) -> None:
        hours, stations = self.shape
        shapes: tuple[tuple[str, NDArray[np.generic], tuple[int, ...]], ...] = (
            ("positions", self.positions, (stations, 2)),
            ("clusters", self.clusters, (stations,)),
            ("forecast", self.forecast, (hours, stations)),
            ("futures", self.futures[0], (hours, stations)),
            ("capacity", self.capacity, (stations,)),
            ("reach", self.reach, (stations,)),
        )
        if self.users is not None:
            shapes += (("users", self.users, (hours, stations)),)
        for name, values, shape in shapes:
            if values.shape != shape:
                raise InputError(f"replica: found {name} of the shape {values.shape}, expected {shape}")


def sampled_futures(forecast: Floats, errors: Singles, usual: Singles, coming: Singles) -> Singles:
    """The forecast (H, K) with each of the `errors` (K, R, H) of earlier forecasts added, (R, H, K).

    An error counts by what was `usual` (K, R, H) at its hour of the day, and is that many times what is
    usual at the `coming` (K, H) hour. Errors of all stations and leads are kept together: whoever errs alike
    at one time does so in the futures. No load is below nothing.
    """
    added = errors / np.maximum(usual, LEAST_SPREAD)
    added *= coming[:, None]
    futures = np.ascontiguousarray(added.transpose(1, 2, 0))
    futures += forecast.astype(np.float32)
    return np.maximum(futures, 0, out=futures)


def ends(futures: Floats, coverage: float) -> tuple[Floats, Floats]:
    """The lower and upper ends of intervals that hold `coverage` of what `futures` (R, …) have.

    One more, drawn like them, lies between with that probability at least, where R allows that.
    """
    count = len(futures)
    low = max(int(np.floor((count + 1) * (1 - coverage) / 2 + 1e-9)), 1) - 1  # place among the sorted
    lower, upper = outermost(futures.reshape(count, -1), low + 1)
    return lower.reshape(futures.shape[1:]), upper.reshape(futures.shape[1:])


@dataclass(frozen=True)
class Band:
    """A forecast and the ends of an interval around it, of one shape."""

    forecast: Floats
    lower: Floats
    upper: Floats


def band(values: Floats, coverage: float) -> Band:
    """The forecast, which comes first in `values` (1 + R, …), and the interval of the futures."""
    return Band(values[0], *ends(values[1:], coverage))


@dataclass(frozen=True)
class Total:
    """A sum by the forecast, and in the futures: their median and mean, and the ends of an interval of them.

    What is lost or drawn is no straight line of the load, so the sum by the forecast may lie outside.
    """

    forecast: float
    median: float
    mean: float
    lower: float
    upper: float


def total(values: Floats, coverage: float) -> Total:
    """What a sum comes to, by the forecast, which comes first in `values` (1 + R,), and in the futures."""
    futures = values[1:]
    lower, upper = ends(futures, coverage)
    several = (values[0], np.median(futures), futures.mean(), lower, upper)
    return Total(*(float(each) for each in several))


def without_rounding(values: Floats, beside: Floats) -> Floats:
    """The `values`, but nothing where so little `beside` what they come of is due to rounding."""
    return np.where(np.abs(values) <= ROUNDING * beside, 0.0, values)


def least_futures(coverage: float) -> int:
    """How many futures it takes for the least and greatest of them to hold `coverage` of what comes."""
    return int(np.ceil(2 / (1 - coverage) - 1 - 1e-9))


def hours_named(hours: NDArray[np.datetime64]) -> list[str]:
    """The hours as people write them."""
    return [str(each) for each in hours.astype("datetime64[m]")]


def halves(replica: Replica) -> tuple[Replica, Replica]:
    """The replica with the older half of its futures, to choose by, and with the younger, to tell of."""
    middle = len(replica.futures) // 2
    return (
        replace(replica, futures=replica.futures[:middle]),
        replace(replica, futures=replica.futures[middle:]),
    )


def names_of(replica: Replica, places: Sequence[int] | Counts) -> list[str]:
    """The stations at these places."""
    return [replica.stations[place] for place in places]
