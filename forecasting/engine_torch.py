"""The reference engine: K stations stacked in batched products, gradients by torch's autograd.

Axes: K stations, B samples of a mini-batch, S samples, F features, P parameters, E epochs,
A activations that the head sees.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import InputError
from data.progress import Step, Work
from forecasting.networks import Network
from forecasting.settings import TrainingSettings, learning_rate
from forecasting.stations import Counts, Floats, OptimizerState, Samples, Trained, joined, sample_orders
from forecasting.torch_forward import body, forward

FORGETS = False  # every call needs a whole state
STATIONS_AT_ONCE = {
    "cpu": 8,
    "cuda": 512,
}  # more stations fall out of a core's cache, or of a device's memory
STATIONS_FOR_A_DEVICE = 64  # a guess: no device was at hand to measure
SAMPLES_AT_ONCE = 1024  # of a forecast, for the same reason


def epochs(
    network: Network,
    weights: Floats,
    samples: Samples,
    settings: TrainingSettings,
    rngs: Sequence[np.random.Generator],
    state: OptimizerState,
) -> Work[Trained]:
    """Train K stations from `weights` (K, P), one group of stations after the other."""
    device = _device(settings, len(weights))
    size = STATIONS_AT_ONCE[device.type]
    groups = [slice(first, first + size) for first in range(0, len(weights), size)]
    trained = []
    for number, stations in enumerate(groups):
        part = samples.part(stations)
        inputs, targets = (torch.from_numpy(each).to(device) for each in (part.inputs, part.targets))
        run = _Run(network, settings, inputs, targets, part.counts, rngs[stations], device)
        losses = []
        moving = _on_device(weights[stations], state.part(stations), device)
        for epoch in range(settings.epochs):
            with _threads(settings.threads):
                moving, loss = _epoch(run, moving, learning_rate(settings, state.epochs + epoch))
            losses.append(loss)
            done = number * settings.epochs + epoch + 1
            yield Step("train", done, len(groups) * settings.epochs, f"loss {loss.mean():.4f}", "epochs")
        trained.append(_trained(moving, losses, state.epochs + settings.epochs))
    return joined(trained)


def forecasts(network: Network, weights: Floats, inputs: Floats) -> Floats:
    """The forecasts (K, S) for `inputs` (K, S, F)."""
    stations, samples, _ = inputs.shape
    size = STATIONS_AT_ONCE["cpu"]
    result = np.empty((stations, samples), weights.dtype)
    with torch.inference_mode():
        for first in range(0, stations, size):
            group = slice(first, first + size)
            part = torch.from_numpy(weights[group])
            for begin in range(0, samples, SAMPLES_AT_ONCE):
                some = slice(begin, begin + SAMPLES_AT_ONCE)
                result[group, some] = forward(network, part, torch.from_numpy(inputs[group, some])).numpy()
    return result


def head_inputs(network: Network, weights: Floats, inputs: Floats) -> Floats:
    """What the linear heads see of `inputs` (K, S, F), (K, S, A)."""
    with torch.inference_mode():
        seen: Floats = body(network, torch.from_numpy(weights), torch.from_numpy(inputs)).numpy()
    return seen


@dataclass(frozen=True)
class _Run:
    """What stays the same while one group of stations trains."""

    network: Network
    settings: TrainingSettings
    inputs: Tensor  # (K, S, F) on the device
    targets: Tensor  # (K, S) on the device
    counts: Counts  # (K,)
    rngs: Sequence[np.random.Generator]
    device: torch.device


@dataclass(frozen=True)
class _Moving:
    """What an update changes, on the device; `start` is what the proximal term pulls towards."""

    weights: Tensor  # (K, P)
    first: Tensor  # (K, P) or (K, 0)
    second: Tensor  # (K, P) or (K, 0)
    steps: Tensor  # (K, 1)
    start: Tensor  # (K, P)


def _epoch(run: _Run, moving: _Moving, rate: float) -> tuple[_Moving, NDArray[np.floating]]:
    """All mini-batches of one epoch, and each station's mean loss (K,)."""
    settings, inputs, targets = run.settings, run.inputs, run.targets
    orders = sample_orders(run.counts, targets.shape[1], run.rngs, shuffle=settings.shuffle)
    total = torch.zeros(len(targets), dtype=targets.dtype, device=run.device)
    for order, sizes in _batches(orders, run.counts, settings.batch_size):
        order_there = torch.from_numpy(order).to(run.device)  # (K, B)
        sizes_there = torch.from_numpy(sizes).to(run.device)  # (K,)
        batch = (
            torch.take_along_dim(inputs, order_there[:, :, None], dim=1),
            torch.take_along_dim(targets, order_there, dim=1),
        )
        gradient, loss = _gradient(run, moving, batch, sizes_there)
        stepped = _updated(settings, moving, gradient, rate)
        moving = stepped if sizes.min() > 0 else _where(sizes_there > 0, stepped, moving)
        total += loss * sizes_there
    return moving, total.cpu().numpy() / np.maximum(run.counts, 1)


