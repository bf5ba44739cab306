"""Small replicas for tests, made by hand."""

import numpy as np

from hetnet.operations.coverage import reaches
from hetnet.operations.replica import Replica


def some_replica(
    *, stations: int = 9, hours: int = 24, futures: int = 48, seed: int = 0, room: float = 1.5
) -> Replica:
    """Stations on a grid of three in a row, 1.1 km apart; each can carry `room` times its largest load."""
    rng = np.random.default_rng(seed)
    forecast = rng.uniform(10, 100, (hours, stations))
    common = rng.normal(0, 5, (futures, hours, 1))  # what all stations have too much together
    drawn = forecast + common + rng.normal(0, 3, (futures, hours, stations))
    places = np.column_stack([np.arange(stations) % 3, np.arange(stations) // 3])
    positions = 0.01 * places.astype(np.float64) * (1 / np.cos(np.radians(45)), 1) + (9.0, 45.0)
    return Replica(
        stations=tuple(f"s{number}" for number in range(stations)),
        positions=positions,
        clusters=np.arange(stations) // 3,
        hours=np.datetime64("2024-01-15T00", "h") + np.arange(hours),
        forecast=forecast,
        futures=np.maximum(drawn, 0).astype(np.float32),
        capacity=room * forecast.max(axis=0),
        reach=reaches(positions),
    )
