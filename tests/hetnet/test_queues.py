from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.network import Floats, rates
from hetnet.queues import QueueSettings, conditions, network_conditions, slot_use, waiting
from tests.hetnet.networks import some_network


def stationary(use: float, buffer: int) -> Floats:
    """The chance of each number of packets, from the balance of arrivals and services."""
    flow = np.zeros((buffer + 1, buffer + 1))
    for packets in range(buffer):
        flow[packets, packets + 1], flow[packets + 1, packets] = use, 1.0
    flow -= np.diag(flow.sum(axis=1))
    balance = np.vstack([flow.T, np.ones(buffer + 1)])
    chances: Floats = np.linalg.lstsq(balance, np.append(np.zeros(buffer + 1), 1.0), rcond=None)[0]
    return chances


@given(st.floats(0, 5), st.integers(1, 12))
def test_the_queue_is_that_of_its_balance_equations(use: float, buffer: int) -> None:
    chances = stationary(use, buffer)
    inside, lost = waiting(np.array([use]), buffer)
    np.testing.assert_allclose(inside, chances @ np.arange(buffer + 1), atol=1e-8)
    np.testing.assert_allclose(lost, chances[-1], atol=1e-8)


def test_a_queue_of_one_packet_is_worked_by_hand() -> None:
    # K = 1, use 1: empty or full half of the time each
    inside, lost = waiting(np.array([1.0]), 1)
    assert (inside[0], lost[0]) == (0.5, 0.5)


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_conditions_are_finite_and_within_bounds_for_any_link(rate: float, offered: float) -> None:
    throughput, delay, loss = conditions(np.array(rate), np.array(offered))
    assert throughput == rate
    assert QueueSettings().base_delay <= delay <= QueueSettings().most_delay
    assert 0 <= loss <= 1


def test_a_link_that_carries_nothing_loses_all() -> None:
    np.testing.assert_allclose(conditions(np.array(0.0), np.array(1e6)), [0, QueueSettings().most_delay, 1])


@given(st.floats(1e5, 1e8), st.floats(0, 1e8), st.floats(1.01, 3))
def test_more_traffic_never_waits_or_loses_less(rate: float, offered: float, more: float) -> None:
    before, after = conditions(np.full(2, rate), np.array([offered, offered * more]))
    assert after[1] >= before[1] * (1 - 1e-9)
    assert after[2] >= before[2] * (1 - 1e-9)


def test_conditions_of_a_network_rest_on_its_rates() -> None:
    network = some_network()
    offered = np.full(6, 1e5)
    found = network_conditions(network, offered)
    np.testing.assert_allclose(found[:, 0], rates(network))
    assert np.isfinite(found).all()


def test_a_station_is_as_busy_as_its_users_links_and_idle_without_slots() -> None:
    network = replace(some_network(users=2), serving=np.array([0, 0]), sent=np.array([0.5, 0.5]))
    offered = 0.5 * rates(network)
    np.testing.assert_allclose(slot_use(network, offered), [2 * 0.5 / 4, 0, 0])
    without = replace(network, stations=replace(network.stations, slots=np.zeros(3, dtype=np.int64)))
    assert np.isfinite(slot_use(without, offered)).all()


def test_bad_traffic_and_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match="offered"):
        conditions(np.ones(1), np.array([np.nan]))
    with pytest.raises(InputError, match="rates"):
        conditions(-np.ones(1), np.ones(1))
    for changes in ({"buffer": 0}, {"packet_bits": 0.0}, {"base_delay": 20.0}):
        with pytest.raises(InputError, match="expected"):
            QueueSettings(**changes)
