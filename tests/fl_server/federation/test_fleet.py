"""A fleet over Flower: the same twins as in one process, and none of what goes wrong reaches them twice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from data.errors import InputError
from data.messages import Answer, EvaluateOrder, IntroduceOrder, Introduction, TrainOrder, Update
from data.traffic import StationId
from data.wire import packed_answers, packed_orders, unpacked_answers, unpacked_orders
from fl_server.federation.fleet import LOST, OVERTIME, TOO_LATE, Patience, setup_of
from fl_server.federation.link import Link
from fl_server.federation.link_grid import LinkGrid
from fl_server.settings import Strategies
from forecasting.networks import initial_weights
from forecasting.stations import start_rng
from tests.cities import wavy_traffic
from tests.fl_server.federation.nodes import Answered, gathered, joined, opened, sites_of
from tests.fl_server.test_lifecycle import CITY, SETTINGS, all_states, bits, fleet_of, plan_of

SHORT = Patience(answer_seconds=1.5, introduction_seconds=5)
PLAN = plan_of(fleet_of())
WEIGHTS = initial_weights(PLAN.network, start_rng(1))
HISTORY = PLAN.timeline.train_steps


@pytest.fixture(scope="module")
def link() -> Iterator[tuple[Link, str]]:
    """One link for all tests; each has a run of its own on it."""
    with opened() as made:
        yield made


def order(*stations: str, turn: int = 0) -> TrainOrder:
    return TrainOrder(tuple(map(StationId, stations)), WEIGHTS, "horizontal", turn, 9, HISTORY + turn)


@pytest.mark.parametrize("parts", [[[0], [1], [2], [3], [4], [5], [6]], [[6, 1, 3], [0, 2], [5, 4]]])
def test_the_twins_are_those_of_one_process_to_the_bit(
    link: tuple[Link, str], parts: list[list[int]]
) -> None:
    settings = replace(SETTINGS, strategies=Strategies(cluster="weighted-mean"))
    expected = all_states(settings)[-1]
    grid = LinkGrid(link[0])
    with joined(link[1], sites_of(CITY, parts)):
        fleet = gathered(grid, settings, len(CITY.stations))
        assert bits(all_states(settings, fleet=fleet)[-1]) == bits(expected)
        assert fleet.crossed.refused == {}
        left = len(fleet.training())  # the last orders of a stream are due after its end
        assert fleet.crossed.orders - left <= fleet.crossed.answers <= fleet.crossed.orders
    grid.end()


def test_stations_that_cannot_take_part_are_named_with_the_reason(link: tuple[Link, str]) -> None:
    load = CITY.load.copy()
    load[:, 2] = 7
    grid = LinkGrid(link[0])
    odd = replace(CITY, load=load)
    with joined(link[1], sites_of(odd, [[0, 1], [2], [3, 4, 5, 6]])):
        fleet = gathered(grid, SETTINGS, 7)
        assert fleet.left_out == {CITY.stations[2]: "never varies in its history"}
        assert len(fleet.stations) == 6
    grid.end()


def test_a_round_closes_without_a_station_that_is_too_slow_and_its_late_answer_is_dropped(
    link: tuple[Link, str],
) -> None:
    slow, free = Event(), Event()
    first, second = sites_of(CITY, [[0, 1, 2], [3, 4, 5, 6]])

    def hesitant(packet: bytes) -> bytes:
        if any(isinstance(each, TrainOrder) for each in unpacked_orders(packet).orders) and not free.is_set():
            slow.set()
            free.wait(20)
        return first(packet)

    grid = LinkGrid(link[0])
    with joined(link[1], [hesitant, second]):
        fleet = gathered(grid, SETTINGS, 7, SHORT)
        began = time.monotonic()
        answers = fleet.ask([order(*CITY.stations)])
        assert slow.is_set()
        assert time.monotonic() - began < 10
        assert {_station(each) for each in answers} == {"s3", "s4", "s5", "s6"}
        free.set()
        again = fleet.ask([order(*CITY.stations, turn=1)])
        assert sorted(_station(each) for each in again) == sorted(CITY.stations)
        one = unpacked_answers(first(_packet(order("s0", turn=1)))).answers[0]
        assert bits(next(each for each in again if _station(each) == "s0")) == bits(one)
    grid.end()


def test_where_all_are_too_slow_the_first_answer_is_waited_for(link: tuple[Link, str]) -> None:
    free = Event()
    first, second = sites_of(CITY, [[0, 1, 2], [3, 4, 5, 6]])

    def slow(packet: bytes) -> bytes:
        if any(isinstance(each, TrainOrder) for each in unpacked_orders(packet).orders):
            time.sleep(0.8)  # longer than the fleet waits for
        return first(packet)

    def silent(packet: bytes) -> bytes:
        if any(isinstance(each, TrainOrder) for each in unpacked_orders(packet).orders):
            free.wait(20)
        return second(packet)

    grid = LinkGrid(link[0])
    with joined(link[1], [slow, silent]):
        fleet = gathered(grid, SETTINGS, 7, Patience(answer_seconds=0.5, introduction_seconds=5))
        assert {_station(each) for each in fleet.ask([order(*CITY.stations)])} == {"s0", "s1", "s2"}
        began = time.monotonic()
        assert fleet.ask([order("s4")]) == []
        assert 0.5 * (1 + OVERTIME) <= time.monotonic() - began < 10
        free.set()
    grid.end()


def test_answers_to_what_was_posted_are_collected_and_late_ones_are_failures(link: tuple[Link, str]) -> None:
    free = Event()
    first, second = sites_of(CITY, [[0, 1, 2], [3, 4, 5, 6]])

    def hesitant(packet: bytes) -> bytes:
        if any(isinstance(each, TrainOrder) for each in unpacked_orders(packet).orders):
            free.wait(20)
        return first(packet)

    grid = LinkGrid(link[0])
    with joined(link[1], [hesitant, second]):
        fleet = gathered(grid, SETTINGS, 7, SHORT)
        fleet.post([order("s1", "s4"), order("s5", turn=1)])
        assert fleet.training() == {"s1", "s4", "s5"}
        late, good = fleet.collect([StationId("s1"), StationId("s4")])
        assert (late.station, getattr(late, "reason", "")) == ("s1", TOO_LATE)
        assert isinstance(good, Update)
        (other,) = fleet.collect([StationId("s5")])
        assert isinstance(other, Update)
        (never,) = fleet.collect([StationId("s6")])
        assert getattr(never, "reason", "") == LOST
        free.set()
    grid.end()


def test_a_node_that_left_costs_its_stations_alone_and_comes_back(link: tuple[Link, str]) -> None:
    grid = LinkGrid(link[0])
    with joined(link[1], sites_of(CITY, [[3, 4, 5, 6]])):
        with joined(link[1], sites_of(CITY, [[0, 1, 2]])):
            fleet = gathered(grid, SETTINGS, 7, SHORT)
        _until(lambda: len(fleet.ask([order(*CITY.stations)])) == 4)
        assert list(fleet.lost) == ["s0", "s1", "s2"]
        with joined(link[1], sites_of(CITY, [[0, 1, 2]])):
            _until(lambda: len(fleet.ask([order(*CITY.stations)])) == 7)
            assert not fleet.lost
    grid.end()


def test_a_station_that_two_nodes_hold_counts_once_and_is_asked_of_the_last(link: tuple[Link, str]) -> None:
    grid = LinkGrid(link[0])
    with joined(link[1], sites_of(CITY, [[0, 1, 2]])):
        fleet = gathered(grid, SETTINGS, 3, SHORT)
        assert fleet.trouble() == ""
        with joined(link[1], sites_of(CITY, [[2, 3]])):
            fleet = gathered(grid, SETTINGS, 4, SHORT)
            assert fleet.stations == CITY.stations[:4]
            assert fleet.held_twice == (CITY.stations[2],)
            assert fleet.trouble() == "; several nodes hold station s2"
            known = fleet.ask([IntroduceOrder()])
            assert sorted(_station(each) for each in known) == list(fleet.stations)
            orders = fleet.crossed.orders
            answers = fleet.ask([order(*fleet.stations)])
            assert sorted(_station(each) for each in answers) == list(fleet.stations)
            assert fleet.crossed.orders == orders + 2
    grid.end()


def test_answers_for_stations_of_others_are_dropped_and_counted(link: tuple[Link, str]) -> None:
    first, second = sites_of(CITY, [[0, 1, 2], [3, 4, 5, 6]])

    def greedy(packet: bytes) -> bytes:
        given = unpacked_answers(first(packet)).answers
        stolen = [replace(each, station=StationId("s5")) for each in given if isinstance(each, Update)]
        return packed_answers([*given, *stolen])

    grid = LinkGrid(link[0])
    with joined(link[1], [greedy, second]):
        fleet = gathered(grid, SETTINGS, 7)
        answers = fleet.ask([order(*CITY.stations)])
        assert sorted(_station(each) for each in answers) == sorted(CITY.stations)
        assert fleet.crossed.refused == {"answers for stations that the node was not asked about": 1}
    grid.end()


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (lambda packet: b"nonsense", "bytes that are no packet of vhtwin"),
        (lambda packet: packet, "a packet of another kind than was expected"),
        (lambda packet: packed_answers([], "no disk left"), "no disk left"),
    ],
)
def test_what_is_no_answer_is_counted_by_its_reason(
    link: tuple[Link, str], answered: Answered, reason: str
) -> None:
    (good,) = sites_of(CITY, [[0, 1]])
    once: list[int] = []

    def turned(packet: bytes) -> bytes:
        once.append(1)
        return good(packet) if len(once) == 1 else answered(packet)

    grid = LinkGrid(link[0])
    with joined(link[1], [turned]):
        fleet = gathered(grid, SETTINGS, 2)
        assert fleet.ask([EvaluateOrder(fleet.stations, WEIGHTS, HISTORY, HISTORY + 1)]) == []
        assert fleet.crossed.refused == {reason: 1}
    grid.end()


def test_no_series_crosses_the_wire(link: tuple[Link, str]) -> None:
    """Neither a value of a series nor of its z-scores stands in any packet, as float32, float64 or text."""
    packets: list[bytes] = []
    (site,) = sites_of(CITY, [list(range(7))])

    def overheard(packet: bytes) -> bytes:
        packets.append(site(packet))
        return packets[-1]

    grid = LinkGrid(link[0])
    with joined(link[1], [overheard]):
        fleet = gathered(grid, SETTINGS, 7)
        all_states(fleet=fleet)
    grid.end()
    sent = b"".join(packets)
    assert len(packets) > 20
    series = CITY.load.T
    scaled = (series - series[:, :HISTORY].mean(axis=1, keepdims=True)) / series[:, :HISTORY].std(
        axis=1, keepdims=True
    )
    for values in (series, scaled.astype(np.float32)):
        for row in values:
            assert row[100:104].astype(np.float32).tobytes() not in sent
            assert row[100:103].astype(np.float64).tobytes() not in sent
        for value in values[values % 1 != 0][::7]:  # whole numbers stand there for other reasons
            assert np.float64(value).tobytes() not in sent
            assert repr(float(value)).encode() not in sent


def test_patience_must_be_positive() -> None:
    with pytest.raises(InputError, match="must be positive"):
        Patience(answer_seconds=0)


def test_introductions_tell_what_kind_of_series_there_are(link: tuple[Link, str]) -> None:
    grid = LinkGrid(link[0])
    with joined(link[1], sites_of(wavy_traffic(stations=2, step_minutes=30), [[0, 1]])):
        fleet = gathered(grid, SETTINGS, 2)
        known = fleet.ask([IntroduceOrder()])
        assert len(known) == 2
        assert all(isinstance(each, Introduction) and each.step_minutes == 30 for each in known)
    grid.end()


def _station(answer: Answer) -> str:
    station = getattr(answer, "station", None)
    assert station is not None
    return str(station)


def _packet(order: TrainOrder) -> bytes:
    return packed_orders(setup_of(SETTINGS), [order])


def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
