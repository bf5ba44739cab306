"""The load of every station over a regular time grid.

Axes: T time, N stations.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from data.clock import wall_clock
from data.errors import InputError

StationId = NewType("StationId", str)
CHANNELS = ("internet", "sms", "call")


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One channel's load, (T, N), finite, at `start + t * step_minutes` for each station.

    `start` is UTC when `timezone` names a zone; with `timezone=None` it is plain wall-clock time.
    `gaps` is True where the source had no value and one was filled in; None when that is nowhere. `gappy`
    names stations of the source that were left out because their gaps are too long to fill.
    """

    load: NDArray[np.float32]  # (T, N)
    stations: tuple[StationId, ...]
    positions: NDArray[np.float64]  # (N, 2): longitude, latitude in degrees
    start: np.datetime64
    step_minutes: int
    channel: str = "internet"
    timezone: str | None = None
    names: tuple[str, ...] = ()
    gaps: NDArray[np.bool_] | None = None  # (T, N)
    gappy: tuple[StationId, ...] = ()

    def __post_init__(self) -> None:
        steps, stations = self.load.shape
        if len(self.stations) != stations or self.positions.shape != (stations, 2):
            raise ValueError(
                f"load {self.load.shape}, {len(self.stations)} stations and positions "
                f"{self.positions.shape} do not agree"
            )
        if len(set(self.stations)) != stations:
            raise ValueError("station ids must be unique")
        if steps == 0 or stations == 0:
            raise ValueError(f"traffic needs at least one step and one station, got {self.load.shape}")
        if self.step_minutes <= 0:
            raise ValueError(f"step_minutes must be positive, got {self.step_minutes}")
        if self.gaps is not None and self.gaps.shape != self.load.shape:
            raise ValueError(f"load {self.load.shape} and gaps {self.gaps.shape} do not agree")

    @property
    def filled(self) -> int:
        """How many values stand for a gap in the source."""
        return 0 if self.gaps is None else int(self.gaps.sum())

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Start of each step, (T,), in the same time as `start`."""
        return self.start + np.arange(len(self.load)) * np.timedelta64(self.step_minutes, "m")

    @property
    def local_times(self) -> NDArray[np.datetime64]:
        """Start of each step as the wall clock of `timezone` shows it, (T,), in minutes."""
        return wall_clock(self.times, self.timezone)

    @property
    def steps_per_hour(self) -> int:
        """How many steps make an hour; the step must divide one."""
        if 60 % self.step_minutes:
            raise InputError(
                f"a step of {self.step_minutes} min does not divide an hour; such a set is forecast as it is "
                f"(vhtwin forecast --native-step)"
            )
        return 60 // self.step_minutes


def level_shift(traffic: Traffic, step: int, factor: float) -> Traffic:
    """The same traffic with all loads from `step` on multiplied by `factor`."""
    if not 0 < factor < np.inf:
        raise InputError(f"a level shift needs a positive factor, got {factor}")
    if (traffic.load < 0).any():
        raise InputError("a level shift multiplies loads; this set holds z-scores, which it cannot multiply")
    load = traffic.load.copy()
    load[step:] *= factor
    return replace(traffic, load=load)


def hourly(traffic: Traffic) -> Traffic:
    """The same traffic summed over whole wall-clock hours; incomplete hours at either end are left out.

    An hour that holds a filled value counts as filled.
    """
    per_hour = traffic.steps_per_hour
    if per_hour == 1:
        return traffic
    minutes_past = int(traffic.local_times[0].astype(np.int64)) % 60
    if minutes_past % traffic.step_minutes:
        raise InputError(
            f"steps of {traffic.step_minutes} min that begin {minutes_past} min past the hour do not make "
            f"whole hours; forecast them as they are (vhtwin forecast --native-step)"
        )
    first = (60 - minutes_past) % 60 // traffic.step_minutes
    hours = (len(traffic.load) - first) // per_hour
    if hours == 0:
        raise InputError("the traffic does not span a whole hour")
    inside = slice(first, first + hours * per_hour)
    summed = traffic.load[inside].reshape(hours, per_hour, -1).sum(axis=1, dtype=np.float64)
    gaps = None
    if traffic.gaps is not None:
        gaps = np.logical_or.reduce(traffic.gaps[inside].reshape(hours, per_hour, -1), axis=1)
    return replace(
        traffic,
        load=summed.astype(np.float32),
        gaps=gaps,
        start=traffic.start + np.timedelta64(first * traffic.step_minutes, "m"),
        step_minutes=60,
    )


def column_of(traffic: Traffic, station: str) -> int:
    """The column of the station called `station`."""
    if station not in traffic.stations:
        few = ", ".join(traffic.stations[:5]) + (", …" if len(traffic.stations) > 5 else "")
        raise InputError(f"unknown station {station!r}: expected one of the {len(traffic.stations)}: {few}")
    return traffic.stations.index(StationId(station))


def chosen_stations(traffic: Traffic, stations: Sequence[str]) -> Traffic:
    """The same traffic, of `stations` only and in their order."""
    place = {station: column for column, station in enumerate(traffic.stations)}
    found = [place.get(StationId(station)) for station in stations]
    return of_columns(
        traffic,
        [
            column_of(traffic, station) if column is None else column  # which refuses it
            for station, column in zip(stations, found, strict=True)
        ],
    )


def of_columns(traffic: Traffic, columns: Sequence[int] | NDArray[np.integer]) -> Traffic:
    """The same traffic, of the stations in these columns only and in their order."""
    return replace(
        traffic,
        load=traffic.load[:, columns],
        gaps=None if traffic.gaps is None else traffic.gaps[:, columns],
        stations=tuple(traffic.stations[column] for column in columns),
        positions=traffic.positions[columns],
        names=tuple(traffic.names[column] for column in columns) if traffic.names else (),
    )


def until_step(traffic: Traffic, step: int) -> Traffic:
    """The same traffic before `step`."""
    gaps = None if traffic.gaps is None else traffic.gaps[:step]
    return replace(traffic, load=traffic.load[:step], gaps=gaps)


def in_order(stations: Iterable[StationId]) -> list[StationId]:
    """The stations in the order that fleets have, whichever file or process each came from: 9 before 10."""
    return sorted(stations, key=lambda station: (len(station), station))


def fingerprints(traffic: Traffic) -> list[str]:
    """For each station a SHA-256 in hex of all that its results rest on: of everything but its name."""
    start = str(traffic.start.astype("datetime64[s]"))
    shared = [traffic.channel, start, traffic.step_minutes, traffic.timezone]
    load = np.ascontiguousarray(traffic.load.T)
    gaps = None if traffic.gaps is None else np.ascontiguousarray(traffic.gaps.T)
    found = []
    for place, station in enumerate(traffic.stations):
        digest = sha256(json.dumps([*shared, station, *traffic.positions[place].tolist()]).encode())
        digest.update(load[place].data)
        if gaps is not None and gaps[place].any():
            digest.update(gaps[place].data)
        found.append(digest.hexdigest())
    return found


def fingerprint(stations: Iterable[str]) -> str:
    """The fingerprint of a whole set, of those of its stations; their order does not matter."""
    return sha256(" ".join(sorted(stations)).encode()).hexdigest()
