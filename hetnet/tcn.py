"""A temporal convolutional net for each series: the paper's baseline, computed over whole stretches at once.

Three layers of dilated causal convolutions (kernel 3, dilations 1, 2, 4, 64 filters, ReLU) and a linear
head. A net sees 15 steps, and every step of a stretch is a sample: neighbouring samples share their inner
values, which makes an epoch some thirty times cheaper than one window a sample. Gradients are written out by
hand.

Axes: N series, T time, B steps of a stretch, C channels, O origins, R steps of the past.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.lags import Floats
from hetnet.narx import Scale, scale_of

Singles = NDArray[np.float32]
KERNEL = 3
BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True)
class TcnSettings:
    """The net and its training with Adam on stretches of `stretch` targets, in a new order each epoch."""

    filters: int = 64
    dilations: tuple[int, ...] = (1, 2, 4)
    epochs: int = 15
    stretch: int = 64
    learning_rate: float = 0.001
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.filters, self.epochs, self.stretch, *self.dilations) < 1 or not self.dilations:
            raise InputError(f"filters, dilations, epochs and stretch must be at least 1, got {self}")
        if not 0 < self.learning_rate < np.inf or self.seed < 0:
            raise InputError(f"learning_rate must be positive and the seed not negative, got {self}")

    @property
    def reach(self) -> int:
        """How many steps the net sees."""
        return 1 + (KERNEL - 1) * sum(self.dilations)


@dataclass(frozen=True)
class TcnNets:
    """One trained net a series: its weights and biases, layer by layer, the head last."""

    parameters: tuple[tuple[Singles, ...], ...]  # N times weight, bias, weight, bias, …
    scale: Scale
    settings: TcnSettings

    def next_values(self, past: Floats) -> Floats:
        """The value (N, O) that each net forecasts for the step after each past (N, O, R)."""
        reach = self.settings.reach
        seen = self.scale.scaled(past)[:, :, -reach:].astype(np.float32)
        nets = zip(self.parameters, seen, strict=True)
        last = [_forward(net, one[:, :, None], self.settings.dilations)[0][:, 0] for net, one in nets]
        return self.scale.unscaled(np.stack(last).astype(np.float64))


def trained_tcn(history: Floats, settings: TcnSettings) -> TcnNets:
    """Nets trained on series (N, T) to forecast the next step."""
    if history.shape[1] <= settings.reach:
        raise InputError(f"series of {history.shape[1]} steps, expected more than {settings.reach}")
    scale = scale_of(history)
    scaled = scale.scaled(history).astype(np.float32)
    return TcnNets(
        tuple(_trained(one, settings, number) for number, one in enumerate(scaled)), scale, settings
    )


def _trained(series: Singles, settings: TcnSettings, number: int) -> tuple[Singles, ...]:
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(number,)))
    parameters = _fresh(settings, rng)
    first = [np.zeros_like(each) for each in parameters]
    second = [np.zeros_like(each) for each in parameters]
    for step, (inputs, targets) in enumerate(_stretches(series, settings, rng), start=1):
        outputs, kept = _forward(parameters, inputs, settings.dilations)
        slopes = (2 / outputs.size) * (outputs - targets)
        gradient = _backward(parameters, slopes, kept, settings.dilations)
        rate = settings.learning_rate * np.sqrt(1 - BETAS[1] ** step) / (1 - BETAS[0] ** step)
        for place, slope in enumerate(gradient):
            first[place] += np.float32(1 - BETAS[0]) * (slope - first[place])
            second[place] += np.float32(1 - BETAS[1]) * (slope * slope - second[place])
            parameters[place] -= (
                np.float32(rate) * first[place] / (np.sqrt(second[place]) + np.float32(EPSILON))
            )
    return tuple(parameters)


def _stretches(
    series: Singles, settings: TcnSettings, rng: np.random.Generator
) -> Iterator[tuple[Singles, Singles]]:
    """Inputs (1, R - 1 + B, 1) and targets (1, B) of every mini-batch, from another beginning each epoch."""
    reach, size = settings.reach, min(settings.stretch, len(series) - settings.reach)
    for _ in range(settings.epochs):
        offset = int(rng.integers((len(series) - reach) % size + 1))
        begins = np.arange(offset, len(series) - reach - size + 1, size)
        for begin in rng.permutation(begins):
            stretch = series[begin : begin + reach + size]
            yield stretch[None, :-1, None], stretch[None, reach:]


def _fresh(settings: TcnSettings, rng: np.random.Generator) -> list[Singles]:
    """First weights (taps · in, out) and biases (out,), distributed as torch draws those of a convolution."""
    parameters: list[Singles] = []
    widths = [1, *[settings.filters] * len(settings.dilations)]
    shapes = [(KERNEL * inputs, settings.filters) for inputs in widths[:-1]] + [(settings.filters, 1)]
    for inputs, outputs in shapes:
        bound = 1 / np.sqrt(inputs)
        parameters.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(np.float32))
        parameters.append(rng.uniform(-bound, bound, outputs).astype(np.float32))
    return parameters


def _forward(
    parameters: Sequence[Singles], inputs: Singles, dilations: tuple[int, ...]
) -> tuple[Singles, list[tuple[Singles, Singles]]]:
    """Forecasts (O, B) for inputs (O, R - 1 + B, 1), and of each layer what it saw and what it gave."""
    kept, values = [], inputs
    for layer, dilation in enumerate(dilations):
        length = values.shape[1] - (KERNEL - 1) * dilation
        taps = [values[:, tap * dilation : tap * dilation + length] for tap in range(KERNEL)]
        seen = np.concatenate(taps, axis=2)  # (O, length, taps · C)
        values = np.maximum(seen @ parameters[2 * layer] + parameters[2 * layer + 1], 0)
        kept.append((seen, values))
    return (values @ parameters[-2] + parameters[-1])[:, :, 0], kept


def _backward(
    parameters: Sequence[Singles],
    slopes: Singles,
    kept: Sequence[tuple[Singles, Singles]],
    dilations: tuple[int, ...],
) -> list[Singles]:
    """The gradient of each parameter, from the slopes (1, B) of the loss at the outputs."""
    above = slopes[0, :, None]  # (B, 1)
    gradient: list[Singles] = [kept[-1][1][0].T @ above, above.sum(axis=0)]
    above = above @ parameters[-2].T  # (B, C)
    for layer in reversed(range(len(dilations))):
        seen, shown = kept[layer]
        above = np.where(shown[0] > 0, above, np.float32(0))
        gradient = [seen[0].T @ above, above.sum(axis=0), *gradient]
        if layer:
            above = _spread(above @ parameters[2 * layer].T, dilations[layer])
    return gradient


def _spread(slopes: Singles, dilation: int) -> Singles:
    """The slopes (length, taps · C) of what a layer saw, summed at the steps they came from."""
    channels = slopes.shape[1] // KERNEL
    result = np.zeros((len(slopes) + (KERNEL - 1) * dilation, channels), np.float32)
    for tap in range(KERNEL):
        result[tap * dilation : tap * dilation + len(slopes)] += slopes[
            :, tap * channels : (tap + 1) * channels
        ]
    return result
