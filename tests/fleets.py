"""Fleets for tests: small ones in this process, and one whose stations can be made to misbehave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from clustering.signatures import SignatureSettings
from data.messages import Answer, Errors, Failure, Order, Single, Summed, Timeline, TrainOrder, Update
from data.traffic import StationId, Traffic
from fl_server.behaviour import Draw, taking_part
from fl_server.fleet import Fleet
from fl_server.local import LocalFleet, local_fleet
from fl_server.segmenting import described
from fl_server.vertical import Mask
from forecasting.recipe import Recipe
from tests.cities import wavy_traffic

SMALL_RECIPE = Recipe(model="mlp", hidden=(6,), inputs="paper", memory_days=0)
Trouble = Callable[[Single], list[Single]]  # makes of the true answer those that arrive in its place


def small_fleet(*, traffic: Traffic | None = None, recipe: Recipe = SMALL_RECIPE) -> LocalFleet:
    """Six wavy stations and three weeks of hours, the last of them the stream, unless told otherwise."""
    return local_fleet(traffic or wavy_traffic(stations=6), recipe, SignatureSettings())


def timeline_of(fleet: Fleet) -> Timeline:
    """The steps that all stations have."""
    return described(fleet, None)[0].timeline


@dataclass
class TroubledFleet:
    """The stations of `inner`, those named in `trouble` misbehaving; `orders` are all that were sent.

    Every station answers for itself: nothing is added up.
    """

    inner: Fleet
    trouble: Mapping[StationId, Trouble]
    orders: list[Order] = field(default_factory=list)

    @property
    def stations(self) -> tuple[StationId, ...]:
        """Those of the inner fleet."""
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Those of the inner fleet."""
        return self.inner.left_out

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """What the stations make of their answers."""
        self.orders += orders
        alone = [replace(each, sum_by="nothing") if isinstance(each, TrainOrder) else each for each in orders]
        return [*self._spoilt(self.inner.ask(alone))]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Hand the orders on."""
        self.orders += orders
        self.inner.post(orders)

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """What the stations make of their answers."""
        return self._spoilt(self.inner.collect(stations))

    def _spoilt(self, answers: Sequence[Answer]) -> list[Single]:
        single = [each for each in answers if not isinstance(each, Summed)]
        return [made for each in single for made in self.trouble.get(each.station, as_it_is)(each)]


def as_it_is(answer: Single) -> list[Single]:
    """Does as it should."""
    return [answer]


def failing(answer: Single) -> list[Single]:
    """Says that it failed."""
    return [Failure(answer.station, "lost its power")]


def missing(answer: Single) -> list[Single]:
    """Does not answer."""
    return []


def twice(answer: Single) -> list[Single]:
    """Answers twice."""
    return [answer, answer]


def as_somebody_else(answer: Single) -> list[Single]:
    """Signs with the name of a station that nobody knows."""
    return [replace(answer, station=StationId("stranger"))]


def with_nan(answer: Single) -> list[Single]:
    """Has a NaN in it."""
    if isinstance(answer, Update):
        weights = answer.weights.copy()
        weights[0] = np.nan
        return [replace(answer, weights=weights)]
    return [replace(answer, squared=np.nan) if isinstance(answer, Errors) else answer]


def with_nan_loss(answer: Single) -> list[Single]:
    """Reports no finite loss."""
    return [replace(answer, loss=np.nan) if isinstance(answer, Update) else answer]


def diverging(answer: Single) -> list[Single]:
    """Sends weights far beyond all that a forecaster of z-scores can need."""
    return [replace(answer, weights=answer.weights + 1e7) if isinstance(answer, Update) else answer]


def of_wrong_shape(answer: Single) -> list[Single]:
    """Sends one weight too few."""
    return [replace(answer, weights=answer.weights[:-1]) if isinstance(answer, Update) else answer]


def of_wrong_type(answer: Single) -> list[Single]:
    """Sends weights in double precision."""
    if isinstance(answer, Update):
        wide: Single = replace(answer, weights=answer.weights.astype(np.float64))
        return [wide]
    return [answer]


def without_windows(answer: Single) -> list[Single]:
    """Claims to have trained on nothing."""
    return [replace(answer, samples=0) if isinstance(answer, Update) else answer]


def drawn_part(cluster_of: NDArray[np.int64], share: float, seed: int, phase: int, turn: int) -> Mask:
    """Which of the stations s0, s1, … take part."""
    stations = tuple(StationId(f"s{place}") for place in range(len(cluster_of)))
    return taking_part(stations, cluster_of, share, Draw(seed, phase, turn))
