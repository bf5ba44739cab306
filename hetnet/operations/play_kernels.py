"""What a scenario comes to in many futures, compiled: each array is walked once, and nothing is copied.

Axes: R futures (the forecast first, where there is one), H hours, A stations, S stations that send, P pairs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from hetnet.network import Counts, Floats

Flags = NDArray[np.bool_]
BLOCK = 1024  # columns that are walked together, so that what is kept of them stays close at hand


class Power(NamedTuple):
    """What a station draws, in W: at no load, more at full load, asleep."""

    idle: float
    more: float
    asleep: float


@cached
def spread(demand: Floats, kept: Floats, source: Counts, target: Counts, share: Floats) -> Floats:
    """What is asked of each station, (R, H, A), that serves `kept` (H, A) of its own `demand` (R, H, A).

    Of each pair (P,) the target is also given a `share` (H, P) of what is asked around the source.
    """
    given = np.empty_like(demand)
    for future in range(demand.shape[0]):
        for hour in range(demand.shape[1]):
            asked, found = demand[future, hour], given[future, hour]
            for station in range(len(asked)):
                found[station] = asked[station] * kept[hour, station]
            for pair in range(len(source)):
                found[target[pair]] += share[hour, pair] * asked[source[pair]]
    return given


@cached
def lost_and_drawn(loads: Floats, capacity: Floats, off: Flags, asleep: Flags, power: Power) -> Floats:
    """What `loads` (R, H, A) have beyond the capacity, and the Wh that stations draw, (2, R)."""
    found = np.zeros((2, len(loads)))
    for future in range(loads.shape[0]):
        lost, drawn = 0.0, 0.0
        for hour in range(loads.shape[1]):
            asked = loads[future, hour]
            for station in range(len(asked)):
                lost += max(asked[station] - capacity[station], 0.0)
                if off[hour, station]:
                    continue
                if asleep[hour, station]:
                    drawn += power.asleep
                    continue
                use = asked[station] / capacity[station] if capacity[station] > 0 else 0.0
                drawn += power.idle + power.more * min(max(use, 0.0), 1.0)
        found[0, future], found[1, future] = lost, drawn
    return found


@cached
def share_over(loads: Floats, limit: Floats) -> Floats:
    """The share of futures in which `loads` (R, H, A) are over a station's limit (A,), (H, A)."""
    found = np.zeros(loads.shape[1:])
    for future in range(loads.shape[0]):
        for hour in range(loads.shape[1]):
            for station in range(loads.shape[2]):
                if loads[future, hour, station] > limit[station]:
                    found[hour, station] += 1.0 / loads.shape[0]
    return found


@cached
def outermost(values: Floats, count: int) -> tuple[Floats, Floats]:
    """The `count`-th least and greatest of each column of `values` (R, M)."""
    columns = values.shape[1]
    lower, upper = np.empty(columns), np.empty(columns)
    for first in range(0, columns, BLOCK):
        width = min(BLOCK, columns - first)
        least, most = np.full((width, count), np.inf), np.full((width, count), np.inf)  # negative in `most`
        for row in range(values.shape[0]):
            for column in range(width):
                value = values[row, first + column]
                _keep(least[column], value)
                _keep(most[column], -value)
        lower[first : first + width], upper[first : first + width] = least[:, -1], -most[:, -1]
    return lower, upper


@cached
def _keep(least: Floats, value: float) -> None:
    """Put a value among the least that were seen, in order, if it is one of them."""
    place = len(least) - 1
    if value >= least[place]:
        return
    while place > 0 and least[place - 1] > value:
        least[place] = least[place - 1]
        place -= 1
    least[place] = value


@cached
def filled_up(order: Counts, options: Counts, is_open: Flags, traffic: Floats, room: Floats) -> Floats:
    """What goes where, (H, C, E), if classes in `order` fill their open options (C, E) one by one.

    They have so much `traffic` (H, C), and stations so much `room` (H, K).
    """
    amounts = np.zeros(is_open.shape)
    for hour in range(len(traffic)):
        left = room[hour].copy()
        for each in order:
            waiting = traffic[hour, each]
            for place in range(options.shape[1]):
                if is_open[hour, each, place] and waiting > 0:
                    taken = min(waiting, left[options[each, place]])
                    left[options[each, place]] -= taken
                    waiting -= taken
                    amounts[hour, each, place] = taken
    return amounts
