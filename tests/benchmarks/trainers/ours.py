"""Our trainer: `python -m tests.benchmarks.trainers.ours TASK ROUNDS ENGINE THREADS`."""

import sys
from typing import cast

import numpy as np

from data.inputs import Layout
from forecasting.networks import build_network
from forecasting.settings import Engine, TrainingSettings
from forecasting.stations import full_samples, station_rngs
from forecasting.training import train
from tests.benchmarks.trainers.task import BATCH, RATE, STEPS, Floats, given_task, report


def main() -> None:
    """Train all clients in one call a round."""
    task = given_task()
    network = build_network(task.model, Layout(periodic=0, recent=STEPS, extra=0))
    samples = full_samples(task.inputs, task.targets)
    rngs = station_rngs(0, range(len(task.targets)))
    engine, threads = cast(Engine, sys.argv[3]), int(sys.argv[4])
    settings = TrainingSettings(
        batch_size=BATCH, learning_rate=RATE, shuffle=False, engine=engine, threads=threads, device="cpu"
    )

    def play(weights: Floats) -> Floats:
        start = np.broadcast_to(weights, (len(task.targets), len(weights)))
        mean: Floats = train(network, start, samples, settings, rngs).weights.mean(axis=0)
        return mean

    report(task, play)


if __name__ == "__main__":
    main()
