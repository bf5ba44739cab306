"""Who serves whom: an assignment of users to stations with slots (hierarchical-twin paper, Section IV-C).

Axes: N users, M stations, C slots of all stations. The paper makes the table square with virtual users and
stations; a table that is left rectangular has the same best award (a test holds both together), and is
smaller.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from data.errors import InputError
from data.words import counted
from hetnet.network import NOBODY, Counts, Floats, Mask

SERVING_COUNTS = 1e-9  # of two associations with one award, the one that serves more users is better


@dataclass(frozen=True)
class Association:
    """The station of each user, and who has none and why."""

    serving: Counts  # (N,) -1 for none
    out_of_range: Counts  # (U,) users that no station reaches
    without_slot: Counts  # (V,) users in range of stations, which have no slots, or whose slots others have

    @property
    def served(self) -> Counts:
        """The users with a station."""
        return np.flatnonzero(self.serving != NOBODY)

    def explained(self) -> str:
        """Why users have no station, in words; nothing where all have one."""
        clauses = (
            ("out of range of every station", self.out_of_range),
            ("no free slot at any station in range", self.without_slot),
        )
        return "; ".join(f"{what}: {named(users)}" for what, users in clauses if len(users))


def named(users: Counts, most: int = 5) -> str:
    """How many users these are, and the first of them by their row."""
    rows = ", ".join(map(str, users[:most])) + (", …" if len(users) > most else "")
    return f"{counted(len(users), 'user')} ({rows})"


def best_association(award: Floats, slots: Counts, reachable: Mask) -> Association:
    """The association with the greatest sum of awards: exact.

    `award` (N, M) is what serving each user from each station is worth, 0 or more; `slots` (M,) is how many
    users each station can serve, `reachable` (N, M) whether it may serve that user.
    """
    _check("awards", award, slots, reachable)
    allowed = reachable & (slots > 0)
    columns = _slots_of_use(allowed, slots)
    worth = np.where(allowed, award + SERVING_COUNTS * max(award.max(initial=0.0), 1.0), 0.0)
    users, chosen = linear_sum_assignment(worth[:, columns], maximize=True)
    serving = np.full(len(award), NOBODY)
    serving[users] = columns[chosen]
    return _association(np.where(_is_allowed(serving, allowed), serving, NOBODY), reachable)


def strongest_association(received: Floats, slots: Counts, reachable: Mask) -> Association:
    """Each user at the station that it hears best, or the next best with a free slot.

    `received` (N, M) is the power that arrives from each station. Where users compete for a slot, the one
    that hears the station best gets it.
    """
    _check("received powers", received, slots, reachable)
    allowed = reachable & (slots > 0)
    users, stations = np.nonzero(allowed)
    order = np.argsort(-received[users, stations], kind="stable")
    return _association(_first_come(users[order], stations[order], len(received), slots), reachable)


def random_association(slots: Counts, reachable: Mask, rng: np.random.Generator) -> Association:
    """Users in random order, each at a random station in range that has a free slot."""
    _check_slots(slots, reachable)
    allowed = reachable & (slots > 0)
    users, stations = np.nonzero(allowed)
    order = rng.permutation(len(users))
    return _association(_first_come(users[order], stations[order], len(reachable), slots), reachable)


def _slots_of_use(allowed: Mask, slots: Counts) -> Counts:
    """The station of each slot, (C,): of none more slots than there are users in its range."""
    return np.repeat(np.arange(len(slots)), np.minimum(slots, allowed.sum(axis=0)))


def _first_come(users: Counts, stations: Counts, number: int, slots: Counts) -> Counts:
    """Go through pairs in order: a pair is made where the user has no station yet and a slot is free."""
    free = slots.tolist()
    serving = [NOBODY] * number
    for user, station in zip(users.tolist(), stations.tolist(), strict=True):
        if serving[user] == NOBODY and free[station] > 0:
            serving[user] = station
            free[station] -= 1
    return np.array(serving, np.int64).reshape(number)


def _is_allowed(serving: Counts, allowed: Mask) -> Mask:
    rows = np.flatnonzero(serving != NOBODY)
    fine = np.zeros(len(serving), bool)
    fine[rows] = allowed[rows, serving[rows]]
    return fine


def _association(serving: Counts, reachable: Mask) -> Association:
    alone = serving == NOBODY
    reached = reachable.any(axis=1)
    return Association(serving, np.flatnonzero(alone & ~reached), np.flatnonzero(alone & reached))


def _check(what: str, values: Floats, slots: Counts, reachable: Mask) -> None:
    """Refuse what no association can be made of; `values` (N, M) are so-called."""
    if values.shape != reachable.shape:
        raise InputError(
            f"association: found {what} {values.shape} and ranges {reachable.shape}, "
            "expected (users, stations) of both"
        )
    _check_slots(slots, reachable)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise InputError(f"association: found {what} that are negative or not finite, expected neither")


def _check_slots(slots: Counts, reachable: Mask) -> None:
    if reachable.ndim != 2 or slots.shape != reachable.shape[1:]:
        raise InputError(
            f"association: found ranges {reachable.shape} and slots {slots.shape}, "
            "expected (users, stations) and (stations,)"
        )
    if (slots < 0).any():
        raise InputError(f"association: station {slots.argmin()} has {slots.min()} slots, expected 0 or more")
