"""Segmentations: planted groups are found, the order of stations decides nothing, bad wishes are refused."""

from dataclasses import replace
from typing import Any  # settings of several types, by name

import community
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from clustering.quality import Quality, agreement, modularity, quality, warnings
from clustering.segmentation import METHODS, Segmentation, SegmentationSettings, numbered, segmentation
from clustering.topology import Topology
from data.errors import InputError
from data.progress import finished
from data.traffic import StationId
from tests.clustering.graphs import Array, barbell, linked, names, random_graph


def segmented(
    topology: Topology, phi: Array, earlier: Segmentation | None = None, **wishes: Any
) -> Segmentation:
    settings = replace(SegmentationSettings(clusters=2), **wishes)
    return finished(segmentation(names(topology.stations), topology, phi, settings, earlier))


def planted(groups: int, size: int, seed: int) -> tuple[Topology, Array]:
    """Groups whose stations are linked with probability .6 and Φ near 1, others with .05 and near .3."""
    rng = np.random.default_rng(seed)
    one, other = np.triu_indices(groups * size, 1)
    same = one // size == other // size
    linked_up = rng.random(len(one)) < np.where(same, 0.6, 0.05)
    phi = np.where(same, rng.uniform(0.8, 1, len(one)), rng.uniform(0.2, 0.4, len(one)))
    return Topology(stations=groups * size, ends=np.column_stack([one, other])[linked_up]), phi[linked_up]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_planted_groups(method: str) -> None:
    topology, phi = planted(4, 12, seed=1)
    found = segmented(topology, phi, method=method, clusters=4)
    assert agreement(found.cluster_of, np.repeat(np.arange(4), 12)) == 1
    assert found.cluster_of.tolist() == np.repeat(np.arange(4), 12).tolist()  # numbered by first station
    assert found.members[0] == list(names(12))


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 500), tied=st.booleans())
def test_the_order_of_the_stations_is_irrelevant(method: str, seed: int, tied: bool) -> None:
    topology, phi = random_graph(14, 4, seed)
    phi = np.ones_like(phi) if tied else phi
    order = np.random.default_rng(seed).permutation(14)  # the n-th station of the other set
    place = np.argsort(order)
    ends = np.sort(place[topology.ends], axis=1)
    rising = np.lexsort(ends.T[::-1])
    settings = SegmentationSettings(method=method, clusters=4)
    here = finished(segmentation(names(14), topology, phi, settings))
    stations = tuple(names(14)[number] for number in order)
    there = finished(segmentation(stations, Topology(stations=14, ends=ends[rising]), phi[rising], settings))
    assert {frozenset(group) for group in here.members} == {frozenset(group) for group in there.members}
    assert there.cluster_of[0] == 0


def test_clusters_are_numbered_by_their_first_station() -> None:
    assert numbered(np.array([7, 2, 7, 0, 2])).tolist() == [0, 1, 0, 2, 1]


def test_the_quality_of_two_triangles() -> None:
    # Of 7 links 6 are inside; each triangle has 7 of the 14 ends: 6/7 - 2 · (1/2)² = 5/14.
    found = quality(barbell(), np.ones(7), np.array([0, 0, 0, 1, 1, 1]))
    assert found == Quality(pytest.approx(5 / 14), 0.5, 0, None)  # type: ignore[arg-type]  # approx equals
    lonely = quality(barbell(), np.ones(7), np.array([0, 0, 0, 0, 0, 1]))
    assert lonely.largest_share == pytest.approx(5 / 6)
    assert lonely.singletons == 1


@given(seed=st.integers(0, 1_000))
def test_modularity_is_that_of_networkx(seed: int) -> None:
    topology, phi = random_graph(12, 4, seed)
    clusters = numbered(np.random.default_rng(seed).integers(0, 4, 12))
    graph = nx.Graph()
    graph.add_weighted_edges_from(zip(*topology.ends.T.tolist(), phi.tolist(), strict=True))
    groups = [set(np.flatnonzero(clusters == each).tolist()) for each in range(clusters.max() + 1)]
    assert modularity(topology, phi, clusters) == pytest.approx(nx.community.modularity(graph, groups))


def test_louvain_reaches_the_modularity_of_python_louvain() -> None:
    topology, phi = planted(6, 20, seed=2)
    graph = nx.Graph()
    graph.add_weighted_edges_from(zip(*topology.ends.T.tolist(), phi.tolist(), strict=True))
    theirs = community.modularity(community.best_partition(graph, random_state=1), graph)
    assert segmented(topology, phi, method="louvain").quality.modularity == pytest.approx(theirs, abs=0.01)


def test_stability_compares_with_the_segmentation_before() -> None:
    topology, phi = planted(3, 8, seed=3)
    first = segmented(topology, phi, clusters=3)
    assert first.quality.stability is None
    again = segmented(topology, phi, clusters=3, earlier=first)
    assert again.quality.stability == 1
    other = segmented(topology, phi, clusters=5, earlier=first)
    assert other.quality.stability is not None
    assert other.quality.stability < 1


def test_a_cluster_that_swallows_the_network_is_warned_of() -> None:
    topology, phi = random_graph(50, 20, 1)
    found = segmented(topology, phi, clusters=5)
    assert found.quality.largest_share > 0.8
    assert "one cluster holds 92% of the stations" in warnings(found.quality)[0]
    assert warnings(segmented(topology, phi, clusters=5, method="spectral").quality) == []


@pytest.mark.parametrize("method", METHODS)
def test_as_many_clusters_as_stations_are_possible(method: str) -> None:
    found = segmented(barbell(), np.ones(7), method=method, clusters=6)
    assert found.clusters == (2 if method == "louvain" else 6)


@pytest.mark.parametrize("method", ["louvain", "spectral"])
def test_stations_without_links_are_clusters_of_their_own(method: str) -> None:
    topology = linked(7, (0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5))
    found = segmented(topology, np.ones(6), method=method, clusters=3)
    assert found.cluster_of.tolist() == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"method": "girvan-newmann"}, "unknown method 'girvan-newmann'.*did you mean girvan-newman?"),
        ({"variant": "Sound"}, "unknown variant 'Sound'.*did you mean sound?"),
        ({"clusters": 7}, "6 stations cannot make 7 clusters"),
        ({"clusters": 7, "method": "spectral"}, "6 stations cannot make 7 clusters"),
        ({"clusters": 0}, "0 clusters, expected at least 1"),
        ({"resolution": 0.0}, "resolution must be positive"),
        ({"seed": -1}, "seed must not be negative"),
    ],
)
def test_what_cannot_be_is_refused(wishes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        segmented(barbell(), np.ones(7), **wishes)


def test_girvan_newman_on_a_large_network_is_refused_with_its_time_and_a_way_out() -> None:
    topology, phi = random_graph(2_000, 10, 1)
    with pytest.raises(InputError, match=r"2,000 stations and 10,000 links may take 13 minutes.*louvain"):
        segmented(topology, phi)


def test_another_set_of_stations_cannot_be_compared_with() -> None:
    earlier = segmented(barbell(), np.ones(7))
    other = replace(earlier, stations=(StationId("x"), *earlier.stations[1:]))
    with pytest.raises(InputError, match="other stations"):
        segmented(barbell(), np.ones(7), earlier=other)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40))
def test_agreement_is_scikit_learns_adjusted_rand_index(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs).T
    assert agreement(one, other) == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)
