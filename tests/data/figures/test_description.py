"""What a set is, in figures: by hand on small sets, and whatever the set."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from data.figures.description import described, mean_cycle
from data.traffic import StationId, Traffic

MONDAY = "2013-11-04T00:00"


def traffic(load: ArrayLike, start: str = MONDAY, step_minutes: int = 60, **other: object) -> Traffic:
    """A set of that load, (T, N), with stations a, b, c, … in a row eastwards."""
    values = np.asarray(load, np.float32)
    count = values.shape[1]
    return Traffic(
        load=values,
        stations=tuple(StationId(f"{chr(97 + column)}") for column in range(count)),
        positions=np.column_stack([9 + 0.01 * np.arange(count), np.full(count, 45.0)]),
        start=np.datetime64(start),
        step_minutes=step_minutes,
        **other,  # type: ignore[arg-type]  # as given
    )


def test_a_small_set_in_figures() -> None:
    gaps = np.array([[True, True, False], [True, False, False]])
    # Means per station: a (1 + 3) / 2 = 2, b (5 + 7) / 2 = 6, c 0. All: 16 in 6 values.
    described_set = described(
        traffic([[1, 5, 0], [3, 7, 0]], gaps=gaps, names=("Uno", "Due", "Tre")), listed=2
    )
    assert (described_set.stations, described_set.steps, described_set.step_minutes) == (3, 2, 60)
    assert (str(described_set.first), str(described_set.last)) == ("2013-11-04T00:00", "2013-11-04T01:00")
    assert (described_set.filled, described_set.filled_share) == (3, 0.5)
    assert described_set.total_load == 16
    assert described_set.mean_load == pytest.approx(16 / 6)
    assert [(load.station, load.name, load.mean_load) for load in described_set.busiest] == [
        ("b", "Due", 6),
        ("a", "Uno", 2),
    ]
    assert [load.station for load in described_set.quietest] == ["c", "a"]
    assert described_set.peak_hour == 1


def test_times_and_the_peak_are_those_of_the_wall_clock() -> None:
    load = np.zeros((24, 1))
    load[11] = 1  # 11:00 UTC is 12:00 in Rome in November
    rome = described(traffic(load, start="2013-11-04T00:00", timezone="Europe/Rome"))
    assert str(rome.first) == "2013-11-04T01:00"
    assert rome.peak_hour == 12


def test_the_peak_hour_is_that_of_the_highest_mean_not_the_most_readings() -> None:
    load = np.array([[4], [4], [9], [1], [1], [1]])  # half hours: 8 in hour 0, 10 in hour 1, 2 in hour 2
    assert described(traffic(load, step_minutes=30)).peak_hour == 1


def test_the_weekend_ratio_compares_mean_loads() -> None:
    days = np.repeat([10, 10, 10, 10, 10, 4, 6], 24)[:, None]  # (4 + 6) / 2 over 10
    assert described(traffic(days)).weekend_ratio == pytest.approx(0.5)


def test_a_set_without_weekend_or_without_weekdays_has_no_weekend_ratio() -> None:
    assert described(traffic(np.ones((24, 1)))).weekend_ratio is None
    assert described(traffic(np.ones((24, 1)), start="2013-11-09T00:00")).weekend_ratio is None


def test_the_busiest_tenth_is_rounded_up_to_whole_stations() -> None:
    twenty = np.concatenate([[30, 20], np.full(18, 50 / 18)])[None, :]  # 2 of 20 carry 50 of 100
    assert described(traffic(twenty)).busiest_tenth_share == pytest.approx(0.5)
    assert described(traffic([[3, 1]])).busiest_tenth_share == pytest.approx(0.75)  # 1 of 2


def test_a_silent_set_has_no_ratios() -> None:
    silent = described(traffic(np.zeros((168, 2))))
    assert silent.weekend_ratio is None
    assert silent.busiest_tenth_share is None


def test_a_standardised_set_has_no_ratios_of_sums() -> None:
    scores = described(traffic(np.random.default_rng(0).standard_normal((168, 4))))
    assert scores.standardised
    assert scores.weekend_ratio is None
    assert scores.busiest_tenth_share is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_station_order_is_irrelevant(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    one = traffic(rng.gamma(1, 10, (30, count)))
    order = rng.permutation(count)
    other = replace(
        one,
        load=one.load[:, order],
        stations=tuple(one.stations[column] for column in order),
        positions=one.positions[order],
    )
    found, again = described(one), described(other)
    assert found.busiest == again.busiest
    assert found.total_load == pytest.approx(again.total_load)
    assert found.busiest_tenth_share == pytest.approx(again.busiest_tenth_share)


@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
def test_the_busiest_tenth_carries_at_least_its_share(seed: int, count: int) -> None:
    share = described(traffic(np.random.default_rng(seed).gamma(1, 10, (3, count)))).busiest_tenth_share
    assert share is not None
    assert -(-count // 10) / count <= share * (1 + 1e-9)
    assert share <= 1 + 1e-9


def test_the_mean_week_of_two_weeks_averages_the_same_hours() -> None:
    hours = np.arange(168.0)
    cycle = mean_cycle(traffic(np.concatenate([hours, hours + 2])[:, None]))
    assert cycle.is_week
    np.testing.assert_allclose(cycle.hours, hours)
    np.testing.assert_allclose(cycle.mean, hours + 1)


def test_a_week_begins_on_monday_whatever_day_the_set_begins() -> None:
    friday = traffic(np.arange(168.0)[:, None], start="2013-11-01T00:00")
    cycle = mean_cycle(friday)
    assert cycle.mean[0] == 72  # Monday 0:00 comes three days after Friday 0:00
    assert cycle.mean[96] == 0


def test_ten_minute_readings_share_the_hours_of_the_week() -> None:
    cycle = mean_cycle(traffic(np.arange(7 * 144.0)[:, None], step_minutes=10))
    assert len(cycle.hours) == 168
    assert cycle.mean[0] == 2.5  # the mean of 0 … 5


def test_less_than_a_week_gives_the_mean_day_at_the_sets_own_step() -> None:
    cycle = mean_cycle(traffic(np.concatenate([np.zeros(48), np.ones(48)])[:, None], step_minutes=30))
    assert not cycle.is_week
    np.testing.assert_allclose(cycle.hours, np.arange(48) / 2)
    np.testing.assert_allclose(cycle.mean, 0.5)


def test_the_band_leaves_one_station_in_ten_on_either_side() -> None:
    cycle = mean_cycle(traffic(np.tile(np.arange(11.0), (24, 1))))
    np.testing.assert_allclose(cycle.low, 1)  # of 0 … 10
    np.testing.assert_allclose(cycle.high, 9)
    np.testing.assert_allclose(cycle.mean, 5)
