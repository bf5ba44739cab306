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


def test_those_before_a_failure_run_to_their_end_and_the_first_of_two_failures_comes_out() -> None:
    failed, ended = Event(), Event()

    def slow(report: Report) -> None:
        assert failed.wait(10)
        for _ in range(1000):
            report(0)
        ended.set()

    def slow_to_fail(report: Report) -> None:
        assert ended.wait(10)
        report(0)
        raise ValueError("the first")

    def fails(report: Report) -> None:
        failed.set()
        raise ValueError("the second")

    with pytest.raises(ValueError, match="the first"):
        finished(in_lanes([slow, slow_to_fail, fails], 3, Step("count", 0, 1)))
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
