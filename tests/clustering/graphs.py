"""Small graphs for tests."""

import numpy as np
from numpy.typing import NDArray

from clustering.topology import Topology, regular_topology
from data.traffic import StationId

Array = NDArray[np.float64]


def linked(stations: int, *ends: tuple[int, int]) -> Topology:
    """The links as a topology."""
    return Topology(stations=stations, ends=np.unique(np.sort(np.array(ends), axis=1), axis=0))


def barbell() -> Topology:
    """Two triangles, 0-1-2 and 3-4-5, and the bridge 2-3."""
    return linked(6, (0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5))


def random_graph(stations: int, degree: int, seed: int) -> tuple[Topology, Array]:
    """A k-regular graph whose links all have another Φ."""
    topology = regular_topology(stations, degree, seed)
    return topology, np.random.default_rng(seed).uniform(0.1, 1, len(topology.ends))


def names(stations: int) -> tuple[StationId, ...]:
    """Ids whose order is that of the stations."""
    return tuple(StationId(f"s{number:04}") for number in range(stations))
