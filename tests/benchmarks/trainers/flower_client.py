"""The client of `with_flower`, in a module that Ray's processes can import."""

from functools import cache
from typing import Any

import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from tests.benchmarks.trainers.plain import module_of, trained
from tests.benchmarks.trainers.task import Task, read_task


@cache
def client_task(path: str) -> Task:
    """The task, read once in each of Ray's processes."""
    torch.set_num_threads(1)
    return read_task(path)


def client_app(path: str) -> Any:
    """The client: one epoch on the samples of its partition."""
    app = ClientApp()

    def train(message: Any, context: Any) -> Message:
        task, client = client_task(path), int(context.node_config["partition-id"])
        module = module_of(task.model)
        weights = message.content["arrays"].to_numpy_ndarrays()[0]
        torch.nn.utils.vector_to_parameters(torch.tensor(weights), module.parameters())
        inputs, targets = torch.from_numpy(task.inputs[client]), torch.from_numpy(task.targets[client])
        content: Any = {
            "arrays": ArrayRecord([trained(module, inputs, targets)]),
            "metrics": MetricRecord({"num-examples": len(targets)}),
        }
        return Message(content=RecordDict(content), reply_to=message)

    app.train()(train)
    return app
