"""Where traffic goes that its own station cannot serve: simple policies, and the best there is.

A plan says which share of each class goes to which station at each hour. It is made on the forecast, before
the hours come, as an operator would have to. Axes: K stations, H hours, C classes, E options of a class (its
own station first, then the candidates, the nearest first), P pairs of stations, S stations that send.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.coverage import NOBODY, Classes

MOST_EXACT = 300_000  # shares to choose, in all hours: beyond, the exact plan takes minutes
ROUNDING = 1e-9  # of a station's traffic: less is no loss but what sums round to
NEARER = 1e-5  # what it is worth, beside carrying traffic, that it is carried one option nearer


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
    first = problem.open & (np.cumsum(problem.open, axis=2) == 1)
    plan: Floats = first.astype(np.float64)
    return plan


def even(problem: Problem) -> Floats:
    """At home where that is on, else the same to each that can serve, (H, C, E)."""
    return _at_home_or(problem, problem.open.astype(np.float64))


def by_room(problem: Problem) -> Floats:
    """To each that can serve as its room is, (H, C, E); to the nearest where nobody has any."""
    room = np.where(problem.open, problem.room[:, problem.options], 0.0)
    return np.where(room.sum(axis=2, keepdims=True) > 0, _normed(room), nearest(problem))


def filled(problem: Problem) -> Floats:
    """The nearest filled up, then the next, (H, C, E); classes one after another, the largest first."""
    left, plan = problem.room.copy(), np.zeros(problem.open.shape)
    for each in np.argsort(-problem.traffic.sum(axis=0), kind="stable"):
        waiting = problem.traffic[:, each].copy()  # (H,)
        for place, station in enumerate(problem.options[each]):
            taken = np.where(problem.open[:, each, place], np.minimum(waiting, left[:, station]), 0.0)
            left[:, station] -= taken
            waiting -= taken
            plan[:, each, place] = taken
    return _rest_to_nearest(problem, plan)


def exact(problem: Problem) -> Floats:
    """The plan that loses least, (H, C, E), of those the one that goes least far: a linear programme an hour.

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
    place = {station: row for row, station in enumerate(stations.tolist())}
    source, target, senders = (
        np.array([place[each] for each in ends.tolist()], np.int64)
        for ends in (routes.source, routes.target, routes.senders)
    )
    served = demand.copy()
    count = len(stations)
    for hour in range(demand.shape[-2]):
        before = demand[..., hour, :].reshape(-1, count)  # (R, A)
        kept = np.ones(count)
        kept[senders] = routes.kept[hour]
        used = routes.share[hour] > 0
        matrix = sparse.csr_array(
            (routes.share[hour, used], (target[used], source[used])), shape=(count, count)
        )
        after = before * kept + (matrix @ before.T).T
        served[..., hour, :] = after.reshape(served[..., hour, :].shape)
    return served


def _exact_hour(problem: Problem, hour: int) -> Floats:
    """What goes where at one hour so that the most is carried, (C, E)."""
    which, place = np.nonzero(problem.open[hour])
    station = problem.options[which, place]
    scale = max(float(problem.traffic[hour].max()), 1e-300)
    columns = np.arange(len(which))
    ones = np.ones(len(which))
    shape = (len(problem.station), len(which))
    per_class = sparse.csr_array((ones, (which, columns)), shape=shape)
    per_station = sparse.csr_array((ones, (station, columns)), shape=(problem.room.shape[1], len(which)))
    used = np.unique(station)
    limits = np.concatenate([problem.traffic[hour], problem.room[hour, used]]) / scale
    solved = milp(
        NEARER * place - 1.0,
        bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(sparse.vstack([per_class, per_station[used]]), -np.inf, limits),
    )
    if solved.x is None:
        raise InputError(f"rerouting: no exact plan was found ({solved.message}); choose another policy")
    amounts = np.zeros(problem.options.shape)
    amounts[which, place] = solved.x * scale
    return amounts


def _overfull(problem: Problem, plan: Floats) -> Mask:
    """At which hours a plan asks more of some station than it has room for, (H,)."""
    coming = np.zeros(problem.room.shape)
    amounts = plan * problem.traffic[:, :, None]
    for place, stations in enumerate(problem.options.T):
        np.add.at(coming.T, stations, amounts[:, :, place].T)  # NOBODY is given nothing
    return np.asarray((coming > problem.room * (1 + ROUNDING)).any(axis=1))


def _rest_to_nearest(problem: Problem, amounts: Floats) -> Floats:
    """The shares that `amounts` (H, C, E) make; what found no room goes to the nearest, which is full."""
    traffic = problem.traffic[:, :, None]
    plan = np.where(traffic > 0, amounts / np.where(traffic > 0, traffic, 1.0), 0.0)
    rest = np.maximum(1 - plan.sum(axis=2, keepdims=True), 0.0)
    whole = _normed(plan + rest * nearest(problem))
    return np.where(problem.open.any(axis=2, keepdims=True), whole, 0.0)


def _at_home_or(problem: Problem, weights: Floats) -> Floats:
    home = problem.open[:, :, :1]
    return np.where(home, np.eye(weights.shape[2])[0], _normed(weights))


def _normed(weights: Floats) -> Floats:
    total = weights.sum(axis=2, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1.0), 0.0)
