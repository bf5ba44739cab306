"""A scenario played on a replica: the same futures with it and without.

Axes: K stations, A of them affected, H hours, R futures, P pairs of stations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.coverage import classes_of
from hetnet.operations.energy import PowerModel, watts
from hetnet.operations.replica import Replica, ends, least_futures
from hetnet.operations.rerouting import (
    POLICIES,
    Problem,
    Routes,
    exact,
    filled,
    is_small,
    nearest,
    problem_of,
    routes_of,
    sent,
)
from hetnet.operations.scenario import Change, Move, Scenario, asked, change_of

Values = NDArray[np.floating]
BEST, NONE = "best", "none"
SLOW = (filled, exact)
ROUNDING = 1e-9  # of a capacity, so that what fills it to the last bit is not over it


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


@dataclass(frozen=True)
class Band:
    """A forecast and the ends of an interval around it, of one shape."""

    forecast: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Judged:
    """What a policy comes to, over all hours."""

    name: str
    lost: float  # by the forecast
    lost_mean: float  # over the futures
    moved: float  # by the forecast


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a scenario changes. Loads are what is asked of stations; beyond the capacity it is lost."""

    scenario: Scenario
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
    policy: str
    over: tuple[Mask, Mask]  # (H, K) whether stations are over capacity by the forecast, before and after
    asked_total: Band  # of the scenario, over all hours
    lost_base: Band
    lost_scenario: Band
    lost_difference: Band
    energy_base: Band  # kWh
    energy_scenario: Band
    energy_difference: Band


@dataclass(frozen=True)
class _Without:
    """The replica as it is: what is the same for all scenarios."""

    over: Mask  # (H, K)
    asked: Floats  # (1 + R,) by the forecast, then in each future; over all hours and stations
    lost: Floats  # (1 + R,)
    energy: Floats  # (1 + R,) kWh


def played(replica: Replica, scenarios: Sequence[Scenario], settings: PlaySettings) -> Iterator[Outcome]:
    """Each scenario played on the same futures."""
    least = least_futures(settings.coverage)
    if len(replica.futures) < least:
        raise InputError(
            f"{len(replica.futures)} futures cannot tell what holds {settings.coverage:.0%} of what comes, "
            f"expected at least {least}: sample more, or lower the coverage"
        )
    changes = [change_of(each, replica) for each in scenarios]  # refuses before the work
    without = _without(replica, settings.power)
    for scenario, change in zip(scenarios, changes, strict=True):
        yield _outcome(replica, without, scenario, change, settings)


def _without(replica: Replica, power: PowerModel) -> _Without:
    nobody = np.zeros(replica.forecast.shape, bool)

    def summed(loads: Values) -> tuple[float, float, float]:
        energy = watts(loads, replica.capacity, nobody, nobody, power).sum() / 1000
        return (
            float(loads.sum(dtype=np.float64)),
            float(_beyond(loads, replica.capacity).sum()),
            float(energy),
        )

    totals = np.array([summed(replica.forecast), *map(summed, replica.futures)])  # (1 + R, 3)
    return _Without(_over(replica.forecast, replica.capacity), *totals.T)


def _outcome(
    replica: Replica, without: _Without, scenario: Scenario, change: Change, settings: PlaySettings
) -> Outcome:
    problem = _problem(replica, change)
    judged, routes = _chosen(replica, change, problem, settings)
    affected = np.union1d(_changed(change), routes.stations)
    capacity, cover = replica.capacity[affected], settings.coverage
    before = _loads(replica, affected)  # (1 + R, H, A)
    demand = _demand(replica, change, affected)
    after = sent(routes, demand, affected)
    uncovered = _uncovered(routes, demand, affected)
    lost = _beyond(after, capacity) + uncovered
    less = (lost - _beyond(before, capacity)).sum(axis=(1, 2))  # (1 + R,)
    drawn = _more_energy(replica, change, affected, (before, after), settings.power)
    over = without.over.copy()
    over[:, affected] = _over(after[0], capacity)
    return Outcome(
        scenario=scenario,
        silent=change.silent,
        stations=affected,
        base=_band(before, cover),
        load=_band(after, cover),
        difference=_band(after - before, cover),
        risk=_over(after[1:], capacity).mean(axis=0),
        lost=lost[0],
        routes=routes,
        flows=routes.share * asked(change, replica.forecast)[:, routes.source],
        policies=judged,
        policy=settings.policy if settings.policy != BEST else _best(judged),
        over=(without.over, over),
        asked_total=_band(without.asked + (demand - before).sum(axis=(1, 2)), cover),
        lost_base=_band(without.lost, cover),
        lost_scenario=_band(without.lost + less, cover),
        lost_difference=_band(less, cover),
        energy_base=_band(without.energy, cover),
        energy_scenario=_band(without.energy + drawn, cover),
        energy_difference=_band(drawn, cover),
    )


