"""Small cities for tests, made by hand."""

from pathlib import Path

import numpy as np
import pytest

from data.traffic import StationId, Traffic

SHARED = Path(__file__).parents[2] / "shared" / "telecom-italia"


def real_set(name: str) -> Path:
    """The folder of a real set, which tests read when it is there."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"the real set {name} is not beside the project")
    return SHARED / name


def wavy_traffic(*, stations: int = 3, days: int = 21, step_minutes: int = 60, seed: int = 0) -> Traffic:
    """Traffic with a daily wave, a weaker weekend and noise, from Monday 2024-01-01 00:00 on, wall clock."""
    rng = np.random.default_rng(seed)
    per_day = 1440 // step_minutes
    steps = np.arange(days * per_day)
    day = 1 - np.cos(2 * np.pi * steps / per_day)
    weekend = np.where(steps // per_day % 7 >= 5, 0.6, 1.0)
    size = rng.uniform(5, 50, stations)
    load = 1 + size * (day * weekend)[:, None] * rng.uniform(0.8, 1.2, (len(steps), stations))
    return Traffic(
        load=load.astype(np.float32),
        stations=tuple(StationId(f"s{number}") for number in range(stations)),
        positions=np.column_stack([9.0 + 0.01 * np.arange(stations), np.full(stations, 45.0)]),
        start=np.datetime64("2024-01-01T00:00", "m"),
        step_minutes=step_minutes,
    )
