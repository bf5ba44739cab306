"""Small networks for tests."""

import numpy as np

from hetnet.network import Network, Stations, Users


def some_stations(count: int = 3, slots: int = 4) -> Stations:
    """Stations in a row, 100 m apart; the first is a macro station."""
    return Stations(
        positions=np.column_stack([100.0 * np.arange(count), np.zeros(count)]),
        macro=np.arange(count) == 0,
        power=np.linspace(10.0, 1.0, count),
        reach=np.full(count, 150.0),
        slots=np.full(count, slots, dtype=np.int64),
    )


def some_users(count: int, rng: np.random.Generator) -> Users:
    """Users anywhere along the row."""
    return Users(
        positions=rng.uniform(-50, 250, (count, 2)),
        service=np.zeros(count, dtype=np.int64),
        required=np.tile([1e6, 0.05, 0.01], (count, 1)),
        weights=np.tile([0.5, 0.3, 0.2], (count, 1)),
    )


def some_network(users: int = 6, stations: int = 3, seed: int = 0) -> Network:
    """Users of which some have no station, served with unequal power over any channel."""
    rng = np.random.default_rng(seed)
    serving = rng.integers(-1, stations, users)
    return Network(
        stations=some_stations(stations),
        users=some_users(users, rng),
        gain=10 ** rng.uniform(-12, -6, (users, stations)),
        serving=serving,
        sent=np.where(serving >= 0, rng.uniform(0, 1, users), 0.0),
        bandwidth=20e6,
        noise=1e-13,
    )
