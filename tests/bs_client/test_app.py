"""What a node of plain Flower holds, by its config, and what it answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flwr.app import UserConfigValue

from bs_client.app import Config, Holding, answered, holding, of_holding
from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import IntroduceOrder, Introduction
from data.plain import plain
from data.sets.tables import ReadSettings
from data.traffic import StationId, Traffic
from data.wire import packed_orders, unpacked_answers
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.fleets import SMALL_RECIPE

SETUP = {"recipe": plain(SMALL_RECIPE, {}), "signature": plain(SignatureSettings(), {})}
DATA = {"data": "/somewhere"}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a set of the stations s0 to s4, in which s1 has a gap of a day."""
    traffic = wavy_traffic(stations=5, days=12)
    load = traffic.load.copy()
    load[30:54, 1] = np.nan
    folder = tmp_path_factory.mktemp("sets") / "city"
    folder.mkdir()
    return str(written_set(folder, replace(traffic, load=load)))


def introduced(node: Config, run: Config) -> dict[str, str]:
    """The stations that a node with these configs introduces, and why each cannot take part."""
    found = unpacked_answers(answered(packed_orders(SETUP, [IntroduceOrder()]), node, run))
    assert found.refusal == ""
    return {each.station: each.unfit for each in found.answers if isinstance(each, Introduction)}


def refusal(node: Config, run: Config) -> str:
    """Why a node with these configs refuses to answer."""
    found = unpacked_answers(answered(packed_orders(SETUP, [IntroduceOrder()]), node, run))
    assert found.answers == ()
    return found.refusal


def test_a_node_that_names_stations_holds_these(city: str) -> None:
    assert introduced({"data": city, "stations": "s3, s0"}, {}) == {"s3": "", "s0": ""}


def test_a_station_whose_id_is_a_number_can_be_named() -> None:
    assert holding({**DATA, "stations": 5056}, {}).stations == ("5056",)


def test_a_node_that_names_none_holds_the_whole_set(city: str) -> None:
    assert introduced({"data": city}, {}).keys() == {"s0", "s1", "s2", "s3", "s4"}


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_every_station_is_in_one_part_of_the_set_and_a_gappy_one_too(city: str, parts: int) -> None:
    nodes: list[Config] = [
        {"data": city, "partition-id": part, "num-partitions": parts} for part in range(parts)
    ]
    found = [introduced(node, {}) for node in nodes]
    stations = sorted(station for each in found for station in each)
    assert stations == ["s0", "s1", "s2", "s3", "s4"]
    assert [station for each in found for station, unfit in each.items() if unfit] == ["s1"]


def test_the_parts_are_as_equal_as_can_be() -> None:
    traffic = wavy_traffic(stations=8, days=3)
    sizes = [len(part(traffic, number, 3).stations) for number in range(3)]
    assert sizes == [3, 3, 2]


def part(traffic: Traffic, number: int, parts: int) -> Traffic:
    """One part of the traffic."""
    return of_holding(traffic, Holding(data=Path("set"), reading=ReadSettings(), part=number, parts=parts))


def test_a_named_station_with_long_gaps_says_so_where_another_is_there(city: str) -> None:
    found = introduced({"data": city, "stations": "s1,s2"}, {})
    assert found.keys() == {"s1", "s2"}
    assert found["s1"]


def test_nodes_without_a_config_of_their_own_go_by_that_of_the_run(city: str) -> None:
    run: dict[str, UserConfigValue] = {"data": city, "stations": 5, "seed": 3, "first-stations": 3}
    assert introduced({"partition-id": 1, "num-partitions": 2}, run) == {"s2": ""}


def test_the_nodes_own_config_comes_before_that_of_the_run() -> None:
    run: dict[str, UserConfigValue] = {"data": "/elsewhere", "channel": "sms", "timezone": "", "stations": 2}
    held = holding({"data": "/here", "channel": "call", "timezone": "Europe/Rome"}, run)
    reading = ReadSettings(channel="call", timezone="Europe/Rome", leave_out_gappy=True)
    assert held == Holding(data=Path("/here"), reading=reading)


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({}, "no data: expected --node-config"),
        ({"data": "/nowhere"}, "/nowhere: found nothing, expected a folder"),
        ({**DATA, "channel": "fax"}, "unknown channel 'fax'"),
        ({**DATA, "timezone": "Mars"}, "Mars"),
        ({**DATA, "max-gap-hours": "two"}, "max_gap_hours: expected a number, got 'two'"),
        ({**DATA, "partition-id": 3, "num-partitions": 3}, "partition-id must be at least 0 and below"),
        ({**DATA, "partition-id": 1}, "partition-id must be at least 0 and below"),
        ({**DATA, "partition-id": "one"}, "partition-id: expected a whole number, got 'one'"),
        (
            {**DATA, "stations": "a", "partition-id": 0, "num-partitions": 2},
            "either stations or partition-id",
        ),
    ],
)
def test_a_node_whose_config_makes_no_sense_refuses_with_a_sentence(node: Config, sentence: str) -> None:
    assert sentence in refusal(node, {})


def test_a_station_that_the_set_does_not_have_is_refused(city: str) -> None:
    assert "unknown station 's9'" in refusal({"data": city, "stations": "s9"}, {})


def test_a_node_with_gappy_stations_alone_is_refused(city: str) -> None:
    assert "all of s1 have gaps that are too long" in refusal({"data": city, "stations": "s1"}, {})


def test_a_part_without_a_station_is_refused(city: str) -> None:
    sentence = refusal({"data": city, "partition-id": 5, "num-partitions": 6}, {})
    assert "holds 4 stations, none of them for part 5 of 6" in sentence


def test_holdings_that_are_equal_are_one(city: str) -> None:
    config = {"data": city, "stations": "s0"}
    assert hash(holding(config, {})) == hash(holding(config, {}))
    with pytest.raises(InputError, match="got both"):
        Holding(data=Path(city), reading=ReadSettings(), stations=(StationId("s0"),), parts=2)
