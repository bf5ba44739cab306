"""Places on the globe as kilometres on a plane. Axes: N places."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

KM_PER_DEGREE = 111.32  # of latitude, and of longitude at the equator


def shrinking(latitude: float) -> float:
    """How much shorter a degree of longitude is at `latitude` than at the equator."""
    return float(np.cos(np.radians(latitude)))


def kilometres(positions: Array) -> Array:
    """`positions` (longitude, latitude) in kilometres east and north, (N, 2); true near their middle."""
    plane: Array = positions * (shrinking(positions[:, 1].mean()), 1.0) * KM_PER_DEGREE
    return plane


def degrees(places: Array, centre: tuple[float, float]) -> Array:
    """Longitude and latitude, (N, 2), of `places` in kilometres east and north of `centre`, (N, 2)."""
    return np.array(centre) + places / KM_PER_DEGREE / (shrinking(centre[1]), 1.0)


def pair_distances(positions: Array) -> Array:
    """Kilometres between every two of `positions` (longitude, latitude), (N, N)."""
    places = kilometres(positions)
    apart: Array = np.linalg.norm(places[:, None] - places[None], axis=2)
    return apart
