"""The compiled betweenness against plain arithmetic and networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering.betweenness import edge_betweenness, remove, shortest_paths
from clustering.topology import Topology
from tests.clustering.graphs import Array, barbell, linked, random_graph


def of_networkx(topology: Topology, kept: Array, lengths: Array | None) -> Array:
    graph = nx.Graph()
    graph.add_nodes_from(range(topology.stations))
    lengths_or_steps = np.ones(len(kept)) if lengths is None else lengths
    for (one, other), length, is_kept in zip(topology.ends, lengths_or_steps, kept, strict=True):
        if is_kept:
            graph.add_edge(int(one), int(other), length=float(length))
    found = nx.edge_betweenness_centrality(
        graph, normalized=False, weight=None if lengths is None else "length"
    )
    by_link = {tuple(sorted(link)): value for link, value in found.items()}
    return np.array([by_link.get((int(one), int(other)), 0.0) for one, other in topology.ends])


def test_a_bridge_carries_every_pair_across() -> None:
    # Links 0-1, 0-2, 1-2, 2-3, 3-4, 3-5, 4-5. The bridge carries 3 × 3 pairs; 0-2 carries 0-2 itself and
    # the pairs of 0 with 3, 4 and 5; 0-1 only itself.
    paths = shortest_paths(6, barbell().ends)
    assert edge_betweenness(paths).tolist() == [1, 4, 4, 9, 4, 4, 1]


def test_equally_short_paths_share_a_pair() -> None:
    # A square: each link carries its own pair and half of each of two diagonals' pairs, 1 + 1/2 + 1/2.
    square = linked(4, (0, 1), (1, 2), (2, 3), (0, 3))
    assert edge_betweenness(shortest_paths(4, square.ends)).tolist() == [2, 2, 2, 2]


def test_a_long_link_is_walked_around() -> None:
    # A triangle whose link 0-2 is longer than the way over 1: pairs 0-1 and 0-2 use 0-1, 0-2 and 1-2 use 1-2.
    triangle = linked(3, (0, 1), (0, 2), (1, 2))
    paths = shortest_paths(3, triangle.ends, np.array([1.0, 2.5, 1.0]))
    assert edge_betweenness(paths).tolist() == [2, 0, 2]


def test_removing_a_bridge_parts_and_removing_another_link_does_not() -> None:
    paths = shortest_paths(6, barbell().ends)
    assert not remove(paths, 0)  # 0-1: the way over 2 is left
    assert remove(paths, 3)
    assert edge_betweenness(paths)[[0, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("by_length", [False, True])
@given(seed=st.integers(0, 10_000), removed=st.integers(0, 30))
def test_it_is_that_of_networkx_after_any_removals(by_length: bool, seed: int, removed: int) -> None:
    topology, phi = random_graph(14, 5, seed)
    lengths = 1 / phi if by_length else None
    paths = shortest_paths(14, topology.ends, lengths)
    kept = np.ones(len(phi), dtype=bool)
    for link in np.random.default_rng(seed).permutation(len(phi))[:removed]:
        remove(paths, link)
        kept[link] = False
    assert edge_betweenness(paths) == pytest.approx(of_networkx(topology, kept, lengths), rel=1e-12)


def test_keeping_it_up_to_date_gives_the_bits_of_computing_it_anew() -> None:
    topology, phi = random_graph(40, 8, 3)
    paths = shortest_paths(40, topology.ends, 1 / phi)
    gone = np.random.default_rng(3).permutation(len(phi))[:100]
    for link in gone:
        remove(paths, link)
    kept = np.setdiff1d(np.arange(len(phi)), gone)
    anew = shortest_paths(40, topology.ends[kept], (1 / phi)[kept])
    assert (edge_betweenness(paths)[kept] == edge_betweenness(anew)).all()
