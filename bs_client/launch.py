"""Many stations on one machine: a parent that loads everything once, and a process for each node.

python -m bs_client.launch SET --server ADDRESS --parent PID --stations-per-process K --reading JSON

The parent reads the set and loads the libraries, then forks: what the processes share they share in memory,
and a new one is there in milliseconds. Every process answers for its own stations alone.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np

from bs_client.flower_node import FlowerNode, Link, end_when_told
from bs_client.host import host
from bs_client.site import Site
from bs_client.station import answers
from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import EvaluateOrder, TrainOrder
from data.plain import rebuilt
from data.sets.tables import ReadSettings, read_set
from data.traffic import Traffic, of_columns
from forecasting.recipe import Recipe

RESTART_SECONDS = 1.0
WATCH_SECONDS = 0.5


def main(words: Sequence[str] | None = None) -> int:
    """Launch the processes, and keep them alive until told to end."""
    arguments = _arguments(words)
    traffic = read_set(arguments.set, rebuilt(ReadSettings, json.loads(arguments.reading)))
    stations = len(traffic.stations)
    processes = -(-stations // arguments.stations_per_process)
    parts = np.array_split(np.arange(stations), processes)
    print(json.dumps({"stations": stations + len(traffic.gappy), "processes": processes}), flush=True)  # noqa: T201 - what the caller waits for
    _compile(traffic)
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared
    where = Where(arguments.server, arguments.memory)
    children = {_forked(traffic, part, where): part for part in parts}

    def end(_number: int, _frame: FrameType | None) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while os.getppid() == arguments.parent:
        child, _ = os.waitpid(-1, os.WNOHANG)
        if child:
            part = children.pop(child)
            time.sleep(RESTART_SECONDS)
            children[_forked(traffic, part, where)] = part
        else:
            time.sleep(WATCH_SECONDS)
    end(0, None)
    return 0


def _compile(traffic: Traffic) -> None:
    """Load the compiled kernels by a training of no consequence, so that all processes share them."""
    try:
        made = host(of_columns(traffic, [0]), Recipe(), SignatureSettings())
    except InputError:
        return  # the set may be fit for other settings
    weights = np.zeros(sum(part.size for part in made.network.parts), np.float32)
    order = TrainOrder(made.task.traffic.stations, weights, "vertical", 0, 1, made.task.train_steps)
    answers(made, [order, EvaluateOrder(order.stations, weights, order.until, order.until + 1)])


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=Path)
    parser.add_argument("--server", required=True)
    parser.add_argument("--parent", type=int, required=True, help="all ends when this process is gone")
    parser.add_argument("--stations-per-process", type=int, default=1)
    parser.add_argument("--memory", type=Path, help="where stations keep what they remember")
    parser.add_argument("--reading", default="{}", help="how the set is read, as JSON")
    return parser.parse_args(words)


@dataclass(frozen=True)
class Where:
    """Where the server is, and where stations keep what they remember."""

    server: str
    memory: Path | None


def _forked(traffic: Traffic, part: np.ndarray[tuple[int], np.dtype[np.int64]], where: Where) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        mine = of_columns(traffic, part)
        if part[0] != 0:
            mine = replace(mine, gappy=())  # the first tells who is left out
        _serve(mine, where, parent)
        code = 0
    finally:
        os._exit(code)


def _serve(traffic: Traffic, where: Where, parent: int) -> None:
    node = FlowerNode(Link(address=where.server), Site(traffic, where.memory).answered, tell=_tell)
    end_when_told()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    node.run()


def _tell(sentence: str) -> None:
    print(f"process {os.getpid()}: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - the log


def _end_with(parent: int) -> None:
    """Stop when the parent is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
