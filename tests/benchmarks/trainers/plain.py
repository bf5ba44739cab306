"""The plain PyTorch loop, client after client: `python -m tests.benchmarks.trainers.plain TASK ROUNDS`."""

import numpy as np
import torch
from torch import Tensor, nn

from tests.benchmarks.trainers.task import BATCH, HIDDEN, RATE, STEPS, Floats, given_task, report


class Lstm(nn.Module):
    """LSTM over the steps, linear head over the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(1, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.recurrent(inputs[:, :, None])
        result: Tensor = self.head(states[:, -1])
        return result


def module_of(model: str) -> nn.Module:
    """The network as plain torch modules."""
    if model == "lstm":
        return Lstm()
    return nn.Sequential(
        nn.Linear(STEPS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
    )


def trained(module: nn.Module, inputs: Tensor, targets: Tensor) -> Floats:
    """One epoch of plain SGD from the module's weights; the flat weights after it."""
    optimizer, loss_of = torch.optim.SGD(module.parameters(), RATE), nn.MSELoss()
    for first in range(0, len(targets), BATCH):
        batch = slice(first, first + BATCH)
        optimizer.zero_grad()
        loss_of(module(inputs[batch])[:, 0], targets[batch]).backward()
        optimizer.step()
    weights: Floats = nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    return weights


def main() -> None:
    """Train one client after the other."""
    torch.set_num_threads(1)
    task = given_task()
    module = module_of(task.model)
    inputs, targets = torch.from_numpy(task.inputs), torch.from_numpy(task.targets)

    def play(weights: Floats) -> Floats:
        total = np.zeros_like(weights)
        for client in range(len(targets)):
            nn.utils.vector_to_parameters(torch.tensor(weights), module.parameters())
            total += trained(module, inputs[client], targets[client])
        return total / np.float32(len(targets))

    report(task, play)


if __name__ == "__main__":
    main()
