"""The plan that carries most and goes least far, compiled: a greatest flow of least cost.

Traffic of classes flows to stations that have room; to go to the n-th option of a class costs n. Shortest
paths come first: as long as some traffic has found no room, it goes along the cheapest ways there are, on
which others may be moved from station to station to make room. Of all such ways of one cost the greatest
flow is taken (Dinitz, by levels) before a dearer one is looked for, so that what is carried at any time is
carried at the least cost.

Nodes are C classes, then K stations. Axes: W ways, each from a class to a station.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from hetnet.network import Counts, Floats

FAR = 1 << 30
ROUNDING = 1e-12  # of the largest traffic: less is nothing
Flags = NDArray[np.bool_]


class Flow(NamedTuple):
    """Traffic on its way; what has found its station is taken from `left` and `room`."""

    source: Counts  # (W,) classes, in order
    target: Counts  # (W,) stations
    cost: Counts  # (W,)
    amount: Floats  # (W,) what goes there
    out: Counts  # (C + 1,) where the ways of each class begin
    back: Counts  # (W,) ways by their station
    into: Counts  # (K + 1,) where in `back` those to each station begin
    left: Floats  # (C,) what has found no room yet
    room: Floats  # (K,)
    least: float


class Search(NamedTuple):
    """What is known of the nodes while paths are looked for."""

    cost: Counts  # (C + K,) of the cheapest path to each
    level: Counts  # (C + K,) of how few steps a cheapest path is, -1 where none leads there
    tried: Counts  # (C + K,) how many ways on from each have been tried
    queue: Counts  # (C + K + 1,) in a ring
    waits: Flags  # (C + K,)
    path: Counts  # (C + K,) the ways along a path
    nodes: Counts  # (C + K + 1,) the nodes along it


@cached
def fullest(source: Counts, target: Counts, cost: Counts, traffic: Floats, room: Floats) -> Floats:
    """What goes along each way, (W,), of each class's `traffic` (C,) to stations with so much `room` (K,).

    Ways are in the order of their classes, `source`.
    """
    out, back, into = _by_node(source, target, len(traffic), len(room))
    least = ROUNDING * max(traffic.max(), 1e-300)
    amount = np.zeros(len(source))
    flow = Flow(source, target, cost, amount, out, back, into, traffic.copy(), room.copy(), least)
    search = _new_search(len(traffic) + len(room))
    while True:
        cheapest = _find_costs(flow, search)
        if cheapest == FAR:
            return amount
        while _find_levels(flow, search, cheapest):
            for each in range(len(traffic)):
                while flow.left[each] > least and _sent_from(flow, search, each, cheapest):
                    pass


@cached
def _new_search(count: int) -> Search:
    return Search(
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count + 1, np.int64),
        np.zeros(count, np.bool_),
        np.empty(count, np.int64),
        np.empty(count + 1, np.int64),
    )


@cached
def _by_node(source: Counts, target: Counts, classes: int, stations: int) -> tuple[Counts, Counts, Counts]:
    """Where the ways of each class begin; the ways by their station, and where each station's begin."""
    out, into = np.zeros(classes + 1, np.int64), np.zeros(stations + 1, np.int64)
    for way in range(len(source)):
        out[source[way] + 1] += 1
        into[target[way] + 1] += 1
    out, into = np.cumsum(out), np.cumsum(into)
    back, filled = np.empty(len(source), np.int64), into.copy()
    for way in range(len(source)):
        back[filled[target[way]]] = way
        filled[target[way]] += 1
    return out, back, into


