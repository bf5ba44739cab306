"""Policies judged on the same worlds: what they earn, what of it is rate and error, how often they refresh.

Axes: E copies of the world, F features, C candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.sync.rules import FAMILIES, Actions, Columns, Floats32, Policy, candidates

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Slot(Protocol):
    """What a slot brought to each of E copies."""

    @property
    def observations(self) -> Floats32: ...  # (E, F)
    @property
    def rewards(self) -> Floats: ...  # (E,)
    @property
    def ended(self) -> bool: ...
    @property
    def rates(self) -> Floats: ...  # (E,)
    @property
    def errors(self) -> Floats: ...  # (E,)
    @property
    def synced(self) -> Mask: ...  # (E,)
    @property
    def refused(self) -> Mask: ...  # (E,)


class World(Protocol):
    """E copies of a world that are stepped together."""

    def reset(self) -> Floats32: ...

    def step(self, actions: Actions) -> Slot: ...


Maker = Callable[[int, np.random.Generator], World]  # so many copies, their trajectories from this generator


@dataclass(frozen=True)
class Earned:
    """What one policy came to in one episode of E copies; all are sums over its slots."""

    returns: Floats  # (E,) of rewards
    rates: Floats  # (E,) of all users' rates, unweighted
    errors: Floats  # (E,) squared, unweighted
    refreshes: Floats  # (E,)
    refused: Floats  # (E,) refreshes that no block was fast enough for


def earned(world: World, policy: Policy) -> Earned:
    """One episode of `world` under `policy`."""
    observations, ended = world.reset(), False
    totals = np.zeros((5, len(observations)))
    while not ended:
        slot = world.step(policy(observations))
        totals += (slot.rewards, slot.rates, slot.errors, slot.synced, slot.refused)
        observations, ended = slot.observations, slot.ended
    return Earned(*totals)


def compared(
    contestants: Mapping[str, tuple[Maker, Policy]], copies: int, seed: np.random.SeedSequence
) -> dict[str, Earned]:
    """What each policy earns in the same `copies` trajectories, those of `seed`."""
    return {
        name: earned(maker(copies, np.random.default_rng(seed)), policy)
        for name, (maker, policy) in contestants.items()
    }


@dataclass(frozen=True)
class Tuned:
    """The best policy of a family on the worlds it was chosen on."""

    family: str
    constant: float
    policy: Policy
    mean: float  # its mean return there


def tuned(maker: Maker, columns: Columns, family: str, copies: int, seed: np.random.SeedSequence) -> Tuned:
    """The policy of a family that earns most in `copies` trajectories of `seed`."""
    if family not in FAMILIES:
        raise InputError(f"sync: no rules called {family!r}, expected one of {', '.join(FAMILIES)}")
    found = [
        Tuned(family, constant, policy, _mean(maker, policy, copies, seed))
        for constant, policy in candidates(columns, family)
    ]
    return max(found, key=lambda each: each.mean)


def _mean(maker: Maker, policy: Policy, copies: int, seed: np.random.SeedSequence) -> float:
    return float(earned(maker(copies, np.random.default_rng(seed)), policy).returns.mean())
