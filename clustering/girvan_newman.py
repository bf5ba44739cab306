"""Segmentation by removing links one after another (Girvan and Newman 2002), in three readings.

The paper removes "edges with low Φ" and calls Φ both a strength and a betweenness.

- `sound`: betweenness counted in steps, divided by Φ; the highest goes first. This is the generalisation to
  weights by Newman (2004), where a link of strength Φ stands for Φ parallel links.
- `lengths`: the same with betweenness measured along lengths 1/Φ and not divided.
- `literal`: the link of lowest Φ goes first and nothing is recomputed (single linkage).

Of equal links the first goes first. Axes: N stations, L links.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clustering.betweenness import Array, edge_betweenness, remove, shortest_paths
from clustering.topology import Topology
from data.errors import InputError
from data.progress import Step, Work

VARIANTS = ("sound", "lengths", "literal")
EQUAL = 1e-9  # scores that differ by less than this share of them are equal but for rounding
LINKS_BETWEEN_STEPS = 50
# Per station and squared link, when all links were removed from 200 stations and 2,000 links on one core.
SECONDS = {"sound": 4e-9, "lengths": 9e-9, "literal": 0.0}


def parts(topology: Topology, kept: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The part of the network that each station is in, (N,), over the links `kept` (L,), by default all."""
    ends = topology.ends if kept is None else topology.ends[kept]
    size = (topology.stations, topology.stations)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=size)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def estimated_seconds(topology: Topology, variant: str) -> float:
    """About how long the removal of all links would take."""
    return SECONDS[variant] * topology.stations * float(len(topology.ends)) ** 2


def girvan_newman(topology: Topology, phi: Array, clusters: int, variant: str) -> Work[NDArray[np.int64]]:
    """The part that each station is in, (N,), once so many links are removed that there are `clusters`."""
    kept = np.ones(len(topology.ends), dtype=bool)
    before = int(parts(topology).max()) + 1
    if before > clusters:
        raise InputError(
            f"the links leave the network in {before} separate parts, which Girvan-Newman cannot join to "
            f"{clusters} clusters; supply more links, raise --clusters or use --method louvain"
        )
    if before == clusters:
        return parts(topology)
    stage = f"Girvan-Newman, {clusters} clusters"
    for count, (link, found) in enumerate(removals(topology, phi, variant), start=1):
        kept[link] = False
        if found == clusters:
            yield Step(stage, clusters, clusters, f"{count:,} of {len(kept):,} links removed")
            break
        if count % LINKS_BETWEEN_STEPS == 0:
            yield Step(stage, found, clusters, f"{count:,} of {len(kept):,} links removed")
    return parts(topology, kept)


def removals(topology: Topology, phi: Array, variant: str) -> Iterator[tuple[int, int]]:
    """The links in the order in which they are removed, each with the number of parts after it."""
    if variant == "literal":
        return _weakest_first(topology, phi)
    return _busiest_first(topology, phi, variant)


def _busiest_first(topology: Topology, phi: Array, variant: str) -> Iterator[tuple[int, int]]:
    by_length = variant == "lengths"
    paths = shortest_paths(topology.stations, topology.ends, 1 / phi if by_length else None)
    found = int(parts(topology).max()) + 1
    strength = np.ones_like(phi) if by_length else phi
    for _ in topology.ends:
        score = edge_betweenness(paths) / strength  # (L,), 0 where removed: every link left carries a pair
        link = int(np.argmax(score >= score.max() * (1 - EQUAL)))
        found += remove(paths, link)
        yield link, found


def _weakest_first(topology: Topology, phi: Array) -> Iterator[tuple[int, int]]:
    """A removal parts two stations when no later link leads around it: joining backwards tells which do."""
    order = np.argsort(phi, kind="stable")  # (L,)
    leader = np.arange(topology.stations)
    parting = np.zeros(len(order), dtype=bool)
    for number in range(len(order) - 1, -1, -1):
        one, other = (_leader_of(leader, station) for station in topology.ends[order[number]])
        parting[number] = one != other
        leader[one] = other
    before = int(parts(topology).max()) + 1
    yield from zip(order.tolist(), (before + np.cumsum(parting)).tolist(), strict=True)


def _leader_of(leader: NDArray[np.int64], station: int) -> int:
    while leader[station] != station:
        leader[station] = leader[leader[station]]
        station = leader[station]
    return station
