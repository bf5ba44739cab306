"""The same time of the clock, across its changes."""

import numpy as np
import pytest

from data.clock import steps_at_earlier_clock, utc_offsets, wall_clock


def test_offsets_follow_daylight_saving_time() -> None:
    times = np.array(["2024-03-31T00:59", "2024-03-31T01:00", "2024-12-01T00:00"], dtype="datetime64[m]")
    assert utc_offsets(times, "Europe/Rome").astype(int).tolist() == [60, 120, 60]


def test_a_clock_without_a_zone_is_plain() -> None:
    times = np.array(["2024-03-31T02:30"], dtype="datetime64[m]")
    assert wall_clock(times, None)[0] == times[0]


@pytest.mark.parametrize(
    ("step", "change"), [(60, "2024-03-31"), (10, "2024-03-31"), (60, "2024-10-27"), (10, "2024-10-27")]
)
def test_a_day_back_is_the_same_time_of_the_clock(step: int, change: str) -> None:
    begin = np.datetime64(change, "m") - np.timedelta64(2880, "m")
    times = begin + np.arange(6 * 1440 // step) * np.timedelta64(step, "m")
    clock = wall_clock(times, "Europe/Rome")
    back = steps_at_earlier_clock(clock, 1440, step)
    shown = set(clock.tolist())
    for now, then in enumerate(back):
        wanted = clock[now] - np.timedelta64(1440, "m")
        assert then < now
        if then >= 0 and wanted.tolist() in shown:  # not in the hour that the clock skipped
            assert clock[then] == wanted
    assert (back[: 1440 // step - 60 // step] < 0).all()


def test_without_changes_a_day_back_is_a_day_of_steps() -> None:
    clock = np.datetime64("2024-01-01T00:00", "m") + np.arange(72) * np.timedelta64(60, "m")
    assert (steps_at_earlier_clock(clock, 1440, 60) == np.arange(72) - 24).all()
