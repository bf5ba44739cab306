"""What the trainer takes and gives back for K stations at once.

Axes: K stations, S samples (the largest count of any station), F features, P parameters, E epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from forecasting.settings import TrainingSettings

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]
FIRST_WEIGHTS, SAMPLE_ORDER, ROUNDING = 0, 1, 6  # what a stream of random numbers is for


@dataclass(frozen=True)
class Samples:
    """Training samples; of station k only the first `counts[k]` are real, the rest is never looked at."""

    inputs: Floats  # (K, S, F)
    targets: Floats  # (K, S)
    counts: Counts  # (K,)

    def __post_init__(self) -> None:
        if self.inputs.shape[:2] != self.targets.shape or self.counts.shape != self.targets.shape[:1]:
            raise ValueError(
                f"inputs {self.inputs.shape}, targets {self.targets.shape} and counts {self.counts.shape} "
                f"disagree"
            )
        if len(self.counts) and not 0 <= self.counts.min() <= self.counts.max() <= self.targets.shape[1]:
            raise ValueError(f"counts must lie in 0 … {self.targets.shape[1]}, got {self.counts}")

    def part(self, stations: slice) -> "Samples":
        """The samples of some of the stations."""
        return Samples(self.inputs[stations], self.targets[stations], self.counts[stations])


def full_samples(inputs: Floats, targets: Floats) -> Samples:
    """Samples of stations that all have the same count."""
    return Samples(inputs, targets, np.full(len(targets), targets.shape[1], np.int64))


@dataclass(frozen=True)
class OptimizerState:
    """What an optimizer remembers of each station; a moment that it does not use has the shape (K, 0)."""

    first: Floats  # (K, P) momentum of SGD, first moment of Adam
    second: Floats  # (K, P) second moment of Adam
    steps: Counts  # (K,) updates made so far
    epochs: int  # epochs made so far, for the schedule

    def part(self, stations: slice) -> "OptimizerState":
        """The state of some of the stations."""
        return OptimizerState(self.first[stations], self.second[stations], self.steps[stations], self.epochs)


@dataclass(frozen=True)
class Trained:
    """The outcome of a training run; `losses` are means over each epoch, each batch before its update."""

    weights: Floats  # (K, P)
    losses: Floats  # (K, E); 0 for a station without samples
    optimizer: OptimizerState


def fresh_optimizer(weights: Floats, settings: TrainingSettings) -> OptimizerState:
    """The state of an optimizer that has not made a step, at the first epoch of its schedule."""
    stations, parameters = weights.shape
    return OptimizerState(
        first=np.zeros((stations, parameters * settings.first_moment), weights.dtype),
        second=np.zeros((stations, parameters * settings.second_moment), weights.dtype),
        steps=np.zeros(stations, np.int64),
        epochs=settings.first_epoch,
    )


def no_moments(weights: Floats, settings: TrainingSettings) -> OptimizerState:
    """A fresh state without room for moments, for an engine that can do without."""
    none = np.zeros((len(weights), 0), weights.dtype)
    return OptimizerState(none, none.copy(), np.zeros(len(weights), np.int64), settings.first_epoch)


def copied(state: OptimizerState) -> OptimizerState:
    """The same state in arrays of its own, for an engine to go on with."""
    return OptimizerState(state.first.copy(), state.second.copy(), state.steps.copy(), state.epochs)


def joined(parts: Sequence[Trained]) -> Trained:
    """The outcomes of several groups of stations as one."""
    states = [part.optimizer for part in parts]
    return Trained(
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.losses for part in parts]),
        OptimizerState(
            np.concatenate([state.first for state in states]),
            np.concatenate([state.second for state in states]),
            np.concatenate([state.steps for state in states]),
            states[0].epochs,
        ),
    )


def start_rng(seed: int) -> np.random.Generator:
    """The generator of a network's first weights."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FIRST_WEIGHTS,)))


def station_rngs(seed: int, stations: Sequence[int], *occasion: int) -> list[np.random.Generator]:
    """One generator a station, which depends on the seed, that station's number and the occasion alone."""
    return [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SAMPLE_ORDER, station, *occasion)))
        for station in stations
    ]


def station_number(station: str) -> int:
    """A number for a station that depends on its id alone, not on its place among others."""
    return int.from_bytes(sha256(station.encode()).digest()[:4])


def sample_orders(
    counts: Counts, samples: int, rngs: Sequence[np.random.Generator], *, shuffle: bool
) -> NDArray[np.int32]:
    """The order (K, S) in which each station takes its samples in one epoch; only the first count is used."""
    orders = np.tile(np.arange(samples, dtype=np.int32), (len(counts), 1))
    if shuffle:
        for order, count, rng in zip(orders, counts, rngs, strict=True):
            order[:count] = rng.permutation(count)
    return orders
