"""Edge betweenness, kept up to date while links are removed (Brandes 2001, compiled).

The betweenness of a link is how many shortest paths between two stations run over it, a pair with several
shortest paths giving each an equal share. It is a sum over the stations where paths start. Removing a link
changes only the shares of those starts that have shortest paths over it, so only they are computed again:
all of them lie in the part of the network that lost the link, and usually they are a minority of it. The sum
is then taken anew over all starts in one order: the result is, to the bit, that of a full computation.

Axes: N stations, L links, D their places in the neighbour lists (2L).
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
EQUAL = 1e-10  # paths whose lengths differ by less than this share of them are equally short


class Lists(NamedTuple):
    """The neighbours of every station, over the links that are left."""

    first: Whole  # (N,) where a station's list begins
    degrees: Whole  # (N,) how long it is
    neighbours: Whole  # (D,)
    links: Whole  # (D,) the link to each neighbour
    lengths: Array  # (L,); empty when every link counts as one step


class Search(NamedTuple):
    """What a search from one start finds; used again for the next one."""

    order: Whole  # (N,) the stations that can be reached, nearest first
    distance: Array  # (N,) infinite where there is no path
    ways: Array  # (N,) how many shortest paths lead to a station
    onward: Whole  # (D,) places in the lists whose links go on along shortest paths, by order
    ends_at: Whole  # (N,) where those of the n-th station of the order end in `onward`
    carried: Array  # (N,) what each way to a station carries: its own pair and all pairs beyond


@dataclass(frozen=True)
class Paths:
    """The links that are left and what each start contributes to their betweenness; changed by `remove`."""

    ends: Whole  # (L, 2)
    lists: Lists
    shares: Array  # (N, L) by start; a link on no shortest path of a start has exactly 0


def shortest_paths(stations: int, ends: Whole, lengths: Array | None = None) -> Paths:
    """The shortest paths between `stations` over links `ends` (L, 2), by steps or by positive `lengths`."""
    both = np.concatenate([ends[:, 0], ends[:, 1]])  # (D,)
    order = np.argsort(both, kind="stable")
    degrees = np.bincount(both, minlength=stations)
    lists = Lists(
        first=np.cumsum(degrees) - degrees,
        degrees=degrees,
        neighbours=np.concatenate([ends[:, 1], ends[:, 0]])[order],
        links=np.tile(np.arange(len(ends)), 2)[order],
        lengths=np.empty(0) if lengths is None else lengths,
    )
    paths = Paths(ends, lists, np.zeros((stations, len(ends))))
    _share_out(np.arange(stations), lists, paths.shares)
    return paths


def edge_betweenness(paths: Paths) -> Array:
    """The betweenness of every link, (L,); 0 for one that was removed."""
    total: Array = _summed(paths.shares) / 2  # each pair of stations was counted from both of its ends
    return total


def remove(paths: Paths, link: int) -> bool:
    """Take `link` out of `paths`, in place; return whether this parted its two ends."""
    affected = np.flatnonzero(paths.shares[:, link])
    one, other = paths.ends[link]
    _unlink(one, link, paths.lists)
    _unlink(other, link, paths.lists)
    _share_out(affected, paths.lists, paths.shares)
    return not _joined(one, other, paths.lists)


@cached
def _summed(shares: Array) -> Array:
    total = np.zeros(shares.shape[1])
    for start in range(shares.shape[0]):
        for link in range(shares.shape[1]):
            total[link] += shares[start, link]
    return total


@cached
def _unlink(station: int, link: int, lists: Lists) -> None:
    """Close the gap in the station's list, in place: the order of the others decides how sums round."""
    begin, end = lists.first[station], lists.first[station] + lists.degrees[station]
    at = begin
    while lists.links[at] != link:
        at += 1
    for place in range(at, end - 1):
        lists.neighbours[place] = lists.neighbours[place + 1]
        lists.links[place] = lists.links[place + 1]
    lists.degrees[station] -= 1


