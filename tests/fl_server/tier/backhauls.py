"""A backhaul in this process: real heads with real stations, whose packets can be lost on their way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.messages import (
    Answer,
    HeadOrder,
    IntroduceOrder,
    Introduction,
    Order,
    Single,
    TrainOrder,
)
from data.plain import Plain
from data.traffic import StationId, Traffic, in_order, of_columns
from data.wire import packed_orders, unpacked_answers
from fl_server.fleet import Fleet
from fl_server.settings import TwinSettings
from fl_server.tier.head import Head, HeadSetup, head_setup
from fl_server.tier.head_turns import Below
from tests.fleets import small_fleet

Lost = Callable[[int, Order], str]  # of a head and its order: "up" loses the answer, "down" the order


def never(_head: int, _order: Order) -> str:
    """Nothing is lost."""
    return ""


@dataclass
class Backhaul:
    """A fleet of heads; `up` and `down` are the bytes of all packets, `orders` all that were sent."""

    heads: list[Head]
    setup: Plain
    lost: Lost = never
    left_out: Mapping[StationId, str] = field(default_factory=dict)
    up: int = 0
    down: int = 0
    orders: list[tuple[int, Order]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    _head_of: dict[StationId, int] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[tuple[StationId, ...], ...]:
        """The stations of each head."""
        self._introduced()
        several = range(len(self.heads))
        return tuple(tuple(each for each, head in self._head_of.items() if head == one) for one in several)

    @property
    def stations(self) -> tuple[StationId, ...]:
        """The stations of all heads."""
        return tuple(in_order(station for group in self.groups for station in group))

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """What the heads answer."""
        if any(isinstance(order, IntroduceOrder) for order in orders):
            return list(self._introduced())
        answers: list[Answer] = []
        for head in range(len(self.heads)):
            for order in orders:
                assert not isinstance(order, IntroduceOrder)
                named = tuple(each for each in order.stations if self._head_of[each] == head)
                if named:
                    answers += self._sent(head, replace(order, stations=named))
        return answers

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Nothing is posted to heads."""
        assert not orders

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """So nothing is collected."""
        raise AssertionError(stations)

    def _introduced(self) -> list[Introduction]:
        met = []
        for head in range(len(self.heads)):
            for each in self._sent(head, IntroduceOrder()):
                assert isinstance(each, Introduction)
                met.append(each)
                self._head_of[each.station] = head
        return met

    def _sent(self, head: int, order: Order) -> Sequence[Answer]:
        self.orders.append((head, order))
        lost = self.lost(head, order)
        if lost == "down":
            return []
        packet = packed_orders(self.setup, [order])
        reply = self.heads[head].answered(packet)
        if lost == "up":
            return []
        if isinstance(order, HeadOrder):
            self.down += len(packet)
            self.up += len(reply)
        given = unpacked_answers(reply)
        self.refusals += [given.refusal] if given.refusal else []
        return given.answers


def head_of(traffic: Traffic, columns: Sequence[int], folder: Path) -> Head:
    """A head whose stations have these columns; every gathering makes them anew, with nothing open."""
    mine = of_columns(traffic, columns)

    def gathered(setup: HeadSetup, _stations: tuple[StationId, ...]) -> Below:
        fleet: Fleet = small_fleet(traffic=mine, recipe=setup.head.station_recipe)
        known = [each for each in fleet.ask([IntroduceOrder()]) if isinstance(each, Introduction)]
        return Below(fleet, tuple(known))

    return Head(gathered, folder)


def backhaul(
    settings: TwinSettings, traffic: Traffic, parts: Sequence[Sequence[int]], folder: Path, run: str = "one"
) -> Backhaul:
    """A backhaul to heads that have these columns of `traffic`."""
    heads = [head_of(traffic, part, folder / f"head-{place}") for place, part in enumerate(parts)]
    return Backhaul(heads, head_setup(settings, run, 5.0))
