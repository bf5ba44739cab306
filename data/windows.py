"""The forecast task: windows of inputs and targets, and which hours are for training.

Axes: T time, N stations (K in windows: one window set a station), S samples, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import InputSettings, Layout, first_step, input_columns
from data.scaling import Scaler, fitted_scaler
from data.traffic import StationId, Traffic, hourly, of_columns

Floats = NDArray[np.float32]
CALIBRATION_STEPS = 100
NEVER_VARIES, GAPPY = "never varies in its history", "has gaps that are too long"  # why one is left out


@dataclass(frozen=True)
class Windows:
    """Samples of K stations at the same S target times, z-scored."""

    inputs: Floats  # (K, S, F)
    targets: Floats  # (K, S)
    measured: NDArray[np.bool_]  # (K, S) False where a target was filled in for a gap: it is not scored
    times: NDArray[np.datetime64]  # (S,) wall-clock start of each target step
    layout: Layout


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """The last `test_days` are for testing, all before is for training.

    With `validation_days` the test days are cut off unseen, and the last `validation_days` of the
    training part take their place: this is how hyper-parameters are chosen.
    """

    test_days: float = 7
    validation_days: float = 0

    def __post_init__(self) -> None:
        if not 0 < self.test_days < np.inf:
            raise InputError(f"test_days must be positive, got {self.test_days}")
        if not 0 <= self.validation_days < np.inf:
            raise InputError(f"validation_days must not be negative, got {self.validation_days}")

    @property
    def tested_days(self) -> float:
        """How many days are scored."""
        return self.validation_days or self.test_days


@dataclass(frozen=True)
class Task:
    """One forecasting task of every station, split by time; what is fitted sees the training part alone.

    Forecasts are issued for the test steps and, before these, for the last `calibration_steps` of the
    training part: the errors made there are where intervals start from. Stations that never vary in the
    training part have no z-score; they are left out and named in `silent`.
    """

    traffic: Traffic  # at the step that is forecast
    load: Floats  # (T, N) z-scored, up to the end of the test part
    scaler: Scaler
    train_steps: int  # the training part is steps 0 to train_steps, the test part is what follows
    calibration_steps: int
    windows: Windows  # of every step that has its whole past
    silent: tuple[StationId, ...]

    @property
    def first_step(self) -> int:
        """The first step that has its whole past: that of the first window."""
        return len(self.load) - int(self.windows.targets.shape[1])

    @property
    def train(self) -> Windows:
        """The windows of the training part."""
        return part_of(self.windows, slice(None, self.train_steps - self.first_step))

    @property
    def issued(self) -> Windows:
        """The windows for which forecasts are issued."""
        first = self.train_steps - self.first_step - self.calibration_steps
        return part_of(self.windows, slice(first, None))

    @property
    def test(self) -> Windows:
        """The windows of the test part."""
        return part_of(self.issued, slice(self.calibration_steps, None))


def part_of(windows: Windows, steps: slice) -> Windows:
    """Some of the target steps."""
    return Windows(
        windows.inputs[:, steps],
        windows.targets[:, steps],
        windows.measured[:, steps],
        windows.times[steps],
        windows.layout,
    )


def forecast_task(
    traffic: Traffic, inputs: InputSettings, split: SplitSettings, *, native_step: bool = False
) -> Task:
    """The task of forecasting the next hour (or the next step, with `native_step`) of every station."""
    whole = traffic if native_step else hourly(traffic)
    train_steps, all_steps = split_steps(whole, split)
    varied = _varied(whole, train_steps)
    refuse_still(int(varied.sum()))
    source, target = _of_columns(traffic, varied), _of_columns(whole, varied)
    scaler = fitted_scaler(target.load[:train_steps])
    load = scaler.scaled(target.load[:all_steps])
    first = first_step(inputs, target)
    if first >= train_steps:
        raise InputError(
            f"the training part has {train_steps} steps, but these inputs look {first} steps back: "
            f"use more days, fewer test days (--test-days) or shorter inputs (--inputs paper)"
        )
    return Task(
        traffic=target,
        load=load,
        scaler=scaler,
        train_steps=train_steps,
        calibration_steps=min(CALIBRATION_STEPS, train_steps - first),
        windows=_windows(source, target, load, scaler, inputs),
        silent=tuple(whole.stations[column] for column in np.flatnonzero(~varied)),
    )


def varying_columns(
    traffic: Traffic, split: SplitSettings, *, native_step: bool = False
) -> NDArray[np.int64]:
    """The columns of the stations that vary in the training part: those of which tasks can be made."""
    whole = traffic if native_step else hourly(traffic)
    return np.flatnonzero(_varied(whole, split_steps(whole, split)[0]))


def middle_of_test(traffic: Traffic, split: SplitSettings, *, native_step: bool = False) -> int:
    """The step of `traffic` at which the second half of the test part begins."""
    target = traffic if native_step else hourly(traffic)
    train_steps, all_steps = split_steps(target, split)
    middle = target.times[train_steps + (all_steps - train_steps) // 2]
    return int((middle - traffic.start) / np.timedelta64(traffic.step_minutes, "m"))


def _varied(whole: Traffic, train_steps: int) -> NDArray[np.bool_]:
    """Which stations vary in the training part, (N,)."""
    varied: NDArray[np.bool_] = np.ptp(whole.load[:train_steps], axis=0) > 0
    return varied


def refuse_still(varying: int) -> None:
    """Refuse when no station varies."""
    if not varying:
        raise InputError("no station varies in the training part: there is nothing to forecast")


def _of_columns(traffic: Traffic, wanted: NDArray[np.bool_]) -> Traffic:
    return traffic if wanted.all() else of_columns(traffic, np.flatnonzero(wanted))


def _windows(
    source: Traffic, target: Traffic, load: Floats, scaler: Scaler, inputs: InputSettings
) -> Windows:
    """Every window that has its whole past, in the order of time."""
    first = first_step(inputs, target)
    features, layout = input_columns(source, target, load, scaler, inputs)
    gaps = np.zeros(load.shape, dtype=bool) if target.gaps is None else target.gaps[: len(load)]
    return Windows(
        np.ascontiguousarray(features.transpose(1, 0, 2)),
        np.ascontiguousarray(load[first:].T),
        ~gaps[first:].T,
        target.local_times[first : len(load)],
        layout,
    )


def split_steps(target: Traffic, split: SplitSettings) -> tuple[int, int]:
    """How many steps are for training, and how many are looked at in all."""
    per_day = 24 * 60 / target.step_minutes
    all_steps = len(target.load)
    train_steps = all_steps - round(split.test_days * per_day)
    if split.validation_days:
        all_steps, train_steps = train_steps, train_steps - round(split.validation_days * per_day)
    if all_steps <= train_steps:
        raise InputError(f"{split.test_days:g} days hold no step of {target.step_minutes} min to test")
    if train_steps < 2:
        held_out = split.test_days + split.validation_days
        raise InputError(
            f"{len(target.load) / per_day:.1f} days leave nothing to train on after {held_out:g} held-out "
            f"days (--test-days, --validation-days)"
        )
    return train_steps, all_steps
