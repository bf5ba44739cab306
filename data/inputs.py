"""What a forecast sees: the input settings, and the columns that they make of a load.

Axes: T time, N stations, W wanted steps, R readings of an hour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from data.calendar import calendar_columns
from data.clock import steps_at_earlier_clock, wall_clock
from data.errors import InputError
from data.profile import profile_columns
from data.scaling import Scaler
from data.traffic import Traffic

Floats = NDArray[np.float32]
FARTHEST_OFFSET = 12  # of a profile; hours, when the step is an hour


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
        if any(abs(offset) > FARTHEST_OFFSET for offset in self.profile):
            raise InputError(
                f"profile offsets must lie within {FARTHEST_OFFSET} steps of the target, got {self.profile}: "
                f"the usual load of a later day would hold the target itself"
            )


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
    days_of_profile = 2 * _steps_per_day(target) + max(0, -min(inputs.profile)) if inputs.profile else 0
    without_past = [np.flatnonzero(steps < 0) for steps in periodic_steps(inputs, target, len(target.load))]
    periodic = [int(steps[-1]) + 1 for steps in without_past]
    return max(inputs.recent, days_of_profile, *periodic, 0)


def input_columns(
    source: Traffic, target: Traffic, load: Floats, scaler: Scaler, inputs: InputSettings
) -> tuple[Floats, Layout]:
    """The features of each step from `first_step` on, (W, N, F), and their layout.

    `load` (T, N) is the z-scored beginning of `target`; `source` is the traffic that `target` sums up.
    """
    first = first_step(inputs, target)
    periodic = [load[steps[first:], :, None] for steps in periodic_steps(inputs, target, len(load))]
    latest = sliding_window_view(load[first - inputs.recent : -1], inputs.recent, axis=0)  # (W, N, recent)
    columns = [*periodic, latest]
    if inputs.profile:
        clock = clock_of(target, len(load) + max(0, *inputs.profile))
        columns.append(profile_columns(load, clock, first, inputs.profile))
    if inputs.readings:
        columns.append(readings_of(source, target, scaler, len(load))[first - 1 : -1])
    if inputs.calendar:
        places = calendar_columns(clock_of(target, len(load))[first:])[:, None]  # (W, 1, 7)
        columns.append(np.broadcast_to(places, (len(load) - first, load.shape[1], places.shape[2])))
    features = np.concatenate(columns, axis=2)
    extra = features.shape[2] - len(periodic) - inputs.recent
    return features, Layout(len(periodic), inputs.recent, extra)


def clock_of(target: Traffic, steps: int) -> NDArray[np.datetime64]:
    """The wall clock of the first `steps` steps of `target`, which may go on beyond its end."""
    times = target.start + np.arange(steps) * np.timedelta64(target.step_minutes, "m")
    return wall_clock(times, target.timezone)


def periodic_steps(inputs: InputSettings, target: Traffic, steps: int) -> list[NDArray[np.int64]]:
    """Of each period, longest first, the step that stood so long before each step on the clock, (T,)."""
    minutes = [hours * 60 for hours in sorted(inputs.periodic_hours, reverse=True)]
    odd = [value for value in minutes if value % target.step_minutes]
    if odd:
        raise InputError(f"a period of {odd[0]} min is no multiple of the step of {target.step_minutes} min")
    clock = clock_of(target, steps)
    return [steps_at_earlier_clock(clock, value, target.step_minutes) for value in minutes]


def _steps_per_day(target: Traffic) -> int:
    if 1440 % target.step_minutes:
        raise InputError(f"a step of {target.step_minutes} min does not divide a day")
    return 1440 // target.step_minutes


def readings_of(source: Traffic, target: Traffic, scaler: Scaler, steps: int) -> Floats:
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
