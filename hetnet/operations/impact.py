"""A scenario played on a replica: the same futures with it and without.

Axes: K stations, A of them affected, H hours, R futures, P pairs of stations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.choosing import (
    BEST,
    Judged,
    Part,
    chosen,
    lost_and_energy,
    told_futures,
    uncovered,
)
from hetnet.operations.coverage import classes_of
from hetnet.operations.energy import PowerModel
from hetnet.operations.play_kernels import share_over
from hetnet.operations.replica import (
    ROUNDING,
    Band,
    Replica,
    Total,
    band,
    least_futures,
    total,
    without_rounding,
)
from hetnet.operations.rerouting import POLICIES, Problem, Routes, nearest, problem_of, routes_of, sent
from hetnet.operations.scenario import Change, Move, Scenario, asked, change_of
from hetnet.operations.users import Affected, Crowd, UsersOutcome, users_lost, users_outcome

Values = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class PlaySettings:
    """How scenarios are played: which share of futures intervals hold, who reroutes, what power costs."""

    coverage: float = 0.9
    policy: str = BEST
    power: PowerModel = field(default_factory=PowerModel)

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise InputError(f"coverage must lie between 0 and 1, got {self.coverage}")
        if self.policy not in (BEST, *POLICIES):
            known = ", ".join((BEST, *POLICIES))
            raise InputError(f"unknown policy {self.policy!r}, expected one of {known}")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a scenario changes. Loads are what is asked of stations; beyond the capacity it is lost.

    Where the best policy is looked for, it is chosen by the older half of the futures, and all that is told
    of futures is of the other half. What is due to rounding alone is told as nothing.
    """

    scenario: Scenario
    told: int  # R, how many futures are told of
    coverage: float  # the share of them that intervals hold
    silent: Mask  # (H, K)
    stations: Counts  # (A,) that are affected
    base: Band  # (H, A)
    load: Band  # (H, A)
    difference: Band  # (H, A)
    risk: Floats  # (H, A) the share of futures in which more is asked than can be carried
    lost: Floats  # (H, A) by the forecast: beyond the capacity, and of areas that nobody else covers
    routes: Routes
    flows: Floats  # (H, P) by the forecast
    policies: tuple[Judged, ...]
    left_out: tuple[str, ...]  # policies that were not tried, since they would take too long
    policy: str
    over: tuple[Mask, Mask]  # (H, K) whether stations are over capacity by the forecast, before and after
    asked_total: Total  # of the scenario, over all hours
    lost_base: Total
    lost_scenario: Total
    lost_difference: Total
    energy_base: Total  # kWh
    energy_scenario: Total
    energy_difference: Total
    users: UsersOutcome | None = None  # where somebody has told how many there are


@dataclass(frozen=True)
class _Without:
    """The replica as it is: what is the same for all scenarios."""

    over: Mask  # (H, K)
    asked: Floats  # (1 + R,) by the forecast, then in each future; over all hours and stations
    lost: Floats  # (1 + R,)
    energy: Floats  # (1 + R,) kWh
    users: Floats | None  # (1 + R, H) without service


def played(replica: Replica, scenarios: Sequence[Scenario], settings: PlaySettings) -> Iterator[Outcome]:
    """Each scenario played on the same futures."""
    _refuse_few(len(replica.futures), settings)
    several = len(scenarios) > 1
    changes = [_change(each, replica, named=several) for each in scenarios]  # refuses before the work
    without = _without(replica, settings)
    for scenario, change in zip(scenarios, changes, strict=True):
        yield _outcome(replica, without, scenario, change, settings)


def _change(scenario: Scenario, replica: Replica, *, named: bool) -> Change:
    """What a scenario comes to; of several, a refusal names the one that is meant."""
    try:
        return change_of(scenario, replica)
    except InputError as error:
        if not named:
            raise
        raise InputError(f"scenario {scenario.name}: {error}") from error


