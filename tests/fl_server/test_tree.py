"""Twins whose stations move between clusters, by hand and under all sorts of moves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_server.tree import Clusters, Tree, mixed, origins, regrouped, seedling


def grown(cluster_of: Clusters, parameters: int = 3, seed: int = 0) -> Tree:
    """A tree whose every number differs from every other."""
    rng, clusters = np.random.default_rng(seed), int(cluster_of.max()) + 1
    return Tree(
        cluster_of=cluster_of,
        top=rng.normal(size=parameters).astype(np.float32),
        clusters=rng.normal(size=(clusters, parameters)).astype(np.float32),
        starts=rng.normal(size=(clusters, parameters)).astype(np.float32),
        top_version=7,
        cluster_versions=np.arange(10, 10 + clusters),
        top_state={"pace": np.array([1.0])},
        cluster_states=tuple({"pace": np.array([float(cluster)])} for cluster in range(clusters)),
    )


def test_a_seedling_is_one_cluster_with_the_same_weights_everywhere() -> None:
    weights = np.array([1.5, -2.0], np.float32)
    tree = seedling(3, weights)
    assert tree.cluster_of.tolist() == [0, 0, 0]
    assert tree.clusters.tolist() == tree.starts.tolist() == [[1.5, -2.0]]
    assert tree.size == 8  # two numbers of four bytes


def test_a_new_cluster_gets_the_mean_over_its_stations_of_what_their_old_ones_had() -> None:
    """Five stations: a, b, c in cluster 0 and d, e in 1. Then a | b, c, d | e.

    Weights 1 and 4: a brings 1; b, c, d bring 1, 1, 4, whose mean is 2; e brings 4. Of b, c, d the most come
    from cluster 0, whose version is 10 and whose memory is 0.
    """
    tree = replace(
        grown(np.array([0, 0, 0, 1, 1]), parameters=1),
        clusters=np.array([[1], [4]], np.float32),
        starts=np.array([[10], [40]], np.float32),
    )
    moved = regrouped(tree, np.array([0, 1, 1, 1, 2]))
    assert moved.clusters.tolist() == [[1], [2], [4]]
    assert moved.starts.tolist() == [[10], [20], [40]]
    assert moved.cluster_versions.tolist() == [10, 10, 11]
    assert [state["pace"].tolist() for state in moved.cluster_states] == [[0.0], [0.0], [1.0]]
    assert (moved.top.tolist(), moved.top_version, moved.top_state) == (tree.top.tolist(), 7, tree.top_state)


def test_of_two_that_send_as_many_the_first_gives_version_and_memory() -> None:
    moved = regrouped(grown(np.array([0, 1, 1, 0])), np.zeros(4, np.int64))
    assert moved.cluster_versions.tolist() == [10]
    assert moved.cluster_states[0]["pace"].tolist() == [0.0]


def test_the_shares_of_origins_are_counted_by_hand() -> None:
    """New cluster 0 is made of two stations of old 0 and one of old 1; new cluster 1 of one of old 1."""
    shares = origins(np.array([0, 1, 0, 1]), np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3], [0.0, 1.0]])


some_clusters = st.integers(2, 12).flatmap(
    lambda stations: st.tuples(*[st.lists(st.integers(0, 4), min_size=stations, max_size=stations)] * 2)
)


def without_holes(clusters: list[int]) -> Clusters:
    """The same clusters, numbered 0, 1, … so that none is empty."""
    return np.unique(clusters, return_inverse=True)[1].reshape(-1).astype(np.int64)


@given(some_clusters)
def test_weights_are_the_plain_means_of_what_each_station_brings(
    clusters: tuple[list[int], list[int]],
) -> None:
    before, after = map(without_holes, clusters)
    tree = grown(before)
    moved = regrouped(tree, after)
    for cluster in range(after.max() + 1):
        brought = [tree.clusters[before[station]] for station in np.flatnonzero(after == cluster)]
        np.testing.assert_allclose(moved.clusters[cluster], np.mean(brought, axis=0, dtype=float), rtol=1e-6)


@given(some_clusters)
def test_nothing_changes_by_a_bit_when_nothing_moves(clusters: tuple[list[int], list[int]]) -> None:
    tree = grown(without_holes(clusters[0]))
    same = regrouped(tree, tree.cluster_of)
    assert same.clusters.tobytes() == tree.clusters.tobytes()
    assert same.starts.tobytes() == tree.starts.tobytes()
    assert same.cluster_versions.tolist() == tree.cluster_versions.tolist()
    assert same.cluster_states == tree.cluster_states


@given(some_clusters, st.integers(0, 99))
def test_the_order_of_the_stations_is_irrelevant(clusters: tuple[list[int], list[int]], seed: int) -> None:
    before, after = map(without_holes, clusters)
    order = np.random.default_rng(seed).permutation(len(before))
    moved, turned = regrouped(grown(before), after), regrouped(grown(before[order]), after[order])
    assert turned.clusters.tobytes() == moved.clusters.tobytes()
    assert turned.starts.tobytes() == moved.starts.tobytes()
    assert turned.cluster_versions.tolist() == moved.cluster_versions.tolist()
    assert turned.cluster_states == moved.cluster_states


@given(some_clusters)
def test_a_cluster_that_only_loses_stations_keeps_its_very_weights(
    clusters: tuple[list[int], list[int]],
) -> None:
    before = without_holes(clusters[0])
    after = np.where(np.arange(len(before)) == 0, before.max() + 1, before)  # the first station leaves
    after = without_holes(after.tolist())
    tree = grown(before)
    moved = regrouped(tree, after)
    for station in range(len(before)):
        assert moved.clusters[after[station]].tobytes() == tree.clusters[before[station]].tobytes()


@pytest.mark.parametrize("count", [1, 3, 7])
def test_mixing_equal_weights_changes_nothing(count: int) -> None:
    weights = np.tile(np.array([0.1, -7.3], np.float32), (count, 1))
    assert mixed(np.full((1, count), 1 / count), weights).tolist() == weights[:1].tolist()
