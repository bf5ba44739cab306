"""Averages of the updates (K, P)."""

# ruff: noqa: ARG001 - every rule takes the same arguments, and some need few of them

from dataclasses import dataclass

from data.exact_sums import exact_sum, mean_of_sums
from data.messages import SumBy
from fl_server.aggregation.specs import demand
from fl_server.aggregation.updates import Floats, State, Strategy, Updates, as_floats, mean_of


def mean(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """The arithmetic mean, each contributor counted once (vh-twin paper, Algorithms 2 and 3)."""
    return as_floats(mean_of(updates.weights)), state


def weighted_mean(current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """The mean weighted by samples: FedAvg (McMahan et al. 2017). Without any samples, the plain mean."""
    total = int(updates.samples.sum())
    if total == 0:
        return mean(current, updates, state)
    return as_floats(mean_of_sums(exact_sum(updates.weights, updates.samples), total)), state


@dataclass(frozen=True, kw_only=True)
class FedProx:
    """The plain mean; the proximal term (mu/2)·‖w − w_tier‖² is added by the stations (Li et al. 2020)."""

    mu: float = 0.01

    def __post_init__(self) -> None:
        demand(self.mu >= 0, f"fedprox: mu must be 0 or more, got {self.mu}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The mean of the updates."""
        return mean(current, updates, state)


def sum_by(strategy: Strategy) -> SumBy:
    """By what hosts may add up updates for this strategy before they send them."""
    if strategy is weighted_mean:
        return "window"
    return "station" if strategy is mean or isinstance(strategy, FedProx) else "nothing"