def _refuse_few(futures: int, settings: PlaySettings) -> None:
    """Refuse fewer futures than it takes for the intervals of those that are told."""
    least = least_futures(settings.coverage)
    if told_futures(futures, settings.policy) >= least:
        return
    expected = f"cannot tell what holds {settings.coverage:.0%} of what comes, expected at least"
    if settings.policy == BEST:
        raise InputError(
            f"{futures} futures, half of which choose the best policy, {expected} {2 * least - 1}: more "
            f"--futures, a lower --coverage, or a --policy by name"
        )
    raise InputError(f"{futures} futures {expected} {least}: more --futures, or a lower --coverage")


def _without(replica: Replica, settings: PlaySettings) -> _Without:
    told = told_futures(len(replica.futures), settings.policy)
    loads = _loads(replica, np.arange(len(replica.stations)))[: 1 + told]
    nobody = np.zeros(replica.forecast.shape, bool)
    lost, energy = lost_and_energy(loads, replica.capacity, (nobody, nobody), settings.power)
    users = None if replica.users is None else users_lost(replica.users, loads, replica.capacity)
    return _Without(_over(replica.forecast, replica.capacity), loads.sum(axis=(1, 2)), lost, energy, users)


def _outcome(
    replica: Replica, without: _Without, scenario: Scenario, change: Change, settings: PlaySettings
) -> Outcome:
    problem = _problem(replica, change)
    part = _part(replica, change, problem, settings)
    choice = chosen(problem, part, replica.capacity[part.stations], settings.policy)
    routes = choice.routes
    affected = np.union1d(_changed(change), routes.stations)
    part = _narrowed(part, affected)
    capacity, cover = replica.capacity[affected], settings.coverage
    after = sent(routes, part.demand, affected)
    silent = change.off[:, affected], change.asleep[:, affected]
    nobody = np.zeros(silent[0].shape, bool)
    lost_before, kwh_before = lost_and_energy(part.before, capacity, (nobody, nobody), settings.power)
    lost_after, kwh_after = lost_and_energy(after, capacity, silent, settings.power)
    alone = uncovered(routes, part.demand, affected).sum(axis=(1, 2))
    less = without_rounding(lost_after + alone - lost_before, part.demand.sum(axis=(1, 2)))  # (1 + R,)
    drawn = without_rounding(kwh_after - kwh_before, kwh_after + kwh_before)
    base, load = band(part.before, cover), band(after, cover)
    over = without.over.copy()
    over[:, affected] = _over(after[0], capacity)
    return Outcome(
        scenario=scenario,
        told=part.told,
        coverage=cover,
        silent=change.silent,
        stations=affected,
        base=base,
        load=load,
        difference=_difference(part.before, after, base, load, cover),
        risk=share_over(after[1:], capacity * (1 + ROUNDING)),
        lost=_lost(routes, after[0], part.demand[0], affected, capacity),
        routes=routes,
        flows=without_rounding(routes.share, np.ones(1)) * asked(change, replica.forecast)[:, routes.source],
        policies=choice.judged,
        left_out=choice.left_out,
        policy=choice.policy,
        over=(without.over, over),
        asked_total=total(without.asked + (part.demand - part.before).sum(axis=(1, 2)), cover),
        lost_base=total(without.lost, cover),
        lost_scenario=total(without_rounding(without.lost + less, without.asked), cover),
        lost_difference=total(less, cover),
        energy_base=total(without.energy, cover),
        energy_scenario=total(without.energy + drawn, cover),
        energy_difference=total(drawn, cover),
        users=_users(replica, without, change, Affected(affected, part.before, after, routes), cover),
    )


def _difference(before: Floats, after: Floats, base: Band, load: Band, coverage: float) -> Band:
    """What is asked `after` beyond what is `before`, (1 + R, H, A), of which two are the bands."""
    found, beside = band(after - before, coverage), np.maximum(base.upper, load.upper)
    return Band(*(without_rounding(each, beside) for each in (found.forecast, found.lower, found.upper)))


