"""Averages of the updates (K, P)."""

# ruff: noqa: ARG001 - every rule takes the same arguments, and some need few of them

from dataclasses import dataclass

import numpy as np

from fl_server.aggregation.specs import demand
from fl_server.aggregation.updates import Floats, State, Updates, as_floats, mean_of


def mean(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """The arithmetic mean, each contributor counted once (vh-twin paper, Algorithms 2 and 3)."""
    return as_floats(mean_of(updates.weights)), state


def weighted_mean(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """The mean weighted by samples: FedAvg (McMahan et al. 2017). Without any samples, the plain mean."""
    total = updates.samples.sum()
    if total == 0:
        return mean(current, updates, state)
    shares = updates.samples / total  # (K,)
    return as_floats(np.einsum("k,kp->p", shares, updates.weights, dtype=np.float64)), state


@dataclass(frozen=True, kw_only=True)
class FedProx:
    """The plain mean; the proximal term (mu/2)·‖w − w_tier‖² is added by the stations (Li et al. 2020)."""

    mu: float = 0.01

    def __post_init__(self) -> None:
        demand(self.mu >= 0, f"fedprox: mu must be 0 or more, got {self.mu}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The mean of the updates."""
        return mean(current, updates, state)
