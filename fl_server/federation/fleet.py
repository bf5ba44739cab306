"""A fleet whose stations are nodes of a Flower federation, each with one station or with many.

An order names stations; every node gets the part that names its own. A reply is matched with its order by the
name that Flower gives it, so one that comes late, twice or from a stranger meets no order and is dropped. A
node that is lost costs its stations their answers and nothing else; when it comes back, under whatever node
id, it introduces its stations again and they take part from the next order on.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from flwr.app import Message, MessageType
from flwr.serverapp.grid import Grid

from data.errors import InputError
from data.messages import (
    Answer,
    Failure,
    IntroduceOrder,
    Introduction,
    Order,
    Single,
    Summed,
    TrainOrder,
)
from data.plain import Plain, plain
from data.traffic import StationId, in_order
from data.wire import carried, content_of, packed_orders, unpacked_answers
from fl_server.settings import TwinSettings

LOST = "is not connected"
AGAIN_SECONDS = 10.0
OVERTIME = 4.0  # times the usual that the first answer is waited for beyond it
TOO_LATE = "did not answer in time"
MOST_NAMED = 5


Pause = Callable[[float], None]  # until something arrives, or for so many seconds


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the server waits: for the answers of a round, and for nodes to introduce themselves."""

    answer_seconds: float = 120.0
    introduction_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < min(self.answer_seconds, self.introduction_seconds) < float("inf"):
            raise InputError(f"seconds to wait must be positive, got {self}")


def setup_of(settings: TwinSettings, run: str = "") -> Plain:
    """What stations must know to follow orders; see bs_client/site.py. They are real: none attacks.

    The name of the `run` only where they remember something of it.
    """
    if settings.attack.kind != "none":
        raise InputError(
            f"attack {settings.attack.kind}: attacks are simulated by vhtwin twin alone, expected none where "
            "stations are processes or machines of their own"
        )
    recipe, signature = settings.station_recipe, settings.segment.signature
    setup = {"recipe": plain(recipe, {}), "signature": plain(signature, {})}
    return setup | {"run": run} if run and (settings.crossing.remembers or recipe.privacy.on) else setup


@dataclass
class Crossed:
    """What has crossed the wire: messages and bytes of packets, and answers that were of no use."""

    orders: int = 0
    order_bytes: int = 0
    answers: int = 0
    answer_bytes: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass
