"""The job that every contestant does, and how it is timed. Needs numpy alone, so that any environment can.

C clients with 1,000 samples each start a round from the same weights, make one epoch of mini-batches of 64
in fixed order with plain SGD, and the round's result is the mean of their weights.
Axes: C clients, S samples, F features, P parameters.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLES, STEPS, HIDDEN, BATCH, RATE = 1000, 12, 64, 64, 0.05
Floats = NDArray[np.float32]
Round = Callable[[Floats], Floats]  # weights (P,) -> mean of the clients' weights (P,)


@dataclass(frozen=True)
class Task:
    """What a contestant is given; weights stand in torch's order."""

    model: str
    inputs: Floats  # (C, S, F)
    targets: Floats  # (C, S)
    weights: Floats  # (P,)

    def tensors(self, weights: Floats) -> list[Floats]:
        """The flat weights as tensors."""
        sizes = [int(np.prod(shape)) for shape in shapes(self.model)]
        pieces = np.split(weights, np.cumsum(sizes)[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes(self.model), strict=True)]


def shapes(model: str) -> list[tuple[int, ...]]:
    """The tensors of the flat weights, in torch's order."""
    if model == "mlp":
        return [(HIDDEN, STEPS), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (1, HIDDEN), (1,)]
    gates = 4 * HIDDEN
    return [(gates, 1), (gates, HIDDEN), (gates,), (gates,), (1, HIDDEN), (1,)]


def made_task(model: str, clients: int) -> Task:
    """Seeded daily waves with noise, as z-scored traffic has them, and seeded weights."""
    rng = np.random.default_rng(7)
    hours = np.arange(SAMPLES + STEPS)
    phases, heights = rng.uniform(0, 2 * np.pi, (clients, 1)), rng.uniform(0.5, 1.5, (clients, 1))
    load = heights * np.sin(hours * 2 * np.pi / 24 + phases) + 0.3 * rng.normal(size=(clients, len(hours)))
    windows = np.lib.stride_tricks.sliding_window_view(load.astype(np.float32), STEPS + 1, axis=1)
    size = sum(int(np.prod(shape)) for shape in shapes(model))
    weights = rng.uniform(-1, 1, size).astype(np.float32) / np.float32(np.sqrt(HIDDEN))
    return Task(
        model, np.ascontiguousarray(windows[..., :-1]), np.ascontiguousarray(windows[..., -1]), weights
    )


def arithmetic(task: Task) -> float:
    """Floating-point operations in the matrix products of one client's update."""
    if task.model == "mlp":
        forward, slopes = STEPS * HIDDEN + HIDDEN * HIDDEN + HIDDEN, HIDDEN * HIDDEN + HIDDEN
    else:
        recurrent = STEPS * HIDDEN * 4 * HIDDEN
        forward, slopes = recurrent + STEPS * 4 * HIDDEN + HIDDEN, recurrent + HIDDEN
    return 2.0 * (2 * forward + slopes) * SAMPLES


def saved(task: Task, path: Path) -> None:
    """Write the task for `read_task`."""
    np.savez(path, model=task.model, inputs=task.inputs, targets=task.targets, weights=task.weights)


def read_task(path: str) -> Task:
    """A task that was `saved`."""
    with np.load(path) as file:
        return Task(str(file["model"]), file["inputs"], file["targets"], file["weights"])


def given_task() -> Task:
    """The task whose file is the first word of the command line."""
    return read_task(sys.argv[1])


def report(task: Task, play: Round) -> None:
    """Play a first round untimed, then as many timed ones as the second word says."""
    began = time.perf_counter()
    weights = play(task.weights)
    first = time.perf_counter() - began
    walls = []
    processor = cpu_seconds()
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter()
        weights = play(weights)
        walls.append(time.perf_counter() - began)
    write_result(walls, cpu_seconds() - processor, first, weights)


def write_result(walls: list[float], processor: float, first: float, weights: Floats) -> None:
    """Write what a contestant took and reached beside the task."""
    result = {"wall": statistics.median(walls), "best": min(walls), "first": first}
    text = json.dumps(result | {"processor": processor / len(walls), "weights": weights.tolist()})
    Path(sys.argv[1]).with_suffix(".json").write_text(text)


def cpu_seconds() -> float:
    """Processor time of this process and all its descendants, the ended ones included."""
    ticks, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        number = int(folder.name)
        parents[number] = int(fields[1])
        ticks[number] = sum(int(field) for field in fields[11:15])
    own = {os.getpid()}
    while True:
        grown = own | {number for number, parent in parents.items() if parent in own}
        if grown == own:
            return sum(ticks[number] for number in own) / os.sysconf("SC_CLK_TCK")
        own = grown
