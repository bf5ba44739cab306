"""Stations of whose updates the server sees sums alone, one a cluster, as a fleet like any other.

The rest of the server sees what it would see of a host of several stations: `Summed`. Samples and losses are
summed too; of each station it is told a share of the sum, for it knows no more.

Axes: P parameters, M members of a session, V values that are summed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_hex

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from data.errors import InputError
from data.masks import KEY_BYTES, Numbers, added, mask, pair_mask, sums_of
from data.messages import (
    Answer,
    Failure,
    Keys,
    KeysOrder,
    MaskedUpdate,
    Masking,
    Octets,
    Order,
    SealedShares,
    Shares,
    SharesOrder,
    Single,
    Summed,
    TrainOrder,
    UnmaskOrder,
)
from data.traffic import StationId
from fl_server.crossing.lone import refuse_lone
from fl_server.fleet import Fleet

TOO_FEW = "was one of too few for a sum that reveals none of them"
EXTRA = 2  # values beside the weights


@dataclass
class Sum:
    """A sum under way: what members said so far."""

    order: TrainOrder
    session: str
    keys: dict[StationId, Octets] = field(default_factory=dict)
    sealed: dict[StationId, Octets] = field(default_factory=dict)
    values: dict[StationId, Numbers] = field(default_factory=dict)
    opened: dict[StationId, Shares] = field(default_factory=dict)

    @property
    def members(self) -> tuple[StationId, ...]:
        """Those that sent keys."""
        return tuple(station for station in self.order.stations if station in self.keys)

    @property
    def sharing(self) -> tuple[StationId, ...]:
        """Those of them that shared their secrets: their masks are in all that comes."""
        return tuple(station for station in self.members if station in self.sealed)

    @property
    def survivors(self) -> tuple[StationId, ...]:
        """Those whose masked updates came."""
        return tuple(station for station in self.sharing if station in self.values)

    @property
    def threshold(self) -> int:
        """How many shares make a secret again: those of more than half, and never of one."""
        return max(2, len(self.members) // 2 + 1)


@dataclass
class MaskedFleet:
    """The stations of `inner`, asked to train in sums; `up` and `down` are the bytes that crossed."""

    inner: Fleet
    up: int = 0
    down: int = 0
    seen: list[Answer] = field(default_factory=list)  # the answers of the last sums, as they came

    @property
    def stations(self) -> tuple[StationId, ...]:
        """Those of the inner fleet."""
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Those of the inner fleet."""
        return self.inner.left_out

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers to orders; to those of trainings sums of as many as answered to the end."""
        training = [order for order in orders if isinstance(order, TrainOrder)]
        if not training:
            return self.inner.ask(orders)
        answers = self._sums(training)
        others = [order for order in orders if not isinstance(order, TrainOrder)]
        return [*answers, *(self.inner.ask(others) if others else [])]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Nothing can be posted: an update that comes by itself would be seen by itself."""
        if orders:
            raise InputError("secure sum: stations that answer one by one cannot be summed unseen")

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """The answers of `stations` to what was posted to them."""
        return self.inner.collect(stations)

    def _sums(self, orders: Sequence[TrainOrder]) -> list[Answer]:
        refuse_lone(order.stations for order in orders)
        sums = [Sum(order, token_hex(8)) for order in orders]
        self.seen.clear()
        failures = self._keys(sums) + self._shares(sums) + self._values(sums) + self._opened(sums)
        return [*failures, *(answer for each in sums for answer in _answer(each))]

    def _keys(self, sums: Sequence[Sum]) -> list[Answer]:
        came, failures = self._asked([KeysOrder(each.order.stations, each.session) for each in sums])
        for each in sums:
            for answer in came:
                if not isinstance(answer, Keys) or answer.station not in each.order.stations:
                    continue
                if answer.keys.shape == (2, KEY_BYTES) and answer.keys.dtype == np.uint8:
                    each.keys[answer.station] = answer.keys
        return failures

    def _shares(self, sums: Sequence[Sum]) -> list[Answer]:
        orders = [
            SharesOrder(
                each.members,
                each.session,
                each.members,
                np.stack([each.keys[station] for station in each.members]),
                each.threshold,
            )
            for each in sums
            if len(each.members) >= 2
        ]
        came, failures = self._asked(orders)
        for each in sums:
            for answer in came:
                if not isinstance(answer, SealedShares) or answer.station not in each.members:
                    continue
                if answer.sealed.ndim == 2 and len(answer.sealed) == len(each.members):
                    each.sealed[answer.station] = answer.sealed
        return failures

    def _values(self, sums: Sequence[Sum]) -> list[Answer]:
        orders = [
            replace(each.order, stations=each.sharing, masking=Masking(each.session, each.sharing))
            for each in sums
            if len(each.sharing) >= each.threshold
        ]
        came, failures = self._asked(orders)
        for each in sums:
            wanted = len(each.order.weights) + EXTRA
            for answer in came:
                if not isinstance(answer, MaskedUpdate) or answer.station not in each.sharing:
                    continue
                if answer.values.dtype == np.uint64 and answer.values.shape == (wanted,):
                    each.values[answer.station] = answer.values
        return failures

    def _opened(self, sums: Sequence[Sum]) -> list[Answer]:
        orders = []
        for each in sums:
            for station in each.survivors if len(each.survivors) >= each.threshold else ():
                place = each.members.index(station)
                senders = tuple(other for other in each.sharing if other != station)
                sealed = np.stack([each.sealed[other][place] for other in senders])
                orders.append(UnmaskOrder((station,), each.session, each.survivors, senders, sealed))
        came, failures = self._asked(orders)
        for each in sums:
            each.opened |= {
                answer.station: answer
                for answer in came
                if isinstance(answer, Shares) and answer.station in each.survivors
            }
        return failures

    def _asked(self, orders: Sequence[Order]) -> tuple[list[Answer], list[Answer]]:
        """The answers to orders, and the failures among them."""
        if not orders:
            return [], []
        came = self.inner.ask(orders)
        self.seen += came
        self.down += sum(_size(order, len(_stations(order))) for order in orders)
        self.up += sum(_size(answer, 1) for answer in came)
        failures = [each for each in came if isinstance(each, Failure)]
        return [each for each in came if not isinstance(each, Failure)], list(failures)


