"""Jobs: progress, results, failures, an end before the end, and how many there may be."""

import time
from collections.abc import Iterator
from threading import Event

import pytest

from data.errors import InputError
from data.progress import Step, Work
from fl_server.web.jobs import AT_ONCE, MOST_KEPT, MOST_OPEN, BusyError, Job, Jobs, told
from fl_server.web.shelf import UnknownError


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def ended(job: Job) -> Job:
    for _ in range(400):
        if not job.is_open:
            return job
        time.sleep(0.01)
    raise AssertionError(f"{job} does not end")


def quick() -> Work[str]:
    yield Step("counting", 1, 2, "one")
    return "two"


def held_by(gate: Event) -> Work[None]:
    while not gate.wait(0.01):
        yield Step("waiting", 0, 1)


def failing() -> Work[None]:
    yield Step("trying", 0, 1)
    raise InputError("city: found nothing, expected a set")


def broken() -> Work[None]:
    yield Step("trying", 0, 1)
    raise RuntimeError("oh")


def test_a_job_ends_with_its_result_and_its_last_step(jobs: Jobs) -> None:
    job = ended(jobs.start("run", "count", "count to two", quick))
    assert (job.state, job.result, job.stage, job.done, job.total) == ("done", "two", "counting", 1, 2)
    assert "result" not in told(job)


def test_a_failure_is_the_sentence(jobs: Jobs) -> None:
    job = ended(jobs.start("run", "try", "try", failing))
    assert (job.state, job.error) == ("failed", "city: found nothing, expected a set")


def test_a_defect_fails_the_job_and_is_told(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    job = ended(jobs.start("run", "try", "try", broken))
    assert (job.state, job.error) == ("failed", "a defect of vhtwin: RuntimeError('oh')")
    assert "Traceback" in capsys.readouterr().err


def test_a_cancelled_job_ends_at_its_next_step(jobs: Jobs) -> None:
    job = jobs.start("run", "wait", "wait", lambda: held_by(Event()))
    assert jobs.cancel(job.number) is job
    assert ended(job).state == "cancelled"


def test_one_that_waits_is_cancelled_at_once_and_never_begins(jobs: Jobs) -> None:
    gate, begun = Event(), Event()

    def work() -> Work[None]:
        begun.set()
        yield Step("x", 0, 1)

    for number in range(AT_ONCE):
        jobs.start("run", "wait", f"wait {number}", lambda: held_by(gate))
    last = jobs.start("run", "wait", "wait for long", work)
    assert jobs.cancel(last.number).state == "cancelled"
    gate.set()
    for job in jobs.all():
        ended(job)
    assert not begun.is_set()


def test_the_same_work_is_joined_while_it_goes_on(jobs: Jobs) -> None:
    gate = Event()
    one = jobs.start("run", "wait", "wait", lambda: held_by(gate))
    assert jobs.start("run", "wait", "wait", lambda: held_by(gate)) is one
    assert jobs.start("other", "wait", "wait", lambda: held_by(gate)) is not one
    gate.set()
    ended(one)
    assert jobs.start("run", "wait", "wait", lambda: held_by(gate)) is not one


def test_there_is_a_most_of_open_jobs_and_of_those_that_are_kept(jobs: Jobs) -> None:
    gate = Event()
    for number in range(MOST_OPEN):
        jobs.start("run", "wait", str(number), lambda: held_by(gate))
    with pytest.raises(BusyError):
        jobs.start("run", "wait", "one more", lambda: held_by(gate))
    gate.set()
    for job in jobs.all():
        ended(job)
    for number in range(MOST_KEPT + 5):
        ended(jobs.start("run", "count", str(number), quick))
    assert len(jobs.all()) <= MOST_KEPT + 1
    with pytest.raises(UnknownError):
        jobs.of_number(1)