def _batches(
    orders: NDArray[np.int32], counts: NDArray[np.int64], size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The samples (K, B) of each mini-batch and how many of them count (K,); the last ones may be short."""
    longest = int(counts.max(initial=0))
    for first in range(0, longest, size):
        order = orders[:, first : min(first + size, longest)].astype(np.int64)
        yield order, np.clip(counts - first, 0, order.shape[1])


def _gradient(
    run: _Run, moving: _Moving, batch: tuple[Tensor, Tensor], sizes: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradient (K, P) of each station's own mean loss (K,), and that loss."""
    inputs, targets = batch
    weights = moving.weights.detach().requires_grad_()
    counted = torch.arange(targets.shape[1], device=targets.device) < sizes[:, None]  # (K, B)
    losses = _losses(run.settings, forward(run.network, weights, inputs), targets)
    means = torch.where(counted, losses, 0).sum(dim=1) / sizes.clamp(min=1)
    (gradient,) = torch.autograd.grad(means.sum(), weights)
    return gradient, means.detach()


def _losses(settings: TrainingSettings, forecast: Tensor, targets: Tensor) -> Tensor:
    if settings.loss == "mse":
        return (forecast - targets).square()
    return torch.nn.functional.huber_loss(forecast, targets, reduction="none", delta=settings.huber_delta)


def _updated(settings: TrainingSettings, moving: _Moving, gradient: Tensor, rate: float) -> _Moving:
    """One step of each station's optimizer, with the formulas of `torch.optim`."""
    weights, steps = moving.weights, moving.steps + 1
    if settings.proximal:
        gradient = gradient + settings.proximal * (weights - moving.start)
    if settings.clip_norm:
        norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient = gradient * (settings.clip_norm / (norms + 1e-6)).clamp(
            max=1
        )  # 1e-6 as torch's clip_grad_norm_
    if settings.optimizer == "adamw":
        weights = weights * (1 - rate * settings.weight_decay)
    elif settings.weight_decay:
        gradient = gradient + settings.weight_decay * weights
    if settings.optimizer == "sgd":
        first = moving.first * settings.momentum + gradient if settings.momentum else moving.first
        step = first if settings.momentum else gradient
        return _Moving(weights - rate * step, first, moving.second, steps, moving.start)
    faster, slower = settings.betas
    first = moving.first.lerp(gradient, 1 - faster)
    second = (moving.second * slower).addcmul(gradient, gradient, value=1 - slower)
    corrected = rate / (1 - faster ** steps.double())  # (K, 1)
    root = (1 - slower ** steps.double()).sqrt().to(weights.dtype)
    step = corrected.to(weights.dtype) * (first / (second.sqrt() / root + settings.epsilon))
    return _Moving(weights - step, first, second, steps, moving.start)


def _where(stations: Tensor, then: _Moving, otherwise: _Moving) -> _Moving:
    """`then` for the stations (K,) that are true, `otherwise` for those that had no sample left."""
    chosen = stations[:, None]
    return _Moving(
        torch.where(chosen, then.weights, otherwise.weights),
        torch.where(chosen, then.first, otherwise.first),
        torch.where(chosen, then.second, otherwise.second),
        torch.where(chosen, then.steps, otherwise.steps),
        then.start,
    )


def _on_device(weights: Floats, state: OptimizerState, device: torch.device) -> _Moving:
    there = torch.tensor(weights, device=device)
    first, second = torch.tensor(state.first, device=device), torch.tensor(state.second, device=device)
    return _Moving(there, first, second, torch.tensor(state.steps[:, None], device=device), there)


def _trained(moving: _Moving, losses: Sequence[NDArray[np.floating]], epochs_made: int) -> Trained:
    state = OptimizerState(
        moving.first.cpu().numpy(),
        moving.second.cpu().numpy(),
        moving.steps[:, 0].cpu().numpy(),
        epochs_made,
    )
    return Trained(moving.weights.cpu().numpy(), np.stack(losses, axis=1).astype(np.float32), state)


def worth_a_device(stations: int) -> bool:
    """Whether there is a CUDA device, and enough stations to keep it busy."""
    return stations >= STATIONS_FOR_A_DEVICE and torch.cuda.is_available()


def _device(settings: TrainingSettings, stations: int) -> torch.device:
    if settings.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device {settings.device}: torch {torch.__version__} finds no CUDA device")
    if settings.device != "auto":
        return torch.device(settings.device)
    return torch.device("cuda" if worth_a_device(stations) else "cpu")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
