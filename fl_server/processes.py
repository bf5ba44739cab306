"""Calls over several processes, which a signal ends at any moment.

Every process has a pipe of its own to this one, in which neither a thread nor a lock waits: whatever is
raised here, by Ctrl-C too, leaves nothing behind that could be waited for.
"""

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from types import FrameType
from typing import Any, TypeVar

from data.errors import InputError

Asked = TypeVar("Asked")
Given = TypeVar("Given")
Worker = tuple[ForkServerProcess, Connection]
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK = 0.5  # seconds after which a signal is seen that came to another thread
MOMENT = 0.2  # seconds within which a signal to all processes has reached this one too


def in_processes(call: Callable[[Asked], Given], several: Sequence[Asked], processes: int) -> Iterator[Given]:
    """What `call` makes of each of `several`, over so many processes, in the order in which they end."""
    if processes == 1 or not several:
        yield from map(call, several)
        return
    open_ = list(reversed(several))
    with _workers(call, min(processes, len(several))) as workers:
        for _, pipe in workers:
            _send(pipe, open_.pop())
        for _ in several:
            process, pipe = _ready(workers)
            answer: Given = _answer(process, pipe)
            if open_:
                _send(pipe, open_.pop())
            yield answer


@contextmanager
def _workers(call: Callable[[Asked], Given], count: int) -> Iterator[list[Worker]]:
    """So many processes that wait for calls, none of which is left at the end of the block."""
    workers: list[Worker] = []
    try:
        for _ in range(count):
            with _signals_held():  # a process is begun and known here, or not begun
                workers.append(_started(call))
        yield workers
    finally:
        with _signals_held():
            for process, _ in workers:
                process.kill()
            for process, pipe in workers:
                process.join()
                pipe.close()


def _started(call: Callable[[Asked], Given]) -> Worker:
    resource_tracker.ensure_running()  # by itself: it takes signals as it needs them
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit it from the first on: an
    try:  # interrupt at the terminal, which all of them get, is this one's to handle
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    context = get_context("forkserver")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(call, there), daemon=True)
    process.start()
    there.close()  # so that the end of the process is the end of the pipe
    return process, here


def _serve(call: Callable[[Asked], Given], pipe: Connection) -> None:
    """Answer what comes until the pipe ends."""
    with suppress(EOFError, ConnectionError):
        while True:
            asked = pipe.recv()
            try:
                made: tuple[object, Exception | None] = call(asked), None
            except Exception as error:  # noqa: BLE001 - it is raised again in the process that asked
                error.add_note(f"in another process:\n{traceback.format_exc()}")
                made = None, error
            pipe.send(made)


def _ready(workers: Sequence[Worker]) -> Worker:
    """The first process that has something to say."""
    while True:
        for pipe in wait([pipe for _, pipe in workers], LOOK):
            return next(worker for worker in workers if worker[1] is pipe)


def _send(pipe: Connection, asked: Asked) -> None:
    with suppress(ConnectionError):  # it ended: found out where its answer is waited for
        pipe.send(asked)


def _answer(process: ForkServerProcess, pipe: Connection) -> Any:  # Any: what a pipe holds
    try:
        answer, error = pipe.recv()
    except (EOFError, ConnectionError):
        time.sleep(MOMENT)  # what ended it may be for this process too
        process.join(LOOK)
        raise InputError(
            f"one of the processes ended early ({_how(process.exitcode)}); what was made before is kept; "
            "where memory ran out, fewer at the same time need less"
        ) from None
    if error is not None:
        raise error
    return answer


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {-code}"


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let a signal that comes meanwhile act at the end of the block."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    handled = {number: signal.getsignal(number) for number in ENDING}
    handled = {number: how for number, how in handled.items() if callable(how)}
    for number in handled:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, how in handled.items():
            signal.signal(number, how)
        if came:
            signal.raise_signal(came[0])
