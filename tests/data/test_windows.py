"""What a forecast sees, and that it never sees its future."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.calendar import calendar_columns
from data.errors import InputError
from data.inputs import INPUTS, InputSettings, clock_of
from data.profile import profile_columns, profiles_seen_from
from data.scaling import fitted_scaler
from data.windows import SplitSettings, forecast_task, middle_of_test
from tests.cities import wavy_traffic

SMALL = InputSettings(recent=2, periodic_hours=(3, 4))


def counting(hours: int) -> "np.ndarray":
    return np.arange(hours, dtype=np.float32)[:, None]


def test_a_window_holds_periodic_then_recent_values_oldest_first() -> None:
    traffic = replace(wavy_traffic(stations=1, days=2), load=counting(48))
    task = forecast_task(traffic, SMALL, SplitSettings(test_days=1))
    raw = task.train.inputs[0, 0] * task.scaler.scale[0] + task.scaler.mean[0]
    # The first step with its whole past is 4: values of 4 and 3 hours before, then the two latest.
    assert raw.round(3).tolist() == [0, 1, 2, 3]
    assert round(float(task.train.targets[0, 0] * task.scaler.scale[0] + task.scaler.mean[0]), 3) == 4
    assert (task.train.layout.periodic, task.train.layout.recent, task.train.layout.extra) == (2, 2, 0)


def test_the_scaler_is_that_of_the_training_part() -> None:
    traffic = replace(wavy_traffic(stations=1, days=2), load=counting(48))
    task = forecast_task(traffic, SMALL, SplitSettings(test_days=1))
    assert task.scaler.mean[0] == 11.5  # mean of 0 .. 23
    assert task.scaler.scale[0] == pytest.approx(np.sqrt((24**2 - 1) / 12))


def test_a_constant_series_scales_to_zero() -> None:
    scaler = fitted_scaler(np.full((10, 1), 7.3))
    assert scaler.scale[0] == 1
    assert scaler.scaled(np.array([[7.3]]))[0, 0] == pytest.approx(0, abs=1e-6)


def test_test_days_are_the_last_and_validation_cuts_them_off() -> None:
    traffic = wavy_traffic(days=21)
    tested = forecast_task(traffic, INPUTS["paper"], SplitSettings(test_days=7))
    validated = forecast_task(traffic, INPUTS["paper"], SplitSettings(test_days=7, validation_days=7))
    assert [str(time) for time in tested.test.times[[0, -1]]] == ["2024-01-15T00:00", "2024-01-21T23:00"]
    assert [str(time) for time in validated.test.times[[0, -1]]] == ["2024-01-08T00:00", "2024-01-14T23:00"]
    assert validated.train.times[-1] < validated.test.times[0]


def test_forecasts_are_issued_for_calibration_and_then_for_the_test() -> None:
    task = forecast_task(wavy_traffic(days=21), INPUTS["paper"], SplitSettings())
    assert task.issued.times[task.calibration_steps] == task.test.times[0]
    assert np.array_equal(task.issued.targets[:, : task.calibration_steps], task.train.targets[:, -100:])


def test_readings_are_those_of_the_hour_before_as_if_the_hour_went_on_like_them() -> None:
    traffic = wavy_traffic(stations=2, days=21, step_minutes=10)
    task = forecast_task(traffic, INPUTS["day+readings"], SplitSettings())
    recent_end = task.test.layout.periodic + task.test.layout.recent
    readings = task.test.inputs[1, 0, recent_end : recent_end + 6]
    begin = 14 * 144 - 6
    expected = (traffic.load[begin : begin + 6, 1] * 6 - task.scaler.mean[1]) / task.scaler.scale[1]
    assert np.allclose(readings, expected, atol=1e-5)
    assert readings.mean() == pytest.approx(float(task.test.inputs[1, 0, recent_end - 1]), abs=1e-5)


def test_inputs_that_the_data_cannot_give_are_refused() -> None:
    with pytest.raises(InputError, match="readings within the hour need"):
        forecast_task(wavy_traffic(), INPUTS["day+readings"], SplitSettings())
    with pytest.raises(InputError, match="nothing to train on"):
        forecast_task(wavy_traffic(days=7), INPUTS["paper"], SplitSettings())
    with pytest.raises(InputError, match="look 168 steps back"):
        forecast_task(wavy_traffic(days=14), INPUTS["day"], SplitSettings())
    with pytest.raises(InputError, match="test_days"):
        SplitSettings(test_days=0)
    with pytest.raises(InputError, match="validation_days"):
        SplitSettings(validation_days=-1)
    with pytest.raises(InputError, match="test_days"):
        SplitSettings(test_days=float("nan"))
    with pytest.raises(InputError, match="hold no step"):
        forecast_task(wavy_traffic(), INPUTS["paper"], SplitSettings(test_days=0.001))
    with pytest.raises(InputError, match="recent"):
        InputSettings(recent=0, periodic_hours=())


def test_native_steps_keep_periods_in_hours() -> None:
    traffic = wavy_traffic(stations=1, days=10, step_minutes=30)
    task = forecast_task(traffic, INPUTS["paper"], SplitSettings(test_days=1), native_step=True)
    assert task.traffic.step_minutes == 30
    assert task.test.inputs[0, 0, 2] == pytest.approx(task.load[task.train_steps - 48, 0])


def hours_from_monday(count: int) -> np.ndarray:
    return np.datetime64("2024-01-01T00:00", "m") + np.arange(count) * np.timedelta64(60, "m")


def test_the_usual_load_is_the_mean_of_earlier_days_of_the_same_kind() -> None:
    load = np.arange(10 * 24, dtype=np.float32)[:, None]  # from a Monday on; day d, hour h has 24 d + h
    usual = profile_columns(load, hours_from_monday(241), 48, (0, 1))  # the first row is Wednesday 00:00
    assert usual[0, 0].tolist() == [(0 + 24) / 2, (1 + 25) / 2]  # mean of Monday and Tuesday
    assert usual[5 * 24 - 48, 0, 0] == 24 * 2  # Saturday: no weekend yet, mean of five working days
    assert usual[6 * 24 - 48, 0, 0] == 24 * 5  # Sunday: Saturday alone
    assert usual[7 * 24 - 48, 0, 0] == 24 * 2  # Monday: the five working days
    assert usual[7 * 24 - 49, 0, 1] == 24 * 2  # the same, seen from the hour before


def test_the_usual_load_reaches_one_step_beyond_the_series() -> None:
    load = np.arange(72, dtype=np.float32)[:, None]
    usual = profile_columns(load, hours_from_monday(73), 71, (1,))
    assert usual[0, 0, 0] == (0 + 24 + 48) / 3  # Thursday 00:00


@pytest.mark.parametrize("start", ["2024-01-01T00:00", "2024-10-20T22:00", "2024-03-24T23:00"])
@pytest.mark.parametrize("step_minutes", [60, 15])
def test_profiles_seen_from_many_origins_are_those_of_series_cut_off_there(
    start: str, step_minutes: int
) -> None:
    a_day = 1440 // step_minutes
    plain = wavy_traffic(stations=2, days=10, step_minutes=step_minutes)
    traffic = replace(plain, start=np.datetime64(start, "m"), timezone="Europe/Rome")
    clock = clock_of(traffic, 12 * a_day)
    origins, offsets = range(4 * a_day, 10 * a_day, 5), range(-3, 2 * a_day)
    found = profiles_seen_from(traffic.load, clock, origins, offsets)
    for row, origin in enumerate(origins):
        from_last = [offset + 1 for offset in offsets]  # counted from the last step that is known
        alone = profile_columns(traffic.load[:origin], clock[: origin + 2 * a_day], origin - 1, from_last)
        assert np.array_equal(found[row], alone[0].T)


@pytest.mark.parametrize("start", ["2024-10-20T22:00", "2024-03-24T23:00"])
def test_a_clock_change_moves_neither_the_usual_load_nor_periodic_values(start: str) -> None:
    """A load that depends on the time of the clock alone is known without error across the change."""
    plain = replace(
        wavy_traffic(stations=1, days=14), start=np.datetime64(start, "m"), timezone="Europe/Rome"
    )
    hour = plain.local_times.astype("datetime64[h]").astype(np.int64) % 24
    traffic = replace(plain, load=(1 + hour[:, None]).astype(np.float32))
    task = forecast_task(
        traffic, InputSettings(recent=1, periodic_hours=(24,), profile=(0,)), SplitSettings(test_days=10)
    )
    skipped = np.isin(hour[-len(task.test.times) :], [2, 3]) if "03" in start else np.zeros(240, dtype=bool)
    for column in (0, 2):  # the periodic value and the usual load
        wrong = np.abs(task.test.inputs[0, :, column] - task.test.targets[0]) > 1e-4
        assert not wrong[~skipped].any()


def test_a_station_that_never_varies_is_left_out_and_named() -> None:
    traffic = wavy_traffic(days=21)
    load = traffic.load.copy()
    load[: 14 * 24, 1] = 0
    task = forecast_task(replace(traffic, load=load), INPUTS["profile"], SplitSettings())
    assert task.silent == ("s1",)
    assert task.traffic.stations == ("s0", "s2")
    assert task.test.targets.shape == (2, 168)
    with pytest.raises(InputError, match="no station varies"):
        forecast_task(replace(traffic, load=np.ones_like(load)), INPUTS["profile"], SplitSettings())


def test_filled_truths_are_marked() -> None:
    traffic = wavy_traffic(days=21)
    gaps = np.zeros(traffic.load.shape, dtype=bool)
    gaps[14 * 24 + 5, 2] = True
    task = forecast_task(replace(traffic, gaps=gaps), INPUTS["profile"], SplitSettings())
    assert np.argwhere(~task.test.measured).tolist() == [[2, 5]]


def test_the_middle_of_the_test_is_where_its_second_half_begins() -> None:
    traffic = replace(wavy_traffic(days=21, step_minutes=10), start=np.datetime64("2024-01-01T00:30", "m"))
    for split in (SplitSettings(), SplitSettings(test_days=4, validation_days=6)):
        task = forecast_task(traffic, INPUTS["profile"], split)
        middle = task.test.times[len(task.test.times) // 2]
        assert traffic.local_times[middle_of_test(traffic, split)] == middle


def test_a_profile_that_would_hold_the_target_is_refused() -> None:
    with pytest.raises(InputError, match="would hold the target"):
        InputSettings(recent=1, profile=(24,))


def test_the_calendar_knows_the_weekend_and_the_hour() -> None:
    times = np.array(["2024-01-05T06:00", "2024-01-06T06:00", "2024-01-08T06:00"], dtype="datetime64[m]")
    columns = calendar_columns(times)
    assert columns[:, 6].tolist() == [0, 1, 0]  # Friday, Saturday, Monday
    assert np.allclose(columns[0, :6], columns[2, :6])
    assert columns[0, 0] == pytest.approx(1)  # sin of a quarter of a day


@settings(max_examples=25)
@given(kind=st.sampled_from(sorted(INPUTS)), step=st.integers(0, 167), factor=st.floats(0.1, 10))
def test_what_a_forecast_sees_does_not_move_with_its_future(kind: str, step: int, factor: float) -> None:
    traffic = wavy_traffic(days=21, step_minutes=30)
    changed = traffic.load.copy()
    changed[14 * 48 + 2 * step :] *= factor  # everything from test step `step` on
    before = forecast_task(traffic, INPUTS[kind], SplitSettings())
    after = forecast_task(replace(traffic, load=changed), INPUTS[kind], SplitSettings())
    assert np.array_equal(before.train.inputs, after.train.inputs)
    assert np.array_equal(before.test.inputs[:, : step + 1], after.test.inputs[:, : step + 1])
