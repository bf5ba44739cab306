"""Nonlinear autoregressive nets with exogenous inputs, one for each series, all trained in one batch.

(hierarchical-twin paper, eq. 29). A net sees its own series at some lags and, where it has neighbours,
theirs. The paper's "15 hidden layers" are 15 hidden neurons; its delays are the lags 1 to 10. Every series
is standardised by its own history.

Axes: N series, T time, S samples, F features, P parameters, O origins, R steps of the past, E neighbours.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import Layout
from forecasting.networks import Network, build_network, initial_weights
from forecasting.settings import TrainingSettings
from forecasting.stations import full_samples
from forecasting.training import predict, train_once
from hetnet.lags import Counts, Floats, lagged, of_neighbours, pasts

Weights = NDArray[np.float32]
DELAYS = tuple(range(1, 11))
FIRST_WEIGHTS, SAMPLE_ORDER = 0, 1  # what a stream of random numbers is for
NARX_TRAINING = TrainingSettings(
    epochs=60, batch_size=32, learning_rate=0.001, optimizer="adamw", weight_decay=0.1, engine="compiled"
)


@dataclass(frozen=True, kw_only=True)
class NarxSettings:
    """Which steps before a net sees of its own series and of its neighbours, its neurons and its training."""

    lags: tuple[int, ...] = DELAYS
    neighbour_lags: tuple[int, ...] = (1, 2)
    hidden: int = 15
    training: TrainingSettings = field(default=NARX_TRAINING)
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.lags or min(*self.lags, *self.neighbour_lags, 1) < 1:
            raise InputError(f"lags must be at least 1, got {self.lags} and {self.neighbour_lags}")
        if self.hidden < 1 or self.seed < 0:
            raise InputError(
                f"hidden must be at least 1 and the seed at least 0, got {self.hidden}, {self.seed}"
            )


@dataclass(frozen=True)
class Scale:
    """The mean and deviation of each series over its history; a constant one has the deviation 1."""

    mean: Floats  # (N,)
    deviation: Floats  # (N,)

    def scaled(self, values: Floats) -> Floats:
        """Values (N, ...) in deviations from the mean."""
        return (values - self._over(self.mean, values)) / self._over(self.deviation, values)

    def unscaled(self, values: Floats) -> Floats:
        """The inverse of `scaled`."""
        return values * self._over(self.deviation, values) + self._over(self.mean, values)

    @staticmethod
    def _over(column: Floats, values: Floats) -> Floats:
        return column.reshape(-1, *[1] * (values.ndim - 1))


@dataclass(frozen=True)
class Nets:
    """One trained net a series."""

    network: Network
    weights: Weights  # (N, P)
    scale: Scale
    neighbours: Counts  # (N, E)
    settings: NarxSettings

    @property
    def reach(self) -> int:
        """How many steps of the past the nets must see."""
        return reach_of(self.settings)

    def next_values(self, past: Floats) -> Floats:
        """The value (N, O) that each net forecasts for the step after each past (N, O, R)."""
        inputs = net_inputs(self.scale.scaled(past), self.neighbours, self.settings)
        return self.scale.unscaled(predict(self.network, self.weights, inputs, "compiled").astype(np.float64))


def reach_of(settings: NarxSettings) -> int:
    """The longest lag."""
    return max(*settings.lags, *settings.neighbour_lags, 1)


def scale_of(history: Floats) -> Scale:
    """How to scale series (N, T) by their history."""
    deviation = history.std(axis=1)
    constant = deviation <= 1e-9 * np.maximum(np.abs(history).max(axis=1), 1e-300)
    return Scale(history.mean(axis=1), np.where(constant, 1, deviation))


def trained_nets(history: Floats, neighbours: Counts, settings: NarxSettings) -> Nets:
    """Nets trained on series (N, T) to forecast the next step, each with its own stream of random numbers."""
    reach, steps = reach_of(settings), history.shape[1]
    if steps <= reach:
        raise InputError(f"series of {steps} steps, expected more than the longest lag of {reach}")
    scale = scale_of(history)
    scaled = scale.scaled(history)
    inputs = net_inputs(pasts(scaled, np.arange(reach - 1, steps - 1), reach), neighbours, settings)
    samples = full_samples(inputs, scaled[:, reach:].astype(np.float32))
    network = build_network("mlp", Layout(0, inputs.shape[2], 0), (settings.hidden,))
    starts = np.stack([initial_weights(network, rng) for rng in _rngs(settings, FIRST_WEIGHTS, len(history))])
    rngs = _rngs(settings, SAMPLE_ORDER, len(history))
    trained = train_once(network, starts, samples, settings.training, rngs)
    return Nets(network, trained.weights, scale, neighbours, settings)


def net_inputs(past: Floats, neighbours: Counts, settings: NarxSettings) -> NDArray[np.float32]:
    """What nets see of scaled pasts (N, O, R), (N, O, F): their own lags, then their neighbours'."""
    own = lagged(past, settings.lags)
    theirs = of_neighbours(past, neighbours, settings.neighbour_lags)
    return np.concatenate([own, theirs], axis=2).astype(np.float32)


def _rngs(settings: NarxSettings, purpose: int, series: int) -> list[np.random.Generator]:
    keys = ((purpose, number) for number in range(series))
    return [np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=key)) for key in keys]
