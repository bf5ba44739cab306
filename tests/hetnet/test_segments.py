"""Traffic between users and stations, and the segments that it falls into. Axes: N users, M stations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import eigh
from sklearn.metrics import adjusted_rand_score

from data.errors import InputError
from hetnet.network import Floats, Network, Stations, Users
from hetnet.segments import (
    SegmentSettings,
    _smoothest,
    adjacency,
    expected_traffic,
    is_loaded,
    link_traffic,
    normalised_cut,
    segments,
    station_capacities,
)


def blocks(parts: int, users: int, stations: int, between: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Weights between users and stations that fall into `parts`, and the part of each user and station."""
    rng = np.random.default_rng(seed)
    of_users, of_stations = np.arange(users) % parts, np.arange(stations) % parts
    same = of_users[:, None] == of_stations
    weights = np.where(same, rng.uniform(0.5, 1, same.shape), between * rng.random(same.shape))
    return weights, np.concatenate([of_users, of_stations])


def somewhere(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-600, 600, (count, 2))


def test_a_links_traffic_is_what_it_carried_a_slot() -> None:
    serving = np.array([[0, 1], [0, -1], [1, 1], [0, 1]])
    rates = np.array([[4.0, 1.0], [2.0, 9.0], [6.0, 3.0], [8.0, 5.0]])
    assert link_traffic(serving, rates, 2).tolist() == [[[14 / 4, 6 / 4], [0, 9 / 4]]]
    assert link_traffic(serving, rates, 2, 2).tolist() == [[[3, 0], [0, 0.5]], [[4, 3], [0, 4]]]


def test_slots_that_fill_no_period_are_left_out() -> None:
    serving = np.zeros((5, 1), int)
    rates = np.array([[100.0], [1.0], [2.0], [3.0], [4.0]])
    assert link_traffic(serving, rates, 1, 2).ravel().tolist() == [1.5, 3.5]


def test_a_station_is_loaded_from_the_threshold_on() -> None:
    traffic, capacity = np.array([4.9, 5.0, 0.0, 0.0]), np.array([10.0, 10.0, 10.0, 0.0])
    assert is_loaded(traffic, capacity, 0.5).tolist() == [False, True, False, True]


def test_all_slots_beside_the_capacity_of_one_are_soon_a_load() -> None:
    traffic, capacity = np.array([1.0]), np.array([10.0])
    assert is_loaded(traffic, capacity, 0.5, 24).tolist() == [False]
    assert is_loaded(traffic, capacity, 0.5, 24, "literal").tolist() == [True]


def test_expected_traffic_is_least_squares_on_the_periods_before() -> None:
    traffic = np.random.default_rng(0).uniform(1, 2, (12, 2, 3))
    traffic[:, 1, 2] = 0
    found = expected_traffic(traffic, 2)
    for user, station in np.ndindex(2, 3):
        series = traffic[:, user, station]
        columns = np.column_stack([series[1:-1], series[:-2]])
        share = np.linalg.lstsq(columns, series[2:], rcond=None)[0]
        assert found[user, station] == pytest.approx(min(share @ series[:-3:-1], series.max()))


def test_traffic_that_never_changes_is_expected_to_stay() -> None:
    assert expected_traffic(np.full((12, 1, 1), 7.0), 3) == pytest.approx(7)
    assert expected_traffic(np.full((2, 1, 1), 7.0), 3) == pytest.approx(7)


@given(st.lists(st.floats(0, 1e8), min_size=1, max_size=14), st.integers(1, 4))
def test_expected_traffic_stays_between_0_and_what_was_seen(series: list[float], lags: int) -> None:
    found = expected_traffic(np.array(series)[:, None, None], lags)
    assert np.isfinite(found).all()
    assert 0 <= found[0, 0] <= max(series) * (1 + 1e-12)


def test_weights_are_shares_of_the_busiest_link_and_none_where_no_station_reaches() -> None:
    expected = np.array([[2.0, 4.0], [8.0, 0.0]])
    available = np.array([[True, True], [False, True]])
    assert adjacency(expected, available).tolist() == [[0.5, 1], [0, 0]]
    assert adjacency(expected, available, 0.2) == pytest.approx(np.array([[0.6, 1], [0, 0.2]]))
    assert adjacency(np.zeros((2, 2)), available).tolist() == [[0, 0], [0, 0]]


def test_the_smoothest_vectors_are_those_of_the_whole_laplacian() -> None:
    weights = blocks(3, 20, 6, 0.1)[0]
    whole = np.block([[np.zeros((20, 20)), weights], [weights.T, np.zeros((6, 6))]])
    root = np.sqrt(whole.sum(axis=1))
    values, vectors = eigh(np.eye(26) - whole / root[:, None] / root)
    ours, found = _smoothest(weights)
    assert ours == pytest.approx(values[:6], abs=1e-7)
    for place in range(6):
        along = found[:, place] @ vectors[:, place] / np.linalg.norm(found[:, place])
        assert abs(along) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("parts", [2, 4, 6])
