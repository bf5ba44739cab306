"""Forecasts of the steps after an origin: the network forecasts one step, and goes on from its own forecasts.

A forecast sees what came before its origin and nothing else. What it would see of later steps is taken from
the forecasts of these steps; the usual load of a time of day stays that of the days before the origin.

Axes: T time, K stations, M origins, H steps ahead, B steps of past, R readings of an hour, F features,
P parameters.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.calendar import calendar_columns
from data.errors import InputError
from data.inputs import InputSettings, clock_of, first_step, periodic_steps, readings_of
from data.profile import profiles_seen_from
from data.scaling import Scaler
from data.traffic import Traffic, hourly
from forecasting.intervals import Intervals
from forecasting.networks import Floats, Network
from forecasting.training import predict

Origins = NDArray[np.int64]
Values = NDArray[np.floating]
CALIBRATION_DAYS = 14
DRAWN = 5.0  # errors of mean size that each hour of the day is given beside its own, which may be few or none


@dataclass(frozen=True)
class Series:
    """What a twin's inputs are made of: the series of K stations, which may go on beyond an origin."""

    inputs: InputSettings
    scaler: Scaler
    target: Traffic  # at the step that is forecast
    load: Floats  # (T, K) z-scored
    readings: Floats | None  # (T, K, R), of inputs that have them

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Where the load was not filled in for a gap, (T, K)."""
        gaps = self.target.gaps
        return np.ones(self.load.shape, dtype=bool) if gaps is None else ~gaps


@dataclass(frozen=True, kw_only=True)
class OutlookSettings:
    """How many steps ahead, and which share of the truths the intervals should hold."""

    steps: int
    coverage: float = 0.9

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"steps ahead must be at least 1, got {self.steps}")
        if not 0 < self.coverage < 1:
            raise InputError(f"coverage must lie between 0 and 1, got {self.coverage}")

    @property
    def least_errors(self) -> int:
        """How many earlier errors it takes for their largest to hold such a share of what comes."""
        return math.ceil(self.coverage / (1 - self.coverage) - 1e-9)


@dataclass(frozen=True)
class Outlook:
    """The steps after an origin, z-scored."""

    times: NDArray[np.datetime64]  # (H,) wall clock
    forecast: Floats  # (K, H)
    intervals: Intervals  # (K, H) each


def series_of(traffic: Traffic, scaler: Scaler, inputs: InputSettings, *, native_step: bool) -> Series:
    """The series of all stations of `traffic`, by `scaler`; hourly unless `native_step`."""
    target = traffic if native_step else hourly(traffic)
    readings = readings_of(traffic, target, scaler, len(target.load)) if inputs.readings else None
    return Series(inputs, scaler, target, scaler.scaled(target.load), readings)


def outlook(
    network: Network, weights: Floats, series: Series, origin: int, settings: OutlookSettings
) -> Outlook:
    """The steps from `origin` on, forecast by `weights` (K, P).

    The intervals rest on the errors of forecasts that were issued before, an hour apart over
    CALIBRATION_DAYS, of which the truth has come before `origin`. Where the twin has learned from these
    days, its errors there are a little smaller than those to come.
    """
    earlier = _earlier_origins(series, origin, settings.steps)
    ahead = earlier[:, None] + np.arange(settings.steps)  # (M, H)
    measured = series.measured[ahead].transpose(2, 0, 1)  # (K, M, H)
    clock = clock_of(series.target, origin + settings.steps)
    _refuse_few(measured, settings, clock[origin])
    forecasts = ahead_forecasts(network, weights, series, np.append(earlier, origin), settings.steps)
    missed = np.abs(forecasts[:, :-1] - series.load[ahead].transpose(2, 0, 1))  # (K, M, H)
    errors = np.where(measured, missed, np.nan)
    hours = clock.astype("datetime64[h]").astype(np.int64) % 24
    widths = interval_widths(errors, hours[ahead], hours[origin:], settings.coverage)
    forecast = forecasts[:, -1]
    return Outlook(clock[origin:], forecast, Intervals(forecast - widths, forecast + widths))


def _earlier_origins(series: Series, origin: int, steps: int) -> Origins:
    """Origins an hour apart, the last CALIBRATION_DAYS of those whose truths lie before `origin`."""
    minutes = series.target.step_minutes
    apart = max(1, 60 // minutes)
    backwards = np.arange(origin - steps, first_step(series.inputs, series.target) - 1, -apart)
    earlier: Origins = backwards[: CALIBRATION_DAYS * 1440 // (apart * minutes)][::-1].astype(np.int64)
    return earlier


def _refuse_few(measured: NDArray[np.bool_], settings: OutlookSettings, origin: np.datetime64) -> None:
    fewest = int(measured.sum(axis=1).min())
    if fewest < settings.least_errors:
        raise InputError(
            f"the data before {origin} allow {fewest} earlier forecasts of {settings.steps} steps to be "
            f"compared with what came; intervals that hold {settings.coverage:.0%} need "
            f"{settings.least_errors}: use more data, fewer hours or a lower coverage"
        )


def interval_widths(
    errors: Values, hours: Origins, coming_hours: Origins, coverage: float
) -> NDArray[np.float64]:
    """Half-widths (K, H) of intervals for steps at `coming_hours` (H,) of the day.

    `errors` (K, M, H) are absolute, of earlier forecasts of steps at `hours` (M, H); NaN where no truth is
    known. Relative to what is usual at their hour of the day they give a quantile for each lead, which does
    not fall as the lead grows: a split conformal interval with locally weighted errors (Lei and others,
    Distribution-Free Predictive Inference for Regression, 2018). It holds `coverage` of the truths as far
    as errors stay what they were.
    """
    usual = usual_errors(errors, hours)  # (K, 24)
    ordered = np.sort(errors / usual[:, hours], axis=1)  # (K, M, H), NaN last
    known = (~np.isnan(errors)).sum(axis=1)  # (K, H)
    rank = np.minimum(np.ceil((known + 1) * coverage - 1e-9).astype(np.int64), known)
    quantiles = np.take_along_axis(ordered, rank[:, None] - 1, axis=1)[:, 0]  # (K, H)
    return np.maximum.accumulate(quantiles, axis=1) * usual[:, coming_hours]


def usual_errors(errors: Values, hours: Origins) -> Values:
    """The mean error around each hour of the day, (K, 24), drawn a little to that of the whole day.

    `errors` (K, M, H) are of steps at `hours` (M, H) of the day; NaN where none is known.
    """
    known = ~np.isnan(errors)
    filled = np.where(known, errors, 0).reshape(len(errors), -1)  # (K, M H)
    near = (hours.reshape(-1, 1) - np.arange(24) + 1) % 24 <= 2  # (M H, 24) the hour and its neighbours
    weight = near.astype(filled.dtype)
    count = known.reshape(filled.shape).astype(filled.dtype) @ weight
    overall = filled.sum(axis=1) / known.sum(axis=(1, 2))  # (K,)
    usual: Values = (filled @ weight + DRAWN * overall[:, None]) / (count + DRAWN)
    return np.maximum(usual, np.finfo(np.float32).tiny)  # a forecast that never errs has a width of nothing


def ahead_forecasts(
    network: Network, weights: Floats, series: Series, origins: Origins, steps: int
) -> Floats:
    """Forecasts (K, M, H) of the steps from each of `origins` (M,) on, z-scored, by `weights` (K, P).

    Of an hour that has not come the `readings` are taken to be alike: each as large as the forecast says.
    What a forecast goes on from is held within the range that its station has shown before the origin, since
    some networks run away from there.
    """
    forecasts = np.empty((len(weights), len(origins), steps), np.float32)
    for stations in _alike(weights):
        readings = None if series.readings is None else series.readings[:, stations]
        part = replace(series, load=series.load[:, stations], readings=readings)
        forecasts[stations] = _of_some(network, weights[stations], part, origins, steps)
    return forecasts


def _alike(weights: Floats) -> list[Origins]:
    """Stations in groups that begin with the same weights: those of one twin are together."""
    group = np.unique(weights[:, :4], axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _of_some(network: Network, weights: Floats, series: Series, origins: Origins, steps: int) -> Floats:
    """Forecasts (K, M, H) of some stations."""
    known = _known(series, origins, steps)
    strips, forecasts = known.strips.copy(), np.empty((*known.strips.shape[:2], steps), np.float32)
    lowest = np.minimum.accumulate(series.load)[origins - 1].T  # (K, M)
    highest = np.maximum.accumulate(series.load)[origins - 1].T
    for lead in range(steps):
        forecasts[:, :, lead] = predict(network, weights, _features(known, strips, lead))
        strips[:, :, known.past + lead] = np.clip(forecasts[:, :, lead], lowest, highest)
    return forecasts


@dataclass(frozen=True)
class _Known:
    """All that forecasts from M origins may see; what is not there for an input is empty."""

    strips: Floats  # (K, M, B + H) the past of each origin, then room for its forecasts
    past: int  # B
    recent: int
    periodic: list[Origins]  # of each period, where in the strip its value stands, (M, H)
    usual: list[Floats]  # of each offset, (K, M, H)
    readings: list[Floats]  # of the hour before the origin, (K, M, R)
    calendar: list[Floats]  # (M, H, 7)


def _known(series: Series, origins: Origins, steps: int) -> _Known:
    inputs, target = series.inputs, series.target
    ahead = origins[:, None] + np.arange(steps)  # (M, H)
    stands = [every[ahead] for every in periodic_steps(inputs, target, int(ahead.max()) + 1)]
    past = int(max(inputs.recent, *((ahead - each).max() for each in stands), 0))
    strips = np.zeros((series.load.shape[1], len(origins), past + steps), np.float32)
    for place, origin in enumerate(origins):
        seen = series.load[max(0, origin - past) : origin]
        strips[:, place, past - len(seen) : past] = seen.T
    readings = [] if series.readings is None else [series.readings[origins - 1].transpose(1, 0, 2)]
    places = calendar_columns(clock_of(target, int(ahead.max()) + 1)) if inputs.calendar else None
    return _Known(
        strips=strips,
        past=past,
        recent=inputs.recent,
        periodic=[each - (origins - past)[:, None] for each in stands],
        usual=_usual(series, origins, steps),
        readings=readings,
        calendar=[] if places is None else [places[ahead]],
    )


def _usual(series: Series, origins: Origins, steps: int) -> list[Floats]:
    """The usual load at each profile offset from each step ahead, as it is known at the origin."""
    offsets = series.inputs.profile
    if not offsets:
        return []
    low, high = min(offsets), max(offsets)
    clock = clock_of(series.target, int(origins.max()) + steps + max(0, high))
    around = range(low, high + steps)
    seen = profiles_seen_from(series.load, clock, origins.tolist(), around)  # (M, span, K)
    usual = seen.transpose(2, 0, 1)
    return [usual[:, :, offset - low : offset - low + steps] for offset in offsets]


def _features(known: _Known, strips: Floats, lead: int) -> Floats:
    """What the network sees of the step `lead` steps after each origin, (K, M, F), as inputs.py orders it."""
    now = known.past + lead
    rows = np.arange(strips.shape[1])
    columns = [strips[:, rows, each[:, lead], None] for each in known.periodic]
    columns.append(strips[:, :, now - known.recent : now])
    columns += [each[:, :, lead, None] for each in known.usual]
    last = strips[:, :, now - 1, None]
    columns += [each if lead == 0 else np.broadcast_to(last, each.shape) for each in known.readings]
    columns += [
        np.broadcast_to(each[:, lead], (len(strips), *each[:, lead].shape)) for each in known.calendar
    ]
    return np.concatenate(columns, axis=2)