class FlowerFleet:
    """The stations of a federation; the first `expected` that introduce themselves make up the fleet."""

    grid: Grid
    setup: Plain
    patience: Patience = field(default_factory=Patience)
    pause: Pause = time.sleep
    only: frozenset[StationId] = frozenset()  # that may take part; empty: all
    growing: bool = False  # whether nodes may come to have more stations while these are gathered
    stations: tuple[StationId, ...] = ()
    left_out: dict[StationId, str] = field(default_factory=dict)
    crossed: Crossed = field(default_factory=Crossed)
    _node_of: dict[StationId, int] = field(default_factory=dict)
    _known: dict[int, tuple[Introduction, ...]] = field(default_factory=dict)
    _joined: dict[int, int] = field(default_factory=dict)  # how often each of these had joined
    _shy: dict[int, float] = field(default_factory=dict)  # when to ask nodes that kept silent
    _asked: dict[str, frozenset[StationId]] = field(default_factory=dict)  # by the names of messages
    _open: dict[str, frozenset[StationId]] = field(default_factory=dict)  # those of them that were posted
    _answers: dict[StationId, Single] = field(default_factory=dict)

    def gathered(self, expected: int) -> Iterator[int]:
        """Wait for so many stations; step by step how many are there. They are the fleet from then on."""
        while True:
            self._refresh()
            there = self._introduced()
            yield len(there)
            if len(there) >= expected:
                break
            self.pause(0.5)
        fit = {each.station for each in there.values() if not each.unfit}
        self.left_out = {each.station: each.unfit for each in there.values() if each.unfit}
        self.stations = tuple(in_order(fit))

    @property
    def nodes(self) -> tuple[int, ...]:
        """The nodes that have introduced their stations."""
        return tuple(self._known)

    @property
    def introductions(self) -> tuple[Introduction, ...]:
        """Who all stations are that have introduced themselves, fit to take part or not."""
        return tuple(self._introduced().values())

    @property
    def groups(self) -> tuple[tuple[StationId, ...], ...]:
        """The stations of each node that take part."""
        groups: dict[int, list[StationId]] = {}
        for station in self.stations:
            groups.setdefault(self._node_of.get(station, 0), []).append(station)
        return tuple(map(tuple, groups.values()))

    @property
    def lost(self) -> tuple[StationId, ...]:
        """The stations whose node is not there."""
        return tuple(station for station in self.stations if station not in self._node_of)

    @property
    def held_twice(self) -> tuple[StationId, ...]:
        """The stations that several nodes hold; the one that introduced itself last is asked."""
        holders = Counter(each.station for known in list(self._known.values()) for each in known)
        return tuple(in_order([station for station, nodes in holders.items() if nodes > 1]))

    def missing(self) -> str:
        """Those stations, where some are wanted by name, that have not introduced themselves."""
        missing = in_order(self.only - self._introduced().keys())
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        return f"without {', '.join(missing[:MOST_NAMED])}{more}" if missing else ""

    def trouble(self) -> str:
        """Why stations may be missing, to be said after their number: what was refused, or is held twice."""
        reasons = [f"{count} × {reason}" for reason, count in self.crossed.refused.items()]
        refused = f"; refused: {', '.join(reasons)}" if reasons else ""
        twice = self.held_twice
        more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
        return f"{refused}; several nodes hold station {twice[0]}{more}" if twice else refused

    def training(self) -> set[StationId]:
        """The stations that were sent an order and have not answered it yet; other threads may ask too."""
        return {station for stations in list(self._asked.values()) for station in stations}

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers that come to `orders` in time."""
        self._refresh()
        if any(isinstance(order, IntroduceOrder) for order in orders):
            return [each for each in self._introduced().values() if not each.unfit]
        sent = self._sent({node: part for node in self._known if (part := self._part(node, orders))})
        answers: list[Answer] = []
        for _, came in self._replies(set(sent.values()), self.patience.answer_seconds, sent):
            answers += came
        return answers

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Send `orders` without waiting; each by itself, for their answers are wanted at different times."""
        self._refresh()
        for order in orders:
            parts = {node: part for node in self._known if (part := self._part(node, [order]))}
            for name in self._sent(parts).values():
                self._open[name] = self._asked[name]

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """The answers of `stations` to what was posted to them."""
        wanted = set(stations)
        names = {name for name, named in self._open.items() if wanted & named}
        for name, came in self._replies(names, self.patience.answer_seconds):
            self._open.pop(name)
            self._answers |= {each.station: each for each in came if not isinstance(each, Summed)}
        for name in names & self._open.keys():
            self._answers |= {station: Failure(station, TOO_LATE) for station in self._open.pop(name)}
        return [self._answers.pop(each, Failure(each, LOST)) for each in stations]

    def _part(self, node: int, orders: Sequence[Order]) -> list[Order]:
        """The part of `orders` that is for the stations of a node."""
        part: list[Order] = []
        for order in orders:
            if isinstance(order, IntroduceOrder):
                part.append(order)
                continue
            named = tuple(station for station in order.stations if self._node_of.get(station) == node)
            if named:
                part.append(replace(order, stations=named))
        return part

    def _sent(self, parts: dict[int, list[Order]]) -> dict[int, str]:
        """Send each node its orders; the names of the messages by node."""
        messages = []
        for node, orders in parts.items():
            packet = packed_orders(self.setup, orders)
            self.crossed.orders += 1
            self.crossed.order_bytes += len(packet)
            ttl = (2 + OVERTIME) * self.patience.answer_seconds + 60
            messages.append(Message(carried(packet), node, MessageType.QUERY, ttl=ttl))
        names = list(self.grid.push_messages(messages)) if messages else []
        if len(names) < len(messages):
            raise InputError("Flower took none of the orders: they may be too large for it")
        sent = {node: name for node, name in zip(parts, names, strict=True) if name}
        for node, name in sent.items():
            named = (order.stations for order in parts[node] if not isinstance(order, IntroduceOrder))
            self._asked[name] = frozenset(station for stations in named for station in stations)
        return sent

    def _replies(
        self, names: set[str], seconds: float, nodes: Iterable[int] = ()
    ) -> Iterator[tuple[str, list[Answer]]]:
        """What was answered to the messages of these names, one by one as it comes, for so long at most.

        Where nobody at all has answered by then and one of these nodes is still there, the first answer is
        waited for a few times as long: one that comes late is better than none.
        """
        end = time.monotonic() + seconds
        latest = end + OVERTIME * seconds
        left = set(names)
        while left:
            for reply in self.grid.pull_messages(left):
                name = reply.metadata.reply_to_message_id
                if name in left:
                    left.remove(name)
                    yield name, self._content(reply, self._asked.pop(name))
            if left != names:
                latest = end
            remaining = end - time.monotonic()
            if remaining <= 0 and self._any_there(nodes):
                remaining = latest - time.monotonic()
            if not left or remaining <= 0:
                break
            self.pause(min(0.25, remaining))
        self._forget(left)

    def _any_there(self, nodes: Iterable[int]) -> bool:
        """Whether one of these nodes is connected."""
        return not set(nodes).isdisjoint(self.grid.get_node_ids())

    def _forget(self, names: Iterable[str]) -> None:
        """Give up on messages; a late reply to one meets nobody."""
        for name in names:
            del self._asked[name]
        forget = getattr(self.grid, "forget", None)  # Flower's own grid lets them expire
        if forget is not None:
            forget(names)

    def _content(self, reply: Message, asked: frozenset[StationId]) -> list[Answer]:
        """The answers in a reply of those that were asked; what is none is counted by its reason."""
        if reply.has_error():
            self._refuse(f"Flower's error {reply.error.code}: {reply.error.reason}")
            return []
        try:
            packet = content_of(reply.content)
            self.crossed.answers += 1
            self.crossed.answer_bytes += len(packet)
            found = unpacked_answers(packet)
        except InputError as error:
            self._refuse(str(error))
            return []
        if found.refusal:
            self._refuse(found.refusal)
        own = [
            each for each in found.answers if isinstance(each, Introduction) or asked.issuperset(_who(each))
        ]
        if len(own) < len(found.answers):
            self._refuse("answers for stations that the node was not asked about")
        return own

    def _introduced(self) -> dict[StationId, Introduction]:
        """The stations of all nodes; of those that hold the same one the last to introduce itself counts."""
        return {
            each.station: each
            for known in self._known.values()
            for each in known
            if not self.only or each.station in self.only
        }

    def _refuse(self, reason: str) -> None:
        self.crossed.refused[reason] = self.crossed.refused.get(reason, 0) + 1

    def _refresh(self) -> None:
        """Meet the nodes that are new, and part from those that are gone."""
        there = self._there()
        for node in [each for each in self._known if there.get(each) != self._joined[each]]:
            del self._known[node]
        now = time.monotonic()
        if self.growing and not self.stations:
            for node in [each for each in self._known if self._shy[each] <= now]:
                del self._known[node]
        new = sorted(node for node in there.keys() - self._known.keys() if self._shy.get(node, now) <= now)
        if new:
            self._shy |= dict.fromkeys(new, now + AGAIN_SECONDS)
            sent = self._sent({node: [IntroduceOrder()] for node in new})
            node_of = {name: node for node, name in sent.items()}
            for name, answers in self._replies(set(node_of), self.patience.introduction_seconds):
                met = tuple(each for each in answers if isinstance(each, Introduction))
                if met:
                    self._known[node_of[name]], self._joined[node_of[name]] = met, there[node_of[name]]
        self._node_of = {
            each.station: node for node, met in self._known.items() for each in met if not each.unfit
        }

    def _there(self) -> dict[int, int]:
        """The nodes that are there, and how often each has joined; Flower's own grid does not tell that."""
        joined = getattr(self.grid, "joined", None)
        times = joined() if joined is not None else {}
        return {node: times.get(node, 0) for node in self.grid.get_node_ids()}


def _who(answer: Answer) -> tuple[StationId, ...]:
    """The stations that an answer speaks for."""
    return answer.stations if isinstance(answer, Summed) else (answer.station,)
