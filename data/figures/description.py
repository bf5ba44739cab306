"""What a set of traffic is, in figures: its extent, its gaps, who carries the load, and when.

Axes: T time, N stations, S slots of a mean week or day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.calendar import is_weekend, weekday
from data.traffic import StationId, Traffic

MINUTES_PER_DAY = 1440


@dataclass(frozen=True)
class StationLoad:
    """A station and its mean load per step."""

    station: StationId
    name: str
    mean_load: float


@dataclass(frozen=True, kw_only=True)
class Description:
    """A set in figures; the ratios of loads are None where they mean nothing (see `described`)."""

    channel: str
    stations: int
    steps: int
    first: np.datetime64  # start of the first step, wall clock
    last: np.datetime64  # start of the last step, wall clock
    step_minutes: int
    timezone: str | None
    filled: int
    filled_share: float
    standardised: bool
    total_load: float
    mean_load: float  # per station and step
    busiest: tuple[StationLoad, ...]
    quietest: tuple[StationLoad, ...]
    peak_hour: int  # of the wall clock
    weekend_ratio: float | None
    busiest_tenth_share: float | None


@dataclass(frozen=True)
class Cycle:
    """The mean day or week of a set, slot by slot, and how the stations lie around it."""

    hours: NDArray[np.float64]  # (S,) from midnight, of Monday when it is a week
    mean: NDArray[np.float64]  # (S,) over stations
    low: NDArray[np.float64]  # (S,) one station in ten lies below
    high: NDArray[np.float64]  # (S,) one station in ten lies above
    is_week: bool


def described(traffic: Traffic, listed: int = 5) -> Description:
    """`traffic` in figures, with its `listed` busiest and quietest stations.

    A set with negative values has been standardised: sums of it, and ratios of sums, mean nothing,
    so these are None. So is the weekend's share when no weekend, or nothing else, is covered.
    """
    means = traffic.load.mean(axis=0, dtype=np.float64)  # (N,)
    standardised = is_standardised(traffic)
    order = np.argsort(-means, kind="stable")  # (N,)
    ranked = [_station_load(traffic, means, int(column)) for column in order]
    local = traffic.local_times  # (T,)
    return Description(
        channel=traffic.channel,
        stations=len(traffic.stations),
        steps=len(traffic.load),
        first=local[0],
        last=local[-1],
        step_minutes=traffic.step_minutes,
        timezone=traffic.timezone,
        filled=traffic.filled,
        filled_share=traffic.filled / traffic.load.size,
        standardised=standardised,
        total_load=float(means.sum() * len(traffic.load)),
        mean_load=float(means.mean()),
        busiest=tuple(ranked[:listed]),
        quietest=tuple(ranked[::-1][:listed]),
        peak_hour=_peak_hour(traffic),
        weekend_ratio=None if standardised else _weekend_ratio(traffic),
        busiest_tenth_share=None if standardised else _busiest_tenth_share(means[order]),
    )


def is_standardised(traffic: Traffic) -> bool:
    """Whether the load is a deviation from some mean rather than an amount."""
    return bool(traffic.load.min() < 0)


def _station_load(traffic: Traffic, means: NDArray[np.float64], column: int) -> StationLoad:
    name = traffic.names[column] if traffic.names else ""
    return StationLoad(traffic.stations[column], name, float(means[column]))


def _peak_hour(traffic: Traffic) -> int:
    """The hour of the day, on the wall clock, with the highest mean load."""
    hours = _minutes_of_week(traffic) // 60 % 24  # (T,)
    load = traffic.load.mean(axis=1, dtype=np.float64)  # (T,)
    present = np.unique(hours)
    means = [load[hours == hour].mean() for hour in present]
    return int(present[int(np.argmax(means))])


def _weekend_ratio(traffic: Traffic) -> float | None:
    """Mean load of Saturdays and Sundays over that of the other days."""
    weekend = is_weekend(traffic.local_times)  # (T,)
    load = traffic.load.mean(axis=1, dtype=np.float64)  # (T,)
    if weekend.all() or not weekend.any() or load[~weekend].mean() == 0:
        return None
    return float(load[weekend].mean() / load[~weekend].mean())


def _busiest_tenth_share(descending: NDArray[np.float64]) -> float | None:
    """The part of all load that the busiest tenth of the stations (at least one) carries."""
    total = float(descending.sum())
    tenth = -(-len(descending) // 10)
    return float(descending[:tenth].sum() / total) if total > 0 else None


def _minutes_of_week(traffic: Traffic) -> NDArray[np.int64]:
    """Minutes since Monday 0:00 on the wall clock at the start of each step, (T,)."""
    local = traffic.local_times
    return weekday(local) * MINUTES_PER_DAY + local.astype(np.int64) % MINUTES_PER_DAY


def mean_cycle(traffic: Traffic) -> Cycle:
    """The mean week by the hour when the set spans one, else the mean day by its own step."""
    is_week = len(traffic.load) * traffic.step_minutes >= 7 * MINUTES_PER_DAY
    minutes = _minutes_of_week(traffic)  # (T,)
    slot_minutes = 60 if is_week else traffic.step_minutes
    slots = (minutes if is_week else minutes % MINUTES_PER_DAY) // slot_minutes  # (T,)
    present = np.unique(slots)  # (S,)
    load = np.array([traffic.load[slots == slot].mean(axis=0) for slot in present])  # (S, N)
    low, high = np.quantile(load, (0.1, 0.9), axis=1)  # each (S,)
    return Cycle(present * slot_minutes / 60, load.mean(axis=1), low, high, is_week)
