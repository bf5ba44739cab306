"""Which stations are linked: k-regular at random, to the geographically nearest, or as a file says.

Axes: N stations, L links.
"""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay, KDTree, QhullError

from data.errors import InputError
from data.plane import kilometres

Array = NDArray[np.float64]
Ends = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Links between stations, each once, its lower station first, in rising order.

    What is not None was measured and takes the place of what would be computed from positions.
    """

    stations: int
    ends: Ends  # (L, 2)
    distance_km: Array | None = None  # (L,)
    backhaul: Array | None = None  # (L,) capacity, in any one unit
    overlap: Array | None = None  # (L,) share of the coverage area that both serve


def regular_topology(stations: int, degree: int, seed: int) -> Topology:
    """`degree` links at every station, drawn at random."""
    _refuse_degree(stations, degree)
    if stations * degree % 2:
        raise InputError(
            f"{stations} stations cannot have {degree} links each: {stations} × {degree} is odd and every "
            f"link has two ends; expected an even --degree"
        )
    missing = stations - 1 - degree
    if missing < degree:  # dense graphs are drawn by what they lack, which the pairing finds at once
        graph = nx.complement(nx.random_regular_graph(missing, stations, seed=seed))
    else:
        graph = nx.random_regular_graph(degree, stations, seed=seed)
    return Topology(stations=stations, ends=_ordered(np.array(graph.edges, dtype=np.int64)))


def nearest_topology(positions: Array, degree: int) -> Topology:
    """Links from every station to the `degree` nearest ones, and the shortest tree that joins all parts.

    Links go both ways, so many stations have more than `degree`. Without the tree a town apart from the
    others would be a part of its own before any segmentation.
    """
    stations = len(positions)
    _refuse_degree(stations, degree)
    places = kilometres(positions)  # (N, 2)
    nearest = np.asarray(KDTree(places).query(places, k=degree + 1)[1])  # (N, degree + 1)
    near = [(own, int(other)) for own, row in enumerate(nearest) for other in row[row != own][:degree]]
    return Topology(stations=stations, ends=_ordered(np.concatenate([near, _shortest_tree(places)])))


def _refuse_degree(stations: int, degree: int) -> None:
    if stations < 2:
        raise InputError("one station has nobody to be linked to, expected at least two")
    if not 1 <= degree < stations:
        raise InputError(
            f"a degree of {degree} is impossible among {stations} stations, expected 1 to {stations - 1}"
        )


def _shortest_tree(places: Array) -> Ends:
    """The Euclidean minimum spanning tree, (N - 1, 2): a part of the Delaunay triangulation."""
    sites, station, site_of = np.unique(places, axis=0, return_index=True, return_inverse=True)
    together = np.column_stack([station[site_of.reshape(-1)], np.arange(len(places))])  # co-located
    pairs = _neighbouring(sites)
    lengths = np.linalg.norm(sites[pairs[:, 0]] - sites[pairs[:, 1]], axis=1)
    graph = coo_array((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(sites), len(sites)))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    joined = np.column_stack([station[tree.row], station[tree.col]])
    return np.concatenate([joined, together[together[:, 0] != together[:, 1]]])


def _neighbouring(sites: Array) -> Ends:
    """Pairs of distinct sites, each once, among which the shortest tree is."""
    try:
        corners = Delaunay(sites).simplices  # (·, 3)
    except (QhullError, ValueError):  # fewer than three sites, or all on one line: in order along it
        along = np.lexsort(sites.T[::-1])
        return np.column_stack([along[:-1], along[1:]])
    return _ordered(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]))


def _ordered(ends: Ends) -> Ends:
    """`ends` with the lower station first, each link once, in rising order."""
    unique: Ends = np.unique(np.sort(ends, axis=1), axis=0)
    return unique
