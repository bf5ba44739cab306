"""How stations differ and fail is drawn by the seed and their ids, in the shares that were asked for."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.clock import wall_clock
from data.traffic import StationId
from fl_server.behaviour import Behaviour, drawn_behaviour
from fl_server.settings import BehaviourSettings
from tests.fleets import drawn_part

STEADY = BehaviourSettings(speed_spread=0.0, sleepers=0.0, dropouts=0.0)
MANY = tuple(StationId(f"s{number}") for number in range(2000))
FEW = MANY[:4]


def clock_of(hours: int, step_minutes: int = 60) -> NDArray[np.datetime64]:
    """The wall clock of so many hours from a Monday 0:00 on."""
    return np.datetime64("2024-01-01T00:00") + np.arange(hours * 60 // step_minutes) * np.timedelta64(
        step_minutes, "m"
    )


WEEK = clock_of(168)


def assert_same(one: Behaviour, other: Behaviour) -> None:
    assert one.hours.tolist() == other.hours.tolist()
    assert one.head_start.tolist() == other.head_start.tolist()
    assert one.reachable.tolist() == other.reachable.tolist()


@given(st.permutations(range(4)), st.integers(0, 5))
def test_a_station_behaves_the_same_among_any_others(order: list[int], seed: int) -> None:
    settings = BehaviourSettings(sleepers=0.5, dropouts=2.0)
    among_all = drawn_behaviour(FEW, WEEK, settings, seed)
    turned = drawn_behaviour([FEW[place] for place in order], WEEK, settings, seed)
    assert_same(
        turned, Behaviour(among_all.hours[order], among_all.reachable[order], among_all.head_start[order])
    )
    alone = drawn_behaviour(FEW[2:3], WEEK, settings, seed)
    assert_same(alone, Behaviour(among_all.hours[2:3], among_all.reachable[2:3], among_all.head_start[2:3]))


def test_another_seed_is_another_behaviour() -> None:
    settings = BehaviourSettings()
    first, second = (drawn_behaviour(FEW, WEEK, settings, seed) for seed in (1, 2))
    assert not np.intersect1d(first.hours, second.hours).size
    assert not np.intersect1d(first.head_start, second.head_start).size


def test_steady_stations_are_always_there_and_all_as_fast() -> None:
    behaviour = drawn_behaviour(FEW, WEEK, replace(STEADY, training_hours=0.75), 1)
    assert behaviour.reachable.all()
    assert behaviour.hours.tolist() == [0.75] * 4


def test_speeds_spread_as_asked_around_the_middle_station() -> None:
    """The logarithms are normal: their mean errs by σ/√N, their deviation by σ/√2N; four times that."""
    behaviour = drawn_behaviour(MANY, WEEK[:1], replace(STEADY, training_hours=2.0, speed_spread=0.5), 1)
    logarithms = np.log(behaviour.hours / 2.0)
    assert abs(logarithms.mean()) < 4 * 0.5 / sqrt(len(MANY))
    assert abs(logarithms.std() - 0.5) < 4 * 0.5 / sqrt(2 * len(MANY))


def test_batches_have_begun_anywhere() -> None:
    head_start = np.sort(drawn_behaviour(MANY, WEEK[:1], STEADY, 1).head_start)
    even = np.arange(1, len(MANY) + 1) / len(MANY)
    assert np.abs(head_start - even).max() < 1.95 / sqrt(len(MANY))  # Kolmogorov's test at one in a thousand


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_a_share_of_the_stations_sleeps_and_at_night_alone(share: float) -> None:
    behaviour = drawn_behaviour(MANY, WEEK, replace(STEADY, sleepers=share), 1)
    hour = np.arange(168) % 24
    assert behaviour.reachable[:, hour >= 6].all()
    asleep = ~behaviour.reachable[:, hour < 6]
    assert (asleep.all(axis=1) == asleep.any(axis=1)).all()  # every night and all of it
    assert abs(asleep.all(axis=1).mean() - share) <= 4 * sqrt(share * (1 - share) / len(MANY))


def test_night_is_told_by_the_wall_clock() -> None:
    """In Milan summer time begins at 2 o'clock on 2024-03-31: that night has five hours."""
    utc = np.datetime64("2024-03-30T23:00") + np.arange(23) * np.timedelta64(60, "m")  # midnight in Milan
    behaviour = drawn_behaviour(FEW, wall_clock(utc, "Europe/Rome"), replace(STEADY, sleepers=1.0), 1)
    assert behaviour.reachable[0].tolist() == [False] * 5 + [True] * 18


