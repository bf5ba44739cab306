"""What a tier receives, and what a strategy makes of it.

Axes: K contributors, P parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.exact_sums import exact_sum, mean_of_sums

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
State = Mapping[str, NDArray[Any]]  # any dtype that a checkpoint can hold


@dataclass(frozen=True)
class Updates:
    """What K contributors sent to one tier, in a fixed order.

    `layers` are the sizes of the network's parts in order, summing to P; () stands for one layer.
    """

    weights: Floats  # (K, P)
    samples: NDArray[np.int64]  # (K,) windows behind each
    layers: tuple[int, ...] = ()


class Strategy(Protocol):
    """Makes the tier's new twin (P,) from its `current` one and K ≥ 1 updates.

    `state` is what the strategy returned the last time, {} at first: arrays only, for it is checkpointed.
    Nothing that comes in is changed. Sums run in float64, results are float32.
    """

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """The new twin, and what to remember for the next call."""
        ...


def as_floats(values: Doubles) -> Floats:
    """`values` in float32; what is too large becomes infinite, which `result_of` refuses."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def mean_of(weights: Floats) -> Doubles:
    """The mean (P,) of `weights` (K, P), the same to the bit in any order."""
    return mean_of_sums(exact_sum(weights, np.ones(len(weights), np.int64)), len(weights))


def layer_sizes(updates: Updates) -> tuple[int, ...]:
    """The sizes of the layers, spelled out where `updates` leaves them open."""
    return updates.layers or (updates.weights.shape[1],)
