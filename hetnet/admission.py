"""As many users as can be given what they ask for together, where not all can.

Axes: U users that ask, M stations. Whoever is admitted makes stations send more, and the others pay for that
as well: P = F P + u, of which each user adds a row to F and a part to u at its station. So what a user adds
only grows with those who are there already, whoever can be admitted together can be with one less, and one
who does not fit beside some fits beside no more than these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetnet.network import Counts, Floats, Mask

SEARCHED = 30  # users at the most among whom all sets are searched that may be larger
LOOKS = 10_000  # sets at the most that are looked at: enough for 12 users whatever they ask for
WITHIN = 1 + 1e-9  # of a limit: rounding may exceed it by that
ROUNDED = 1e-12  # of what the strongest station sends: so little may be nothing


@dataclass(frozen=True)
class Asking:
    """Who asks for what, and what stations may send."""

    rows: Floats  # (U, M) what a user adds to F of its station: W for each W that others send
    alone: Floats  # (U,) W that it adds to u
    stations: Counts  # (U,)
    already: Floats  # (M,) W that is sent to others
    limits: Floats  # (M,) W


@dataclass(frozen=True)
class Point:
    """A fixed point: what stations send in all when they send each user what it needs."""

    inverse: Floats  # (M, M) of I - F
    total: Floats  # (M,) W


def nothing_sent(already: Floats) -> Point:
    """The point at which stations send what they do `already` (M,), and nobody is admitted."""
    return Point(np.eye(len(already)), already.copy())


def most_admitted(asking: Asking, found: Counts, looks: int = LOOKS) -> Counts:
    """The most users that can be admitted together, (V,), by their rows; `found` are some that can.

    It is `found` itself where none are more. First one user leaves for two, as long as there is such a one;
    then, among up to SEARCHED users, branch and bound with at most so many `looks` at sets. So of 12 users or
    fewer there are never more, and of more users hardly ever: in 60 cases with 30 users at 6 stations, of
    whom half can be admitted, nobody was missing that six times as many looks found, where the cheapest first
    miss 1 user on average and 6 at most, and exchanges alone .5 and 3. In the paper's networks even the
    cheapest first seldom miss anyone.
    """
    possible = np.flatnonzero(_added(asking, nothing_sent(asking.already), np.arange(len(asking.alone)))[1])
    if len(found) >= len(possible) - 1:  # not all of them can be: else none were missing
        return found
    some = replace(
        asking, rows=asking.rows[possible], alone=asking.alone[possible], stations=asking.stations[possible]
    )
    more = _exchanged(some, np.flatnonzero(np.isin(possible, found)))
    return possible[_searched(some, more, looks) if len(possible) <= SEARCHED else more]


def together(asking: Asking, users: Counts) -> Point:
    """The point with these users; not positive where there is none."""
    stations = len(asking.limits)
    coupling, needed = np.zeros((stations, stations)), np.zeros(stations)
    np.add.at(coupling, asking.stations[users], asking.rows[users])
    np.add.at(needed, asking.stations[users], asking.alone[users])
    try:
        inverse = np.asarray(np.linalg.inv(np.eye(stations) - coupling), np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full((stations, stations), -1.0)
    total = inverse @ (asking.already + needed)
    lowest = total.min(initial=0.0)
    if -ROUNDED * total.max(initial=0.0) <= lowest < 0:  # of a station that sends nothing, but for rounding
        total = asking.already + needed + coupling @ np.maximum(total, 0.0)
    return Point(inverse, total)


def is_within(total: Floats, limits: Floats) -> bool:
    """Whether stations can send that much, both (M,)."""
    return bool((np.isfinite(total) & (total >= 0) & (total <= limits * WITHIN)).all())


def _added(asking: Asking, point: Point, users: Counts) -> tuple[Floats, Mask]:
    """What all stations send more when one of `users` joins (V, M), and whether it can, (V,)."""
    rows, columns = asking.rows[users], point.inverse[:, asking.stations[users]].T  # (V, M) each
    with np.errstate(over="ignore", invalid="ignore"):  # what is too much for a number does not fit
        loop = 1 - (rows * columns).sum(axis=1)
    needed = (rows @ point.total + asking.alone[users]) / np.where(loop > 0, loop, 1.0)
    added = columns * needed[:, None]
    return added, (loop > 0) & (point.total + added <= asking.limits * WITHIN).all(axis=1)


def _with(asking: Asking, point: Point, user: int, sign: int = 1) -> Point:
    """The point when a user joins, or leaves with the `sign` -1 (Sherman and Morrison)."""
    row, column = sign * asking.rows[user], point.inverse[:, asking.stations[user]]
    grown = column / (1 - row @ column)
    total = point.total + grown * (row @ point.total + sign * asking.alone[user])
    return Point(point.inverse + np.outer(grown, row @ point.inverse), total)


def _prices(asking: Asking, added: Floats) -> Floats:
    """What each addition (V, M) takes of the stations' limits, all together; (V,)."""
    prices: Floats = added @ (1 / np.maximum(asking.limits, np.finfo(float).tiny))
    return prices


