"""Stations in this process answer alike however they are parted among hosts; silent ones are left out."""

from dataclasses import replace

import numpy as np
import pytest

from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import DescribeOrder, EvaluateOrder, Failure, Order, TrainOrder, Update
from data.traffic import StationId, Traffic
from fl_server import local
from fl_server.local import local_fleet
from forecasting.networks import initial_weights
from forecasting.stations import Floats
from tests.bs_client.stations import bits
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE, small_fleet, timeline_of

CITY = wavy_traffic(stations=7, days=14)
HISTORY = 7 * 24


def some_weights(seed: int = 1) -> Floats:
    return initial_weights(small_fleet(traffic=CITY).hosts[0].network, np.random.default_rng(seed))


def with_constant(columns: list[int]) -> Traffic:
    """The city, some of its stations without any change in their history."""
    load = CITY.load.copy()
    load[:HISTORY, columns] = 3.0
    return replace(CITY, load=load)


def training(*stations: str, turn: int = 0) -> TrainOrder:
    return TrainOrder(tuple(map(StationId, stations)), some_weights(), "horizontal", turn, 9, HISTORY + turn)


@pytest.mark.parametrize("stations_a_host", [1, 2, 3])
def test_the_number_of_hosts_changes_no_answer(monkeypatch: pytest.MonkeyPatch, stations_a_host: int) -> None:
    whole = small_fleet(traffic=CITY)
    monkeypatch.setattr(local, "STATIONS_A_HOST", stations_a_host)
    parted = small_fleet(traffic=CITY)
    assert (len(whole.hosts), len(parted.hosts)) == (1, -(-7 // stations_a_host))
    assert parted.stations == whole.stations == CITY.stations
    orders: list[Order] = [
        DescribeOrder(CITY.stations),
        TrainOrder(CITY.stations, some_weights(), "vertical", 0, 2, HISTORY),
        EvaluateOrder(CITY.stations, some_weights(), HISTORY, HISTORY + 24),
    ]
    for order in orders:
        assert [bits(each) for each in parted.ask([order])] == [bits(each) for each in whole.ask([order])]


@pytest.mark.parametrize("stations_a_host", [1, 2, 1000])
def test_silent_stations_are_left_out_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch, stations_a_host: int
) -> None:
    """s2 and s3 would fill a host of two by themselves."""
    monkeypatch.setattr(local, "STATIONS_A_HOST", stations_a_host)
    fleet = small_fleet(traffic=with_constant([2, 3, 6]))
    assert fleet.stations == ("s0", "s1", "s4", "s5")
    assert all(host.place for host in fleet.hosts)
    assert timeline_of(fleet).train_steps == HISTORY
    sub_hourly = wavy_traffic(stations=3, days=14, step_minutes=10)
    still = sub_hourly.load.copy()
    still[: HISTORY * 6, 1] = 1
    assert small_fleet(traffic=replace(sub_hourly, load=still)).stations == ("s0", "s2")


@pytest.mark.parametrize("stations_a_host", [2, 1000])
def test_a_fleet_without_any_station_that_varies_is_refused(
    monkeypatch: pytest.MonkeyPatch, stations_a_host: int
) -> None:
    monkeypatch.setattr(local, "STATIONS_A_HOST", stations_a_host)
    with pytest.raises(
        InputError, match=r"^no station varies in the training part: there is nothing to forecast$"
    ):
        local_fleet(with_constant(list(range(7))), SMALL_RECIPE, SignatureSettings())


def test_what_is_posted_is_what_would_have_been_asked() -> None:
    fleet, orders = small_fleet(traffic=CITY), [training("s1", "s2"), training("s4")]
    asked = fleet.ask(orders)
    fleet.post(orders)
    collected = fleet.collect([StationId(each) for each in ("s1", "s2", "s4")])
    assert [bits(each) for each in collected] == [bits(each) for each in asked]


def test_answers_are_collected_in_the_wanted_order_and_some_at_a_time() -> None:
    fleet = small_fleet(traffic=CITY)
    fleet.post([training("s1", "s2", turn=0)])
    fleet.post([training("s5", "s0", turn=1)])
    first = fleet.collect([StationId("s0"), StationId("s2")])
    fleet.post([training("s2", turn=2)])
    second = fleet.collect([StationId("s2"), StationId("s1"), StationId("s5")])
    assert [each.station for each in first + second] == ["s0", "s2", "s2", "s1", "s5"]
    assert all(isinstance(each, Update) for each in first + second)
    alone = small_fleet(traffic=CITY).ask([training("s2", turn=2)])
    assert bits(second[0]) == bits(alone[0])


def test_a_station_that_was_not_asked_has_nothing_to_collect() -> None:
    fleet = small_fleet(traffic=CITY)
    fleet.post([training("s1")])
    assert fleet.collect([StationId("s3")]) == [Failure(StationId("s3"), "was not asked for anything")]
    assert [type(each) for each in fleet.collect([StationId("s1")])] == [Update]
    assert [type(each) for each in fleet.collect([StationId("s1")])] == [Failure]
