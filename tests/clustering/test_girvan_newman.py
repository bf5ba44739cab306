"""Girvan-Newman on graphs worked by hand, against networkx and, where installed, igraph."""

from itertools import islice, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering.girvan_newman import VARIANTS, girvan_newman, parts, removals
from clustering.quality import agreement
from clustering.topology import Topology
from data.errors import InputError
from data.progress import finished
from tests.clustering.graphs import Array, barbell, linked, random_graph


def clusters_by(topology: Topology, phi: Array, clusters: int, variant: str) -> list[int]:
    found: list[int] = finished(girvan_newman(topology, phi, clusters, variant)).tolist()
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_triangles_part_at_a_weak_bridge(variant: str) -> None:
    phi = np.array([1, 1, 1, 0.5, 1, 1, 1])
    assert clusters_by(barbell(), phi, 2, variant) == [0, 0, 0, 1, 1, 1]


def test_a_strong_bridge_is_kept_by_what_it_is_divided_by() -> None:
    # A path 0-1-2-3 has betweenness 3, 4, 3. Divided by Φ = .5, 1, 1 that is 6, 4, 3: the first link goes.
    path, phi = linked(4, (0, 1), (1, 2), (2, 3)), np.array([0.5, 1.0, 1.0])
    assert clusters_by(path, phi, 2, "sound") == [0, 1, 1, 1]
    # Along lengths 2, 1, 1 the betweenness is still 3, 4, 3, and it is not divided: the middle link goes.
    assert clusters_by(path, phi, 2, "lengths") == [0, 0, 1, 1]
    # The weakest of Φ = 1, 1, .9 is the last.
    assert clusters_by(path, np.array([1, 1, 0.9]), 2, "literal") == [0, 0, 0, 1]


def test_of_equal_links_the_first_goes() -> None:
    ring = linked(4, (0, 1), (1, 2), (2, 3), (0, 3))
    assert [link for link, _ in removals(ring, np.ones(4), "sound")][:1] == [0]


@pytest.mark.parametrize("variant", VARIANTS)
@given(seed=st.integers(0, 1_000))
def test_more_clusters_refine_fewer(variant: str, seed: int) -> None:
    topology, phi = random_graph(16, 4, seed)
    before = clusters_by(topology, phi, 2, variant)
    for count in (3, 6, 11, 16):
        now = clusters_by(topology, phi, count, variant)
        assert len(set(now)) == count
        assert len(set(zip(now, before, strict=True))) == count  # each lies within one of those before
        before = now


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_link_is_removed_once_and_every_station_is_alone_at_the_end(variant: str) -> None:
    topology, phi = random_graph(20, 5, 1)
    order = list(removals(topology, phi, variant))
    assert sorted(link for link, _ in order) == list(range(len(phi)))
    assert order[-1][1] == 20
    counts = [found for _, found in order]
    assert all(later - sooner in (0, 1) for sooner, later in pairwise(counts))


def test_it_parts_as_networkx_does_when_told_the_same_rule() -> None:
    topology, phi = random_graph(20, 6, 5)
    graph = nx.Graph()
    for (one, other), strength in zip(topology.ends.tolist(), phi.tolist(), strict=True):
        graph.add_edge(one, other, phi=strength)

    def worst(left: nx.Graph) -> tuple[int, int]:
        carried = nx.edge_betweenness_centrality(left)
        link: tuple[int, int] = max(carried, key=lambda each: carried[each] / left.edges[each]["phi"])
        return link

    for groups in islice(nx.community.girvan_newman(graph, worst), 15):
        theirs = np.empty(20, dtype=np.int64)
        for number, group in enumerate(groups):
            theirs[list(group)] = number
        assert agreement(theirs, np.array(clusters_by(topology, phi, len(groups), "sound"))) == 1


@pytest.mark.oracle
@pytest.mark.parametrize(("stations", "degree", "seed"), [(30, 6, 1), (50, 20, 2), (60, 8, 3)])
def test_it_parts_as_igraph_does_at_every_number_of_clusters(stations: int, degree: int, seed: int) -> None:
    igraph = pytest.importorskip("igraph", reason="igraph, the optional oracle, is not installed")
    topology, phi = random_graph(stations, degree, seed)
    ours, before = np.ones(len(phi), dtype=bool), 1
    graph = igraph.Graph(n=stations, edges=topology.ends.tolist())
    graph.es["link"] = list(range(len(phi)))
    for link, found in removals(topology, phi, "sound"):
        score = np.array(graph.edge_betweenness()) / phi[graph.es["link"]]
        graph.delete_edges([int(np.argmax(score))])
        ours[link] = False
        if found > before:
            theirs = np.array(graph.connected_components().membership)
            assert theirs.max() + 1 == found
            assert agreement(parts(topology, ours), theirs) == 1
        before = found


@pytest.mark.oracle
def test_along_lengths_every_link_removed_is_the_busiest_to_igraph() -> None:
    # Shortest paths are unique on random lengths, so betweenness is whole and ties are common: not the
    # partitions but the scores can be compared.
    igraph = pytest.importorskip("igraph", reason="igraph, the optional oracle, is not installed")
    topology, phi = random_graph(40, 8, 4)
    graph = igraph.Graph(n=40, edges=topology.ends.tolist())
    graph.es["link"], graph.es["length"] = list(range(len(phi))), (1 / phi).tolist()
    for link, found in removals(topology, phi, "lengths"):
        score = np.array(graph.edge_betweenness(weights="length"))
        place = graph.es["link"].index(link)
        assert score[place] == pytest.approx(score.max(), rel=1e-9)
        graph.delete_edges([place])
        assert len(graph.connected_components()) == found


def test_parts_that_no_link_joins_cannot_be_fewer_clusters() -> None:
    apart = linked(6, (0, 1), (2, 3), (4, 5))
    with pytest.raises(InputError, match="3 separate parts, which Girvan-Newman cannot join to 2 clusters"):
        clusters_by(apart, np.ones(3), 2, "sound")
    assert clusters_by(apart, np.ones(3), 3, "sound") == [0, 0, 1, 1, 2, 2]
