"""Stations whose updates cross in fewer bytes than they have, as a fleet like any other.

The server has what each station has: the weights that its last order came to. An order tells what to change
in them, an update what the training changed in turn. The rest of the server sees orders and updates as ever,
with the weights that stations really had and what really came of them.

Axes: N stations, U different weights, P parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from data.coding import Coded, coded, coding_named, decoded, digest
from data.errors import InputError
from data.messages import (
    LACKING,
    Answer,
    CodedUpdate,
    Crossing,
    Failure,
    Order,
    Single,
    Summed,
    TrainOrder,
    Update,
)
from data.traffic import StationId
from fl_server.crossing.settings import NONE, CrossingSettings
from fl_server.fleet import Fleet

Floats = NDArray[np.float32]
NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Bases:
    """The weights that stations were sent last: `of` (N,) tells which of `weights` (U, P), -1 for none."""

    weights: Floats
    of: NDArray[np.int64]


@dataclass
class CodedFleet:
    """The stations of `inner`, in one course of a run; `up` and `down` are the bytes that crossed."""

    inner: Fleet
    settings: CrossingSettings
    course: str
    bases: dict[StationId, Floats] = field(default_factory=dict)
    open: dict[StationId, TrainOrder] = field(default_factory=dict)  # as the server posted it
    up: int = 0
    down: int = 0

    @property
    def stations(self) -> tuple[StationId, ...]:
        """Those of the inner fleet."""
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Those of the inner fleet."""
        return self.inner.left_out

    @property
    def _coding(self) -> str:
        """By what stations write updates; empty: as they are."""
        return "" if self.settings.up == NONE else self.settings.up

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers to orders, those of trainings with weights in full."""
        training = [order for order in orders if isinstance(order, TrainOrder)]
        if not training:
            return self.inner.ask(orders)
        written = self._written(training)
        others = [order for order in orders if not isinstance(order, TrainOrder)]
        came = self.inner.ask([*others, *written])
        again = self._whole(training, _lacking(came))
        if again:
            came = [*_without_lack(came), *self.inner.ask(again)]
        return [self._read(answer) for answer in came]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Send orders without waiting."""
        self.open |= {station: order for order in orders for station in order.stations}
        self.inner.post(self._written(orders))

    def repost(self, orders: Sequence[TrainOrder]) -> None:
        """Send orders again that were open when the run was stopped, to the weights that they had come to."""
        self.open |= {station: order for order in orders for station in order.stations}
        stations = {station for order in orders for station in order.stations}
        self.inner.post(self._whole(orders, stations))

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """The answers of `stations` to what was posted to them, with weights in full."""
        came = self.inner.collect(stations)
        lacking = _lacking(came)
        again = self._whole([self.open[station] for station in stations if station in lacking], lacking)
        if again:
            self.inner.post(again)
            late = [station for station in stations if station in lacking]
            came = [each for each in came if each.station not in lacking] + self.inner.collect(late)
        return [self._read_single(answer) for answer in came]

    def _written(self, orders: Sequence[TrainOrder]) -> list[TrainOrder]:
        """Orders as they cross: a part for all stations that have the same weights."""
        made: list[TrainOrder] = []
        changes: dict[tuple[str, int], tuple[Coded, Floats, str]] = {}
        for order in orders:
            parts: dict[int, list[StationId]] = {}
            for station in order.stations:
                base = self.bases.get(station) if self.settings.down != NONE else None
                parts.setdefault(0 if base is None else id(base), []).append(station)
            for key, stations in parts.items():
                if not key:
                    made += self._sent_whole(order, stations, order.weights)
                    continue
                known = digest(order.weights), key
                if known not in changes:
                    changes[known] = self._change(order.weights, self.bases[stations[0]])
                change, weights, base_name = changes[known]
                crossing = Crossing(self._coding, self.course, base_name, change)
                made.append(_crossing(order, stations, NOTHING, crossing))
                self.bases |= dict.fromkeys(stations, weights)
                self.down += change.nbytes * len(stations)
        return made

    def _change(self, weights: Floats, base: Floats) -> tuple[Coded, Floats, str]:
        """What makes `base` (P,) into nearly `weights`, into what, and the name of the base."""
        change = coded(weights - base, coding_named(self.settings.down))
        return change, base + decoded(change, len(base)), digest(base)

    def _sent_whole(
        self, order: TrainOrder, stations: Sequence[StationId], weights: Floats
    ) -> list[TrainOrder]:
        self.bases |= dict.fromkeys(stations, weights)
        self.down += weights.nbytes * len(stations)
        crossing = Crossing(self._coding, self.course)
        return [_crossing(order, stations, weights, crossing)]

    def _whole(self, orders: Sequence[TrainOrder], stations: set[StationId]) -> list[TrainOrder]:
        """The parts of orders for these stations, with the weights that they had come to, in full."""
        made: list[TrainOrder] = []
        for whole in {id(order): order for order in orders}.values():
            parts: dict[int, list[StationId]] = {}
            for station in whole.stations:
                if station in stations:
                    parts.setdefault(id(self.bases[station]), []).append(station)
            for named in parts.values():
                made += self._sent_whole(whole, named, self.bases[named[0]])
        return made

    def _read(self, answer: Answer) -> Answer:
        return answer if isinstance(answer, Summed) else self._read_single(answer)

    def _read_single(self, answer: Single) -> Single:
        """An update with its weights in full; a failure where it is none."""
        if isinstance(answer, Update):
            self.up += answer.weights.nbytes
        if not isinstance(answer, CodedUpdate) or answer.station not in self.bases:
            return answer
        base = self.bases[answer.station]
        self.up += answer.change.nbytes
        try:
            weights = base + decoded(answer.change, len(base))
        except InputError as error:
            return Failure(answer.station, f"sent {error}")
        return Update(answer.station, weights, answer.samples, answer.loss)


def _crossing(
    order: TrainOrder, stations: Sequence[StationId], weights: Floats, crossing: Crossing
) -> TrainOrder:
    """An order for some of its stations, each of which answers for itself."""
    return replace(order, stations=tuple(stations), weights=weights, sum_by="nothing", crossing=crossing)


def _lacking(answers: Sequence[Answer]) -> set[StationId]:
    """The stations that do not have what their order counted from."""
    return {each.station for each in answers if isinstance(each, Failure) and each.reason == LACKING}


def _without_lack(answers: Sequence[Answer]) -> list[Answer]:
    return [each for each in answers if not (isinstance(each, Failure) and each.reason == LACKING)]


def stored_bases(bases: Mapping[StationId, Floats], stations: Sequence[StationId]) -> Bases:
    """What stations have, each of the different weights once."""
    rows: dict[int, int] = {}
    weights: list[Floats] = []
    of = np.full(len(stations), -1, np.int64)
    for place, station in enumerate(stations):
        base = bases.get(station)
        if base is not None:
            if id(base) not in rows:
                rows[id(base)] = len(weights)
                weights.append(base)
            of[place] = rows[id(base)]
    return Bases(np.stack(weights) if weights else np.zeros((0, 0), np.float32), of)


def named_bases(bases: Bases | None, stations: Sequence[StationId]) -> dict[StationId, Floats]:
    """What stations have, by their names."""
    if bases is None:
        return {}
    rows = list(bases.weights)
    return {station: rows[row] for station, row in zip(stations, bases.of, strict=True) if row >= 0}
