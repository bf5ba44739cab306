"""What our trainer is held against: one plain torch module a station, one plain loop with torch.optim.

Axes: S samples, F features.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.networks import Network
from forecasting.settings import TrainingSettings
from forecasting.stations import Floats


class Perceptron(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        widths = [network.layout.features, *network.hidden, 1]
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            inputs = layer(inputs).relu()
        result: Tensor = self.layers[-1](inputs)
        return result[:, 0]


class Recurrent(nn.Module):
    """nn.LSTM or nn.GRU over the sequence, a linear head over its last state and the extra features."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.steps = network.steps
        layers = nn.LSTM if network.name == "lstm" else nn.GRU
        self.recurrent = layers(1, network.hidden[0], len(network.hidden), batch_first=True)
        self.head = nn.Linear(network.hidden[-1] + network.layout.extra, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.recurrent(inputs[:, : self.steps, None])
        result: Tensor = self.head(torch.cat([states[:, -1], inputs[:, self.steps :]], dim=1))
        return result[:, 0]


class TwoBranches(nn.Module):
    """One LSTM on the recent values, one on the periodic ones, last states summed, a linear head."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layout = network.layout
        self.recent = nn.LSTM(1, network.hidden[0], len(network.hidden), batch_first=True)
        self.periodic = nn.LSTM(1, network.hidden[0], len(network.hidden), batch_first=True)
        self.head = nn.Linear(network.hidden[-1] + network.layout.extra, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        sizes = [self.layout.periodic, self.layout.recent, self.layout.extra]
        periodic, recent, extra = inputs.split(sizes, dim=1)
        state = self.recent(recent[:, :, None])[0][:, -1] + self.periodic(periodic[:, :, None])[0][:, -1]
        result: Tensor = self.head(torch.cat([state, extra], dim=1))
        return result[:, 0]


class Block(nn.Module):
    """Two causal convolutions and what carries the input past them."""

    def __init__(self, before: int, after: int, dilation: int) -> None:
        super().__init__()
        self.padding = 2 * dilation
        self.first = nn.Conv1d(before, after, 3, dilation=dilation)
        self.second = nn.Conv1d(after, after, 3, dilation=dilation)
        self.residual = nn.Conv1d(before, after, 1) if before != after else nn.Identity()

    def forward(self, signal: Tensor) -> Tensor:
        inner = self.first(nn.functional.pad(signal, (self.padding, 0))).relu()
        inner = self.second(nn.functional.pad(inner, (self.padding, 0))).relu()
        result: Tensor = (inner + self.residual(signal)).relu()
        return result


class Convolutional(nn.Module):
    """Blocks with dilations 1, 2, 4 …, a linear head over the last step and the extra features."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.steps = network.steps
        widths = [1, *network.hidden]
        self.blocks = nn.ModuleList(
            Block(before, after, 2**block) for block, (before, after) in enumerate(pairwise(widths))
        )
        self.head = nn.Linear(network.hidden[-1] + network.layout.extra, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        signal = inputs[:, None, : self.steps]
        for block in self.blocks:
            signal = block(signal)
        result: Tensor = self.head(torch.cat([signal[:, :, -1], inputs[:, self.steps :]], dim=1))
        return result[:, 0]


MODULES: dict[str, Callable[[Network], nn.Module]] = {
    "linear": Perceptron,
    "mlp": Perceptron,
    "gru": Recurrent,
    "lstm": Recurrent,
    "two-branch-lstm": TwoBranches,
    "tcn": Convolutional,
}


def plain_module(network: Network, weights: Floats) -> nn.Module:
    """The torch module of `network` with the flat `weights` (P,), in their precision."""
    module = MODULES[network.name](network).to(torch.from_numpy(weights).dtype)
    nn.utils.vector_to_parameters(torch.tensor(weights), module.parameters())
    return module


def plain_optimizer(module: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimizer of torch that `settings` names."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(module.parameters(), rate, settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(module.parameters(), rate, settings.betas, settings.epsilon, decay)


def plain_training(
    network: Network,
    weights: Floats,
    inputs: Floats,
    targets: Floats,
    settings: TrainingSettings,
    rng: np.random.Generator,
) -> tuple[Floats, list[float]]:
    """One station trained by a plain loop from `weights` (P,): its weights and its loss in each epoch."""
    module = plain_module(network, weights)
    optimizer = plain_optimizer(module, settings)
    loss_of = nn.MSELoss() if settings.loss == "mse" else nn.HuberLoss(delta=settings.huber_delta)
    losses = []
    for _ in range(settings.epochs):
        order = rng.permutation(len(targets)) if settings.shuffle else np.arange(len(targets))
        total = 0.0
        for first in range(0, len(targets), settings.batch_size):
            batch = order[first : first + settings.batch_size]
            loss = loss_of(module(torch.from_numpy(inputs[batch])), torch.from_numpy(targets[batch]))
            optimizer.zero_grad()
            (loss + settings.proximal / 2 * _distance(module, weights)).backward()
            if settings.clip_norm:
                nn.utils.clip_grad_norm_(module.parameters(), settings.clip_norm)
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(targets))
    return nn.utils.parameters_to_vector(module.parameters()).detach().numpy(), losses


def _distance(module: nn.Module, weights: Floats) -> Tensor:
    """‖x - x₀‖² of the module's parameters."""
    return (nn.utils.parameters_to_vector(module.parameters()) - torch.from_numpy(weights)).square().sum()
