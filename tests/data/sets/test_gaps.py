"""Gaps are filled from the past alone, at the same time of the clock."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.sets.gaps import filled
from data.traffic import Traffic
from tests.cities import wavy_traffic


def holed(load: np.ndarray) -> Traffic:
    return replace(wavy_traffic(stations=1, days=-(-len(load) // 24)), load=load.astype(np.float32))


def counting(*gaps: int) -> np.ndarray:
    load = np.arange(400.0)[:, None]
    load[list(gaps)] = np.nan
    return load


def test_a_gap_takes_the_value_of_a_week_before_then_of_a_day_before_then_the_last() -> None:
    traffic = holed(counting(200, 100, 5))
    whole = filled(traffic, "set", longest_gap=180)
    assert whole.load[[200, 100, 5], 0].tolist() == [200 - 168, 100 - 24, 4]
    assert whole.filled == 3
    assert whole.gaps is not None
    assert np.flatnonzero(whole.gaps).tolist() == [5, 100, 200]
    assert np.isnan(traffic.load[200, 0])  # the argument is left as it was


def test_a_gap_after_a_clock_change_takes_the_same_time_of_the_clock() -> None:
    start = np.datetime64("2024-10-26T22:00", "m")  # 00:00 in Rome on the day on which 02:00 comes twice
    traffic = replace(holed(counting(26)), start=start, timezone="Europe/Rome")
    assert str(traffic.local_times[26]) == "2024-10-28T01:00"
    assert filled(traffic, "set", longest_gap=60).load[26, 0] == 1  # 01:00 the day before, 25 steps back


def test_a_gap_reaches_through_a_filled_gap() -> None:
    whole = filled(holed(counting(10, 34)), "set", longest_gap=180)
    assert whole.load[34, 0] == whole.load[10, 0] == 9


@given(begin=st.integers(1, 300), length=st.integers(1, 5))
def test_gaps_are_refused_exactly_when_they_are_longer_than_allowed(begin: int, length: int) -> None:
    traffic = holed(counting(*range(begin, begin + length)))
    if length <= 3:
        assert filled(traffic, "set", longest_gap=180).filled == length
    else:
        with pytest.raises(InputError, match=f"no value for {60 * length} min"):
            filled(traffic, "set", longest_gap=180)


@given(cut=st.integers(2, 399))
def test_filling_does_not_look_ahead(cut: int) -> None:
    rng = np.random.default_rng(cut)
    load = rng.uniform(1, 2, (400, 1))
    load[rng.choice(np.arange(1, 400, 2), 50, replace=False)] = np.nan
    changed = load.copy()
    changed[cut:] *= 3
    before, after = (filled(holed(each), "set", longest_gap=60).load for each in (load, changed))
    assert np.array_equal(before[:cut], after[:cut])


def test_a_station_with_too_long_a_gap_can_be_left_out_and_is_named() -> None:
    load = np.ones((100, 3), np.float32)
    load[10:50, 1] = np.nan
    load[5, 0] = np.nan
    traffic = replace(wavy_traffic(stations=3, days=5), load=load)
    with pytest.raises(InputError, match=r"^here: station s1: no value for 2400 min .*--leave-out-gappy$"):
        filled(traffic, "here", longest_gap=180)
    found = filled(traffic, "here", longest_gap=180, leave_out=True)
    assert (found.stations, found.gappy, found.filled) == (("s0", "s2"), ("s1",), 1)
    whole = filled(
        replace(traffic, load=np.ones((100, 3), np.float32)), "here", longest_gap=180, leave_out=True
    )
    assert (whole.gappy, len(whole.stations)) == ((), 3)


def test_a_set_of_gappy_stations_alone_is_refused() -> None:
    load = np.full((100, 2), np.nan, np.float32)
    load[0] = 1
    with pytest.raises(InputError, match="no value for"):
        filled(replace(wavy_traffic(stations=2, days=5), load=load), "here", longest_gap=180, leave_out=True)
