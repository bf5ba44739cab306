"""Independent tasks side by side on the processors there are, with one progress for all of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from queue import SimpleQueue
from threading import Event

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

    A task calls its argument with each amount that it has done. That call also ends the task when
    another one failed or the work was interrupted, so that nothing goes on behind the caller's back.
    """
    amounts: SimpleQueue[float] = SimpleQueue()
    stopped = Event()

    def report(amount: float) -> None:
        if stopped.is_set():
            raise CancelledError
        amounts.put(amount)

    pool = ThreadPoolExecutor(lanes)
    try:
        pending = {pool.submit(task, report) for task in tasks}
        done = start.done
        yield start
        while pending:
            ended, pending = wait(pending, SECONDS_BETWEEN_STEPS, FIRST_COMPLETED)
            for future in ended:
                future.result()
            new = sum(amounts.get() for _ in range(amounts.qsize()))
            if new:
                done += new
                yield Step(start.stage, done, start.total, start.detail, start.unit)
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
