"""Where traffic goes that its own station cannot serve: simple policies, and the best there is.

A plan says which share of each class goes to which station at each hour. It is made on the forecast, before
the hours come, as an operator would have to. Axes: K stations, H hours, C classes, E options of a class (its
own station first, then the candidates, the nearest first), P pairs of stations, S stations that send.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hetnet.network import Counts, Floats, Mask
from hetnet.operations.coverage import NOBODY, Classes
from hetnet.operations.flow_kernels import fullest
from hetnet.operations.play_kernels import filled_up, spread

Values = NDArray[np.floating] | Mask
MOST_EXACT = 300_000  # shares to choose, in all hours: beyond, the exact plan takes minutes
ROUNDING = 1e-9  # of a station's traffic: less is no loss but what sums round to


@dataclass(frozen=True)
class Problem:
    """Traffic that looks for stations, and the room that they have."""

    options: Counts  # (C, E) stations; NOBODY where there is no more
    station: Counts  # (C,) whose traffic it is
    share: Floats  # (C,) of that station's traffic
    traffic: Floats  # (H, C) 0 where it stays at home without a question
    active: Mask  # (H, C) whether it looks for a station
    open: Mask  # (H, C, E) whether it may go there
    room: Floats  # (H, K) what stations can carry beside the traffic that stays at home


@dataclass(frozen=True)
class Routes:
    """Which share of the traffic of one station another one serves."""

    source: Counts  # (P,)
    target: Counts  # (P,)
    share: Floats  # (H, P)
    senders: Counts  # (S,) stations that send some away
    kept: Floats  # (H, S) the share that they serve themselves
    uncovered: Floats  # (H, S) the share that nobody can serve

    @property
    def stations(self) -> Counts:
        """All that send or receive, in order."""
        return np.union1d(np.union1d(self.source, self.target), self.senders)


def problem_of(classes: Classes, demand: Floats, silent: Mask, crowded: Mask, capacity: Floats) -> Problem:
    """The traffic of `classes` at hours when their station is `silent` or `crowded`, (H, K) each."""
    options = np.column_stack([classes.station, classes.candidates])
    active = (silent | crowded)[:, classes.station]  # (H, C)
    traffic = np.where(active, demand[:, classes.station] * classes.share, 0.0)
    is_open = active[:, :, None] & ~silent[:, options] & (options != NOBODY)
    background = np.where(silent | crowded, 0.0, demand)
    room = np.where(silent, 0.0, np.maximum(capacity - background, 0.0))
    return Problem(options, classes.station, classes.share, traffic, active, is_open, room)


def nearest(problem: Problem) -> Floats:
    """All to the nearest station that is on, (H, C, E): what users' devices do by themselves."""
    return _planned(problem, _first(problem.open[problem.active]))


def even(problem: Problem) -> Floats:
    """At home where that is on, else the same to each that can serve, (H, C, E)."""
    is_open = problem.open[problem.active]  # (A, E) of all classes and hours that look for a station
    return _planned(problem, np.where(is_open[:, :1], _first(is_open), _normed(is_open)))


def by_room(problem: Problem) -> Floats:
    """To each that can serve as its room is, (H, C, E); to the nearest where nobody has any."""
    hour, each = np.nonzero(problem.active)
    is_open = problem.open[hour, each]  # (A, E)
    room = np.where(is_open, problem.room[hour[:, None], problem.options[each]], 0.0)
    has_some = room.sum(axis=1, keepdims=True) > 0
    return _planned(problem, np.where(has_some, _normed(room), _first(is_open)))


def filled(problem: Problem) -> Floats:
    """The nearest filled up, then the next, (H, C, E); classes one after another, the largest first."""
    order = np.argsort(-problem.traffic.sum(axis=0), kind="stable")
    amounts = filled_up(order, problem.options, problem.open, problem.traffic, problem.room)
    return _rest_to_nearest(problem, amounts)


def exact(problem: Problem) -> Floats:
    """The plan that loses least, (H, C, E), of those the one that goes least far: a greatest flow an hour.

    Hours in which the nearest stations have room need none: nothing can be better there.
    """
    plan = nearest(problem)
    hours = np.flatnonzero(_overfull(problem, plan))
    amounts = plan * problem.traffic[:, :, None]
    for hour in hours:
        amounts[hour] = _exact_hour(problem, int(hour))
    return _rest_to_nearest(problem, amounts)


POLICIES: dict[str, Callable[[Problem], Floats]] = {
    "nearest": nearest,
    "even": even,
    "by room": by_room,
    "filled": filled,
    "exact": exact,
}


def is_small(problem: Problem) -> bool:
    """Whether the plans that look at each class one by one can be had in seconds."""
    return int(problem.open.sum()) <= MOST_EXACT


