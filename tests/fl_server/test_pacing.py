"""A replayed stream takes its time, and nothing else changes."""

from dataclasses import replace
from time import monotonic

from fl_server.pacing import paced
from tests.fl_server.test_lifecycle import fleet_of, plan_of, usual

PLAN = plan_of(fleet_of())


def arrivals(hours_a_second: float, first: int, last: int, step_minutes: int = 60) -> list[float]:
    """After how many seconds each of some states of the usual run comes."""
    timeline = replace(PLAN.timeline, step_minutes=step_minutes)
    plan = replace(PLAN, descriptions=tuple(replace(each, timeline=timeline) for each in PLAN.descriptions))
    began = monotonic()
    return [monotonic() - began for _ in paced(iter(usual()[first:last]), plan, hours_a_second)]


def test_a_step_of_the_stream_comes_no_sooner_than_its_hour() -> None:
    """Ten steps at 100 hours a second, after the one that starts the clock: at least 90 ms in all."""
    assert arrivals(100, 6, 16)[-1] >= 9 * 0.01


def test_steps_of_ten_minutes_come_six_times_as_often() -> None:
    assert 9 / 60 <= arrivals(10, 6, 16, step_minutes=10)[-1] < 9 / 10


def test_rounds_and_the_compared_run_are_not_held_up() -> None:
    """At an hour in 1,000 seconds one step alone would take that long."""
    assert len(arrivals(0.001, 0, 6)) == 6
    assert len(arrivals(0.001, 53, len(usual()))) == len(usual()) - 53


def test_the_states_are_the_same() -> None:
    several = list(usual()[5:9])
    assert [one is other for one, other in zip(paced(iter(several), PLAN, 1e6), several, strict=True)] == [
        True
    ] * 4
