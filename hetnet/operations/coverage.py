"""Whose traffic can be served by whom: where stations' areas overlap.

Where users are within the area of a station is not known, so they are taken to be spread evenly over it: over
points of a disc around the station that are nearest to it. Another station can serve a point within its
reach. Both are assumptions; WHATIF.md measures what they do to the results.

Axes: K stations, D points of a disc, C classes, J other stations that reach a class.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from data.errors import InputError
from data.plane import kilometres
from hetnet.network import Counts, Floats

NOBODY = -1
NEIGHBOURS = 6  # whose mean distance is a station's spacing
MOST_CANDIDATES = 12
POINTS = 64  # of a disc
OWN_RADIUS = 0.75  # of the spacing: how far a station's own area may go
LONELY_KM = 1.0  # the spacing of a station without others
REACH = 1.5  # of the spacing
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Classes:
    """Parts of stations' areas: in each part the same other stations can serve, in one order."""

    station: Counts  # (C,) whose area it is a part of
    share: Floats  # (C,) how much of that station's traffic comes from it
    candidates: Counts  # (C, J) who else can serve it, the nearest first; NOBODY where there is no more


def spacings(positions: Floats) -> Floats:
    """How far each station's neighbours are on average, (K,) kilometres."""
    plane = kilometres(positions)
    if len(plane) == 1:
        return np.full(1, LONELY_KM)
    apart = np.asarray(KDTree(plane).query(plane, k=min(NEIGHBOURS, len(plane) - 1) + 1)[0])[:, 1:]
    found = apart.mean(axis=1)
    usual = float(np.median(found[found > 0])) if (found > 0).any() else LONELY_KM
    return np.where(found > 0, found, usual)


def reaches(positions: Floats, times_spacing: float = REACH) -> Floats:
    """Within how many kilometres each station can serve, (K,): so many times its spacing."""
    if not 0 < times_spacing < np.inf:
        raise InputError(f"the reach must be a positive number of spacings, got {times_spacing}")
    return times_spacing * spacings(positions)


def classes_of(positions: Floats, reach: Floats, stations: Counts) -> Classes:
    """The parts of the areas of these `stations`, by who else of all can serve them."""
    plane = kilometres(positions)
    points = plane[stations][:, None] + OWN_RADIUS * spacings(positions)[stations, None, None] * _disc()
    owner = np.repeat(stations, POINTS)  # (S * D,)
    most = min(MOST_CANDIDATES + 1, len(plane))
    apart, near = (
        np.asarray(each) for each in KDTree(plane).query(points.reshape(-1, 2), k=list(range(1, most + 1)))
    )  # (S * D, J + 1) each
    own = np.linalg.norm(points - plane[stations][:, None], axis=2).ravel()
    mine = own <= apart[:, 0] * (1 + 1e-9) + 1e-12
    owner, apart, near = owner[mine], apart[mine], near[mine]
    serves = (near != owner[:, None]) & (apart <= reach[near])
    first = np.argsort(~serves, axis=1, kind="stable")  # those that serve first, still by distance
    candidates = np.where(np.take_along_axis(serves, first, 1), np.take_along_axis(near, first, 1), NOBODY)
    return _merged(owner, candidates[:, : max(1, int(serves.sum(axis=1).max(initial=0)))])


def _merged(owner: Counts, candidates: Counts) -> Classes:
    """Points that the same stations serve in the same order, as one class each."""
    rows = np.column_stack([owner, candidates]).astype(np.int32)
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    counts = np.diff(np.append(np.flatnonzero(new), len(rows)))
    kept = rows[new].astype(np.int64)
    points = np.bincount(kept[:, 0], weights=counts)  # of each station
    return Classes(kept[:, 0], counts / points[kept[:, 0]], kept[:, 1:])


def _disc() -> Floats:
    """Points spread evenly over the unit disc, its centre among them, (D, 2): a sunflower."""
    number = np.arange(POINTS)
    radius, angle = np.sqrt(number / POINTS), number * GOLDEN_ANGLE
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