@cached
def _find_costs(flow: Flow, search: Search) -> int:
    """Find the cheapest paths from traffic without room to all nodes; the cost to the first with room."""
    classes, count = len(flow.left), len(search.cost)
    search.cost[:] = FAR
    head, tail = 0, 0
    for each in range(classes):
        if flow.left[each] > flow.least:
            search.cost[each], search.waits[each], search.queue[tail] = 0, True, each
            tail += 1
    while head != tail:
        node = search.queue[head]
        head = head + 1 if head < count else 0
        search.waits[node] = False
        first, last = _ways_on(flow, node)
        for where in range(first, last):
            other, more = _next_node(flow, node, where)
            if other >= 0 and search.cost[node] + more < search.cost[other]:
                search.cost[other] = search.cost[node] + more
                if not search.waits[other]:
                    search.waits[other], search.queue[tail] = True, other
                    tail = tail + 1 if tail < count else 0
    cheapest = FAR
    for station in range(len(flow.room)):
        if flow.room[station] > flow.least:
            cheapest = min(cheapest, search.cost[classes + station])
    return cheapest


@cached
def _ways_on(flow: Flow, node: int) -> tuple[int, int]:
    """Where the ways on from a node begin and end: of a class in order, of a station in `back`."""
    station = node - len(flow.left)
    if station < 0:
        return flow.out[node], flow.out[node + 1]
    return flow.into[station], flow.into[station + 1]


@cached
def _next_node(flow: Flow, node: int, where: int) -> tuple[int, int]:
    """Where one of the ways on from a node leads, and at which cost; from a station only back what came."""
    if node < len(flow.left):
        return len(flow.left) + flow.target[where], flow.cost[where]
    way = flow.back[where]
    if flow.amount[way] > flow.least:
        return flow.source[way], -flow.cost[way]
    return -1, 0


@cached
def _find_levels(flow: Flow, search: Search, cheapest: int) -> bool:
    """Find the fewest steps of cheapest paths to each node; whether some lead to a station with room."""
    search.level[:] = -1
    search.tried[:] = 0
    head, tail, found = 0, 0, False
    for each in range(len(flow.left)):
        if flow.left[each] > flow.least:
            search.level[each], search.queue[tail] = 0, each
            tail += 1
    while head < tail:
        node = search.queue[head]
        head += 1
        found |= _ends(flow, search, node, cheapest)
        first, last = _ways_on(flow, node)
        for where in range(first, last):
            other, more = _next_node(flow, node, where)
            if other >= 0 and search.level[other] < 0 and search.cost[other] == search.cost[node] + more:
                search.level[other], search.queue[tail] = search.level[node] + 1, other
                tail += 1
    return found


@cached
def _ends(flow: Flow, search: Search, node: int, cheapest: int) -> bool:
    """Whether a cheapest path may end here."""
    station = node - len(flow.left)
    return bool(station >= 0 and flow.room[station] > flow.least and search.cost[node] == cheapest)


@cached
def _sent_from(flow: Flow, search: Search, start: int, cheapest: int) -> bool:
    """Send what is left of a class along one path of fewest steps; whether there was one left to try."""
    search.nodes[0], length = start, 0
    while not _ends(flow, search, search.nodes[length], cheapest):
        node = search.nodes[length]
        first, last = _ways_on(flow, node)
        where, other = first + search.tried[node], -1
        while where < last:
            other, more = _next_node(flow, node, where)
            is_next = other >= 0 and search.level[other] == search.level[node] + 1
            if is_next and search.cost[other] == search.cost[node] + more:
                break
            where += 1
        search.tried[node] = where - first
        if where < last:
            search.path[length] = where if node < len(flow.left) else flow.back[where]
            length += 1
            search.nodes[length] = other
        elif length == 0:
            return False
        else:
            length -= 1
            search.tried[search.nodes[length]] += 1
    _send(flow, search, length)
    return True


@cached
def _send(flow: Flow, search: Search, length: int) -> None:
    """Send as much along the path that was found as its narrowest step allows."""
    classes = len(flow.left)
    start, station = search.nodes[0], search.nodes[length] - classes
    most = min(flow.left[start], flow.room[station])
    for step in range(length):
        if search.nodes[step] >= classes:
            most = min(most, flow.amount[search.path[step]])
    for step in range(length):
        flow.amount[search.path[step]] += most if search.nodes[step] < classes else -most
    flow.left[start] -= most
    flow.room[station] -= most
