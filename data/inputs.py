"""What a forecast sees: the input settings, and the columns that they make of a load.

Axes: T time, N stations, W wanted steps, R readings of an hour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from data.calendar import calendar_columns
from data.errors import InputError
from data.profile import profile_columns
from data.scaling import Scaler
from data.traffic import Traffic

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """How the F features of a window are ordered: periodic, then recent (each oldest first), then extra."""

    periodic: int
    recent: int
    extra: int

    @property
    def features(self) -> int:
        """How many features a window has."""
        return self.periodic + self.recent + self.extra


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """What a forecast sees: the `recent` latest values, those of `periodic_hours` ago, and extra columns.

    Extra columns, in this order: `profile`, the usual load at each of these offsets from the target
    step (see `profile.py`); `readings`, the sub-hourly readings of the last hour, for traffic with a step
    shorter than an hour; `calendar`, the target's place in the day and whether it is a weekend.
    """

    recent: int
    periodic_hours: tuple[int, ...] = ()
    profile: tuple[int, ...] = ()
    readings: bool = False
    calendar: bool = False

    def __post_init__(self) -> None:
        if self.recent < 1:
            raise InputError(f"recent must be at least 1, got {self.recent}")
        if any(hours < 1 for hours in self.periodic_hours):
            raise InputError(f"periodic_hours must be at least 1, got {self.periodic_hours}")


AROUND = (-3, -2, -1, 0, 1)
INPUTS = {
    "paper": InputSettings(recent=3, periodic_hours=(24, 48, 72)),
    "day": InputSettings(recent=24, periodic_hours=(168,), calendar=True),
    "day+readings": InputSettings(recent=24, periodic_hours=(168,), readings=True, calendar=True),
    "profile": InputSettings(recent=2, profile=AROUND, calendar=True),
    "profile+readings": InputSettings(recent=2, profile=AROUND, readings=True, calendar=True),
}


def first_step(inputs: InputSettings, target: Traffic) -> int:
    """The first step of `target` for which these inputs have their whole past."""
    days_of_profile = 2 * steps_per_day(target) + max(0, -min(inputs.profile)) if inputs.profile else 0
    return max(inputs.recent, days_of_profile, *periodic_lags(inputs, target), 0)


def steps_per_day(target: Traffic) -> int:
    """How many steps make a day; the step must divide one."""
    if 1440 % target.step_minutes:
        raise InputError(f"a step of {target.step_minutes} min does not divide a day")
    return 1440 // target.step_minutes


def periodic_lags(inputs: InputSettings, target: Traffic) -> tuple[int, ...]:
    """The periodic inputs as numbers of steps back, longest first."""
    minutes = [hours * 60 for hours in inputs.periodic_hours]
    odd = [value for value in minutes if value % target.step_minutes]
    if odd:
        raise InputError(f"a period of {odd[0]} min is no multiple of the step of {target.step_minutes} min")
    return tuple(sorted((value // target.step_minutes for value in minutes), reverse=True))


def input_columns(
    source: Traffic, target: Traffic, load: Floats, scaler: Scaler, inputs: InputSettings
) -> tuple[Floats, Layout]:
    """The features of each step from `first_step` on, (W, N, F), and their layout.

    `load` (T, N) is the z-scored beginning of `target`; `source` is the traffic that `target` sums up.
    """
    first, lags = first_step(inputs, target), periodic_lags(inputs, target)
    times = target.local_times[: len(load)]
    columns = [_lagged(load, first, inputs.recent, lags)]
    if inputs.profile:
        columns.append(profile_columns(load, times, steps_per_day(target), first, inputs.profile))
    if inputs.readings:
        columns.append(_readings(source, target, scaler, len(load))[first - 1 : -1])
    if inputs.calendar:
        places = calendar_columns(times[first:])[:, None]  # (W, 1, 7)
        columns.append(np.broadcast_to(places, (len(load) - first, load.shape[1], places.shape[2])))
    features = np.concatenate(columns, axis=2)
    return features, Layout(len(lags), inputs.recent, features.shape[2] - len(lags) - inputs.recent)


def _lagged(load: Floats, first: int, recent: int, lags: tuple[int, ...]) -> Floats:
    """The periodic and recent values before each step from `first` on, (W, N, len(lags) + recent)."""
    periodic = [load[first - lag : len(load) - lag, :, None] for lag in lags]
    latest = sliding_window_view(load[first - recent : -1], recent, axis=0)  # (W, N, recent)
    return np.concatenate([*periodic, latest], axis=2)


def _readings(source: Traffic, target: Traffic, scaler: Scaler, steps: int) -> Floats:
    """The sub-hourly readings of each target hour, (T, N, R), each scaled as if the hour went on like it."""
    per_hour = source.steps_per_hour
    if per_hour == 1 or target.step_minutes != 60:
        raise InputError(
            f"readings within the hour need hourly targets and traffic with a step under 60 min, "
            f"got targets of {target.step_minutes} min and a step of {source.step_minutes} min"
        )
    skipped = int((target.start - source.start) / np.timedelta64(source.step_minutes, "m"))
    inside = source.load[skipped : skipped + steps * per_hour].reshape(steps, per_hour, -1)
    return scaler.scaled(inside * per_hour).transpose(0, 2, 1)
