from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.clocks import Clock, Variant
from hetnet.forecasters import linear, seasonal_naive
from hetnet.lags import Counts, Floats, no_neighbours
from hetnet.lower import (
    IntegrationSettings,
    Stream,
    at_use,
    attributes_at_use,
    chosen_neighbours,
    fitted,
    integrated,
    possible_neighbours,
    steps_ahead,
)
from hetnet.resampling import Kernel

SETTINGS = IntegrationSettings(kernel=Kernel(length=3600.0 * 6, noise=0.01))
HOUR = 3600.0


def counting(values: Floats, origins: Counts, steps: int) -> Floats:
    """An issuer whose forecast is the value at the origin and a hundredth for each step ahead."""
    return values[:, origins, None] + 0.01 * np.arange(1, steps + 1)


def stream(seed: int, clock: Clock, readings: int = 300) -> Stream:
    """A daily wave, read every ten minutes or so by a device whose clock errs, late by some milliseconds."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 48 * HOUR, readings))
    values = 10 + 3 * np.sin(2 * np.pi * times / (24 * HOUR)) + 0.05 * rng.normal(size=readings)
    exchange = [clock.shown(np.array([0.0]))[0], 0.01, 0.012, clock.shown(np.array([0.022]))[0]]
    received = times + 0.01 + rng.exponential(0.005, readings)
    return Stream(clock.shown(times), values, received, np.array([exchange]))


@pytest.mark.parametrize(
    ("used_at", "collected", "step", "ahead"),
    [(10.0, 10.0, 1.0, 0), (10.0, 9.0, 1.0, 1), (10.2, 9.0, 1.0, 2), (0.3, 0.0, 0.1, 3), (5.0, 8.0, 1.0, 0)],
)
def test_the_steps_ahead_are_those_begun_since_the_last_value(
    used_at: float, collected: float, step: float, ahead: int
) -> None:
    assert steps_ahead(used_at, np.array([collected]), step).tolist() == [ahead]


@given(used_at=st.floats(0, 1000), last=st.floats(0, 1000), step=st.floats(0.01, 100))
def test_the_steps_ahead_reach_the_instant_of_use_and_no_further(
    used_at: float, last: float, step: float
) -> None:
    ahead = int(steps_ahead(used_at, np.array([last]), step)[0])
    assert last + ahead * step >= used_at - 1e-6 * step
    assert ahead == 0 or last + (ahead - 1) * step <= used_at + 1e-6 * step


def test_each_series_is_forecast_as_far_ahead_as_it_is_old() -> None:
    values = np.arange(30.0).reshape(3, 10)
    last = np.array([9, 8, 5])
    # used at 9: the first is known, the second is a step old, the third four
    assert at_use(counting, values, last, 9).tolist() == [9.0, 18.01, 25.04]
    assert at_use(counting, values, last, 9, synchronised=False).tolist() == [9.0, 18.01, 25.01]


def test_values_that_are_there_are_not_forecast() -> None:
    def never(values: Floats, origins: Counts, steps: int) -> Floats:
        raise AssertionError("nothing is to be forecast")

    assert at_use(never, np.arange(4.0).reshape(2, 2), np.array([1, 1]), 1).tolist() == [1.0, 3.0]


def test_nothing_after_the_last_value_is_looked_at() -> None:
    rng = np.random.default_rng(1)
    values = np.sin(np.arange(500) * 2 * np.pi / 24) + 0.2 * rng.normal(size=(4, 500))
    neighbours = np.array([[1], [0], [3], [2]])
    issuer = linear(neighbour_lags=(1,)).fit(values[:, :400], neighbours)
    last = np.array([480, 490, 495, 497])
    changed = values.copy()
    changed[:, 481:] += np.array([[100.0], [100.0], [0.0], [0.0]])
    changed[2:, 498:] += 100
    before, after = at_use(issuer, values, last, 499), at_use(issuer, changed, last, 499)
    assert before[0] == after[0]
    assert np.array_equal(before[2:], after[2:])


@pytest.mark.parametrize("last", [-1, 5])
def test_a_series_of_which_nothing_was_collected_is_refused(last: int) -> None:
    with pytest.raises(InputError, match=r"expected steps 0 … 4"):
        at_use(counting, np.zeros((1, 5)), np.array([last]), 6)


def test_all_attributes_of_all_users_are_given_at_the_instant_of_use() -> None:
    history = np.tile(np.arange(48.0) % 24, (2, 3, 1))
    issuer = fitted(seasonal_naive(24), history, no_neighbours(6))
    last = np.array([[47, 46, 45], [47, 40, 24]])
    assert attributes_at_use(issuer, history, last, 50.0).tolist() == [[2.0] * 3, [2.0] * 3]


def test_as_many_last_steps_as_series_are_needed() -> None:
    with pytest.raises(InputError, match="2 series and last steps of the shape"):
        at_use(counting, np.zeros((2, 5)), np.array([4]), 5)


def test_candidates_are_the_users_own_attributes_and_the_same_one_nearby() -> None:
    positions = np.array([[0.0, 0], [1, 0], [5, 0]])
    possible = possible_neighbours(positions, 2, nearest=1)
    assert [np.flatnonzero(row).tolist() for row in possible] == [
        [1, 2],
        [0, 3],
        [0, 3],
        [1, 2],
        [2, 5],
        [3, 4],
    ]


def test_the_neighbour_that_drives_a_series_is_found_and_no_other() -> None:
    rng = np.random.default_rng(2)
    series = rng.normal(size=(20, 1000))
    series[7, 1:] += 0.5 * series[3, :-1]
    chosen = chosen_neighbours(series, ~np.eye(20, dtype=np.bool_), count=2)
    assert chosen[7, 0] == 3
    assert (np.delete(chosen, 7, axis=0) == -1).mean() > 0.9


def test_a_common_season_alone_makes_no_neighbours() -> None:
    rng = np.random.default_rng(3)
    series = 3 * np.sin(2 * np.pi * np.arange(1000) / 24) + rng.normal(size=(10, 1000))
    assert (chosen_neighbours(series, ~np.eye(10, dtype=np.bool_)) == -1).mean() > 0.9


def test_a_constant_series_has_no_neighbour_and_is_none() -> None:
    series = np.random.default_rng(4).normal(size=(3, 400))
    series[1] = 5
    series[2, 1:] = series[0, :-1]
    chosen = chosen_neighbours(series, ~np.eye(3, dtype=np.bool_), count=2)
    assert chosen[1].tolist() == [-1, -1]
    assert 1 not in chosen


def test_a_candidate_that_may_not_be_one_is_not_chosen() -> None:
    series = np.random.default_rng(5).normal(size=(2, 400))
    series[1, 1:] = series[0, :-1]
    assert chosen_neighbours(series, np.zeros((2, 2), np.bool_)).tolist() == [[-1, -1], [-1, -1]]


def test_streams_of_erring_clocks_are_put_on_one_grid() -> None:
    clocks = [Clock(0.0, 0.0, 0.0), Clock(2e-4, 1800.0, 0.0), Clock(-1e-4, -900.0, 0.0)]
    grid = np.arange(6.0, 48.0) * HOUR
    found = integrated([stream(seed, clock) for seed, clock in enumerate(clocks)], grid, SETTINGS)
    truth = 10 + 3 * np.sin(2 * np.pi * grid / (24 * HOUR))
    assert found.streams.tolist() == [0, 1, 2]
    assert np.sqrt(((found.values - truth) ** 2).mean(axis=1)).max() < 0.15
    assert (found.deviation > 0).all()
    assert ((found.last > 47 * HOUR) & (found.last <= 48 * HOUR + 1)).all()


def test_an_hour_that_no_reading_covers_is_less_sure() -> None:
    whole = stream(1, Clock(0.0, 0.0, 0.0))
    there = (whole.stamps < 20 * HOUR) | (whole.stamps > 26 * HOUR)
    assert whole.received is not None
    gappy = Stream(whole.stamps[there], whole.values[there], whole.received[there], whole.exchanges)
    deviation = integrated([gappy], np.arange(10.0, 40.0) * HOUR, SETTINGS).deviation[0]
    assert deviation[15] > 3 * deviation[5]  # at 25 and at 15 hours


def test_streams_that_cannot_be_integrated_are_named_and_the_others_go_on() -> None:
    good = stream(1, Clock(0.0, 0.0, 0.0))
    bad = Stream(good.stamps, good.values, None, good.exchanges)
    short = Stream(good.stamps, good.values[1:], good.received, good.exchanges)
    found = integrated([bad, good, short], np.arange(3.0) * HOUR, SETTINGS)
    assert found.streams.tolist() == [1]
    assert "no receive stamps" in found.refused[0]
    assert "(299,) values, expected one for each of (300,) stamps" in found.refused[2]
    assert integrated([bad], np.arange(3.0) * HOUR, SETTINGS).values.shape == (0, 3)


def test_a_stream_that_came_all_at_once_is_named_and_the_others_go_on() -> None:
    good = stream(1, Clock(0.0, 0.0, 0.0))
    together = Stream(good.stamps, good.values, np.ones(len(good.stamps)), good.exchanges)
    backwards = Stream(good.stamps, good.values, good.stamps[::-1], good.exchanges)
    for variant in get_args(Variant):
        settings = IntegrationSettings(kernel=SETTINGS.kernel, clocks=variant)
        found = integrated([together, good, backwards], np.arange(3.0) * HOUR, settings)
        assert found.streams.tolist() == [1]
        assert np.isfinite(found.values).all()
        assert "all 300 receive stamps are 1" in found.refused[0]
        assert "the receive stamps go on by" in found.refused[2]


def test_an_unknown_way_of_finding_clocks_is_refused_before_any_stream() -> None:
    with pytest.raises(InputError, match="unknown variant 'bogus'"):
        IntegrationSettings(kernel=SETTINGS.kernel, clocks="bogus")  # type: ignore[arg-type]  # what one may type


def test_no_later_reading_reaches_a_value_on_the_grid() -> None:
    settings = IntegrationSettings(kernel=SETTINGS.kernel, scaled_until=20 * HOUR)
    one = stream(1, Clock(0.0, 0.0, 0.0))
    other = Stream(
        one.stamps, np.where(one.stamps > 30 * HOUR, 99.0, one.values), one.received, one.exchanges
    )
    grid = np.arange(30.0) * HOUR
    assert np.array_equal(
        integrated([one], grid, settings).values, integrated([other], grid, settings).values
    )