def test_planted_segments_and_their_number_are_found(parts: int) -> None:
    weights, truth = blocks(parts, 120, 24, 0.1)
    found = segments(weights, somewhere(120), somewhere(24, 1))
    assert found.count == parts
    labels = np.concatenate([found.of_users, found.of_stations])
    assert adjusted_rand_score(truth, labels) == pytest.approx(1)
    assert found.of_stations[0] == 0


def test_as_many_segments_are_made_as_are_asked_for() -> None:
    weights = blocks(4, 60, 12, 0.1)[0]
    found = segments(weights, somewhere(60), somewhere(12, 1), SegmentSettings(segments=2))
    assert found.count == 2


def test_users_that_never_move_tie_nothing_together_unless_unused_links_count() -> None:
    available = np.ones((30, 5), bool)
    expected = np.eye(5)[np.arange(30) % 5]
    printed = segments(adjacency(expected, available), somewhere(30), somewhere(5, 1))
    assert printed.count == 5
    assert printed.cut == 0


def test_those_without_links_are_with_the_nearest_station_that_has_one() -> None:
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    users = np.array([[0.0, 0.0], [100.0, 0.0], [90.0, 0.0]])
    stations = np.array([[0.0, 0.0], [100.0, 0.0], [10.0, 0.0]])
    found = segments(weights, users, stations)
    assert found.of_users.tolist() == [0, 1, 1]
    assert found.of_stations.tolist() == [0, 1, 0]
    assert found.lone_users.tolist() == [False, False, True]
    assert found.lone_stations.tolist() == [False, False, True]


def test_a_network_without_any_link_is_one_segment() -> None:
    found = segments(np.zeros((4, 2)), somewhere(4), somewhere(2, 1))
    assert found.count == 1
    assert found.lone_users.all()
    assert found.cut == 0


def test_the_cut_is_what_leaves_over_what_there_is() -> None:
    weights = np.array([[3.0, 1.0], [0.0, 2.0]])
    # segment 0: user 0 (4) and station 0 (3), 1 leaves; segment 1: user 1 (2) and station 1 (3), 1 leaves
    assert normalised_cut(weights, np.array([0, 1]), np.array([0, 1])) == pytest.approx(1 / 7 + 1 / 5)


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 6))
def test_every_segment_has_a_station_and_no_segment_number_is_skipped(
    seed: int, users: int, stations: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random((users, stations)) * (rng.random((users, stations)) < 0.4)
    found = segments(weights, somewhere(users, seed), somewhere(stations, seed + 1))
    assert set(found.of_users) <= set(found.of_stations)
    assert set(found.of_stations) == set(range(found.count))
    assert np.isfinite(found.eigenvalues).all()
    assert np.isfinite(found.cut)


def network(slots: int, power: float) -> Network:
    """Two users close to the first of two stations, whose `slots` and `power` vary."""
    return Network(
        stations=Stations(
            positions=np.array([[0.0, 0.0], [500.0, 0.0]]),
            macro=np.array([True, True]),
            power=np.array([power, 1.0]),
            reach=np.array([100.0, 100.0]),
            slots=np.array([slots, 2]),
        ),
        users=Users(
            positions=np.array([[10.0, 0.0], [20.0, 0.0]]),
            service=np.zeros(2, np.int64),
            required=np.ones((2, 3)),
            weights=np.full((2, 3), 1 / 3),
        ),
        gain=np.array([[1e-9, 1e-12], [1e-10, 1e-12]]),
        serving=np.array([-1, -1]),
        sent=np.zeros(2),
        bandwidth=1e6,
        noise=1e-12,
    )


def test_a_stations_capacity_is_the_mean_of_users_in_reach_alone_with_it() -> None:
    both = 1e6 * (np.log2(1 + 1e-9 / 2e-12) + np.log2(1 + 1e-10 / 2e-12)) / 2
    found = station_capacities(network(2, 1.0))
    assert found[0] == pytest.approx(both)
    assert found[1] == pytest.approx(1e6 * np.log2(1 + 1e-12 / (1e-10 + 1e-12)))  # nobody near: the best


def test_a_station_without_slots_or_power_has_no_capacity_and_is_loaded() -> None:
    for found in (station_capacities(network(0, 1.0)), station_capacities(network(2, 0.0))):
        assert found[0] == 0
        assert is_loaded(np.zeros(2), found, 0.5)[0]


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="beyond the 2"):
        link_traffic(np.array([[2]]), np.array([[1.0]]), 2)
    with pytest.raises(InputError, match="periods"):
        link_traffic(np.array([[1]]), np.array([[1.0]]), 2, 2)
    with pytest.raises(InputError, match=r"expected \(3, 2\)"):
        segments(np.zeros((2, 2)), somewhere(3), somewhere(2))
    with pytest.raises(InputError, match="not finite"):
        segments(np.full((2, 2), np.nan), somewhere(2), somewhere(2))
    with pytest.raises(InputError, match="fewest <= most"):
        SegmentSettings(fewest=5, most=4)
