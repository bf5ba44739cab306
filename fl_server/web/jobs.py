"""Long work beside the requests: a few jobs at once, their progress, their results, an end to each."""

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from data.errors import InputError
from data.progress import Steps, Work
from fl_server.web.shelf import UnknownError

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
AT_ONCE, MOST_OPEN, MOST_KEPT = 2, 8, 20


class BusyError(Exception):
    """So much is under way that no more can be taken."""


class _CancelledError(Exception):
    """Somebody wants this job to end."""


@dataclass
class Job:
    """One piece of work; other threads read it while it goes on."""

    number: int
    run: str
    kind: str
    words: str  # what it does, for a person
    began: float = field(default_factory=time.time)
    state: JobState = "waiting"
    stage: str = ""
    done: float = 0
    total: float = 0
    detail: str = ""
    error: str = ""
    result: Any = None  # Any: each kind has its own
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


class Jobs:
    """The jobs of this server, the latest MOST_KEPT of them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
        self._jobs: dict[int, Job] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    def start(self, run: str, kind: str, words: str, work: Callable[[], Work[Any]]) -> Job:
        """Begin `work`; what is under way for this run already, in the same words, is joined."""
        with self._lock:
            for job in self._jobs.values():
                if job.is_open and (job.run, job.kind, job.words) == (run, kind, words):
                    return job
            if sum(job.is_open for job in self._jobs.values()) >= MOST_OPEN:
                raise BusyError(f"{MOST_OPEN} jobs are under way; wait for one, or cancel one")
            job = Job(next(self._numbers), run, kind, words)
            self._jobs[job.number] = job
            self._forget()
        self._pool.submit(_worked, job, work)
        return job

    def all(self) -> list[Job]:
        """Every job that is known, the latest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def of_number(self, number: int) -> Job:
        """The job with this number."""
        job = self._jobs.get(number)
        if job is None:
            raise UnknownError(f"there is no job {number}; /api/jobs names those that are known")
        return job

    def cancel(self, number: int) -> Job:
        """Let a job end at its next step; one that has ended stays as it is."""
        job = self.of_number(number)
        job.cancelled.set()
        if job.state == "waiting":
            job.state = "cancelled"
        return job

    def close(self) -> None:
        """End all jobs."""
        for job in self.all():
            job.cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget(self) -> None:
        ended = [number for number, job in self._jobs.items() if not job.is_open]
        for number in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[number]


def _worked(job: Job, work: Callable[[], Work[Any]]) -> None:
    """Do the work of `job`, whatever comes of it."""
    if job.cancelled.is_set():
        job.state = "cancelled"
        return
    job.state = "running"
    try:
        steps = Steps(work())
        for step in steps:
            job.stage, job.done, job.total, job.detail = step.stage, step.done, step.total, step.detail
            if job.cancelled.is_set():
                raise _CancelledError
        job.result = steps.result
        job.state = "done"
    except _CancelledError:
        job.state = "cancelled"
    except (InputError, UnknownError, OSError) as error:
        job.error, job.state = str(error), "failed"
    except Exception as error:  # noqa: BLE001 - a defect must reach the person, not vanish with its thread
        traceback.print_exc()
        job.error, job.state = f"a defect of vhtwin: {error!r}", "failed"


def told(job: Job) -> dict[str, Any]:  # Any: what JSON holds
    """A job as JSON can hold it, without its result."""
    return {
        "number": job.number,
        "run": job.run,
        "kind": job.kind,
        "words": job.words,
        "began": job.began,
        "state": job.state,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "detail": job.detail,
        "error": job.error,
    }
