"""What a policy could reach that sees the whole course before it decides: a bound for those that do not.

Between two refreshes a twin that holds or drifts depends only on where its users were at the first of them.
So the best times follow from a dynamic programme over the slot of the last refresh. What a GRU predicts
depends on what the twin held before the refresh too. For it the programme runs forward and keeps, for each
slot of the last refresh, the one history that has earned most: a heuristic (`exact` is False), whose plan
still earns just what it reckons with.

Axes: E copies, T slots, R slots of the last refresh, the first of them the one before the episode; M states
that the twin knows, U users.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Floats, Mask
from hetnet.sync.predictors import Predictor
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Limits, drawn_mobility, expected_move
from hetnet.sync.world import Copies, Course, Scales, believed, scales


@dataclass(frozen=True)
class Plan:
    """When to refresh in each slot of a course that is known beforehand."""

    actions: Counts  # (E, T)
    expected: Floats  # (E,) the return that the programme reckons with; the best there is if exact
    exact: bool


def best_plan(settings: SyncSettings, course: Course, predictor: Predictor | None = None) -> Plan:
    """The refreshes of the highest return on each copy of a course."""
    mobility = drawn_mobility(settings)
    counted = scales(settings, mobility)
    if predictor:
        actions, expected = _forward(
            course, counted, lambda past: predictor(past, mobility), predictor.memory
        )
        return Plan(actions, expected, exact=predictor.memory == 1)
    errors = _errors(course.positions, believed(settings, mobility).ways, mobility.limits, settings.slots)
    kept = counted.weight * course.rates[:, :-1, :1] - counted.penalty * errors  # (E, T, R)
    actions, expected = _planned(kept, counted.weight * course.rates[:, :-1, 1], course.feasible)
    return Plan(actions, expected, exact=True)


def returns(copies: Copies, course: Course, plan: Plan) -> Floats:
    """What a plan brings when it is played on its course, (E,)."""
    copies.begin(course)
    total = np.zeros(copies.copies)
    for slot in range(copies.settings.slots):
        total += copies.step(plan.actions[:, slot]).rewards
    return total


def _forward(
    course: Course, counted: Scales, foreseen: Callable[[Floats], Floats], read: int
) -> tuple[Counts, Floats]:
    """Good actions (E, T) for twins that predict by the last `read` states they held, and their returns."""
    copies, slots = len(course.positions), course.rates.shape[1] - 1
    true = course.positions[:, -slots - 1 :]  # (E, T + 1, U, 2)
    past = course.positions[:, -slots - 1 - read : -slots - 1, None].swapaxes(1, 2)  # (E, R, M, U, 2)
    earned, before = np.zeros((copies, 1)), np.zeros((copies, slots), np.int64)  # (E, R), (E, T)
    rows = np.arange(copies)
    for slot in range(slots):
        predicted = foreseen(past.reshape(-1, *past.shape[2:])).reshape(*past.shape[:2], *past.shape[3:])
        errors = np.square(true[:, slot, None] - predicted).sum(axis=(2, 3))  # (E, R)
        before[:, slot] = earned.argmax(axis=1)
        renewed = earned.max(axis=1) + counted.weight * course.rates[:, slot, 1]
        renewed[~course.feasible[:, slot]] = -np.inf
        kept = earned + counted.weight * course.rates[:, slot, :1] - counted.penalty * errors
        earned = np.concatenate([kept, renewed[:, None]], axis=1)
        past = np.concatenate([past, past[rows, before[:, slot], None]], axis=1)[:, :, 1:]
        held = np.concatenate([predicted, true[:, slot, None]], axis=1)  # (E, R + 1, U, 2)
        past = np.concatenate([past, held[:, :, None]], axis=2)
    return _traced(before, earned.argmax(axis=1)), earned.max(axis=1)


def _traced(before: Counts, last: Counts) -> Counts:
    """The actions (E, T) that lead to the `last` refresh (E,), each coming after the one `before` it."""
    actions = np.zeros_like(before)
    refresh = last.copy()
    for slot in reversed(range(before.shape[1])):
        here = refresh == slot + 1
        actions[here, slot] = 1
        refresh[here] = before[here, slot]
    return actions


@cached
def _errors(positions: Floats, ways: Floats, limits: Limits, slots: int) -> Floats:
    """Squared errors (E, T, R) of twins in each slot, by their last refresh; 0 where that is yet to come."""
    copies, length, users = positions.shape[:3]
    first = length - slots - 1  # what is known before the first slot
    errors = np.zeros((copies, slots, slots))
    for copy in range(copies):
        for refresh in range(slots):
            twin = positions[copy, first + refresh - 1].copy()
            for slot in range(refresh, slots):
                error = 0.0
                for user in range(users):
                    for axis in range(2):
                        twin[user, axis] = expected_move(
                            twin[user, axis], ways[user, axis, 0], ways[user, axis, 1], limits
                        )
                        missed = positions[copy, first + slot, user, axis] - twin[user, axis]
                        error += missed * missed
                errors[copy, slot, refresh] = error
    return errors


@cached
def _planned(kept: Floats, renewed: Floats, feasible: Mask) -> tuple[Counts, Floats]:
    """The best actions (E, T) and their returns (E,), backwards from the end.

    `kept` (E, T, R) are the rewards without a refresh by the slot of the last one, `renewed` (E, T) those
    with one.
    """
    copies, slots = renewed.shape
    actions, expected = np.zeros((copies, slots), np.int64), np.empty(copies)
    best = np.zeros((slots, slots), np.bool_)  # (T, R) whether to refresh
    for copy in range(copies):
        ahead = np.zeros(slots + 1)  # (R,) what the slots to come are worth
        for slot in range(slots - 1, -1, -1):
            after = renewed[copy, slot] + ahead[slot + 1]
            for refresh in range(slot + 1):
                without = kept[copy, slot, refresh] + ahead[refresh]
                best[slot, refresh] = feasible[copy, slot] and after > without
                ahead[refresh] = after if best[slot, refresh] else without
        expected[copy] = ahead[0]
        refresh = 0
        for slot in range(slots):
            if best[slot, refresh]:
                actions[copy, slot] = 1
                refresh = slot + 1
    return actions, expected