def routes_of(problem: Problem, plan: Floats) -> Routes:
    """What a plan (H, C, E) comes to between stations."""
    hours, classes = plan.shape[:2]
    senders, row = np.unique(problem.station, return_inverse=True)
    of_sender = sparse.csr_array((problem.share, (row, np.arange(classes))), shape=(len(senders), classes))
    kept = (of_sender @ np.where(problem.active, plan[:, :, 0], 1.0).T).T  # (H, S)
    lost = (of_sender @ np.where(problem.active, 1 - plan.sum(axis=2), 0.0).T).T
    used = plan[:, :, 1:].any(axis=0)  # (C, J)
    which, place = np.nonzero(used)
    ends = np.column_stack([problem.station[which], problem.options[which, place + 1]])
    pairs, pair = np.unique(ends, axis=0, return_inverse=True)
    shares = sparse.csr_array(
        (problem.share[which], (pair.ravel(), np.arange(len(which)))), shape=(len(pairs), len(which))
    )
    share = np.asarray(shares @ plan[:, which, place + 1].T).T.reshape(hours, len(pairs))
    return Routes(
        source=pairs[:, 0],
        target=pairs[:, 1],
        share=share,
        senders=senders,
        kept=np.clip(kept, 0.0, 1.0),
        uncovered=np.where(lost > ROUNDING, lost, 0.0),
    )


def sent(routes: Routes, demand: Floats, stations: Counts) -> Floats:
    """What is asked of each of `stations` (A,) where so much is asked around them, `demand` (…, H, A)."""
    if not len(routes.senders):
        return demand
    source, target, senders = (
        np.searchsorted(stations, ends) for ends in (routes.source, routes.target, routes.senders)
    )
    kept = np.ones(demand.shape[-2:])
    kept[:, senders] = routes.kept
    several = np.ascontiguousarray(demand.reshape(-1, *demand.shape[-2:]))
    return spread(several, kept, source, target, routes.share).reshape(demand.shape)


def _exact_hour(problem: Problem, hour: int) -> Floats:
    """What goes where at one hour so that the most is carried, (C, E).

    Classes that may go to the same stations in the same order are one in the search, which is some times
    shorter then; what is sent is theirs as their traffic is.
    """
    some = np.flatnonzero(problem.open[hour].any(axis=1) & (problem.traffic[hour] > 0))
    first = np.argsort(~problem.open[hour, some], axis=1, kind="stable")  # those that are open first
    is_open = np.take_along_axis(problem.open[hour, some], first, 1)
    ways = np.where(is_open, np.take_along_axis(problem.options[some], first, 1), NOBODY)
    alike, group = np.unique(ways, axis=0, return_inverse=True)  # (G, E), (C',)
    traffic = np.bincount(group.ravel(), weights=problem.traffic[hour, some]).astype(np.float64)
    shares = _exact_shares(alike, traffic, problem.room[hour])[group.ravel()]  # (C', E)
    amounts = np.zeros(problem.options.shape)
    amounts[some[:, None], first] = shares * problem.traffic[hour, some, None]
    return amounts


def _exact_shares(options: Counts, traffic: Floats, room: Floats) -> Floats:
    """Which share of each class's traffic (G,) goes to each of its options (G, E) so that most is carried."""
    which, place = np.nonzero(options != NOBODY)
    used, station = np.unique(options[which, place], return_inverse=True)
    shares = np.zeros(options.shape)
    if len(which):
        shares[which, place] = fullest(which, station, place, traffic, room[used]) / traffic[which]
    return shares


def _overfull(problem: Problem, plan: Floats) -> Mask:
    """At which hours a plan asks more of some station than it has room for, (H,)."""
    coming = np.zeros(problem.room.shape)
    amounts = plan * problem.traffic[:, :, None]
    for place, stations in enumerate(problem.options.T):
        np.add.at(coming.T, stations, amounts[:, :, place].T)  # NOBODY is given nothing
    return np.asarray((coming > problem.room * (1 + ROUNDING)).any(axis=1))


def _rest_to_nearest(problem: Problem, amounts: Floats) -> Floats:
    """The shares that `amounts` (H, C, E) make; what found no room goes to the nearest, which is full."""
    is_open, traffic = (
        problem.open[problem.active],
        problem.traffic[problem.active][:, None],
    )  # (A, E), (A, 1)
    shares = amounts[problem.active] / np.where(traffic > 0, traffic, 1.0)
    rest = np.maximum(1 - shares.sum(axis=1, keepdims=True), 0.0)
    return _planned(problem, _normed(shares + rest * _first(is_open)))


def _planned(problem: Problem, shares: Floats) -> Floats:
    """A plan (H, C, E) of the shares (A, E) of classes and hours that look for a station."""
    plan = np.zeros(problem.open.shape)
    plan[problem.active] = shares
    return plan


def _first(is_open: Mask) -> Floats:
    """All to the first that is open, (A, E)."""
    first = np.zeros(is_open.shape)
    some = np.flatnonzero(is_open.any(axis=1))
    first[some, is_open[some].argmax(axis=1)] = 1.0
    return first


def _normed(weights: Values) -> Floats:
    """Shares as `weights` (A, E), none negative, are; none where these are nothing."""
    total = weights.sum(axis=1, keepdims=True)
    shares: Floats = weights / np.where(total > 0, total, 1.0)
    return shares
