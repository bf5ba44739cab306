"""How far off the best of all predictors is: a walk that draws its steps cannot be foretold better.

Who knows the walk and where a user was k slots ago errs least by the mean of where it may be now; what it
still errs is the variance of that. Away from the border it is k times that of one step, near it less.

Axes: A slots ahead, U users, G places to start from, E walks.
"""

import numpy as np

from data.compiling import cached
from hetnet.network import Floats
from hetnet.sync.walk import Limits, Mobility, moved, walked

ROUNDED = 9  # digits to which places of a coordinate count as one


def open_floor(mobility: Mobility, ahead: int) -> Floats:
    """The least mean squared error of each user 1 to `ahead` slots ahead, were there no border, (A, U)."""
    return np.arange(1, ahead + 1)[:, None] * mobility.variances


def bordered_floor(mobility: Mobility, starts: Floats, ahead: int) -> Floats:
    """The same with the border, exactly, as the mean over places to start from (G, U, 2); (A, U).

    A coordinate walks on its own: it rests while the other one moves. So where it may be is a table along one
    axis, carried on slot by slot.
    """
    floor = np.zeros((ahead, starts.shape[1]))
    for user, ways in enumerate(mobility.ways):
        for axis, (back, forth) in enumerate(ways):
            along = np.array([back, 1 - back - forth, forth])
            for start in starts[:, user, axis]:
                floor[:, user] += _variances_along(start, along, mobility, ahead)
    floor /= len(starts)
    return floor


def simulated_floor(mobility: Mobility, starts: Floats, rng: np.random.Generator, ahead: int) -> Floats:
    """How walks (E, U, 2) that all begin at the same places vary 1 to `ahead` slots later, (A, U)."""
    tracks = walked(mobility, starts, rng, ahead + 1)
    spread: Floats = tracks[:, 1:].var(axis=0, ddof=1).sum(axis=2)
    return spread


def _variances_along(start: float, along: Floats, mobility: Mobility, ahead: int) -> Floats:
    """How a coordinate that was at `start` varies 1 to `ahead` slots later, (A,).

    `along` (3,) are its probabilities to go back, to rest and to go forth.
    """
    if mobility.border == "open" or abs(start) + ahead * mobility.step <= mobility.side / 2:
        of_a_step = float(along[0] + along[2] - (along[2] - along[0]) ** 2)
        return np.arange(1.0, ahead + 1) * of_a_step * mobility.step**2
    places: Floats = np.array([start])
    chances, variances = np.ones(1), np.zeros(ahead)
    for slot in range(ahead):
        reached = _reached(places, mobility.limits).round(ROUNDED)
        places, which = np.unique(reached, return_inverse=True)
        chances = np.bincount(which.ravel(), np.outer(along, chances).ravel()).astype(np.float64)
        variances[slot] = chances @ (places - chances @ places) ** 2
    return variances


@cached
def _reached(places: Floats, limits: Limits) -> Floats:
    """Where a step down, none and one up lead from each of the places, (3, places)."""
    reached = np.empty((3, len(places)))
    for number in range(len(places)):
        reached[0, number] = moved(places[number], -limits.step, limits)
        reached[1, number] = places[number]
        reached[2, number] = moved(places[number], limits.step, limits)
    return reached
