"""Policies: when to refresh the twin. Rules of one line, which every learner has to beat, and learned nets.

Axes: E copies of the world, F features. Rules read an observation of the kind `full`, whatever a learner
beside them is shown: what they need to know, the station knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Actions = NDArray[np.int64]
Layers = tuple[tuple[Floats32, Floats32], ...]  # of each layer a weight (in, out) and a bias (out,)

STILL = 1e-9  # an error that grows by less does not grow
DRAWS = 2024  # the seed of decisions by chance
AGE, ERROR, GROWTH, PRICE, LEFT = "age", "error", "growth", "price", "left"
KNOWN = (AGE, ERROR, GROWTH, PRICE, "feasible", LEFT)  # all but users' positions


class Policy(Protocol):
    """1 for every copy whose twin is to be refreshed now, else 0."""

    def __call__(self, observations: Floats32) -> Actions:  # (E, F) -> (E,)
        ...


@dataclass(frozen=True)
class Columns:
    """Where an observation holds what rules read; `slots` turns shares of an episode into slots."""

    names: tuple[str, ...]
    slots: int

    def of(self, name: str, observations: Floats32) -> Floats32:
        """One feature of all copies, (E,)."""
        column: Floats32 = observations[:, self.names.index(name)]
        return column


def never(observations: Floats32) -> Actions:
    """Trust what the twin foresees, always."""
    return np.zeros(len(observations), np.int64)


def always(observations: Floats32) -> Actions:
    """Refresh in every slot."""
    return np.ones(len(observations), np.int64)


def periodic(columns: Columns, slots: float) -> Policy:
    """Refresh as soon as the last refresh is so many slots ago."""

    def chosen(observations: Floats32) -> Actions:
        age = np.rint(columns.of(AGE, observations) * columns.slots)
        return (age >= slots).astype(np.int64)

    return chosen


def above_error(columns: Columns, threshold: float) -> Policy:
    """Refresh when the error that would stand now, in units of reward, reaches a threshold."""

    def chosen(observations: Floats32) -> Actions:
        return (columns.of(ERROR, observations) >= threshold).astype(np.int64)

    return chosen


def above_price(columns: Columns, factor: float) -> Policy:
    """Refresh when the error that would stand now reaches so many times the price of a refresh now."""

    def chosen(observations: Floats32) -> Actions:
        worth = columns.of(ERROR, observations) >= factor * columns.of(PRICE, observations)
        return worth.astype(np.int64)

    return chosen


def paid_back(columns: Columns, slots: float) -> Policy:
    """Refresh when the error that would stand now, over so many slots or all left, pays the price."""

    def chosen(observations: Floats32) -> Actions:
        lasting = np.minimum(slots, np.rint(columns.of(LEFT, observations) * columns.slots))
        worth = columns.of(ERROR, observations) * lasting >= columns.of(PRICE, observations)
        return worth.astype(np.int64)

    return chosen


def paid_back_in_a_cycle(columns: Columns, factor: float) -> Policy:
    """The same, over as many slots as refreshes should lie apart: so many times √(price / growth).

    With an error that grows evenly a slot costs the least where refreshes are √2 of that apart.
    """

    def chosen(observations: Floats32) -> Actions:
        price, error = columns.of(PRICE, observations), columns.of(ERROR, observations)
        growth = np.maximum(columns.of(GROWTH, observations), STILL)
        slots_left = np.rint(columns.of(LEFT, observations) * columns.slots)
        lasting = np.minimum(factor * np.sqrt(np.maximum(price, 0) / growth), slots_left)
        return (error * lasting >= price).astype(np.int64)

    return chosen


@dataclass(frozen=True)
class Chance:
    """Refresh with this chance, whatever is seen: about the best that who sees positions only can do."""

    chance: float
    rng: np.random.Generator

    def __call__(self, observations: Floats32) -> Actions:
        """The action for each observation."""
        return np.asarray(self.rng.random(len(observations)) < self.chance, np.int64)


def by_chance(_: Columns, chance: float) -> Policy:
    """Refresh with this chance, the same draws each time it is made."""
    return Chance(chance, np.random.default_rng(DRAWS))


Family = tuple[Callable[[Columns, float], Policy], tuple[float, ...]]
LADDER = tuple(float(each) for each in np.geomspace(0.02, 20.0, 22))

FAMILIES: Mapping[str, Family] = {
    "by chance": (by_chance, (0.02, 0.05, 0.08, 0.12, 0.17, 0.22, 0.3, 0.4, 0.5, 0.6, 0.8)),
    "every k slots": (periodic, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 29)),
    "error above a threshold": (above_error, LADDER),
    "error above the price": (above_price, (*LADDER, 1.0)),
    "error pays the price back": (paid_back, (1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)),
    "error pays back in a cycle": (paid_back_in_a_cycle, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4)),
}


@dataclass(frozen=True)
class Perceptron:
    """A learned policy: the action of the larger output, or, given `rng`, one drawn as the policy says."""

    layers: Layers
    rng: np.random.Generator | None = None

    def __call__(self, observations: Floats32) -> Actions:
        """The action for each observation."""
        lead = self.lead(observations)
        if self.rng is None:
            return np.asarray(lead > 0, np.int64)
        chances = 0.5 + 0.5 * np.tanh(0.5 * lead)  # the logistic function, without overflow
        return np.asarray(self.rng.random(len(lead)) < chances, np.int64)

    def lead(self, observations: Floats32) -> Floats32:
        """By how much the output for a refresh is above the other, (E,)."""
        *hidden, (weight, bias) = self.layers
        for inner_weight, inner_bias in hidden:
            observations = np.maximum(observations @ inner_weight + inner_bias, 0)
        outputs = observations @ weight + bias
        lead: Floats32 = outputs[:, 1] - outputs[:, 0]
        return lead


def candidates(columns: Columns, family: str) -> Sequence[tuple[float, Policy]]:
    """The policies of a family, each with its constant."""
    rule, constants = FAMILIES[family]
    return [(constant, rule(columns, constant)) for constant in constants]
