"""Rules that take the mean update as the gradient of an optimiser at the tier."""

from dataclasses import dataclass

import numpy as np

from fl_server.aggregation.specs import demand
from fl_server.aggregation.updates import Doubles, Floats, State, Updates, as_floats, mean_of


@dataclass(frozen=True, kw_only=True)
class Momentum:
    """FedAvgM (Hsu et al. 2019): v ← beta·v + Δ, w ← w + rate·v, with Δ the mean of w_k − w."""

    rate: float = 1.0
    beta: float = 0.9

    def __post_init__(self) -> None:
        _check_rate("momentum", self.rate)
        _check_share("momentum", "beta", self.beta)

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """One step of gradient descent with momentum."""
        change = _mean_change(current, updates)
        velocity = self.beta * state["velocity"] + change if state else change
        return as_floats(current + self.rate * velocity), {"velocity": velocity}


@dataclass(frozen=True, kw_only=True)
class FedAdam:
    """FedAdam (Reddi et al. 2021, Algorithm 2), with Δ the mean of w_k − w.

    m ← beta1·m + (1 − beta1)·Δ from 0, v ← beta2·v + (1 − beta2)·Δ² from tau², w ← w + rate·m / (√v + tau).
    As there, nothing is corrected for the start. beta1, beta2 and tau are the paper's; its `rate` was tuned
    for every task.
    """

    rate: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3

    def __post_init__(self) -> None:
        name = type(self).__name__.lower()
        _check_rate(name, self.rate)
        _check_share(name, "beta1", self.beta1)
        _check_share(name, "beta2", self.beta2)
        demand(self.tau > 0, f"{name}: tau must be above 0, got {self.tau}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """One adaptive step."""
        change = _mean_change(current, updates)
        first = state["first"] if state else np.zeros_like(change)
        second = state["second"] if state else np.full_like(change, self.tau**2)
        first = self.beta1 * first + (1 - self.beta1) * change
        second = self.second_moment(second, change**2)
        stepped = current + self.rate * first / (np.sqrt(second) + self.tau)
        return as_floats(stepped), {"first": first, "second": second}

    def second_moment(self, second: Doubles, square: Doubles) -> Doubles:
        """The next v: a moving average of the squared changes."""
        return self.beta2 * second + (1 - self.beta2) * square


class FedYogi(FedAdam):
    """FedAdam with v ← v − (1 − beta2)·Δ²·sign(v − Δ²), which grows and shrinks by the same steps."""

    def second_moment(self, second: Doubles, square: Doubles) -> Doubles:
        """The next v, one step towards the squared change."""
        return second - (1 - self.beta2) * square * np.sign(second - square)


def _mean_change(current: Floats, updates: Updates) -> Doubles:
    return mean_of(updates.weights) - current


def _check_rate(name: str, rate: float) -> None:
    demand(rate > 0, f"{name}: rate must be above 0, got {rate}")


def _check_share(name: str, setting: str, value: float) -> None:
    demand(0 <= value < 1, f"{name}: {setting} must be in [0, 1), got {value}")
