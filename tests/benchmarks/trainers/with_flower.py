"""Flower's simulation on Ray: `python -m tests.benchmarks.trainers.with_flower TASK ROUNDS`.

Every client runs the plain PyTorch loop; a round is what lies between two evaluations by the server.
"""

import sys
import time
from itertools import pairwise

import numpy as np
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from tests.benchmarks.trainers.flower_client import client_app
from tests.benchmarks.trainers.task import Floats, cpu_seconds, given_task, write_result

PATH, ROUNDS = sys.argv[1], int(sys.argv[2])


def main() -> None:
    """Run one round that does not count, then the timed ones."""
    task = given_task()
    marks: list[tuple[float, float, Floats]] = []
    app = ServerApp()

    def serve(grid: Grid, _context: Context) -> None:
        def mark(_round: int, arrays: ArrayRecord) -> MetricRecord:
            marks.append((time.perf_counter(), cpu_seconds(), np.array(arrays.to_numpy_ndarrays()[0])))
            return MetricRecord({})

        clients = len(task.targets)
        strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=clients, min_available_nodes=clients)
        start = ArrayRecord([task.weights])
        strategy.start(grid, start, num_rounds=1 + ROUNDS, evaluate_fn=mark)

    app.main()(serve)

    run_simulation(
        server_app=app,
        client_app=client_app(PATH),
        num_supernodes=len(task.targets),
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    walls = [later[0] - earlier[0] for earlier, later in pairwise(marks[1:])]
    write_result(walls, marks[-1][1] - marks[1][1], marks[1][0] - marks[0][0], marks[-1][2])


if __name__ == "__main__":
    main()
