"""A world small enough to know the best policy of: an age, a price that is drawn anew in every slot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetnet.sync.evaluation import Floats, Mask
from hetnet.sync.rules import Columns

SLOTS = 12
GROWTH = 0.3  # of the error, by age
PRICES = (0.4, 1.6)
RATE = 10.0
COLUMNS = Columns(("age", "error", "growth", "price", "left"), SLOTS)


@dataclass(frozen=True)
class ToySlot:
    """What a slot brought."""

    observations: NDArray[np.float32]
    rewards: Floats
    ended: bool
    rates: Floats
    errors: Floats
    synced: Mask
    refused: Mask


class Toy:
    """Copies of the world; rates are RATE less the price of a refresh, the error grows by GROWTH a slot.

    All is counted `scale` times.
    """

    def __init__(self, copies: int, rng: np.random.Generator, scale: float = 1.0) -> None:
        self._copies, self._rng, self._scale = copies, rng, scale

    def reset(self) -> NDArray[np.float32]:
        self._prices = self._rng.choice(PRICES, (SLOTS + 1, self._copies))
        self._age, self._slot = np.ones(self._copies), 0
        return self._observed()

    def _observed(self) -> NDArray[np.float32]:
        left = np.full(self._copies, (SLOTS - self._slot) / SLOTS)
        growth = np.full(self._copies, GROWTH)
        priced = (each * self._scale for each in (GROWTH * self._age, growth, self._prices[self._slot]))
        features = (self._age / SLOTS, *priced, left)
        return np.stack(features, axis=1).astype(np.float32)

    def step(self, actions: NDArray[np.int64]) -> ToySlot:
        synced = actions == 1
        errors = np.where(synced, 0.0, GROWTH * self._age)
        rates = RATE - np.where(synced, self._prices[self._slot], 0.0)
        self._age = np.where(synced, 1.0, self._age + 1)
        self._slot += 1
        ended = self._slot == SLOTS
        nobody = np.zeros(self._copies, bool)
        rates, errors = self._scale * rates, self._scale * errors
        return ToySlot(self._observed(), rates - errors, ended, rates, errors, synced, nobody)


def toy(copies: int, rng: np.random.Generator, scale: float = 1.0) -> Toy:
    """A maker of the world."""
    return Toy(copies, rng, scale)


def best_return() -> float:
    """What the best policy earns on average, by backward induction over age and price."""
    following = np.zeros(SLOTS + 2)  # by age, of the slot after
    for slot in reversed(range(SLOTS)):
        ages = np.arange(1, slot + 2)
        waited = RATE - GROWTH * ages + following[ages + 1]
        values = np.zeros_like(following)
        refreshed = [RATE - price + following[1] for price in PRICES]
        values[ages] = np.mean([np.maximum(waited, each) for each in refreshed], axis=0)
        following = values
    return float(following[1])
