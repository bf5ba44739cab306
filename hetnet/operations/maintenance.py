"""Which station to look after when: risk from residuals and age, and the visits that lose least traffic.

Axes: N stations, S slots, D days, T steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from data.errors import InputError
from hetnet.operations.deviations import Array, Deviations, Followed, Whole

RECENT_DAYS = 3
NOT_VISITED = -1


@dataclass(frozen=True, kw_only=True)
class RiskSettings:
    """How much each sign counts for the risk, and how many of all stations are taken to fail in a week.

    Signs are in spreads over the stations: how much more its residuals scatter than in its calm days, how far
    its level has sunk, how many of its steps lay outside their width; and the age of its twin, in weeks.
    """

    scatter: float = 1.0
    sunk: float = 1.0
    outside: float = 1.0
    age: float = 0.1
    failing: float = 0.02

    def __post_init__(self) -> None:
        if min(self.scatter, self.sunk, self.outside, self.age) < 0 or not 0 < self.failing < 1:
            raise InputError("weights of risk must not be negative, and failing must lie between 0 and 1")


@dataclass(frozen=True)
class Risk:
    """`chance` of a failure within a week (N,), and the signs that it rests on, each (N,)."""

    chance: Array
    scatter: Array
    sunk: Array
    outside: Array
    age_weeks: Array


def risk(found: Deviations, followed: Followed, age_hours: Array, settings: RiskSettings) -> Risk:
    """The risk of each station after the last step, from its last days beside its calm ones."""
    recent = slice(-RECENT_DAYS * followed.steps_a_day, None)
    calm = slice(None, followed.first)
    scatter = np.log(_scatter(found.own[recent]) / _scatter(found.own[calm]))
    sunk = np.median(found.raw[calm], axis=0) - np.median(found.raw[recent], axis=0)
    sunk = sunk - np.median(sunk)
    outside = (np.abs(found.own[recent]) > found.own_width[recent]).mean(axis=0)
    age = age_hours / 168
    total = (
        settings.scatter * _in_spreads(scatter)
        + settings.sunk * _in_spreads(sunk)
        + settings.outside * _in_spreads(outside)
        + settings.age * age
    )
    return Risk(_chances(total, settings.failing), scatter, sunk, outside, age)


def _scatter(deviation: Array) -> Array:
    """How much successive deviations differ, robustly, (N,)."""
    return np.asarray(np.median(np.abs(np.diff(deviation, axis=0)), axis=0) + 1e-6)


def _in_spreads(sign: Array) -> Array:
    middle = np.median(sign)
    spread = 1.4826 * np.median(np.abs(sign - middle))
    return np.asarray(np.clip((sign - middle) / max(spread, 1e-6), -3, 10))


def _chances(total: Array, failing: float) -> Array:
    """Chances in the ratio of exp(total), of which `failing` is the mean; none above one half."""
    weight = np.exp(total - total.max())
    chances = weight / weight.mean() * failing
    return np.asarray(np.minimum(chances, 0.5))


@dataclass(frozen=True)
class Visits:
    """`slot` of each station's visit (N,), or NOT_VISITED; `lost` is what traffic is expected to be lost."""

    slot: Whole
    lost: float
    lost_without: float


def visit_costs(chance: Array, expected: Array, slots: Whole, hours: int, repair_hours: int) -> Array:
    """What a visit of each station in each slot is expected to lose, (N, S).

    `expected` (T, N) are the loads of the coming week by the hour. A visit from hour `slots[s]` on loses the
    load of its `hours`; until then the station may fail, at the same rate all week, which loses
    `repair_hours` of its mean load. A visited station does not fail later.
    """
    total = np.vstack([np.zeros(expected.shape[1]), np.cumsum(expected, axis=0)])
    visit = total[slots + hours] - total[slots]  # (S, N)
    until = slots[:, None] / len(expected) * failure_losses(chance, expected, repair_hours)
    return np.asarray((visit + until).T)


def failure_losses(chance: Array, expected: Array, repair_hours: int) -> Array:
    """What failures lose in a week without visits, (N,)."""
    return np.asarray(chance * repair_hours * expected.mean(axis=0))


def best_visits(costs: Array, without: Array, crews: int) -> Visits:
    """The visits that lose least, each slot having so many crews: an assignment, solved exactly.

    A station is visited only where that loses less than leaving it.
    """
    gain = np.repeat(without[:, None] - costs, crews, axis=1)  # (N, S * crews)
    rows, places = linear_sum_assignment(np.maximum(gain, 0.0), maximize=True)
    helps = gain[rows, places] > 0
    slot = np.full(len(costs), NOT_VISITED)
    slot[rows[helps]] = places[helps] // crews
    return Visits(slot, lost_by(slot, costs, without), float(without.sum()))


def lost_by(slot: Whole, costs: Array, without: Array) -> float:
    """The traffic that a plan is expected to lose."""
    visited = slot != NOT_VISITED
    return float(costs[visited, slot[visited]].sum() + without[~visited].sum())


def riskiest_first(chance: Array, costs: Array, without: Array, crews: int) -> Visits:
    """A plain plan to compare with: the riskiest first, each in the earliest slot left, if that helps it."""
    slot = np.full(len(chance), NOT_VISITED)
    taken = 0
    for station in np.argsort(-chance, kind="stable"):
        if taken < costs.shape[1] * crews and costs[station, taken // crews] < without[station]:
            slot[station] = taken // crews
            taken += 1
    return Visits(slot, lost_by(slot, costs, without), float(without.sum()))


def ranked_above(risks: Array, failed: NDArray[np.bool_]) -> float:
    """How often a station that failed had the higher risk of the two: the area under the ROC curve."""
    one, other = risks[failed], risks[~failed]
    if not len(one) or not len(other):
        return float("nan")
    above = (one[:, None] > other).mean() + 0.5 * (one[:, None] == other).mean()
    return float(above)


def worn(
    load: NDArray[np.floating],
    stations: Whole,
    steps: slice,
    depth: float,
    unrest: float,
    rng: np.random.Generator,
) -> Array:
    """The load (T, N) of stations that wear out: over `steps` they sink by `depth` and become unsteady."""
    changed = np.array(load, dtype=np.float64)
    span = np.arange(len(load))[steps]
    place = (np.arange(len(span)) + 1) / len(span)
    for station in stations.tolist():
        noise = np.exp(unrest * place * rng.standard_normal(len(span)))
        changed[span, station] *= (1 - depth * place) * noise
    return changed
