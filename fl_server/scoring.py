"""How well the twins in force have forecast, station by station.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite

import numpy as np

from data.messages import Answer, Errors, EvaluateOrder
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.tree import Clusters, Floats
from forecasting.metrics import Tally, empty_tally, joined

MOST_STEPS = 10**9  # of one station: no series is as long


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


def begun_standing(before: Standing) -> Standing:
    """The standing before any forecast of a stream whose range the standing `before` knows."""
    blank = replace(empty_tally(len(before.top.count)), spread=before.top.spread)
    return Standing(blank, blank, blank)


def evaluated(
    fleet: Fleet, before: Tally, orders: Sequence[EvaluateOrder], place: dict[StationId, int]
) -> Tally:
    """The sums `before` and those that the stations answer to `orders`, which name each once, together."""
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
    """The sums that stations answered; those of a station without a usable answer are of no steps."""
    first: dict[StationId, Errors] = {}
    for answer in answers:
        if isinstance(answer, Errors) and answer.station in place and _finite(answer):
            first.setdefault(answer.station, answer)
    rows = np.array([place[station] for station in first], np.int64)
    blank = empty_tally(len(place))
    columns = {each.name: getattr(blank, each.name).copy() for each in fields(Tally)}
    for name, column in columns.items():
        column[rows] = [getattr(each, name) for each in first.values()]
    return Tally(**columns)


def _finite(errors: Errors) -> bool:
    sums = (errors.squared, errors.absolute, errors.raw_absolute, errors.spread)
    return 0 <= errors.count <= MOST_STEPS and all(map(isfinite, sums))
