"""Which cells may sleep: never at the cost of the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.operations.impact import PlaySettings, played
from hetnet.operations.scenario import Scenario, change_of
from hetnet.operations.sleeping import clauses_of, sleepers
from tests.hetnet.operations.replicas import some_replica

ALWAYS = np.ones(24, bool)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0.8, 4), st.sampled_from([0.6, 0.8, 0.9]))
def test_the_guard_holds_when_what_sleeps_is_played(seed: int, room: float, confidence: float) -> None:
    replica = some_replica(seed=seed, room=room)
    asleep = sleepers(replica, confidence, ALWAYS)
    assert not asleep.all(axis=1).any()
    clauses = tuple(f"s{place}@{hour}-{hour + 1}" for hour, place in np.argwhere(asleep))
    (found,) = played(replica, [Scenario(sleep=clauses)], PlaySettings(policy="nearest"))
    takes = np.setdiff1d(np.unique(found.routes.target), np.flatnonzero(asleep.all(axis=0)))
    rows = np.searchsorted(found.stations, takes)
    more = found.difference.forecast[:, rows] > 1e-9
    assert (found.risk[:, rows][more] <= 1 - confidence).all()
    assert not found.routes.uncovered.any()
    assert found.energy_difference.forecast <= 1e-9


def test_with_room_for_all_some_sleep_and_without_room_none() -> None:
    assert sleepers(some_replica(room=10), 0.9, ALWAYS).any(axis=1).all()
    assert not sleepers(some_replica(room=0.01), 0.9, ALWAYS).any()


def test_a_higher_confidence_lets_no_more_futures_overload() -> None:
    replica = some_replica(room=1.2, futures=48)
    counts = [int(sleepers(replica, each, ALWAYS).sum()) for each in (0.5, 0.97)]
    assert counts[1] < counts[0]


def test_nobody_sleeps_outside_the_window() -> None:
    night = np.arange(24) < 6
    asleep = sleepers(some_replica(room=5), 0.9, night)
    assert asleep[night].any()
    assert not asleep[~night].any()


@given(st.integers(0, 99))
def test_the_clauses_say_who_sleeps(seed: int) -> None:
    replica = some_replica()
    asleep = np.random.default_rng(seed).random((24, 9)) < 0.4
    asleep[:, 0] = False
    scenario = Scenario(sleep=clauses_of(asleep, replica))
    assert (change_of(scenario, replica).asleep == asleep).all()


@pytest.mark.parametrize(("confidence", "reason"), [(1.0, "between"), (0.99, "at least 99")])
def test_what_futures_cannot_tell_is_refused(confidence: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        sleepers(some_replica(), confidence, ALWAYS)
