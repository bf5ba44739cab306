"""Φ worked by hand, and its bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering.relation import Attributes, RelationSettings, Weights, relation, relation_terms
from clustering.signatures import Signatures
from clustering.topology import Topology, regular_topology
from data.errors import InputError
from data.plane import degrees
from tests.clustering.graphs import Array, linked

ONLY_DISTANCE = Weights(distance=1, backhaul=0, overlap=0, traffic=0)


def at(places_km: list[tuple[float, float]], backhaul: Array | None = None) -> Attributes:
    """Stations at places in kilometres, all with flat traffic."""
    flat = Signatures(np.zeros((len(places_km), 24)), np.zeros((len(places_km), 168)))
    return Attributes(degrees(np.array(places_km), (9.0, 0.0)), flat, backhaul)


LINE = linked(3, (0, 1), (0, 2), (1, 2))


def test_the_nearest_link_scores_one_and_the_farthest_the_floor() -> None:
    # Apart 1, 4 and 3 km: 1/g is 1, 1/4, 1/3; scaled (1/3 - 1/4) / (1 - 1/4) = 1/9.
    phi = relation(LINE, at([(0, 0), (1, 0), (4, 0)]), RelationSettings(weights=ONLY_DISTANCE))
    assert phi == pytest.approx([1, 0.01, 1 / 9], abs=1e-6)


def test_co_located_stations_count_as_the_nearest_distance_apart() -> None:
    # Apart 0 (as .1), 1 and 1 km: 1/g is 10, 1, 1.
    terms = relation_terms(LINE, at([(0, 0), (0, 0), (1, 0)]), RelationSettings(weights=ONLY_DISTANCE))
    assert terms["distance"] == pytest.approx([1, 0, 0], abs=1e-6)


def test_a_path_has_the_capacity_of_the_thinner_line() -> None:
    # Capacities 100, 300, 200: links have 100, 100, 200.
    attributes = at([(0, 0), (1, 0), (4, 0)], np.array([100.0, 300.0, 200.0]))
    assert relation_terms(LINE, attributes, RelationSettings())["backhaul"].tolist() == [0, 0, 1]


def test_the_share_of_two_circles_is_that_of_the_lens() -> None:
    # Equal circles of 1 km whose centres are 1 km apart share 2π/3 - √3/2 of π, .391; 2 km apart nothing.
    star = linked(3, (0, 1), (0, 2), (1, 2))
    settings = RelationSettings(coverage_km=1.0, nearest_km=1e-6)
    overlap = relation_terms(star, at([(0, 0), (0, 0), (1, 0)]), settings)["overlap"]
    share = (2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi
    assert overlap == pytest.approx([1, 0, 0], abs=1e-6)
    overlap = relation_terms(star, at([(0, 0), (1, 0), (2.5, 0)]), settings)["overlap"]
    other = 2 * (np.arccos(0.75) - 0.75 * np.sqrt(1 - 0.75**2)) / np.pi  # 1.5 km apart
    assert overlap == pytest.approx([1, 0, other / share], abs=1e-6)


def test_what_was_measured_takes_the_place_of_what_is_computed() -> None:
    measured = Topology(
        stations=3,
        ends=LINE.ends,
        distance_km=np.array([2.0, 1.0, 4.0]),
        backhaul=np.array([1.0, 3.0, 2.0]),
        overlap=np.array([0.0, 0.2, 0.4]),
    )
    terms = relation_terms(measured, at([(0, 0), (1, 0), (4, 0)], np.ones(3)), RelationSettings())
    assert terms["distance"] == pytest.approx([1 / 3, 1, 0])  # of 1/2, 1, 1/4
    assert terms["backhaul"] == pytest.approx([0, 1, 0.5])
    assert terms["overlap"] == pytest.approx([0, 0.5, 1])


def test_a_term_that_is_unknown_or_everywhere_the_same_is_left_out() -> None:
    attributes = at([(0, 0), (0, 0), (0, 0)], np.ones(3))
    assert relation_terms(LINE, attributes, RelationSettings()) == {}
    assert relation(LINE, attributes, RelationSettings()).tolist() == [1, 1, 1]


def test_stations_that_are_busy_together_score_highest_on_traffic() -> None:
    day = np.array([np.cos(np.arange(24) * np.pi / 12 + turn) * np.sqrt(2) for turn in (0, 0, np.pi)])
    alike = Attributes(at([(0, 0)] * 3).positions, Signatures(day, np.tile(day, 7)))
    assert relation_terms(LINE, alike, RelationSettings())["traffic"] == pytest.approx([1, 0, 0])


@given(seed=st.integers(0, 10_000), weights=st.tuples(*[st.floats(0, 5)] * 3))
def test_phi_lies_above_zero_and_not_above_one(seed: int, weights: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    topology = regular_topology(12, 4, seed)
    places = [(float(x), float(y)) for x, y in rng.integers(0, 3, (12, 2))]  # many are co-located
    settings = RelationSettings(
        weights=Weights(distance=1, backhaul=weights[0], overlap=weights[1], traffic=weights[2])
    )
    phi = relation(topology, at(places, rng.lognormal(size=12)), settings)
    assert (phi > 0).all()
    assert (phi <= 1).all()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match="weights of Φ must not be negative, nor all zero"):
        Weights(distance=0, backhaul=0, overlap=0, traffic=0)
    with pytest.raises(InputError, match="floor of Φ"):
        RelationSettings(floor=0)
    with pytest.raises(InputError, match="coverage radius"):
        RelationSettings(coverage_km=-1)
