"""A command over two processes that are long in starting and at work, for those who want to stop it."""

import os
import time
from collections.abc import Sequence
from multiprocessing import parent_process
from pathlib import Path

import polars as pl

from data.progress import finished
from fl_server.experiments.studies import Study, Value, studied

LONG = 600.0  # seconds: nobody waits for it
if parent_process() is not None:
    os.write(1, b"starting\n")
    time.sleep(1)


def values(seed: int) -> list[Value]:
    if seed > 1:
        time.sleep(LONG)
    return [("errors", "one", "a", 1.0 * seed)]


def drawn(path: Path, rows: pl.DataFrame) -> None:
    raise NotImplementedError


def run(words: Sequence[str]) -> int:
    study = Study("some", "Some figure", values, {"errors": "method"}, drawn)
    return finished(studied(study, Path(words[0]), 3, 2)).rows.height