@pytest.mark.parametrize("step_minutes", [10, 60, 120])
def test_drop_outs_come_and_go_as_often_and_as_long_as_asked(step_minutes: int) -> None:
    """Of a long time the share away is A / (168/D + A), here 12 / (84 + 12), and half a step more an end.

    A cycle of 96 hours lies about 2,000 × 1,344 / 96 = 28,000 times in it, so that the share errs by under
    1 %; a step that a station is away for a part of counts as away.
    """
    settings = replace(STEADY, dropouts=2.0, away_hours=12.0)
    away = ~drawn_behaviour(MANY, clock_of(8 * 168, step_minutes), settings, 1).reachable
    step_hours = step_minutes / 60
    assert away.mean() == pytest.approx((12 + step_hours) / 96, rel=0.05)
    came_back = away[:, :-1] & ~away[:, 1:]
    assert came_back.any(axis=1).mean() > 0.99
    begun = (~away[:, :-1] & away[:, 1:]).sum() / len(MANY) / 8
    assert begun == pytest.approx(168 / 96, rel=0.06)


def test_a_clock_that_is_set_back_at_the_start_does_not_stop_drop_outs() -> None:
    """The steps 1:00Z and 1:30Z of 2024-10-27 show 2:00 for the second time; so do those before them."""
    utc = np.datetime64("2024-10-27T00:30") + np.arange(4 * 336) * np.timedelta64(30, "m")
    clock = wall_clock(utc, "Europe/Rome")
    assert clock[1] < clock[0]
    settings = replace(STEADY, dropouts=2.0)
    away = ~drawn_behaviour(MANY[:300], clock, settings, 1).reachable
    assert away.mean() == pytest.approx((12 + 0.5) / 96, rel=0.1)


def test_a_stream_of_one_step_has_a_behaviour() -> None:
    assert drawn_behaviour(FEW, WEEK[:1], BehaviourSettings(dropouts=3.0), 1).reachable.shape == (4, 1)


def test_stations_slower_than_the_deadline_are_late() -> None:
    behaviour = Behaviour(np.array([0.5, 1.0, 1.01]), np.ones((3, 1), bool), np.zeros(3))
    waiting = BehaviourSettings(training_hours=0.5)
    assert behaviour.in_time(waiting).tolist() == [True, True, True]
    assert behaviour.in_time(replace(waiting, deadline=2.0)).tolist() == [True, True, False]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_the_share_takes_part_in_every_cluster(
    clusters: list[int], share: float, phase: int, turn: int
) -> None:
    cluster_of = np.unique(clusters, return_inverse=True)[1].reshape(-1)
    chosen = drawn_part(cluster_of, share, 1, phase, turn)
    for cluster in range(cluster_of.max() + 1):
        size = int((cluster_of == cluster).sum())
        assert chosen[cluster_of == cluster].sum() == max(1, round(share * size))
    assert chosen.tolist() == drawn_part(cluster_of, share, 1, phase, turn).tolist()


def test_over_many_turns_every_station_takes_part_as_often() -> None:
    """200 turns of 40 % are 80 ± √(200 · .4 · .6) = 7 a station."""
    times = sum(drawn_part(np.zeros(50, np.int64), 0.4, 1, 0, turn).astype(int) for turn in range(200))
    assert np.abs(np.asarray(times) - 80).max() < 4.5 * sqrt(200 * 0.4 * 0.6)


def test_turns_phases_and_seeds_choose_others() -> None:
    cluster_of = np.zeros(100, np.int64)
    chosen = {
        drawn_part(cluster_of, 0.5, seed, phase, turn).tobytes()
        for seed in (1, 2)
        for phase in (0, 1)
        for turn in (0, 1)
    }
    assert len(chosen) == 8


def test_all_of_the_stations_are_all_of_them() -> None:
    assert drawn_part(np.array([0, 1, 1]), 1.0, 1, 0, 0).all()
