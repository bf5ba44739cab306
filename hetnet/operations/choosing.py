"""Who reroutes: each policy played in all futures, and the one that loses least.

The best is chosen by the older half of the futures and told of by the other, which has chosen nothing.

Axes: A stations that a scenario may touch, H hours, R futures, P pairs, S stations that send.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.energy import PowerModel, drawn_watts
from hetnet.operations.play_kernels import lost_and_drawn
from hetnet.operations.replica import ROUNDING, without_rounding
from hetnet.operations.rerouting import (
    POLICIES,
    Problem,
    Routes,
    exact,
    filled,
    is_small,
    nearest,
    routes_of,
    sent,
)

BEST, NONE = "best", "none"
SLOW = (filled, exact)


@dataclass(frozen=True)
class Part:
    """The stations that a scenario may touch, by the forecast and in all futures."""

    stations: Counts  # (A,)
    before: Floats  # (1 + R, H, A)
    demand: Floats  # (1 + R, H, A) what is asked around them with the scenario
    told: int  # of how many futures is told, the first after the forecast; the others choose


@dataclass(frozen=True)
class Judged:
    """What a policy comes to, over all hours."""

    name: str
    lost: float  # by the forecast
    lost_choosing: float | None  # mean over the futures by which the best is chosen, where one is
    lost_mean: float  # over the futures that are told
    moved: float  # by the forecast


@dataclass(frozen=True)
class Choice:
    """The policies that were tried, the one that is taken, and its routes."""

    judged: tuple[Judged, ...]
    policy: str
    routes: Routes
    left_out: tuple[str, ...] = ()  # not tried, since they would take too long


def told_futures(futures: int, policy: str) -> int:
    """Of how many futures is told: of those by which no policy is chosen."""
    return futures - futures // 2 if policy == BEST else futures


def chosen(problem: Problem, part: Part, capacity: Floats, policy: str) -> Choice:
    """What each policy comes to that is wanted, at stations that can carry `capacity` (A,)."""
    if not problem.active.any():
        return Choice((), NONE if policy == BEST else policy, routes_of(problem, nearest(problem)))
    wanted = POLICIES if policy == BEST else {policy: POLICIES[policy]}
    tried = {name: plan for name, plan in wanted.items() if is_small(problem) or plan not in SLOW}
    if not tried:
        quick = ", ".join(name for name in POLICIES if POLICIES[name] not in SLOW)
        raise InputError(
            f"policy {policy!r} looks at each class one by one, and there are too many here; expected one of "
            f"{quick}"
        )
    routes = {name: routes_of(problem, plan(problem)) for name, plan in tried.items()}
    judged = tuple(_judged(name, each, part, capacity) for name, each in routes.items())
    best = _best(judged)
    return Choice(judged, best, routes[best], tuple(name for name in wanted if name not in tried))


def _judged(name: str, routes: Routes, part: Part, capacity: Floats) -> Judged:
    loads = sent(routes, part.demand, part.stations)
    nobody = np.zeros(loads.shape[1:], bool)
    totals, _ = lost_and_energy(loads, capacity, (nobody, nobody), PowerModel())
    totals += uncovered(routes, part.demand, part.stations).sum(axis=(1, 2))
    moved = routes.share * part.demand[0][:, np.searchsorted(part.stations, routes.source)]
    told, choosing = totals[1 : 1 + part.told], totals[1 + part.told :]
    return Judged(
        name,
        lost=float(totals[0]),
        lost_choosing=float(choosing.mean()) if len(choosing) else None,
        lost_mean=float(told.mean()),
        moved=float(moved.sum()),
    )


def _best(judged: Sequence[Judged]) -> str:
    """The policy that loses least over the futures that choose; of equals the one that moves least."""
    losses = [each.lost_mean if each.lost_choosing is None else each.lost_choosing for each in judged]
    equal = [
        each
        for each, lost in zip(judged, losses, strict=True)
        if lost <= min(losses) + ROUNDING * max(min(losses), each.moved)
    ]
    fewest = min(each.moved for each in equal)
    return next(each.name for each in equal if each.moved <= fewest * (1 + ROUNDING))


def lost_and_energy(
    loads: Floats, capacity: Floats, silent: tuple[Mask, Mask], model: PowerModel
) -> tuple[Floats, Floats]:
    """What `loads` (1 + R, H, A) have beyond the capacity, and the kWh stations draw, (1 + R,) each."""
    lost, drawn = lost_and_drawn(loads, capacity, *silent, drawn_watts(model))
    return without_rounding(lost, loads.sum(axis=(1, 2))), drawn / 1000


def uncovered(routes: Routes, demand: Floats, stations: Counts) -> Floats:
    """What is asked where nobody else can serve, (…, H, U), of the senders of which that is so."""
    some = routes.uncovered.any(axis=0)
    uncovered: Floats = routes.uncovered[:, some]
    return uncovered * demand[..., np.searchsorted(stations, routes.senders[some])]
