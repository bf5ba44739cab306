"""Which stations of a run to look after when, and whether such a risk would have named those that fail.

Axes: N stations, T steps, S slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.progress import Step, Work, finished
from data.traffic import StationId
from data.words import counted
from fl_server.watching import Sighted, followed_series, following
from hetnet.operations.detection import WatchSettings
from hetnet.operations.deviations import Array, Followed, deviations
from hetnet.operations.maintenance import (
    RECENT_DAYS,
    Risk,
    RiskSettings,
    Visits,
    best_visits,
    failure_losses,
    ranked_above,
    risk,
    riskiest_first,
    visit_costs,
    worn,
)

WEEK = 168
LEAST_RANKED = 4
DEPTH, UNREST = 0.15, 0.15  # of stations that wear out, on their last day


@dataclass(frozen=True, kw_only=True)
class CrewSettings:
    """So many crews make visits of so many hours; visits begin every `every` hours of the coming week.

    A failure that was not prevented loses the load of `repair_hours`.
    """

    crews: int = 1
    hours: int = 2
    every: int = 6
    repair_hours: int = 24

    def __post_init__(self) -> None:
        if min(self.crews, self.hours, self.every, self.repair_hours) < 1:
            raise InputError("crews, hours, every and repair_hours must be at least 1")
        if self.hours > self.every:
            raise InputError(
                f"visits of {self.hours} h: expected at most the {self.every} h from slot to slot"
            )
        if self.every > WEEK:
            raise InputError(f"a slot every {self.every} h: expected at most the {WEEK} h of a week")

    @property
    def slots(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The hours of the week at which visits may begin, (S,)."""
        return np.arange(0, WEEK - self.hours + 1, self.every, dtype=np.int64)


@dataclass(frozen=True)
class Plan:
    """The risk of each station, the best visits, and a plain plan beside them."""

    stations: tuple[StationId, ...]
    risk: Risk
    visits: Visits
    plain: Visits
    begin: np.datetime64
    expected: Array  # (168, N) loads of the coming week by the hour


def maintained(run: Path, found: Sighted, crew: CrewSettings, settings: RiskSettings) -> Plan:
    """The visits of the week after the watched steps."""
    return finished(maintaining(run, found, crew, settings))


def maintaining(run: Path, found: Sighted, crew: CrewSettings, settings: RiskSettings) -> Work[Plan]:
    """The same, and where it stands."""
    how = found.record.settings.segment.relation
    followed = yield from following(found.series, found.twins, found.first, how)
    if followed.step_minutes != 60:
        raise InputError(f"{run}: its twins forecast steps of {followed.step_minutes} min, expected hours")
    if len(followed.clock) < WEEK:
        raise InputError(
            f"{found.source}: holds {len(followed.clock)} h of forecasts, expected a week's {WEEK}"
        )
    yield Step("planning", 0, 2, "risks")
    risks = risk(deviations(followed, WatchSettings().deviation), followed, found.ages, settings)
    expected = followed.usual[-WEEK:]
    costs = visit_costs(risks.chance, expected, crew.slots, crew.hours, crew.repair_hours)
    yield Step("planning", 1, 2, "visits")
    without = failure_losses(risks.chance, expected, crew.repair_hours)
    begin = followed.clock[-1] + np.timedelta64(60, "m")
    crews = min(crew.crews, len(costs))  # more than there are stations would have nothing to do
    plain = riskiest_first(risks.chance, costs, without, crews)
    best = best_visits(costs, without, crews)
    yield Step("planning", 2, 2, "done")
    return Plan(followed.stations, risks, best, plain, begin, expected)


@dataclass(frozen=True)
class Check:
    """How often a station that would fail had the higher risk of two, seed by seed."""

    worn: tuple[float, ...]
    unworn: tuple[float, ...]
    stations: int


def followed_of(found: Sighted) -> Followed:
    """The series beside what twins expect."""
    return followed_series(found.series, found.twins, found.first, found.record.settings.segment.relation)


def checked(run: Path, found: Sighted, settings: RiskSettings, seeds: Sequence[int], share: float) -> Check:
    """How stations rank that a seed wears out over the last days, before they would fail.

    `unworn` are ranks of as many that would fail without having shown anything: chance, one half.
    """
    series, twins = found.series, found.twins
    if len(twins) < LEAST_RANKED:
        raise InputError(f"{run}: {counted(len(twins), 'station')} cannot be ranked, expected {LEAST_RANKED}")
    end = len(series.target.load)
    count = max(1, round(share * len(series.target.stations)))
    days = RECENT_DAYS * 24 * 60 // series.target.step_minutes
    with_signs, without_signs = [], []
    for seed in seeds:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(11,)))
        chosen, others = np.split(rng.permutation(len(twins))[: 2 * count], 2)
        load = worn(series.target.load, chosen, slice(end - days, end), DEPTH, UNREST, rng)
        target = replace(series.target, load=load.astype(np.float32))
        changed = replace(series, target=target, load=series.scaler.scaled(target.load))
        followed = followed_of(replace(found, series=changed))
        ranked = risk(deviations(followed, WatchSettings().deviation), followed, found.ages, settings)
        failed = np.zeros(len(twins), dtype=bool)
        failed[chosen] = True
        with_signs.append(ranked_above(ranked.chance, failed))
        unseen = np.zeros(len(twins), dtype=bool)
        unseen[others] = True
        without_signs.append(ranked_above(ranked.chance[~failed], unseen[~failed]))
    return Check(tuple(with_signs), tuple(without_signs), count)


def visit_rows(plan: Plan, crew: CrewSettings) -> list[dict[str, object]]:
    """A line for each visit, in the order of time; loads are what is expected to be carried meanwhile."""
    rows = []
    for station in np.flatnonzero(plan.visits.slot >= 0).tolist():
        hour = int(crew.slots[plan.visits.slot[station]])
        rows.append((hour, plan.stations[station], station))
    return [
        {
            "start": str(plan.begin + np.timedelta64(hour * 60, "m")),
            "station": name,
            "chance": round(float(plan.risk.chance[station]), 4),
            "load": round(float(plan.expected[hour : hour + crew.hours, station].sum()), 2),
        }
        for hour, name, station in sorted(rows)
    ]
