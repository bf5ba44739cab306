"""How stations differ and fail: speeds, sleep at night, drop-outs; drawn for each by the seed and its id.

Axes: N stations, S steps of the stream, E epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.traffic import StationId
from fl_server.settings import BehaviourSettings
from forecasting.stations import station_number

Mask = NDArray[np.bool_]
WAKING_HOUR = 6
HOURS_A_WEEK = 168
BEHAVIOUR, PARTICIPATION = 2, 3  # what a stream of random numbers is for, beside those of forecasting


@dataclass(frozen=True)
class Behaviour:
    """What each station will do, as far as it can be known before."""

    hours: NDArray[np.float64]  # (N,) that a training takes
    reachable: Mask  # (N, S) whether it is awake and there at each step of the stream
    head_start: NDArray[np.float64]  # (N,) share of a batch that it had gathered before the stream

    def in_time(self, settings: BehaviourSettings) -> Mask:
        """Which stations are fast enough for a synchronous round, (N,)."""
        if not settings.deadline:
            return np.ones(len(self.hours), bool)
        return self.hours <= settings.deadline * settings.training_hours


def drawn_behaviour(
    stations: Sequence[StationId],
    clock: NDArray[np.datetime64],
    settings: BehaviourSettings,
    seed: int,
) -> Behaviour:
    """The behaviour of each station at the wall-clock times `clock` (S,) of the stream."""
    step_hours = _step_hours(clock)
    night = clock.astype("datetime64[h]").astype(np.int64) % 24 < WAKING_HOUR  # (S,)
    hours, head_start = np.empty(len(stations)), np.empty(len(stations))
    reachable = np.ones((len(stations), len(clock)), bool)
    for place, station in enumerate(stations):
        rng = _rng(seed, BEHAVIOUR, station_number(station))
        hours[place] = settings.training_hours * np.exp(settings.speed_spread * rng.normal())
        head_start[place] = rng.uniform()
        if rng.uniform() < settings.sleepers:
            reachable[place] &= ~night
        reachable[place] &= ~_away(len(clock), step_hours, settings, rng)
    return Behaviour(hours, reachable, head_start)


def _step_hours(clock: NDArray[np.datetime64]) -> float:
    """The usual step of a clock, which may be set forward or back once in a while."""
    if len(clock) < 2:
        return 1.0
    return float(np.median(np.diff(clock).astype("timedelta64[m]").astype(np.int64))) / 60


def _away(steps: int, step_hours: float, settings: BehaviourSettings, rng: np.random.Generator) -> Mask:
    """When a station is gone: drop-outs come at random, and so does each return."""
    away = np.zeros(steps, bool)
    if not settings.dropouts:
        return away
    hour = 0.0
    while True:
        hour += rng.exponential(HOURS_A_WEEK / settings.dropouts)
        back = hour + rng.exponential(settings.away_hours)
        if hour >= steps * step_hours:
            return away
        away[int(hour / step_hours) : int(back / step_hours) + 1] = True
        hour = back


@dataclass(frozen=True)
class Draw:
    """For which occasion the stations that take part are drawn."""

    seed: int
    phase: int
    turn: int


def taking_part(
    stations: Sequence[StationId], cluster_of: NDArray[np.int64], share: float, draw: Draw
) -> Mask:
    """A random share of the stations of every cluster, at least one of each, (N,).

    Every station draws a number of its own, and those with the lowest of their cluster take part.
    """
    if share >= 1:
        return np.ones(len(cluster_of), bool)
    key = draw.seed, PARTICIPATION, draw.phase, draw.turn
    lots = np.array([_rng(*key, station_number(station)).uniform() for station in stations])  # (N,)
    chosen = np.zeros(len(cluster_of), bool)
    for cluster in range(cluster_of.max() + 1):
        members = np.flatnonzero(cluster_of == cluster)
        wanted = max(1, round(share * len(members)))
        chosen[members[np.argsort(lots[members])[:wanted]]] = True
    return chosen


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
