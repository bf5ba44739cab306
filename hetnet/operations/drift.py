"""Drift: stations that move away from their twins day by day, and whether it is time to train again.

A two-sided CUSUM (Page, Continuous Inspection Schemes, 1954) runs on the median deviation of each whole day,
less that of the neighbours; never on loads, whose days and weeks are cycles and no drift. Its sum leaves its
limit for a jump as well, which noise may hide from the walk over the steps: what is far away on the first
whole day, and since, has not moved away day by day, and is called a level shift.

Axes: D days, N stations, T steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.traffic import StationId
from hetnet.operations.deviations import Array, Deviations, Followed, Whole
from hetnet.operations.episodes import Episode, Limits
from hetnet.operations.neighbour_kernels import middle_of_near


@dataclass(frozen=True, kw_only=True)
class DriftSettings:
    """`slack` and `limit` of the CUSUM in standard deviations of calm days; when training again is advised.

    It is when the typical error has grown `grown` times, or this share of the stations drifts. `jump` and
    `share_back` are the walk's `least_change` and `share_back`: what is a jump, and when it is over.
    """

    slack: float = 1.0
    limit: float = 12.0
    least_spread: float = 0.05
    grown: float = 1.2
    share: float = 0.1
    jump: float = Limits.least_change
    share_back: float = Limits.share_back

    def __post_init__(self) -> None:
        several = (
            self.slack,
            self.limit,
            self.least_spread,
            self.grown,
            self.share,
            self.jump,
            self.share_back,
        )
        if min(several) <= 0:
            raise InputError("slack, limit, least_spread, grown, share, jump and share_back must be positive")


@dataclass(frozen=True)
class DriftReport:
    """Whether to train again, and why; errors are medians of the absolute deviation of one-step forecasts."""

    retrain: bool
    why: str
    drifting: tuple[StationId, ...]
    calm_error: float
    error: float
    days: float


def cusum(values: Array, slack: float, limit: float) -> Whole:
    """The first day on which the sum of (D, N) standardised values leaves its limit either way; -1: never.

    A sum adds what goes beyond the slack and never falls below zero.
    """
    above, below = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    found = np.full(values.shape[1], -1, np.int64)
    for day, each in enumerate(values):
        above = np.maximum(0.0, above + each - slack)
        below = np.maximum(0.0, below - each - slack)
        found = np.where((found < 0) & (np.maximum(above, below) > limit), day, found)
    return found


def drift_episodes(
    followed: Followed, found: Deviations, others: Sequence[Episode], settings: DriftSettings
) -> Iterator[Episode]:
    """An episode of each station that drifts or has jumped, raised by the last step of a day.

    A station of which something else is known at that time, or was in the week before, has jumped as well,
    and that is told already. A drift is open from then on.
    """
    days, last_steps = _whole_days(followed)
    calm = int((last_steps < followed.first).sum())
    if calm < 3 or calm == len(last_steps):
        return
    values = _daily(found.raw, days, len(last_steps))  # (D, N)
    values -= np.median(values[:calm], axis=0)
    if followed.near.shape[1]:
        values = values - middle_of_near(values, followed.near)
        values -= np.median(values[:calm], axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(values[:calm]), axis=0), settings.least_spread)
    spread = np.maximum(spread, np.median(spread))
    first = cusum(values[calm:] / spread, settings.slack, settings.limit)
    for station in np.flatnonzero(first >= 0).tolist():
        day = calm + int(first[station])
        raised, week = int(last_steps[day]), 7 * followed.steps_a_day
        jumped = any(
            each.station == station
            and each.raised <= raised
            and (each.end is None or each.end > raised - week)
            and each.kind in ("outage", "degradation", "surge", "level-shift")
            and (each.end is None or each.end - each.start > followed.steps_a_day // 2)
            for each in others
        )
        if not jumped:
            began = _began(values[calm : day + 1, station] / spread[station], settings.slack)
            start = max(followed.first, int(last_steps[calm + began]) - followed.steps_a_day + 1)
            score = abs(float(values[day, station] / spread[station]))
            away = values[calm + began : day + 1, station]
            if not is_jump(away, settings):
                yield Episode("drift", station, start, raised, None, score, explained=False)
                continue
            back = np.abs(values[day + 1 :, station]) < settings.share_back * abs(away[1:].mean())
            end = int(last_steps[day + 1 + back.argmax()]) if back.any() else None
            yield Episode("level-shift", station, start, raised, end, score, explained=False)


def is_jump(away: Array, settings: DriftSettings) -> bool:
    """Whether deviations of days (D,), from that on which it began, are those of a jump.

    It began within the first day; on the next it is as far away as windows of the walk count, and so it is
    in the mean of the days since, to the same side.
    """
    if len(away) < 2:
        return False
    side = 1.0 if away[1] > 0 else -1.0
    return bool(side * away[1] >= settings.jump and side * away[1:].mean() >= settings.jump)


def _began(values: Array, slack: float) -> int:
    """The day after the last one on which the sum that left its limit stood at zero."""
    sign = 1.0 if values[-1] > 0 else -1.0
    total, began = 0.0, 0
    for day, each in enumerate(values):
        total = max(0.0, total + sign * each - slack)
        if total == 0:
            began = day + 1
    return min(began, len(values) - 1)


def _whole_days(followed: Followed) -> tuple[Whole, Whole]:
    """The number of the day of each step, and the last step of each day that is whole at its end."""
    dates = followed.clock.astype("datetime64[D]")
    day = (dates - dates[0]).astype(np.int64)
    last = np.flatnonzero(np.diff(day) > 0)
    closing = followed.clock[-1] + np.timedelta64(followed.step_minutes, "m")
    if closing.astype("datetime64[D]") > dates[-1]:
        last = np.append(last, len(day) - 1)
    return day, last


def _daily(raw: Array, day: Whole, days: int) -> Array:
    return np.stack([np.median(raw[day == each], axis=0) for each in range(days)])


def drift_report(
    followed: Followed,
    found: Deviations,
    quiet: NDArray[np.bool_],  # (T, N) steps at which no alert is open
    drifting: Sequence[int],
    settings: DriftSettings,
) -> DriftReport:
    """What the watched steps say about how well the twins still fit."""
    calm = float(np.median(np.abs(found.ahead[: followed.first])))
    now = np.abs(found.ahead[followed.first :])[quiet[followed.first :]]
    error = float(np.median(now)) if now.size else calm
    share = len(drifting) / len(followed.stations)
    reasons = []
    if error > settings.grown * calm:
        reasons.append(f"the typical error has grown {error / max(calm, 1e-9):.2f} times")
    if share > settings.share:
        reasons.append(f"{share:.0%} of the stations drift")
    watched = (len(followed.clock) - followed.first) / followed.steps_a_day
    why = " and ".join(reasons) or (
        f"the typical error is {error / max(calm, 1e-9):.2f} times that of the calm days and "
        f"{len(drifting)} of {len(followed.stations)} stations drift"
    )
    stations = tuple(followed.stations[station] for station in drifting)
    return DriftReport(bool(reasons), why, stations, calm, error, watched)