@cached
def _joined(one: int, other: int, lists: Lists) -> bool:
    """Whether there is a path between two stations."""
    seen = np.zeros(len(lists.first), np.bool_)
    waiting = [one]
    seen[one] = True
    while waiting:
        station = waiting.pop()
        begin = lists.first[station]
        for neighbour in lists.neighbours[begin : begin + lists.degrees[station]]:
            if neighbour == other:
                return True
            if not seen[neighbour]:
                seen[neighbour] = True
                waiting.append(neighbour)
    return False


@cached
def _share_out(starts: Whole, lists: Lists, shares: Array) -> None:
    """Compute the rows of `shares` that belong to `starts`, in place."""
    stations, places = len(lists.first), len(lists.neighbours)
    search = Search(
        np.empty(stations, np.int64),
        np.empty(stations),
        np.empty(stations),
        np.empty(places, np.int64),
        np.empty(stations, np.int64),
        np.empty(stations),
    )
    for start in starts:
        if len(lists.lengths):
            reached = _search_by_length(start, lists, search)
        else:
            reached = _search_by_steps(start, lists, search)
        _count_ways(start, reached, lists, search)
        shares[start] = 0
        _carry_back(reached, lists, search, shares[start])


@cached
def _search_by_steps(start: int, lists: Lists, search: Search) -> int:
    """Fill in `order` and `distance` breadth first; return how many stations were reached."""
    search.distance[:] = np.inf
    search.distance[start] = 0
    search.order[0] = start
    reached, at = 1, 0
    while at < reached:
        station = search.order[at]
        at += 1
        begin = lists.first[station]
        for neighbour in lists.neighbours[begin : begin + lists.degrees[station]]:
            if search.distance[neighbour] == np.inf:
                search.distance[neighbour] = search.distance[station] + 1
                search.order[reached] = neighbour
                reached += 1
    return reached


@cached
def _search_by_length(start: int, lists: Lists, search: Search) -> int:
    """Fill in `order` and `distance` by lengths (Dijkstra); return how many stations were reached."""
    search.distance[:] = np.inf
    search.distance[start] = 0
    settled = np.zeros(len(lists.first), np.bool_)
    waiting = [(0.0, start)]
    reached = 0
    while waiting:
        _, station = heappop(waiting)
        if settled[station]:
            continue
        settled[station] = True
        search.order[reached] = station
        reached += 1
        begin = lists.first[station]
        for place in range(begin, begin + lists.degrees[station]):
            neighbour = lists.neighbours[place]
            length = search.distance[station] + lists.lengths[lists.links[place]]
            if length < search.distance[neighbour]:
                search.distance[neighbour] = length
                heappush(waiting, (length, neighbour))
    return reached


@cached
def _count_ways(start: int, reached: int, lists: Lists, search: Search) -> None:
    """Fill in `ways`, and `onward` with where it ends for each station."""
    search.ways[:] = 0
    search.ways[start] = 1
    found = 0
    for number in range(reached):
        station = search.order[number]
        begin, here = lists.first[station], search.distance[station]
        for place in range(begin, begin + lists.degrees[station]):
            neighbour = lists.neighbours[place]
            there = search.distance[neighbour]
            length = lists.lengths[lists.links[place]] if len(lists.lengths) else 1.0
            if there > here and here + length - there <= EQUAL * there:
                search.ways[neighbour] += search.ways[station]
                search.onward[found] = place
                found += 1
        search.ends_at[number] = found


@cached
def _carry_back(reached: int, lists: Lists, search: Search, share: Array) -> None:
    """From the farthest station back, fill in what each link carries: `share` (L,), zero before."""
    for number in range(reached - 1, -1, -1):
        station = search.order[number]
        passing = 0.0
        for index in range(search.ends_at[number - 1] if number else 0, search.ends_at[number]):
            place = search.onward[index]
            carried = search.ways[station] * search.carried[lists.neighbours[place]]
            share[lists.links[place]] = carried
            passing += carried
        search.carried[station] = (1 + passing) / search.ways[station]
