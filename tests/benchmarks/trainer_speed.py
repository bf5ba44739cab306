"""Client-updates per second of our trainer and of its peers, side by side in one run.

    python -m tests.benchmarks.trainer_speed [--clients 50 200] [--models mlp lstm] [--rounds 10]
        [--contestants compiled jax ...] [--python jax=PYTHON] [--python flower=PYTHON]

A client-update is one epoch of one client: 1,000 samples of 12 lags, mini-batches of 64 in fixed order, SGD
at .05, float32; a round ends with the mean of all clients' weights. Each contestant is a process of its own
and starts from the same file. Its first round (imports, compilation, caches) is not timed but counted in the
weights, so that all end on the same loss. The floor is the arithmetic of the matrix products at the best
rate of any product measured here, on all cores. Seconds are wall clock, median over rounds, beside them the
best round, which a busy machine spoils less; CPU seconds count all threads and processes of a contestant and
suffer least, so `of floor` is by them. Peers that are not installed are skipped; `--python NAME=PYTHON` says
which environment has one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from data.inputs import Layout
from forecasting.kernels_products import multiply
from forecasting.networks import build_network
from forecasting.training import predict
from tests.benchmarks.trainers.task import STEPS, Task, arithmetic, made_task, saved

HEADER = f"{'':38}{'ms/round':>10}{'upd/s':>9}{'best':>9}{'upd/CPU-s':>11}{'of floor':>10}{'1st s':>7}  loss"
CORES = len(os.sched_getaffinity(0))
SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


Row = dict[str, Any]  # Any: names, counts and rates


@dataclass(frozen=True)
class Contestant:
    """A program under `tests.benchmarks.trainers`, its further words and what it cannot do without."""

    title: str
    program: str
    words: tuple[str, ...] = ()
    needs: str = "numpy"


CONTESTANTS = {
    "compiled": Contestant("ours, compiled, 1 thread", "ours", ("compiled", "1"), "numba"),
    "compiled-threads": Contestant(
        f"ours, compiled, {CORES} threads", "ours", ("compiled", str(CORES)), "numba"
    ),
    "torch": Contestant("ours, torch, 1 thread", "ours", ("torch", "1"), "torch"),
    "plain": Contestant("plain PyTorch loop, 1 thread", "plain", (), "torch"),
    "jax": Contestant(f"JAX vmap of 5, {CORES} pinned processes", "with_jax", ("5",), "jax"),
    "jax-loop": Contestant(f"JAX loop, {CORES} pinned processes", "with_jax", ("1",), "jax"),
    "pfl": Contestant("pfl, 1 process", "with_pfl", (), "pfl"),
    "flower": Contestant("Flower simulation (Ray)", "with_flower", (), "flwr, ray"),
}


def main() -> None:
    """Print one table a model and number of clients."""
    arguments = parsed()
    pythons = dict(pair.split("=", 1) for pair in arguments.python)
    rate = product_rate()
    rows: list[Row] = []
    print(f"best float32 product on one core: {rate / 1e9:.0f} GFLOP/s; {CORES} cores")
    for model in arguments.models:
        for clients in arguments.clients:
            task = made_task(model, clients)
            floor = rate / arithmetic(task)
            goal = f"floor {floor * CORES:,.0f} updates/s"
            print(f"\n{model}, {clients} clients, {arguments.rounds} rounds; {goal}")
            print(HEADER)
            for name in arguments.contestants:
                python = pythons.get(name.removesuffix("-loop"), sys.executable)
                row = row_of(CONTESTANTS[name], task, python, arguments.rounds, floor)
                print(line(CONTESTANTS[name], row), flush=True)
                rows += [] if isinstance(row, str) else [row]
    if arguments.csv:
        pl.DataFrame(rows).write_csv(arguments.csv)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--models", nargs="+", default=["mlp", "lstm"], choices=("mlp", "lstm"))
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--csv", type=Path, help="also write the rows here")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PYTHON")
    return parser.parse_args()


def row_of(contestant: Contestant, task: Task, python: str, rounds: int, floor: float) -> Row | str:
    """One contestant's figures, or why there are none; `floor` is in updates per second of one core."""
    found = subprocess.run(
        [python, "-c", f"import {contestant.needs}"], capture_output=True, check=False
    ).returncode
    if found != 0:
        return f"skipped: not installed: {contestant.needs}"
    result = played(contestant, task, python, rounds)
    if result is None:
        return "failed"
    clients = len(task.targets)
    return {
        "model": task.model,
        "clients": clients,
        "contestant": contestant.title,
        "round_ms": round(result["wall"] * 1e3, 1),
        "updates_per_s": round(clients / result["wall"]),
        "best_updates_per_s": round(clients / result["best"]),
        "updates_per_cpu_s": round(clients / result["processor"]),
        "of_floor": round(clients / result["processor"] / floor, 3),
        "first_s": round(result["first"], 1),
        "loss": round(final_loss(task, np.array(result["weights"], np.float32)), 6),
    }


def line(contestant: Contestant, row: Row | str) -> str:
    """The printed form of a row."""
    if isinstance(row, str):
        return f"{contestant.title:38}{row}"
    speed = f"{row['round_ms']:10,.1f}{row['updates_per_s']:9,}{row['best_updates_per_s']:9,}"
    cost = f"{row['updates_per_cpu_s']:11,}{row['of_floor']:10.0%}{row['first_s']:7.1f}"
    return f"{contestant.title:38}{speed}{cost}  {row['loss']:.6f}"


def played(contestant: Contestant, task: Task, python: str, rounds: int) -> dict[str, Any] | None:
    """What the contestant wrote, or nothing when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.npz"
        saved(task, path)
        module = f"tests.benchmarks.trainers.{contestant.program}"
        words = [python, "-m", module, str(path), str(rounds), *contestant.words]
        run = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | SINGLE)
        if run.returncode:
            print(run.stderr[-2000:], file=sys.stderr)
            return None
        result: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
        return result


def final_loss(task: Task, weights: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """The mean squared error of the last round's mean weights over all clients' samples."""
    network = build_network(task.model, Layout(periodic=0, recent=STEPS, extra=0))
    forecasts = predict(network, np.tile(weights, (len(task.targets), 1)), task.inputs)
    return float(np.square(forecasts.astype(np.float64) - task.targets).mean())


def product_rate() -> float:
    """Floating-point operations per second of the best float32 product on one core, of three libraries."""
    torch.set_num_threads(1)
    return max(size_rate(*size) for size in ((64, 256, 256), (256, 256, 256), (512, 512, 512)))


def size_rate(rows: int, depth: int, columns: int) -> float:
    """The best of numpy, torch and our own kernel for one size."""
    rng = np.random.default_rng(0)
    left, right = rng.random((rows, depth), np.float32), rng.random((depth, columns), np.float32)
    result = np.zeros((rows, columns), np.float32)
    there, other = torch.from_numpy(left), torch.from_numpy(right)
    seconds = min(
        best_seconds(lambda: np.matmul(left, right, out=result)),
        best_seconds(lambda: torch.matmul(there, other)),
        best_seconds(lambda: multiply(left, right, result, True)),
    )
    return 2.0 * rows * depth * columns / seconds


def best_seconds(action: Any) -> float:
    """The least time of one call, over many."""
    action()
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(10):
            action()
        best = min(best, (time.perf_counter() - began) / 10)
    return best


if __name__ == "__main__":
    main()
