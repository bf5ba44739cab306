from dataclasses import replace
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.network import (
    MOST_SATISFIED,
    Network,
    Stations,
    Users,
    in_range,
    interference,
    is_satisfied,
    link_rates,
    rates,
    satisfaction,
    served,
    sinr,
    transmitted,
    weighted_satisfaction,
)
from tests.hetnet.networks import some_network, some_stations, some_users


def rate_by_hand(network: Network, user: int) -> float:
    """Equation (1) as it is written, with sums spelled out."""
    own = int(network.serving[user])
    if own < 0:
        return 0.0
    disturbing = 0.0
    for station in range(len(network.stations)):
        if station != own:
            total = sum(
                network.sent[other]
                for other in range(len(network.users))
                if network.serving[other] == station
            )
            disturbing += total * network.gain[user, station]
    signal = network.sent[user] * network.gain[user, own]
    return network.bandwidth * log2(1 + signal / (disturbing + network.noise))


@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 4))
def test_rates_are_those_of_equation_1_summed_by_hand(seed: int, users: int, stations: int) -> None:
    network = some_network(users, stations, seed)
    expected = [rate_by_hand(network, user) for user in range(users)]
    np.testing.assert_allclose(rates(network), expected, rtol=1e-9)


@given(st.integers(0, 1000))
def test_a_link_that_is_in_use_has_the_rate_of_its_user(seed: int) -> None:
    network = some_network(seed=seed)
    sent = np.tile(network.sent[:, None], (1, len(network.stations)))
    links = link_rates(network.gain, sent, transmitted(network), network.noise, network.bandwidth)
    to = np.flatnonzero(network.serving >= 0)
    np.testing.assert_allclose(links[to, network.serving[to]], rates(network)[to], rtol=1e-6)


def test_two_stations_of_one_watt_disturb_each_other() -> None:
    # signal 1 W * 1e-6, interference 1 W * 1e-7, noise 1e-7: SINR 5, rate B log2(6)
    network = Network(
        stations=replace(some_stations(2), power=np.ones(2)),
        users=some_users(2, np.random.default_rng(0)),
        gain=np.array([[1e-6, 1e-7], [1e-7, 1e-6]]),
        serving=np.array([0, 1]),
        sent=np.ones(2),
        bandwidth=1e6,
        noise=1e-7,
    )
    np.testing.assert_allclose(sinr(network), [5, 5])
    np.testing.assert_allclose(rates(network), 1e6 * np.log2(6))


@given(st.integers(0, 1000))
def test_as_printed_nobody_is_disturbed_and_with_the_own_cell_all_are_the_more(seed: int) -> None:
    network = some_network(seed=seed)
    assert not interference(network, "literal").any()
    assert (interference(network, "own-cell") >= interference(network, "sound")).all()
    assert (rates(network, "literal") >= rates(network)).all()
    assert (rates(network) >= rates(network, "own-cell")).all()


def test_interference_of_the_own_cell_is_what_the_station_sends_to_others() -> None:
    network = replace(
        some_network(users=2, stations=1),
        serving=np.array([0, 0]),
        sent=np.array([0.25, 0.75]),
        gain=np.array([[1e-6], [1e-7]]),
    )
    np.testing.assert_allclose(interference(network, "own-cell"), [0.75e-6, 0.25e-7])
    np.testing.assert_allclose(interference(network), 0)


def test_a_user_without_a_station_has_no_rate_and_counts_nowhere() -> None:
    network = some_network()
    alone = replace(network, serving=np.full(6, -1), sent=np.zeros(6))
    assert not rates(alone).any()
    assert not transmitted(alone).any()
    assert not served(alone).any()


def test_a_network_without_users_has_no_rates() -> None:
    network = some_network(users=0)
    assert rates(network).shape == (0,)
    assert transmitted(network).tolist() == [0, 0, 0]


def test_satisfaction_is_1_or_more_exactly_where_the_metric_is_as_required() -> None:
    required = np.array([1e6, 0.05, 0.01])
    found = satisfaction(np.array([[2e6, 0.1, 0.01], [5e5, 0.025, 0.02]]), required)
    np.testing.assert_allclose(found, [[2, 0.5, 1], [0.5, 2, 0.5]])


def test_satisfaction_as_printed_praises_delay() -> None:
    found = satisfaction(np.array([1e6, 0.5, 0.1]), np.array([1e6, 0.05, 0.01]), "literal")
    np.testing.assert_allclose(found, [1, 10, 10])


@given(st.lists(st.floats(0, 1e12), min_size=3, max_size=3))
def test_satisfaction_is_finite_and_bounded_whatever_the_conditions(conditions: list[float]) -> None:
    for variant in ("sound", "literal"):
        found = satisfaction(np.array(conditions), np.array([1e6, 0.05, 0.01]), variant)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= MOST_SATISFIED * (1 + 1e-12)).all()


def test_a_metric_of_no_weight_need_not_be_satisfied() -> None:
    users = replace(
        some_users(2, np.random.default_rng(0)), weights=np.array([[0.5, 0.5, 0], [0.4, 0.4, 0.2]])
    )
    found = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5]])
    assert is_satisfied(found, users).tolist() == [True, False]
    np.testing.assert_allclose(weighted_satisfaction(found, users), [1.0, 0.9])


def test_a_station_without_slots_has_nobody_in_range() -> None:
    stations = replace(some_stations(2), slots=np.array([0, 1]))
    users = replace(some_users(1, np.random.default_rng(0)), positions=np.array([[0.0, 0.0]]))
    assert in_range(users, stations).tolist() == [[False, True]]


def bad_network(**changes: object) -> Network:
    return replace(some_network(), **changes)  # type: ignore[arg-type] # bad on purpose


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gain": np.full((6, 3), np.nan)}, "gain"),
        ({"gain": np.ones((6, 2))}, "gain"),
        ({"serving": np.full(6, 3)}, "serving"),
        ({"serving": np.full(6, -1), "sent": np.ones(6)}, "no station serves"),
        ({"sent": np.full(6, -1.0)}, "sent"),
        ({"noise": 0.0}, "noise"),
    ],
)
def test_a_network_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        bad_network(**changes)


def test_users_that_require_nothing_are_refused() -> None:
    users = some_users(2, np.random.default_rng(0))
    with pytest.raises(InputError, match="required"):
        replace(users, required=np.zeros((2, 3)))
    with pytest.raises(InputError, match="sum to 1"):
        replace(users, weights=np.ones((2, 3)))
    with pytest.raises(InputError, match="positions"):
        Users(np.full((2, 2), np.inf), users.service, users.required, users.weights)


def test_stations_of_unequal_lists_are_refused() -> None:
    stations = some_stations(2)
    with pytest.raises(InputError, match="slots"):
        Stations(stations.positions, stations.macro, stations.power, stations.reach, np.array([1]))


def test_conditions_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="conditions"):
        satisfaction(np.array([np.nan, 0.1, 0.1]), np.ones(3))


def test_an_unknown_variant_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="sound, literal"):
        rates(some_network(), "loud")  # type: ignore[arg-type] # bad on purpose
