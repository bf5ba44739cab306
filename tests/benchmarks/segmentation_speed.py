"""How long a segmentation takes: Girvan-Newman beside networkx and igraph, Louvain beside python-louvain.

python -m tests.benchmarks.segmentation_speed [--all]    --all also waits for networkx on the larger network

All remove the link with the highest betweenness over Φ, on links whose Φ all differ, until there are so many
clusters; the partitions are compared. igraph takes part where it is installed.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from itertools import islice

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from clustering.girvan_newman import girvan_newman
from clustering.quality import agreement, modularity
from clustering.segmentation import SegmentationSettings, segmentation
from clustering.topology import Topology, nearest_topology
from data.progress import finished
from tests.clustering.graphs import Array, names, random_graph

Clusters = NDArray[np.int64]
CASES = ((50, 20, 30, 0.3), (200, 20, 30, 5.0))  # stations, degree, clusters, goal in seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    finished(girvan_newman(*random_graph(8, 3, 1), 2, "sound"))  # the kernels are loaded, or compiled once
    for number, case in enumerate(CASES):
        _measure_girvan_newman(*case, with_networkx=number == 0 or arguments.all)
    for stations in (200, 10_000):
        _measure_louvain(stations)


def _measure_girvan_newman(
    stations: int, degree: int, clusters: int, goal: float, *, with_networkx: bool
) -> None:
    topology, phi = random_graph(stations, degree, 1)
    print(f"{stations} stations, {len(phi):,} links, to {clusters} clusters (goal: {goal} s)")
    ours = _timed("ours", lambda: finished(girvan_newman(topology, phi, clusters, "sound")))
    if importlib.util.find_spec("igraph"):
        theirs = _timed("igraph", lambda: by_igraph(topology, phi, clusters))
        print(f"  the same partition as igraph: {agreement(ours, theirs) == 1}")
    if with_networkx:
        theirs = _timed("networkx", lambda: by_networkx(topology, phi, clusters))
        print(f"  the same partition as networkx: {agreement(ours, theirs) == 1}")


def _timed(name: str, work: Callable[[], Clusters]) -> Clusters:
    began = time.perf_counter()
    found = work()
    print(f"  {name:14} {time.perf_counter() - began:8.3f} s")
    return found


def by_networkx(topology: Topology, phi: Array, clusters: int) -> Clusters:
    """The partition of networkx's own Girvan-Newman."""
    graph = _graph(topology, phi)

    def worst(left: nx.Graph) -> tuple[int, int]:
        carried = nx.edge_betweenness_centrality(left)
        link: tuple[int, int] = max(carried, key=lambda each: carried[each] / left.edges[each]["weight"])
        return link

    partitions = nx.community.girvan_newman(graph, worst)
    return _numbered(next(islice(partitions, clusters - 2, None)), topology.stations)


def by_igraph(topology: Topology, phi: Array, clusters: int) -> Clusters:
    """The partition by igraph's edge betweenness, removing the same way."""
    import igraph

    graph = igraph.Graph(n=topology.stations, edges=topology.ends.tolist())
    graph.es["phi"] = phi.tolist()
    while len(parts := graph.connected_components()) < clusters:
        score = np.array(graph.edge_betweenness()) / np.array(graph.es["phi"])
        graph.delete_edges([int(score.argmax())])
    return np.array(parts.membership)


def _measure_louvain(stations: int) -> None:
    import community

    rng = np.random.default_rng(1)
    topology = nearest_topology(9 + 0.1 * rng.random((stations, 2)), 20)
    phi = rng.uniform(0.1, 1, len(topology.ends))
    graph = _graph(topology, phi)
    print(f"Louvain, {stations:,} stations, {len(phi):,} links")
    settings = SegmentationSettings(method="louvain")
    ours = _timed(
        "networkx",
        lambda: finished(segmentation(names(stations), topology, phi, settings)).cluster_of,
    )
    theirs = _timed(
        "python-louvain",
        lambda: np.array(
            [each for _, each in sorted(community.best_partition(graph, random_state=1).items())]
        ),
    )
    scores = [f"{modularity(topology, phi, found):.4f}" for found in (ours, theirs)]
    print(f"  modularity {scores[0]} and {scores[1]}")


def _graph(topology: Topology, phi: Array) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(topology.stations))
    graph.add_weighted_edges_from(zip(*topology.ends.T.tolist(), phi.tolist(), strict=True))
    return graph


def _numbered(groups: tuple[set[int], ...], stations: int) -> Clusters:
    clusters = np.empty(stations, dtype=np.int64)
    for number, group in enumerate(groups):
        clusters[list(group)] = number
    return clusters


if __name__ == "__main__":
    main()