def _more_energy(
    replica: Replica, change: Change, stations: Counts, loads: tuple[Floats, Floats], power: PowerModel
) -> Floats:
    """The kWh that `stations` draw more with the second of `loads` (1 + R, H, A) than the first, (1 + R,)."""
    before, after = loads
    capacity, nobody = replica.capacity[stations], np.zeros((before.shape[1], len(stations)), bool)
    base = watts(before, capacity, nobody, nobody, power)
    drawn = watts(after, capacity, change.off[:, stations], change.asleep[:, stations], power)
    more: Floats = (drawn - base).sum(axis=(1, 2)) / 1000
    return more


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


def _chosen(
    replica: Replica, change: Change, problem: Problem, settings: PlaySettings
) -> tuple[tuple[Judged, ...], Routes]:
    """What each policy comes to, and the routes of the one that is wanted."""
    if not problem.active.any():
        return (), routes_of(problem, nearest(problem))
    wanted = POLICIES if settings.policy == BEST else {settings.policy: POLICIES[settings.policy]}
    if not is_small(problem):
        wanted = {name: policy for name, policy in wanted.items() if policy not in SLOW}
    if not wanted:
        raise InputError(
            f"policy {settings.policy!r} looks at each class one by one, and there are too many here; "
            f"expected one of {', '.join(name for name in POLICIES if POLICIES[name] not in SLOW)}"
        )
    stations = np.unique(np.append(problem.station, problem.options[problem.open.any(axis=0)]))
    demand = _demand(replica, change, stations)
    routes = {name: routes_of(problem, policy(problem)) for name, policy in wanted.items()}
    judged = tuple(_judged(name, each, demand, stations, replica) for name, each in routes.items())
    return judged, routes[_best(judged)]


def _judged(name: str, routes: Routes, demand: Floats, stations: Counts, replica: Replica) -> Judged:
    loads = sent(routes, demand, stations)
    lost = _beyond(loads, replica.capacity[stations]) + _uncovered(routes, demand, stations)
    totals = lost.sum(axis=(1, 2))
    moved = routes.share * demand[0][:, np.searchsorted(stations, routes.source)]
    return Judged(name, float(totals[0]), float(totals[1:].mean()), float(moved.sum()))


def _best(judged: Sequence[Judged]) -> str:
    """The policy that loses least over the futures; of equals the one that moves least."""
    if not judged:
        return NONE
    least = min(each.lost_mean for each in judged)
    equal = [each for each in judged if each.lost_mean <= least + ROUNDING * max(least, each.moved)]
    fewest = min(each.moved for each in equal)
    return next(each.name for each in equal if each.moved <= fewest * (1 + ROUNDING))


def _loads(replica: Replica, stations: Counts) -> Floats:
    """The forecast and the futures of some stations, (1 + R, H, A)."""
    loads: Floats = np.concatenate([replica.forecast[None, :, stations], replica.futures[:, :, stations]])
    return loads


def _changed(change: Change) -> Counts:
    """The stations of which something else is asked, or that are silent."""
    own = np.flatnonzero(((change.factor != 1) | change.silent).any(axis=0))
    ends = [np.append(each.sources, each.target) for each in change.moves]
    return np.unique(np.concatenate([own, *ends]))


def _demand(replica: Replica, change: Change, stations: Counts) -> Floats:
    """What is asked around some stations by the forecast and in the futures, (1 + R, H, A)."""
    ends = [np.append(each.sources, each.target) for each in change.moves]
    wide = np.unique(np.concatenate([stations, *ends]))  # what is moved to them may come from others
    moves = tuple(
        Move(np.searchsorted(wide, each.sources), int(np.searchsorted(wide, each.target)), each.share)
        for each in change.moves
    )
    part = Change(change.off[:, wide], change.asleep[:, wide], change.factor[:, wide], moves)
    demand: Floats = asked(part, _loads(replica, wide))[..., np.searchsorted(wide, stations)]
    return demand


def _beyond(loads: Values, capacity: Floats) -> Floats:
    beyond: Floats = np.maximum(loads - capacity, 0.0)
    return beyond


def _over(loads: Values, capacity: Floats) -> Mask:
    over: Mask = loads > capacity * (1 + ROUNDING)
    return over


def _uncovered(routes: Routes, demand: Floats, stations: Counts) -> Floats:
    """What is asked where nobody else can serve, (…, H, A), by whose area it is."""
    lost = np.zeros(demand.shape)
    place = np.searchsorted(stations, routes.senders)
    lost[..., place] = routes.uncovered * demand[..., place]
    return lost


def _band(values: Floats, coverage: float) -> Band:
    """The forecast, which comes first in `values` (1 + R, …), and the interval of the futures."""
    return Band(values[0], *ends(values[1:], coverage))
