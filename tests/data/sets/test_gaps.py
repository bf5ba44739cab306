"""Gaps are filled from the past alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.sets.gaps import filled
from data.sets.grid import Grid
from data.traffic import StationId

STATION = [StationId("a")]
HOURLY = Grid(start=0, step_minutes=60, steps=400)


def test_a_gap_takes_the_value_of_a_week_before_then_of_a_day_before_then_the_last() -> None:
    load = np.arange(400.0)[:, None]
    load[[200, 100, 5]] = np.nan
    whole, count = filled(load, STATION, HOURLY, "set", longest_gap=180)
    assert whole[[200, 100, 5], 0].tolist() == [200 - 168, 100 - 24, 4]
    assert count == 3
    assert np.isnan(load[200, 0])  # the argument is left as it was


def test_a_gap_reaches_through_a_filled_gap() -> None:
    load = np.arange(400.0)[:, None]
    load[[10, 34]] = np.nan
    whole, _ = filled(load, STATION, HOURLY, "set", longest_gap=180)
    assert whole[34, 0] == whole[10, 0] == 9


@given(begin=st.integers(1, 300), length=st.integers(1, 5))
def test_gaps_are_refused_exactly_when_they_are_longer_than_allowed(begin: int, length: int) -> None:
    load = np.ones((400, 1))
    load[begin : begin + length] = np.nan
    if length <= 3:
        assert filled(load, STATION, HOURLY, "set", longest_gap=180)[1] == length
    else:
        with pytest.raises(InputError, match=f"no value for {60 * length} min"):
            filled(load, STATION, HOURLY, "set", longest_gap=180)


@given(cut=st.integers(2, 399))
def test_filling_does_not_look_ahead(cut: int) -> None:
    rng = np.random.default_rng(cut)
    load = rng.uniform(1, 2, (400, 1))
    load[rng.choice(np.arange(1, 400, 2), 50, replace=False)] = np.nan
    changed = load.copy()
    changed[cut:] *= 3
    before, _ = filled(load, STATION, HOURLY, "set", longest_gap=60)
    after, _ = filled(changed, STATION, HOURLY, "set", longest_gap=60)
    assert np.array_equal(before[:cut], after[:cut])
