"""Figures of traffic, each against a case worked by hand or a law that it must keep."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.city.synthetic import CitySettings, synthetic_traffic
from data.errors import InputError
from data.figures.curves import DISTANCES, LAGS, SAMPLE_HOURS, space_curves, time_curves
from data.figures.predictability import ERRORS, FEWEST_DAYS, error_figures
from data.figures.statistics import (
    NAMES,
    autocorrelation,
    mean_week,
    rest_figures,
    rests,
    rhythm_figures,
    sampled,
    set_figures,
    space_figures,
    spatial_correlation,
)
from data.plane import pair_distances
from data.traffic import StationId, Traffic

MONDAY = np.datetime64("2013-11-04T00:00")


def traffic(load: np.ndarray, start: np.datetime64 = MONDAY, step: int = 60) -> Traffic:
    count = load.shape[1]
    positions = np.column_stack([9.0 + 0.01 * np.arange(count), np.full(count, 45.0)])
    return Traffic(
        load=load.astype(np.float32),
        stations=tuple(StationId(str(number)) for number in range(count)),
        positions=positions,
        start=start,
        step_minutes=step,
    )


def test_an_alternating_series_is_its_own_opposite_one_step_later() -> None:
    load = np.tile([1.0, 3.0], 50)[:, None]
    found = autocorrelation(load, (1, 2, 60))
    assert found[:2].tolist() == pytest.approx([-1, 1])
    assert np.isnan(found[2])  # 100 steps hold a lag of 60 only once


def test_a_constant_station_does_not_count_in_an_autocorrelation() -> None:
    alternating = np.tile([1.0, 3.0], 50)
    both = np.column_stack([alternating, np.full(100, 5.0)])
    assert autocorrelation(both, (1,)) == pytest.approx(autocorrelation(alternating[:, None], (1,)))
    assert np.isnan(autocorrelation(np.ones((100, 1)), (1,)))[0]


def test_the_mean_week_starts_on_monday_and_averages_one() -> None:
    load = np.ones((14 * 24, 1))
    load[[9, 9 + 168]] = 4.0  # Monday, 09:00, in both weeks
    week = mean_week(traffic(load))
    mean = (334 + 2 * 4) / 336
    assert week[9] == pytest.approx(4 / mean)
    assert week[10] == pytest.approx(1 / mean)
    assert week.mean() == pytest.approx(1)


def test_hours_that_were_not_seen_are_unknown_in_the_mean_week() -> None:
    week = mean_week(traffic(np.ones((24, 1))))
    assert np.isnan(week[24:]).all()
    assert week[:24].tolist() == pytest.approx([1] * 24)


def test_ratios_compare_kinds_of_day() -> None:
    start = np.datetime64("2013-10-31T00:00")  # Thursday; then All Saints, Saturday, Sunday
    load = np.repeat([4.0, 2.0, 3.0, 1.0], 24)[:, None]
    found = rhythm_figures(traffic(load, start))
    assert found["public holiday / workday"] == pytest.approx(2 / 4)
    assert found["Saturday / workday"] == pytest.approx(3 / 4)
    assert found["Sunday / workday"] == pytest.approx(1 / 4)
    assert found["night / evening"] == pytest.approx(1)


def test_naive_errors_are_those_of_a_series_worked_by_hand() -> None:
    load = np.tile(np.repeat([1.0, 3.0], 24), 18)[:, None]  # 36 days: a quiet day, a busy day
    found = error_figures(traffic(load))
    # Before the test: 29 days, 15 quiet and 14 busy; mean 57/29, variance 4 x 15/29 x 14/29.
    jump = 4 / (4 * 15 / 29 * 14 / 29)
    assert found["error: same hour yesterday"] == pytest.approx(jump)
    assert found["error: same hour last week"] == pytest.approx(jump)  # seven days later is another kind
    assert found["error: last value"] == pytest.approx(jump / 24)  # only midnight jumps


def test_a_linear_model_learns_what_yesterday_tells() -> None:
    load = np.tile(np.random.default_rng(1).uniform(1, 2, 24), 40)[:, None]
    found = error_figures(traffic(load))
    assert found["error: linear, past hours"] < 1e-3 < found["error: last value"]


def test_the_names_of_errors_are_none_of_the_forecasters() -> None:
    assert not {name.removeprefix("error: ") for name in ERRORS} & {"ridge", "boosting", "mean profile"}


def test_what_was_filled_in_for_a_gap_is_no_error() -> None:
    load = np.random.default_rng(6).uniform(1, 2, (24 * 30, 2))
    gaps = np.zeros(load.shape, dtype=bool)
    gaps[-50] = True
    spoilt = load.copy()
    spoilt[-50] = 1000
    found = error_figures(replace(traffic(spoilt), gaps=gaps))
    assert found["error: same hour last week"] == pytest.approx(
        error_figures(replace(traffic(load), gaps=gaps))["error: same hour last week"]
    )


def test_the_readings_within_the_hour_help_where_they_tell_the_next_hour() -> None:
    rng = np.random.default_rng(2)
    level = np.repeat(rng.uniform(1, 3, 40 * 24), 6)[1:]  # the last reading is the next hour's first five
    found = error_figures(traffic(level[: 39 * 144, None], step=10))
    # An hour is 5 u + v for independent levels u, v. Sums tell nothing of the next hour's u: the error
    # is 25/26 of the variance. The last reading is that u: only v stays unknown, 1/26.
    assert found["error: linear, past hours"] > 0.7
    assert found["error: linear, past readings"] < 0.07


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_errors_do_not_depend_on_the_unit_of_the_load(factor: float, seed: int) -> None:
    load = np.random.default_rng(seed).uniform(1, 2, (24 * FEWEST_DAYS, 2))
    one, other = error_figures(traffic(load)), error_figures(traffic(load * factor))
    assert one == pytest.approx(other, rel=1e-3)


def test_errors_need_22_days() -> None:
    assert error_figures(traffic(np.random.default_rng(3).uniform(1, 2, (22 * 24 - 1, 2)))) == {}


def test_a_perfect_rhythm_leaves_no_rest() -> None:
    day = np.exp(np.sin(np.arange(24)))
    assert np.abs(rests(traffic(np.tile(day, 14)[:, None]))).max() < 1e-6


def test_a_silent_hour_leaves_a_finite_rest() -> None:
    load = np.ones((24 * 7, 1))
    load[5] = 0
    assert np.isfinite(rests(traffic(load))).all()


def test_neighbours_that_move_together_show_it() -> None:
    rng = np.random.default_rng(4)
    shared = rng.standard_normal(24 * 28)
    load = np.exp(np.column_stack([shared, shared, rng.standard_normal(24 * 28)]))
    city = traffic(load)
    apart = pair_distances(city.positions)[0, 1]
    assert apart == pytest.approx(111.32 * np.cos(np.radians(45)) * 0.01)  # 0.787 km
    close = Traffic(
        load=city.load,
        stations=city.stations,
        positions=np.array([[9.0, 45.0], [9.001, 45.0], [9.0015, 45.0]]),
        start=MONDAY,
        step_minutes=60,
    )
    # Pairs up to 300 m: (0, 1) moves together; (0, 2) and (1, 2) do not.
    assert rest_figures(close)["rest: correlation up to 300 m"] == pytest.approx(1 / 3, abs=0.08)


def test_equal_loads_have_gini_zero_and_one_station_with_all_has_nearly_one() -> None:
    equal, single = np.ones((2, 50)), np.full((2, 50), 1e-9)
    single[:, 3] = 1
    assert space_figures(traffic(equal * np.linspace(1, 1.0001, 50)))["loads: Gini"] == pytest.approx(
        0, abs=1e-4
    )
    found = space_figures(traffic(single))
    assert found["loads: Gini"] == pytest.approx(1 - 1 / 50)
    assert found["loads: share of the busiest 10 %"] == pytest.approx(1)
    assert found["loads: largest / mean"] == pytest.approx(50, rel=1e-4)


def test_alike_stations_side_by_side_correlate_by_distance() -> None:
    load = np.exp(np.sin(np.arange(200) * np.pi / 50))[None].repeat(2, axis=0)  # a wave of 100 stations
    step = 111.32 * np.cos(np.radians(45)) * 0.01
    found = spatial_correlation(traffic(load), (step, 50 * step))
    assert found[0] > 0.95
    assert found[1] < -0.7  # half a wave away, the band of 20 % blurs it a little


def test_a_correlation_over_space_needs_thirty_pairs() -> None:
    load = np.random.default_rng(3).uniform(1, 2, (2, 60))  # a row of 60 stations
    step = 111.32 * np.cos(np.radians(45)) * 0.01
    exactly, one_less = traffic(load[:, :31]), traffic(load[:, :30])  # 30 and 29 pairs of neighbours
    assert np.isfinite(spatial_correlation(exactly, (step,))).all()
    assert np.isnan(spatial_correlation(one_less, (step,))).all()


def test_too_few_or_silent_stations_have_no_figures_of_space() -> None:
    assert space_figures(traffic(np.ones((2, 19)))) == {}
    assert space_figures(traffic(np.zeros((2, 30)))) == {}
    assert np.isnan(spatial_correlation(traffic(np.ones((2, 30))), (1.0,))).all()


def test_standardised_loads_show_memory_and_errors_only() -> None:
    score = np.random.default_rng(5).standard_normal((24 * 30, 30))
    found = set_figures(traffic(score))
    names = found.values
    assert "autocorrelation 24 h" in names
    assert "error: linear, past hours" in names
    assert not any(name.startswith(("loads", "rest", "hourly")) for name in names)
    assert found.left_out["hourly deviation / mean"] == "needs amounts of load, not z-scores"
    assert {*names, *found.left_out} == set(NAMES)


def test_a_station_that_never_moves_changes_no_figure_over_time() -> None:
    city = synthetic_traffic(CitySettings(stations=5, days=22))
    load = np.column_stack([city.load, np.zeros(len(city.load))])
    more = traffic(load, city.start)
    alone = traffic(city.load, city.start)
    assert set_figures(more).values == pytest.approx(set_figures(alone).values)
    with pytest.raises(InputError, match="no station's hourly load ever changes, expected traffic"):
        set_figures(traffic(np.zeros((600, 25))))


def test_a_sample_is_spread_over_all_stations() -> None:
    city = traffic(np.arange(10.0)[None].repeat(2, axis=0))
    assert sampled(city, 3).stations == ("0", "3", "6")
    assert sampled(city, 10) is city


def test_curves_have_the_lengths_that_they_are_drawn_with() -> None:
    city = synthetic_traffic(CitySettings(stations=30, days=22))
    over_time, over_space = time_curves(city), space_curves(city)
    assert (over_time.week.shape, over_time.memory.shape) == ((168,), (len(LAGS),))
    assert over_time.sample.shape == (SAMPLE_HOURS,)
    assert set(over_time.errors) == {name for name in set_figures(city).values if name.startswith("error")}
    assert over_space is not None
    assert over_space.likeness.shape == (len(DISTANCES),)
    assert (np.diff(over_space.ranked) <= 0).all()
    assert over_space.ranked.mean() == pytest.approx(1)
    assert space_curves(traffic(np.array([[-1.0], [1.0]]))) is None


def ten_minutes(days: int = 23, stations: int = 3) -> np.ndarray:
    """Loads with a daily wave and noise, (T, N)."""
    rng = np.random.default_rng(7)
    wave = 2 + np.sin(np.arange(days * 144) * 2 * np.pi / 144)
    return wave[:, None] * rng.uniform(0.8, 1.2, (days * 144, stations))


def test_a_station_that_is_constant_by_the_hour_changes_no_figure_over_time() -> None:
    load = ten_minutes()
    alternating = np.tile([1.0, 3.0], len(load) // 2)  # 3 x (1 + 3) an hour
    more, alone = (
        traffic(np.column_stack([load, alternating]), step=10),
        traffic(load, step=10),
    )
    assert set_figures(more).values == pytest.approx(set_figures(alone).values)


def test_a_rhythm_that_repeats_exactly_leaves_no_figures_of_a_rest() -> None:
    found = set_figures(traffic(np.tile(np.exp(np.sin(np.arange(24.0))), 23)[:, None]))
    assert found.left_out["rest: excess kurtosis"].startswith(
        "needs 3 weeks of amounts of load that do not just"
    )
    assert found.values["autocorrelation 24 h"] == pytest.approx(1)


@pytest.mark.parametrize("factor", [1e-37, 2.0**90])
def test_no_figure_depends_on_the_unit_however_odd(factor: float) -> None:
    load = ten_minutes(stations=25).astype(np.float32)
    one = set_figures(traffic(load, step=10))
    other = set_figures(traffic(load * np.float32(factor), step=10))
    assert one.values == pytest.approx(other.values, rel=1e-4, abs=1e-5)
    assert one.left_out == other.left_out


def test_a_station_that_wakes_up_beyond_all_numbers_leaves_out_errors_alone() -> None:
    load = ten_minutes()[::6]
    load[: -7 * 24, 0] *= 1e-42
    found = set_figures(traffic(load))
    assert "error: linear, past hours" in found.left_out
    assert "autocorrelation 1 h" in found.values


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 24 * 25), st.integers(1, 22), st.sampled_from([0.01, 1.0]))
def test_every_figure_is_finite_or_says_what_it_needs(seed: int, hours: int, count: int, busy: float) -> None:
    rng = np.random.default_rng(seed)
    load = rng.integers(0, 3, (hours, count)) * (rng.random((hours, count)) < busy)
    load[:2, 0] = 0, 1  # one station moves, whatever the others do
    found = set_figures(traffic(load))
    assert np.isfinite(list(found.values.values())).all()
    assert sorted([*found.values, *found.left_out]) == sorted(NAMES)