def _exchanged(asking: Asking, found: Counts) -> Counts:
    """`found` when one user has left for two or more, again and again until none is left who would."""
    while len(waiting := np.setdiff1d(np.arange(len(asking.alone)), found)) > 1:
        point = together(asking, found)
        for user in found:
            came = _fitting(asking, _with(asking, point, user, -1), waiting)
            better = np.array([*found[found != user], *came], np.int64)
            if len(came) > 1 and is_within(together(asking, better).total, asking.limits):
                found = better
                break
        else:
            return found
    return found


def _fitting(asking: Asking, point: Point, waiting: Counts) -> list[int]:
    """Those of `waiting` who join one by one, the cheapest first."""
    came: list[int] = []
    while True:
        added, fits = _added(asking, point, waiting)
        waiting = waiting[fits]
        if not len(waiting) or len(came) + len(waiting) < 2:  # one alone is no gain
            return came
        user = int(waiting[_prices(asking, added[fits]).argmin()])
        point, waiting = _with(asking, point, user), waiting[waiting != user]
        came.append(user)


@dataclass(frozen=True)
class _Branch:
    """All sets that have `chosen` and any of `left`."""

    point: Point
    chosen: tuple[int, ...]
    left: Counts


def _searched(asking: Asking, found: Counts, looks: int) -> Counts:
    """The largest set of all, or of as many as there are `looks`; `found` where none is larger."""
    best: Sequence[int] = found.tolist()
    dominated = _dominated(asking)
    branches = [_Branch(nothing_sent(asking.already), (), np.arange(len(asking.alone)))]
    for _ in range(looks):
        if not branches:
            break
        branch = branches.pop()
        added, fits = _added(asking, branch.point, branch.left)
        added, left = added[fits], branch.left[fits]
        if len(branch.chosen) > len(best):
            best = branch.chosen
        if len(branch.chosen) + _at_most(asking, branch.point, added) <= len(best):
            continue
        user = int(left[_prices(asking, added).argmin()])
        others = left[left != user]
        joined = _with(asking, branch.point, user)
        branches += [
            _Branch(branch.point, branch.chosen, others[~dominated[user, others]]),
            _Branch(joined, (*branch.chosen, user), others),
        ]
    return np.array(best, np.int64)


def _dominated(asking: Asking) -> Mask:
    """Whether the first user may take the second's place in any set, (U, U): it asks for no more of it."""
    rows, alone, stations = asking.rows, asking.alone, asking.stations
    less = (rows[:, None] <= rows).all(axis=2) & (alone[:, None] <= alone)
    return np.asarray(less & (stations[:, None] == stations))


def _at_most(asking: Asking, point: Point, added: Floats) -> int:
    """How many of those who would add `added` (V, M) can join, at the most.

    Together they add no less than the sum of what each would: at each station, and of all limits together.
    """
    room = asking.limits * WITHIN - point.total
    parts = np.column_stack([added, _prices(asking, added)])
    rooms = np.append(room, _prices(asking, room[None]))
    fit = np.cumsum(np.sort(parts, axis=0), axis=0) <= rooms * WITHIN
    return int(fit.sum(axis=0).min())
