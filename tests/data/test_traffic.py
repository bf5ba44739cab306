"""Traffic on its grid: hours, clocks, stations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.traffic import (
    Traffic,
    chosen_stations,
    column_of,
    fingerprint,
    fingerprints,
    hourly,
    level_shift,
    of_columns,
)
from tests.cities import wavy_traffic


def test_hours_are_sums_of_whole_wall_clock_hours() -> None:
    traffic = wavy_traffic(stations=1, days=1, step_minutes=20)
    load = np.arange(72, dtype=np.float32)[:, None]
    late = replace(traffic, load=load, start=np.datetime64("2024-01-01T00:20", "m"))
    summed = hourly(late)
    # 00:20 and 00:40 belong to an hour that began before; 01:00 to 01:40 hold 2 + 3 + 4.
    assert summed.start == np.datetime64("2024-01-01T01:00")
    assert summed.load[0, 0] == 2 + 3 + 4
    assert len(summed.load) == 23
    assert summed.step_minutes == 60


def test_hours_follow_the_wall_clock_of_a_zone_off_the_full_hour() -> None:
    traffic = replace(wavy_traffic(stations=1, days=1, step_minutes=30), timezone="Asia/Kolkata")
    summed = hourly(traffic)  # UTC 00:00 is 05:30 there
    assert summed.start == np.datetime64("2024-01-01T00:30")
    assert str(summed.local_times[0]) == "2024-01-01T06:00"


@given(step=st.sampled_from([5, 10, 15, 20, 30, 60]), days=st.integers(1, 3))
def test_summing_to_hours_keeps_the_total(step: int, days: int) -> None:
    traffic = wavy_traffic(days=days, step_minutes=step)
    assert hourly(traffic).load.sum(dtype=np.float64) == pytest.approx(traffic.load.sum(dtype=np.float64))


def test_a_step_that_does_not_divide_an_hour_is_refused() -> None:
    with pytest.raises(InputError, match="a step of 7 min does not divide an hour"):
        hourly(replace(wavy_traffic(), step_minutes=7))
    with pytest.raises(InputError, match="does not span a whole hour"):
        hourly(replace(wavy_traffic(), load=np.ones((2, 3), np.float32), step_minutes=10))


def test_hours_that_do_not_fit_the_clock_are_refused() -> None:
    late = replace(wavy_traffic(days=1, step_minutes=20), start=np.datetime64("2024-01-01T00:10", "m"))
    with pytest.raises(InputError, match="steps of 20 min that begin 10 min past the hour"):
        hourly(late)


def test_an_hour_with_a_filled_reading_counts_as_filled() -> None:
    traffic = wavy_traffic(stations=2, days=1, step_minutes=30)
    gaps = np.zeros(traffic.load.shape, dtype=bool)
    gaps[3, 1] = True
    summed = hourly(replace(traffic, gaps=gaps))
    assert summed.filled == 1
    assert summed.gaps is not None
    assert summed.gaps[1, 1]


def test_a_level_shift_multiplies_what_comes_after() -> None:
    traffic = wavy_traffic()
    shifted = level_shift(traffic, 10, 2.0)
    assert np.array_equal(shifted.load[:10], traffic.load[:10])
    assert np.array_equal(shifted.load[10:], traffic.load[10:] * 2)
    with pytest.raises(InputError, match="positive factor"):
        level_shift(traffic, 10, 0)


def test_stations_are_chosen_by_id() -> None:
    traffic = replace(wavy_traffic(), names=("x", "y", "z"))
    chosen = chosen_stations(traffic, ["s2", "s0"])
    assert chosen.stations == ("s2", "s0")
    assert chosen.names == ("z", "x")
    assert np.array_equal(chosen.load, traffic.load[:, [2, 0]])
    with pytest.raises(InputError, match="unknown station 's9': expected one of the 3: s0, s1, s2"):
        column_of(traffic, "s9")


def test_parts_that_disagree_are_refused() -> None:
    traffic = wavy_traffic()
    with pytest.raises(ValueError, match="do not agree"):
        replace(traffic, stations=traffic.stations[:2])
    with pytest.raises(ValueError, match="unique"):
        replace(traffic, stations=(traffic.stations[0],) * 3)
    with pytest.raises(ValueError, match="at least one step"):
        replace(traffic, load=traffic.load[:0])
    with pytest.raises(ValueError, match="step_minutes"):
        replace(traffic, step_minutes=0)


def test_a_fingerprint_tells_sets_apart_by_all_that_counts() -> None:
    traffic = wavy_traffic(stations=2, days=1)
    load, moved = traffic.load.copy(), traffic.positions.copy()
    load[3, 1] = np.nextafter(load[3, 1], 0)
    moved[0, 0] += 0.1
    gaps = np.zeros(load.shape, dtype=bool)
    gaps[3, 1] = True
    others = [
        replace(traffic, load=load),
        replace(traffic, positions=moved),
        replace(traffic, gaps=gaps),
        replace(traffic, start=traffic.start + np.timedelta64(1, "h")),
        replace(traffic, step_minutes=30),
        replace(traffic, channel="sms"),
        replace(traffic, timezone="Europe/Rome"),
    ]
    assert len({whole(each) for each in [traffic, *others]}) == 8


def test_a_fingerprint_does_not_depend_on_how_the_set_lies_in_memory() -> None:
    traffic = wavy_traffic(stations=2, days=1)
    same = replace(
        traffic,
        load=np.asfortranarray(traffic.load),
        start=traffic.start.astype("datetime64[s]"),
        gaps=np.zeros(traffic.load.shape, dtype=bool),
    )
    assert whole(same) == whole(traffic)


def test_the_order_of_the_stations_does_not_change_the_fingerprint_and_their_names_do() -> None:
    traffic = wavy_traffic(stations=3, days=1)
    assert whole(of_columns(traffic, [2, 0, 1])) == whole(traffic)
    assert whole(replace(traffic, stations=traffic.stations[::-1])) != whole(traffic)


def whole(traffic: Traffic) -> str:
    return fingerprint(fingerprints(traffic))