def _answer(found: Sum) -> list[Answer]:
    """The sum of those that survived, if enough of them opened shares; what fails is told of each."""
    helpers = list(found.opened.values())
    if len(found.survivors) < found.threshold or len(helpers) < found.threshold:
        return [Failure(station, TOO_FEW) for station in found.values]
    try:
        total = _unmasked(found)
    except (ValueError, InputError, IndexError):
        return [Failure(station, "is in a sum whose masks cannot be taken off") for station in found.values]
    sums, loss, samples = sums_of(total)
    number = len(found.survivors)
    each, more = divmod(samples, number)
    shares = tuple(each + (place < more) for place in range(number))
    return [Summed(found.survivors, sums, shares, (loss / number,) * number)]


def _unmasked(found: Sum) -> Numbers:
    """The sum (V,) without its masks: own ones of survivors, and those with members that are gone."""
    total = added(found.values.values())
    for station in found.survivors:
        total = total - mask(_secret(found, station), len(total))
    for station in set(found.sharing) - set(found.survivors):
        key = X25519PrivateKey.from_private_bytes(_secret(found, station))
        for other in found.survivors:
            public = X25519PublicKey.from_public_bytes(found.keys[other][1].tobytes())
            total = total + pair_mask(key, public, (station, other), found.session, len(total))
    return total


def _secret(found: Sum, station: StationId) -> bytes:
    """The secret of a station that shares make again."""
    from flwr.common.secure_aggregation.crypto.shamir import combine_shares  # Flower is slow to load

    shares = [
        each.shares[each.senders.index(station)].tobytes()
        for each in found.opened.values()
        if station in each.senders
    ]
    if len(shares) < found.threshold:
        raise InputError(f"too few shares of station {station}")
    return combine_shares(shares[: found.threshold])


def _stations(order: Order) -> tuple[StationId, ...]:
    return getattr(order, "stations", ())


def _size(message: object, times: int) -> int:
    """The bytes of the arrays of a message that goes to so many."""
    arrays = [value for value in vars(message).values() if isinstance(value, np.ndarray)]
    return times * sum(each.nbytes for each in arrays)
