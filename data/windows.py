"""The forecast task: windows of inputs and targets, and which hours are for training.

Axes: T time, N stations (K in windows: one window set a station), S samples, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import InputSettings, Layout, first_step, input_columns
from data.scaling import Scaler, fitted_scaler
from data.traffic import Traffic, hourly

Floats = NDArray[np.float32]
CALIBRATION_STEPS = 100


@dataclass(frozen=True)
class Windows:
    """Samples of K stations at the same S target times, z-scored."""

    inputs: Floats  # (K, S, F)
    targets: Floats  # (K, S)
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
        if self.test_days <= 0:
            raise InputError(f"test_days must be positive, got {self.test_days}")
        if self.validation_days < 0:
            raise InputError(f"validation_days must not be negative, got {self.validation_days}")


@dataclass(frozen=True)
class Task:
    """One forecasting task of every station, split by time; what is fitted sees the training part alone.

    Forecasts are issued for the test steps and, before these, for the last `calibration_steps` of the
    training part: the errors made there are where intervals start from.
    """

    traffic: Traffic  # at the step that is forecast
    load: Floats  # (T, N) z-scored, up to the end of the test part
    scaler: Scaler
    train_steps: int  # the training part is steps 0 to train_steps, the test part is what follows
    calibration_steps: int
    train: Windows
    issued: Windows

    @property
    def test(self) -> Windows:
        """The windows of the test part."""
        return part_of(self.issued, slice(self.calibration_steps, None))


def part_of(windows: Windows, steps: slice) -> Windows:
    """Some of the target steps."""
    return Windows(windows.inputs[:, steps], windows.targets[:, steps], windows.times[steps], windows.layout)


def forecast_task(
    traffic: Traffic, inputs: InputSettings, split: SplitSettings, *, native_step: bool = False
) -> Task:
    """The task of forecasting the next hour (or the next step, with `native_step`) of every station."""
    target = traffic if native_step else hourly(traffic)
    train_steps, all_steps = _split(target, split)
    scaler = fitted_scaler(target.load[:train_steps])
    load = scaler.scaled(target.load[:all_steps])
    first = first_step(inputs, target)
    if first >= train_steps:
        raise InputError(
            f"the training part has {train_steps} steps, but these inputs look {first} steps back: "
            f"use more days, fewer test days or shorter inputs"
        )
    features, layout = input_columns(traffic, target, load, scaler, inputs)
    windows = Windows(
        np.ascontiguousarray(features.transpose(1, 0, 2)),
        np.ascontiguousarray(load[first:].T),
        target.local_times[first:all_steps],
        layout,
    )
    calibration_steps = min(CALIBRATION_STEPS, train_steps - first)
    return Task(
        traffic=target,
        load=load,
        scaler=scaler,
        train_steps=train_steps,
        calibration_steps=calibration_steps,
        train=part_of(windows, slice(None, train_steps - first)),
        issued=part_of(windows, slice(train_steps - first - calibration_steps, None)),
    )


def _split(target: Traffic, split: SplitSettings) -> tuple[int, int]:
    """How many steps are for training, and how many are looked at in all."""
    per_day = 24 * 60 / target.step_minutes
    all_steps = len(target.load)
    train_steps = all_steps - round(split.test_days * per_day)
    if split.validation_days:
        all_steps, train_steps = train_steps, train_steps - round(split.validation_days * per_day)
    if train_steps < 2:
        raise InputError(
            f"{len(target.load) / per_day:.1f} days leave nothing to train on "
            f"after {split.test_days + split.validation_days:g} held-out days"
        )
    return train_steps, all_steps
