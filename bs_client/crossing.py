"""How the weights of a training reach a station, and its update leaves it, where both cross in fewer bytes.

Axes: P parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bs_client.host import Host
from bs_client.memory import Left, Moment
from data.coding import coded, coding_named, decoded
from data.errors import InputError
from data.messages import LACKING, PHASES, CodedUpdate, Crossing, Failure, TrainOrder, Update
from data.traffic import StationId
from forecasting.stations import ROUNDING

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Opened:
    """Orders with the weights that stations are to train, and why some cannot have them."""

    orders: list[TrainOrder]
    failures: list[Failure]


def opened(host: Host, orders: Sequence[TrainOrder]) -> Opened:
    """The orders with their weights, those that came as changes put onto what the stations have."""
    found: list[TrainOrder] = []
    failures: list[Failure] = []
    for order in orders:
        if order.crossing is None:
            found.append(order)
            continue
        mine = tuple(station for station in order.stations if station in host.place)
        lacking = _lacking(host, mine, order.crossing)
        failures += [Failure(station, LACKING) for station in lacking]
        having = tuple(station for station in mine if station not in lacking)
        if having:
            try:
                weights = _weights(host, having[0], order)
            except InputError as error:
                failures += [Failure(station, f"was sent {error}") for station in having]
                continue
            host.memory.note_sent(having, weights)
            found.append(replace(order, stations=having, weights=weights))
    return Opened(found, failures)


def _lacking(host: Host, stations: Sequence[StationId], crossing: Crossing) -> set[StationId]:
    """The stations that do not have the weights that the change is one of."""
    if crossing.change is None:
        return set()
    return {station for station in stations if host.memory.sent(station, crossing.base) is None}


def _weights(host: Host, station: StationId, order: TrainOrder) -> Floats:
    crossing = order.crossing
    if crossing is None or crossing.change is None:
        return order.weights
    base = host.memory.sent(station, crossing.base)
    assert base is not None
    return base + decoded(crossing.change, len(base))


def written(host: Host, order: TrainOrder, updates: Sequence[Update]) -> Iterator[CodedUpdate]:
    """The updates of stations as the order wants them, with what earlier ones left out."""
    crossing = order.crossing
    assert crossing is not None
    coding, moment = coding_named(crossing.coding), Moment(PHASES.index(order.phase), order.turn)
    for update in updates:
        change = update.weights - order.weights
        left = host.memory.left(update.station, crossing.course, moment) if coding.forgets else None
        if left is not None:
            change = change + left
        content = coded(change, coding, _rng(host, update.station, moment))
        if coding.forgets:
            missed = change - decoded(content, len(change))
            host.memory.note_left(update.station, Left(crossing.course, moment, missed))
        yield CodedUpdate(update.station, content, update.samples, update.loss)


def _rng(host: Host, station: StationId, moment: Moment) -> np.random.Generator:
    key = ROUNDING, host.numbers[host.place[station]], moment.phase, moment.turn
    return np.random.default_rng(np.random.SeedSequence(host.recipe.seed, spawn_key=key))
