"""How many users lose service, where a person says how many there are.

A set tells of traffic, not of users. So users are taken to be spread over stations as their load is, or as a
file says, and to be served, handed over and lost as the traffic around them is: a station that loses a tenth
of what is asked of it loses a tenth of its users. More demand is more users.

Axes: R futures, H hours, A stations.
"""

from dataclasses import dataclass

import numpy as np

from hetnet.network import Counts, Floats
from hetnet.operations.replica import Total, total, without_rounding
from hetnet.operations.rerouting import Routes, sent


@dataclass(frozen=True)
class UsersTotals:
    """Users without service: on average at a time, and at the hour when they are most."""

    mean: Total
    most: Total


@dataclass(frozen=True)
class UsersOutcome:
    """What a scenario does to users."""

    before: UsersTotals
    after: UsersTotals
    more: UsersTotals  # at the same hour of the same future
    moved_mean: float  # served by another station, by the forecast
    moved_most: float


@dataclass(frozen=True)
class Crowd:
    """Users around some stations, without a scenario and with it."""

    before: Floats  # (H, A)
    after: Floats  # (H, A)


@dataclass(frozen=True)
class Affected:
    """The stations that a scenario affects, and what is asked of them."""

    stations: Counts  # (A,)
    before: Floats  # (1 + R, H, A)
    after: Floats  # (1 + R, H, A)
    routes: Routes


def users_by_load(users: float, load: Floats) -> Floats:
    """So many users of a network, spread over its stations as their `load` (H, K) is at each hour, (H, K)."""
    total = load.sum(axis=1, keepdims=True)
    return np.where(total > 0, users * load / np.where(total > 0, total, 1.0), users / load.shape[1])


def users_lost(users: Floats, loads: Floats, capacity: Floats) -> Floats:
    """How many of the `users` (H, A) of stations find no room at `loads` (1 + R, H, A), (1 + R, H)."""
    room = np.divide(capacity, loads, out=np.ones_like(loads), where=loads > capacity)
    lost: Floats = (users * (1 - room)).sum(axis=-1)
    return lost


def users_outcome(
    lost_without: Floats, crowd: Crowd, affected: Affected, capacity: Floats, coverage: float
) -> UsersOutcome:
    """What becomes of the `crowd` at affected stations; `lost_without` (1 + R, H) is of all stations."""
    routes, stations = affected.routes, affected.stations
    served = sent(routes, crowd.after, stations)
    uncovered = (routes.uncovered * crowd.after[:, np.searchsorted(stations, routes.senders)]).sum(axis=1)
    lost = users_lost(served, affected.after, capacity) + uncovered  # (1 + R, H)
    before = users_lost(crowd.before, affected.before, capacity)
    more = without_rounding(lost - before, crowd.before.sum(axis=1))
    moved = (routes.share * crowd.after[:, np.searchsorted(stations, routes.source)]).sum(axis=1)
    return UsersOutcome(
        before=_both(lost_without, coverage),
        after=_both(without_rounding(lost_without + more, lost_without), coverage),
        more=_both(more, coverage),
        moved_mean=float(moved.mean()),
        moved_most=float(moved.max()),
    )


def _both(lost: Floats, coverage: float) -> UsersTotals:
    return UsersTotals(total(lost.mean(axis=1), coverage), total(lost.max(axis=1), coverage))
