"""Apple's pfl in one process: `python -m tests.benchmarks.trainers.with_pfl TASK ROUNDS`."""

import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from torch import Tensor, nn

from tests.benchmarks.trainers.plain import module_of
from tests.benchmarks.trainers.task import BATCH, RATE, Floats, Task, cpu_seconds, given_task, write_result


class Model(nn.Module):
    """The plain network with the two methods that pfl asks for."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def loss(self, inputs: Tensor, targets: Tensor, **_: Any) -> Tensor:
        """The loss of a mini-batch."""
        return nn.functional.mse_loss(self.module(inputs)[:, 0], targets)

    def metrics(self, inputs: Tensor, targets: Tensor, **_: Any) -> dict[str, Any]:
        """Nothing is measured while the clock runs."""
        return {}


class Marks(TrainingProcessCallback):  # type: ignore[misc,unused-ignore] # pfl has no types
    """The time after each round."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def after_central_iteration(self, *_: Any, **__: Any) -> tuple[bool, Any]:
        """Note the time and let the training go on."""
        self.marks.append((time.perf_counter(), cpu_seconds()))
        return False, Metrics()


def main() -> None:
    """Run one round that does not count, then the timed ones."""
    torch.set_num_threads(1)
    task, rounds = given_task(), int(sys.argv[2])
    module = module_of(task.model)
    nn.utils.vector_to_parameters(torch.tensor(task.weights), module.parameters())
    marks = Marks()
    began = time.perf_counter()
    run(task, module, marks, rounds + 1)
    walls = [later[0] - earlier[0] for earlier, later in pairwise(marks.marks)]
    weights: Floats = nn.utils.parameters_to_vector(module.parameters()).detach().cpu().numpy()
    write_result(walls, marks.marks[-1][1] - marks.marks[0][1], marks.marks[0][0] - began, weights)


def run(task: Task, module: nn.Module, marks: Marks, rounds: int) -> None:
    """Federated averaging over all clients in each round."""
    users = [
        Dataset(raw_data=[torch.from_numpy(task.inputs[client]), torch.from_numpy(task.targets[client])])
        for client in range(len(task.targets))
    ]
    turn = iter(np.tile(np.arange(len(users)), rounds + 1))
    data = FederatedDataset(lambda user: users[user], lambda: int(next(turn)))
    wrapped = Model(module)
    model = PyTorchModel(
        model=wrapped,
        local_optimizer_create=torch.optim.SGD,
        central_optimizer=torch.optim.SGD(wrapped.parameters(), lr=1.0),
    )
    FederatedAveraging().run(
        algorithm_params=NNAlgorithmParams(
            central_num_iterations=rounds,
            evaluation_frequency=rounds + 1,
            train_cohort_size=len(users),
            val_cohort_size=None,
        ),
        backend=SimulatedBackend(training_data=data, val_data=None),
        model=model,
        model_train_params=NNTrainHyperParams(
            local_learning_rate=RATE, local_num_epochs=1, local_batch_size=BATCH
        ),
        model_eval_params=NNEvalHyperParams(local_batch_size=BATCH),
        callbacks=[marks],
    )


if __name__ == "__main__":
    main()
