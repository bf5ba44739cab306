"""Series beside what was expected of them, made by hand."""

from dataclasses import replace

import numpy as np

from data.traffic import StationId
from hetnet.operations.deviations import Array, Followed

HOURS = 24


def followed_world(*, stations: int = 9, days: int = 21, watched: int = 7, seed: int = 0) -> Followed:
    """Stations in a row that follow a daily wave with a noise of a tenth; the last days are watched."""
    rng = np.random.default_rng(seed)
    steps = np.arange(days * HOURS)
    wave = 100 * (1.5 - np.cos(2 * np.pi * steps / HOURS))[:, None] * rng.uniform(0.5, 2, stations)
    seen = wave * np.exp(0.1 * rng.standard_normal(wave.shape))
    apart = np.abs(np.arange(stations)[:, None] - np.arange(stations))
    near = np.argsort(apart, axis=1, kind="stable")[:, 1:5]
    return Followed(
        stations=tuple(StationId(f"s{each}") for each in range(stations)),
        clock=np.datetime64("2024-01-01T00:00", "m") + steps * np.timedelta64(60, "m"),
        seen=seen,
        usual=wave,
        ahead=wave,
        measured=np.ones(wave.shape, dtype=bool),
        near=near.astype(np.int64),
        phi=np.ones(near.shape),
        first=(days - watched) * HOURS,
    )


def changed(world: Followed, station: int, hours: slice, factor: float | Array) -> Followed:
    """The same world in which a station carries `factor` times its load in watched hours."""
    seen = world.seen.copy()
    seen[slice(world.first + hours.start, world.first + hours.stop), station] *= factor
    return replace(world, seen=seen)
