"""How well the twins in force have forecast, station by station.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.messages import Answer, Errors, EvaluateOrder
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.tree import Clusters, Floats
from forecasting.metrics import Tally, empty_tally, joined


@dataclass(frozen=True)
class Span:
    """Steps of the timeline, `last` not among them."""

    first: int
    last: int


@dataclass(frozen=True)
class Standing:
    """The errors so far of the G-NDT, of each station's C-NDT, and of what stations made of that."""

    top: Tally
    cluster: Tally
    personal: Tally


def no_standing(stations: int) -> Standing:
    """The standing before any forecast."""
    return Standing(empty_tally(stations), empty_tally(stations), empty_tally(stations))


def evaluated(
    fleet: Fleet, before: Tally, orders: Sequence[EvaluateOrder], place: dict[StationId, int]
) -> Tally:
    """The sums `before` and those that the stations answer to `orders` together."""
    orders = [order for order in orders if order.stations and order.first < order.last]
    return joined(before, _noted(fleet.ask(orders), place)) if orders else before


def cluster_orders(
    stations: tuple[StationId, ...],
    cluster_of: Clusters,
    weights: Floats,
    spans: dict[int, Span],
    *,
    personal: bool = False,
) -> list[EvaluateOrder]:
    """Orders to the stations of some clusters to evaluate their cluster's weights, (C, P), over its span."""
    return [
        EvaluateOrder(
            tuple(stations[place] for place in np.flatnonzero(cluster_of == cluster)),
            weights[cluster],
            span.first,
            span.last,
            personal,
        )
        for cluster, span in spans.items()
    ]


def _noted(answers: Sequence[Answer], place: dict[StationId, int]) -> Tally:
    """The sums of all error answers, by station; a station that cannot answer is not counted."""
    errors = [answer for answer in answers if isinstance(answer, Errors) and answer.station in place]
    rows = np.array([place[each.station] for each in errors], np.int64)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(each, name) for each in errors], np.float64)

    blank = empty_tally(len(place))
    lowest, highest = blank.lowest.copy(), blank.highest.copy()
    np.minimum.at(lowest, rows, column("lowest"))
    np.maximum.at(highest, rows, column("highest"))
    sums = {name: _summed(rows, column(name), len(place)) for name in ("squared", "absolute", "raw_absolute")}
    count = _summed(rows, column("count"), len(place)).astype(np.int64)
    return Tally(count=count, lowest=lowest, highest=highest, **sums)


def _summed(rows: NDArray[np.int64], values: NDArray[np.float64], stations: int) -> NDArray[np.float64]:
    return np.bincount(rows, weights=values, minlength=stations).astype(np.float64)
