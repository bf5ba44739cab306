"""JAX as its users write it for speed: `python -m tests.benchmarks.trainers.with_jax TASK ROUNDS [CHUNK]`.

One process a core, pinned, each with one thread; inside, `vmap` over a chunk of clients, a compiled loop
over chunks, a compiled loop over mini-batches. A CHUNK of 1 is a loop over clients.
"""

import multiprocessing
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tests.benchmarks.trainers.task import BATCH, HIDDEN, RATE, Floats, Task, given_task, report, shapes


def main() -> None:
    """Share the clients between one process a core."""
    task, cores = given_task(), sorted(os.sched_getaffinity(0))
    chunk = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    shares = np.array_split(np.arange(len(task.targets)), len(cores))
    context = multiprocessing.get_context("spawn")
    pipes = []
    for core, share in zip(cores, shares, strict=True):
        here, there = context.Pipe()
        part = Task(task.model, task.inputs[share], task.targets[share], task.weights)
        context.Process(target=work, args=(there, core, part, chunk), daemon=True).start()
        pipes.append(here)

    def play(weights: Floats) -> Floats:
        for pipe in pipes:
            pipe.send(weights)
        total: Floats = sum((pipe.recv() for pipe in pipes), np.zeros_like(weights))
        return total / np.float32(len(task.targets))

    report(task, play)


def work(pipe: Connection, core: int, task: Task, chunk: int) -> None:
    """Answer each round's weights with the sum of the clients' weights."""
    os.sched_setaffinity(0, {core})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    summed = compiled_sum(task, chunk)
    with suppress(EOFError):  # the parent has ended
        while True:
            pipe.send(np.asarray(summed(pipe.recv())))


def compiled_sum(task: Task, chunk: int) -> Any:
    """The function from weights (P,) to the sum of all clients' weights."""
    import jax
    from jax import numpy as jnp

    forward = _mlp if task.model == "mlp" else _lstm
    chunk = max(size for size in range(1, chunk + 1) if len(task.targets) % size == 0)
    inputs = jnp.asarray(task.inputs).reshape(-1, chunk, *task.inputs.shape[1:])
    targets = jnp.asarray(task.targets).reshape(-1, chunk, task.targets.shape[1])
    whole = task.targets.shape[1] // BATCH * BATCH

    def step(tensors: Any, batch: Any) -> Any:
        gradient = jax.grad(lambda t: jnp.mean((forward(t, batch[0]) - batch[1]) ** 2))(tensors)
        return [tensor - RATE * slope for tensor, slope in zip(tensors, gradient, strict=True)], None

    def client(tensors: Any, x: Any, y: Any) -> Any:
        full = (x[:whole].reshape(-1, BATCH, x.shape[1]), y[:whole].reshape(-1, BATCH))
        tensors, _ = jax.lax.scan(step, tensors, full)
        return step(tensors, (x[whole:], y[whole:]))[0]

    def summed(weights: Any) -> Any:
        tensors = _tensors(task, weights)

        def one_chunk(total: Any, part: Any) -> Any:
            results = jax.vmap(client, in_axes=(None, 0, 0))(tensors, *part)
            flat = jnp.concatenate([result.sum(axis=0).ravel() for result in results])
            return total + flat, None

        return jax.lax.scan(one_chunk, jnp.zeros_like(weights), (inputs, targets))[0]

    return jax.jit(summed)


def _tensors(task: Task, weights: Any) -> list[Any]:
    tensors, first = [], 0
    for shape in shapes(task.model):
        size = int(np.prod(shape))
        tensors.append(weights[first : first + size].reshape(shape))
        first += size
    return tensors


def _mlp(tensors: Any, x: Any) -> Any:
    import jax

    x = jax.nn.relu(x @ tensors[0].T + tensors[1])
    x = jax.nn.relu(x @ tensors[2].T + tensors[3])
    return (x @ tensors[4].T + tensors[5])[:, 0]


def _lstm(tensors: Any, x: Any) -> Any:
    import jax
    from jax import numpy as jnp

    of_input, of_state, bias_input, bias_state, head, bias = tensors
    entering = x.T[:, :, None] * of_input[:, 0] + (bias_input + bias_state)  # (T, B, 4H)
    turned = of_state.T

    def step(carry: Any, gates: Any) -> Any:
        hidden, cell = carry
        enter, forget, candidate, leave = jnp.split(gates + hidden @ turned, 4, axis=1)
        cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(enter) * jnp.tanh(candidate)
        return (jax.nn.sigmoid(leave) * jnp.tanh(cell), cell), None

    zero = jnp.zeros((x.shape[0], HIDDEN), x.dtype)
    (hidden, _), _ = jax.lax.scan(step, (zero, zero), entering)
    return (hidden @ head.T + bias)[:, 0]


if __name__ == "__main__":
    main()
