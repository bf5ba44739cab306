"""Independent tasks side by side on the processors there are, with one progress for all of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

from data.progress import Step, Work

Report = Callable[[float], None]
Task = Callable[[Report], None]
SECONDS_BETWEEN_STEPS = 0.2


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_lanes(tasks: Sequence[Task], lanes: int, start: Step) -> Work[None]:
    """Run all `tasks`, `lanes` at a time in threads; `start` says where the progress begins.

    A task calls its argument with each amount that it has done. That call also ends the task when the work
    was interrupted, so that nothing goes on behind the caller's back, or when one before it has failed.
    Those before a failed one run to their end: what is finished and which failure comes out, the first in
    the order of the tasks, do not depend on how fast each was.
    """
    amounts: SimpleQueue[float] = SimpleQueue()
    end = len(tasks)  # the tasks from here on have nothing left to do

    def run(position: int) -> None:
        def report(amount: float) -> None:
            if position >= end:
                raise CancelledError
            amounts.put(amount)

        tasks[position](report)

    pool = ThreadPoolExecutor(lanes)
    try:
        futures = [pool.submit(run, position) for position in range(len(tasks))]
        done = start.done
        yield start
        pending = futures
        while pending:
            wait(pending, SECONDS_BETWEEN_STEPS, FIRST_COMPLETED)
            end = _first_failed(futures)
            pending = [future for future in futures[:end] if not future.done()]
            new = sum(amounts.get() for _ in range(amounts.qsize()))
            if new:
                done += new
                yield Step(start.stage, done, start.total, start.detail, start.unit)
        if end < len(futures):
            futures[end].result()
    finally:
        end = 0
        pool.shutdown(cancel_futures=True)


def _first_failed(futures: Sequence[Future[None]]) -> int:
    """The position of the first that has failed, or how many there are."""
    failed = (at for at, future in enumerate(futures) if future.done() and future.exception() is not None)
    return next(failed, len(futures))
