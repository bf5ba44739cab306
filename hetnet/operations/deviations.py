"""How far stations are from what their twins expect, and how unusual that is for each of them.

A deviation is the logarithm of what was seen over what was expected, less the level that the station has
kept over the last week and less what its neighbours do. Its score is the deviation in units of a width that
holds a share of the deviations of calm days: a split conformal width, locally weighted by the hour of the
day and by whether it is a weekend (Lei and others, Distribution-Free Predictive Inference for Regression,
2018). Whatever stands at a step has seen this step and earlier ones alone; widths rest on the steps before
the first that is watched.

Axes: T steps, N stations, E neighbours of a station, D days.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.calendar import is_weekend
from data.errors import InputError
from data.traffic import StationId
from hetnet.operations.neighbour_kernels import middle_of_near

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Whole = NDArray[np.int64]
DRAWN = 5.0  # deviations of mean size that each hour is given beside its own, which may be few or none
WEEK = 7
BEYOND = 1.5  # times what 95 % of the calm medians of neighbours stay within: an event
OUT = -1.05  # a day as low as this is one of a station that is out, which never becomes usual
LEAST_DAYS = 3  # of calm to know what is unusual from


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Series beside what twins expected of them, step by step, the calm days before the first watched step.

    `ahead` was expected by the values of the last steps; `usual` had these been what they usually are, so
    that a fault which lasts does not hide itself. `near` are the
    neighbours of each station, nearest first, and `phi` how strongly each belongs to it.
    """

    stations: tuple[StationId, ...]
    clock: NDArray[np.datetime64]  # (T,) wall clock
    seen: Array  # (T, N)
    usual: Array  # (T, N)
    ahead: Array  # (T, N)
    measured: Mask  # (T, N) False where a value was filled in for a gap
    near: Whole  # (N, E)
    phi: Array  # (N, E)
    first: int  # the first step that is watched; those before it are taken to be calm

    def __post_init__(self) -> None:
        shape = (len(self.clock), len(self.stations))
        for name in ("seen", "usual", "ahead", "measured"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, expected {shape}")
        if not 0 < self.first < len(self.clock):
            raise ValueError(f"first must lie between 1 and {len(self.clock) - 1}, got {self.first}")

    @property
    def step_minutes(self) -> int:
        """How long a step takes."""
        return int((self.clock[1] - self.clock[0]).astype("timedelta64[m]").astype(np.int64))

    @property
    def steps_a_day(self) -> int:
        """How many steps a day has."""
        return 1440 // self.step_minutes


@dataclass(frozen=True)
class Deviations:
    """Logarithms of seen over expected, each with the width that holds a share of the calm ones, (T, N).

    `own` is what neighbours do not explain, `plain` what stands without them, `ahead` that of the forecasts
    which saw the last steps. `level` and `shared` are what was taken off `plain` and `own`.
    """

    own: Array
    plain: Array
    ahead: Array
    level: Array
    shared: Array
    raw: Array
    own_width: Array
    plain_width: Array
    ahead_width: Array


@dataclass(frozen=True, kw_only=True)
class DeviationSettings:
    """`least` is what is added to both loads, as a share of the mean; it keeps nights from shouting."""

    least: float = 0.03
    coverage: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.least < 1 or not 0 < self.coverage < 1:
            raise InputError(
                f"least and coverage must lie between 0 and 1, got {self.least} and {self.coverage}"
            )


def deviations(followed: Followed, settings: DeviationSettings) -> Deviations:
    """How far each station is from what is expected of it, at every step."""
    calm = followed.first // followed.steps_a_day
    if calm < LEAST_DAYS:
        raise InputError(
            f"{calm} days stand before {followed.clock[followed.first]}, the first step that is watched; "
            f"what is unusual is learned from at least {LEAST_DAYS}"
        )
    raw = _log_ratio(followed, followed.usual, settings)
    level = _level(raw, followed)
    plain = np.where(followed.measured, raw - level, 0.0)
    shared = _shared(plain, followed)
    own = np.where(followed.measured, plain - shared, 0.0)
    ahead = np.where(followed.measured, _log_ratio(followed, followed.ahead, settings), 0.0)
    widths = [_widths(each, followed, settings) for each in (own, plain, ahead)]
    return Deviations(own, plain, ahead, level, shared, raw, *widths)


def _log_ratio(followed: Followed, expected: Array, settings: DeviationSettings) -> Array:
    least = settings.least * followed.seen[: followed.first].mean(axis=0) + 1e-9  # (N,)
    return np.asarray(np.log((np.maximum(followed.seen, 0) + least) / (np.maximum(expected, 0) + least)))


def _level(raw: Array, followed: Followed) -> Array:
    """The median over the daily medians of the week before each day, (T, N); 0 on the first day.

    Days on which a station was out tell nothing of its level: it keeps the one it had.
    """
    days = followed.clock.astype("datetime64[D]")
    day = (days - days[0]).astype(np.int64)
    of_days = np.stack([np.median(raw[day == each], axis=0) for each in range(day[-1] + 1)])  # (D, N)
    of_days[of_days < OUT] = np.nan
    levels = np.zeros_like(of_days)
    for each in range(1, len(of_days)):
        week = of_days[max(0, each - WEEK) : each]
        known = np.isfinite(week).any(axis=0)
        levels[each] = levels[each - 1]
        levels[each, known] = np.nanmedian(week[:, known], axis=0)
    return np.asarray(levels[day])


def _shared(plain: Array, followed: Followed) -> Array:
    """What a station's neighbours say of it, by the median of their deviations.

    Of a usual median it takes the part that the station goes along with; of one that is not, an event in the
    area, all.
    """
    if followed.near.shape[1] == 0:
        return np.zeros_like(plain)
    median = middle_of_near(plain, followed.near)
    mine, calm = plain[: followed.first], median[: followed.first]
    along = np.clip((mine * calm).sum(axis=0) / np.maximum((calm**2).sum(axis=0), 1e-12), 0.0, 1.0)
    usual = BEYOND * np.quantile(np.abs(calm), 0.95, axis=0)  # (N,)
    return np.asarray(np.where(np.abs(median) > usual, median, along * median))


def _widths(deviation: Array, followed: Followed, settings: DeviationSettings) -> Array:
    """The width of each step, (T, N), that holds the wanted share of the calm deviations."""
    size = np.abs(deviation[: followed.first])
    hour = followed.clock.astype("datetime64[h]").astype(np.int64) % 24
    slot = hour + 24 * is_weekend(followed.clock)  # (T,)
    usual = _usual_sizes(size, slot[: followed.first])  # (48, N)
    ratio = np.sort(size / usual[slot[: followed.first]], axis=0)
    rank = min(int(np.ceil((len(ratio) + 1) * settings.coverage - 1e-9)), len(ratio)) - 1
    return np.asarray(np.maximum(ratio[rank] * usual[slot], 1e-6))


def _usual_sizes(size: Array, slot: Whole) -> Array:
    """The mean size around each hour of working days and of weekends, drawn a little to that of all hours.

    Sizes are cut at five times the mean, lest one event widen its hour for good.
    """
    overall = size.mean(axis=0)  # (N,)
    cut = np.minimum(size, 5 * overall)
    usual = np.empty((48, size.shape[1]))
    for each in range(48):
        near = (slot // 24 == each // 24) & ((slot - each + 1) % 24 <= 2)
        usual[each] = (cut[near].sum(axis=0) + DRAWN * overall) / (near.sum() + DRAWN)
    return np.maximum(usual, 1e-9)
