"""Tasks side by side."""

from concurrent.futures import CancelledError
from threading import Event

import pytest

from data.milan.lanes import Report, in_lanes, processors
from data.progress import Step, finished


def test_the_amounts_of_all_tasks_add_up_from_where_the_work_began() -> None:
    def task(report: Report) -> None:
        report(2)
        report(1)

    steps = list(in_lanes([task] * 4, 2, Step("count", 5, 17)))
    assert (steps[0].done, steps[-1].done, steps[-1].total) == (5, 17, 17)


def test_no_task_at_all_is_done_at_once() -> None:
    finished(in_lanes([], 2, Step("count", 0, 0)))


def test_a_failure_comes_out_and_ends_the_other_tasks() -> None:
    began, ended = Event(), Event()

    def fails(report: Report) -> None:
        began.wait()
        raise ValueError("broken")

    def goes_on(report: Report) -> None:
        began.set()
        try:
            while True:
                report(0)
        except CancelledError:
            ended.set()
            raise

    with pytest.raises(ValueError, match="broken"):
        finished(in_lanes([fails, goes_on], 2, Step("count", 0, 1)))
    assert ended.is_set()


def test_giving_up_the_work_ends_its_tasks() -> None:
    began, ended = Event(), Event()

    def goes_on(report: Report) -> None:
        began.set()
        try:
            while True:
                report(0)
        except CancelledError:
            ended.set()
            raise

    work = in_lanes([goes_on], 1, Step("count", 0, 1))
    next(work)
    assert began.wait(10)
    work.close()
    assert ended.is_set()


def test_there_is_at_least_one_processor() -> None:
    assert processors() >= 1
