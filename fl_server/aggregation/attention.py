"""Attentive aggregation: updates count by their distance from the tier's twin, layer by layer.

The softmax runs over plain distances, as published: a farther update counts more. These rules follow
heterogeneous clusters quickly and are anything but robust.

Axes: K contributors, P parameters, L layers.
"""

from dataclasses import dataclass

import numpy as np

from fl_server.aggregation.specs import demand
from fl_server.aggregation.updates import Doubles, Floats, State, Updates, as_floats, layer_sizes


@dataclass(frozen=True, kw_only=True)
class FedAtt:
    """FedAtt (Ji et al. 2019): w ← w − rate·Σ_k a_k·(w − w_k), a = softmax over k of ‖w − w_k‖ per layer."""

    rate: float = 1.0

    def __post_init__(self) -> None:
        demand(self.rate > 0, f"fedatt: rate must be above 0, got {self.rate}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """One attentive step."""
        return as_floats(current - self.rate * _attended(current, updates)), state


@dataclass(frozen=True, kw_only=True)
class FedDA:
    """Dual attention (Zhang et al., INFOCOM 2021): FedAtt, and a pull towards a prior q.

    w ← w − rate·(Σ_k a_k·(w − w_k) + rho·b·(w − q)), with a as in FedAtt and b, one number a layer, the
    softmax over the layers of ‖w − q‖. In the paper q is a quasi-global model, trained on a little augmented
    data that the stations share. Here no data are shared: q is a slow moving average of the tier's twin,
    q ← memory·q + (1 − memory)·w at each call, which begins as w. In the paper each tier applies this rule:
    name it for both.
    """

    rate: float = 1.0
    rho: float = 0.2
    memory: float = 0.9

    def __post_init__(self) -> None:
        demand(self.rate > 0, f"fedda: rate must be above 0, got {self.rate}")
        demand(self.rho >= 0, f"fedda: rho must be 0 or more, got {self.rho}")
        demand(0 <= self.memory <= 1, f"fedda: memory must be in [0, 1], got {self.memory}")

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """One step of dual attention."""
        twin = current.astype(np.float64)
        prior = self.memory * state["prior"] + (1 - self.memory) * twin if state else twin
        away = twin - prior  # (P,)
        sizes = layer_sizes(updates)
        attention = _softmax(_layer_norms(away[np.newaxis], sizes)[0])  # (L,)
        pull = self.rho * np.repeat(attention, sizes) * away
        stepped = twin - self.rate * (_attended(current, updates) + pull)
        return as_floats(stepped), {"prior": prior}


def _attended(current: Floats, updates: Updates) -> Doubles:
    """Σ_k a_k·(w − w_k), (P,), with the attention a of each layer."""
    away = current.astype(np.float64) - updates.weights  # (K, P)
    sizes = layer_sizes(updates)
    attention = _softmax(_layer_norms(away, sizes))  # (K, L)
    attended: Doubles = (np.repeat(attention, sizes, axis=1) * away).sum(axis=0)
    return attended


def _layer_norms(away: Doubles, sizes: tuple[int, ...]) -> Doubles:
    """The 2-norm of each layer of `away` (K, P): (K, L)."""
    starts = np.cumsum((0, *sizes[:-1]))
    norms: Doubles = np.sqrt(np.add.reduceat(away**2, starts, axis=1))
    return norms


def _softmax(scores: Doubles) -> Doubles:
    """The softmax along the first axis."""
    powers = np.exp(scores - scores.max(axis=0))
    shares: Doubles = powers / powers.sum(axis=0)
    return shares