def _users(
    replica: Replica,
    without: _Without,
    change: Change,
    affected: Affected,
    cover: float,
) -> UsersOutcome | None:
    """What becomes of users, where somebody has told how many there are."""
    if replica.users is None or without.users is None:
        return None
    own = affected.stations
    crowd = Crowd(replica.users[:, own], asked(change, replica.users)[:, own])
    return users_outcome(without.users, crowd, affected, replica.capacity[own], cover)


def _part(replica: Replica, change: Change, problem: Problem, settings: PlaySettings) -> Part:
    """All stations that are changed, send, or may be sent to."""
    options = problem.options[problem.open.any(axis=0)]
    stations = np.unique(np.concatenate([_changed(change), problem.station, options]))
    before = _loads(replica, stations)
    told = told_futures(len(replica.futures), settings.policy)
    return Part(stations, before, asked(_change_at(change, stations), before), told)


def _narrowed(part: Part, stations: Counts) -> Part:
    """Some of the stations, in the futures that are told."""
    before, demand = (each[: 1 + part.told] for each in (part.before, part.demand))
    if len(stations) < len(part.stations):
        places = np.searchsorted(part.stations, stations)
        before, demand = (np.take(each, places, axis=2) for each in (before, demand))
    return Part(stations, before, demand, part.told)


def _problem(replica: Replica, change: Change) -> Problem:
    """The traffic that looks for stations: of silent ones, and of those that a scenario makes too full."""
    demand = asked(change, replica.forecast)  # (H, K)
    calm = np.zeros(demand.shape, bool)
    first = _problem_of(replica, demand, change.silent, calm)
    loads = sent(routes_of(first, nearest(first)), demand, np.arange(len(replica.stations)))
    grown = loads > replica.forecast * (1 + ROUNDING)
    crowded = _over(loads, replica.capacity) & grown & ~change.silent
    return _problem_of(replica, demand, change.silent, crowded) if crowded.any() else first


def _problem_of(replica: Replica, demand: Floats, silent: Mask, crowded: Mask) -> Problem:
    senders = np.flatnonzero((silent | crowded).any(axis=0))
    classes = classes_of(replica.positions, replica.reach, senders)
    return problem_of(classes, demand, silent, crowded, replica.capacity)


def _loads(replica: Replica, stations: Counts) -> Floats:
    """The forecast and the futures of some stations, (1 + R, H, A); the younger half of the futures first."""
    loads = np.empty((1 + len(replica.futures), len(replica.forecast), len(stations)))
    loads[0] = replica.forecast[:, stations]
    loads[1:] = np.roll(np.take(replica.futures, stations, axis=2), -(len(replica.futures) // 2), axis=0)
    return loads


def _changed(change: Change) -> Counts:
    """The stations of which something else is asked, or that are silent."""
    own = np.flatnonzero(((change.factor != 1) | change.silent).any(axis=0))
    ends = [np.append(each.sources, each.target) for each in change.moves]
    return np.unique(np.concatenate([own, *ends]))


def _change_at(change: Change, stations: Counts) -> Change:
    """What changes at some stations, which hold all of its moves."""
    moves = tuple(
        Move(np.searchsorted(stations, each.sources), int(np.searchsorted(stations, each.target)), each.share)
        for each in change.moves
    )
    return Change(change.off[:, stations], change.asleep[:, stations], change.factor[:, stations], moves)


def _beyond(loads: Values, capacity: Floats) -> Floats:
    return without_rounding(np.maximum(loads - capacity, 0.0), capacity)


def _over(loads: Values, capacity: Floats) -> Mask:
    over: Mask = loads > capacity * (1 + ROUNDING)
    return over


def _lost(routes: Routes, loads: Floats, demand: Floats, stations: Counts, capacity: Floats) -> Floats:
    """What is lost at each station, (H, A): beyond its capacity, and of its area what nobody else covers."""
    lost = _beyond(loads, capacity)
    some = routes.uncovered.any(axis=0)
    lost[:, np.searchsorted(stations, routes.senders[some])] += uncovered(routes, demand, stations)
    return lost
