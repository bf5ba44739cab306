"""Trend, season and remainder of many series by STL, for a whole series or as they were known at each step.

(hierarchical-twin paper, eqs. 27-28). STL without robustness weights is linear in the series. What it finds
at the last step of a window is therefore one weighted sum of the window's values, with the same weights for
every series and every step: a causal decomposition, made anew at each step, costs one product.

The paper decomposes the whole series, and "additional data points beyond the target period" with it: a
component at t then holds values after t, and a forecast made of it has seen what it forecasts. That is
`decomposed`, kept for pictures and for the literal variant; forecasts use `causal_components`.

Axes: N series, T time, W steps of a window, S seasons.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import csr_array

from data.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
INNER_LOOPS = 5  # of STL without robustness weights
SEASON_LOOPS = 2  # over the seasons, where there are several
COMPONENTS = ("trend", "season", "remainder")


@dataclass(frozen=True, kw_only=True)
class StlSettings:
    """Which seasons STL looks for, shortest first, over how many cycles it smooths each, and its window.

    `window` is the number of latest steps that a causal decomposition sees: a little more than two weeks,
    since what a longer one gains in smoothness the nets lose in samples.
    """

    periods: tuple[int, ...] = (24, 168)
    cycles: tuple[int, ...] = (11, 15)
    window: int = 360

    def __post_init__(self) -> None:
        if not self.periods or len(self.periods) != len(self.cycles):
            raise InputError(f"periods {self.periods} and cycles {self.cycles} must be as many, at least one")
        if list(self.periods) != sorted(set(self.periods)) or self.periods[0] < 2:
            raise InputError(f"periods must rise and be at least 2 steps, got {self.periods}")
        if any(each < 3 or each % 2 == 0 for each in self.cycles):
            raise InputError(f"cycles must be odd and at least 3, got {self.cycles}")
        if self.window < 2:
            raise InputError(f"window must be at least 2 steps, got {self.window}")


@dataclass(frozen=True)
class Components:
    """What series are made of: the three sum up to the series from its step `first` on."""

    trend: Floats  # (N, T - first)
    season: Floats  # (N, T - first) all seasons together
    remainder: Floats  # (N, T - first)
    first: int = 0

    def stacked(self) -> Floats:
        """The three in the order of `COMPONENTS`, (3, N, T - first)."""
        return np.stack([self.trend, self.season, self.remainder])


def settings_for(steps: int, settings: StlSettings) -> StlSettings:
    """`settings` without seasons of which `steps` hold fewer than two cycles, the window cut to `steps`."""
    window = min(settings.window, steps)
    known = [pair for pair in zip(settings.periods, settings.cycles, strict=True) if 2 * pair[0] < window]
    if not known:
        raise InputError(
            f"{window} steps are too short for STL: expected more than two seasons, "
            f"the shortest of which has {settings.periods[0]} steps"
        )
    periods, cycles = zip(*known, strict=True)
    return replace(settings, periods=periods, cycles=cycles, window=window)


def decomposed(values: Floats, settings: StlSettings) -> Components:
    """The components of whole series (N, T), each step seen together with what came after it (look-ahead)."""
    series = checked_series(values).T  # (T, N)
    fitting = settings_for(len(series), replace(settings, window=len(series)))
    seasons = [np.zeros_like(series) for _ in fitting.periods]
    trend = np.zeros_like(series)
    for _ in range(SEASON_LOOPS if len(seasons) > 1 else 1):
        for place, (period, cycles) in enumerate(zip(fitting.periods, fitting.cycles, strict=True)):
            others = sum(
                (each for other, each in enumerate(seasons) if other != place), np.zeros_like(series)
            )
            seasons[place], trend = _one_season(series - others, period, cycles)
    season = np.sum(seasons, axis=0)
    return Components(trend.T, season.T, (series - season - trend).T)


def causal_components(values: Floats, settings: StlSettings) -> Components:
    """The components of each step as STL finds them in the window that ends with it, once there is one.

    Nothing after a step reaches its components, and none is revised later.
    """
    series = checked_series(values)
    if series.shape[1] < settings.window:
        raise InputError(
            f"series of {series.shape[1]} steps, expected at least the window of {settings.window}"
        )
    filters = last_step_filters(settings)  # (2, W)
    found = np.empty((len(series), series.shape[1] - settings.window + 1, 2))  # (N, T - W + 1, 2)
    for number, one in enumerate(series):
        found[number] = sliding_window_view(one, settings.window) @ filters.T
    first = settings.window - 1
    trend, season = found[:, :, 0], found[:, :, 1]
    return Components(trend, season, series[:, first:] - trend - season, first)


@lru_cache(maxsize=8)
def last_step_filters(settings: StlSettings) -> Floats:
    """The weights (2, W) of a window's values in trend and season of its last step."""
    parts = decomposed(np.eye(settings.window), settings)  # a series for each weight
    return np.stack([parts.trend[:, -1], parts.season[:, -1]])


def season_strength(parts: Components) -> Floats:
    """The share of each series that its season explains (N,): 1 - var(remainder) / var(season + remainder).

    A series without either has no season: 0.
    """
    around = np.var(parts.season + parts.remainder, axis=1)
    left = np.var(parts.remainder, axis=1)
    share = np.divide(left, around, out=np.ones_like(left), where=around > 1e-12)
    strength: Floats = np.clip(1 - share, 0, 1)
    return strength


def checked_series(values: Floats) -> Floats:
    """`values` as series (N, T) of finite numbers, or an error that names the first that is none."""
    series = np.asarray(values, np.float64)
    if series.ndim != 2 or series.shape[1] < 1:
        raise InputError(f"expected series (N, T) with at least one step, got an array of {series.shape}")
    if not np.isfinite(series).all():
        number, step = np.argwhere(~np.isfinite(series))[0]
        raise InputError(f"series {number}, step {step}: expected a finite value, got {series[number, step]}")
    return series


def _one_season(series: Floats, period: int, cycles: int) -> tuple[Floats, Floats]:
    """Season and trend (T, N) by STL with one period, as statsmodels' STL finds them."""
    spread, low_pass, smooth = _operators(len(series), period, cycles)
    trend = np.zeros_like(series)
    season = trend
    for _ in range(INNER_LOOPS):
        cyclic = spread @ (series - trend)  # (T + 2 period, N)
        season = cyclic[period:-period] - low_pass @ _averaged(cyclic, period)
        trend = smooth @ (series - season)
    return season, trend


@lru_cache(maxsize=16)
def _operators(steps: int, period: int, cycles: int) -> tuple[csr_array, csr_array, csr_array]:
    """The smoothers of STL as matrices: of each hour's own series, of what is slow in it, of the trend."""
    wide = int(np.ceil(1.5 * period / (1 - 1.5 / cycles)))
    trend_span = wide + (wide % 2 == 0)
    low_span = period + 1 + (period % 2)
    return (
        _cycle_smoother(steps, period, cycles),
        _loess(steps, low_span, np.arange(steps)),
        _loess(steps, trend_span, np.arange(steps)),
    )


def _averaged(cyclic: Floats, period: int) -> Floats:
    """Moving averages over a period, again over a period, and over 3 steps: (T + 2 period, N) to (T, N)."""
    for width in (period, period, 3):
        sums = np.cumsum(np.pad(cyclic, ((1, 0), (0, 0))), axis=0)
        cyclic = (sums[width:] - sums[:-width]) / width
    return cyclic


def _cycle_smoother(steps: int, period: int, cycles: int) -> csr_array:
    """Smooths the values of each place in the cycle over the cycles, one more at either end: (T + 2 p, T)."""
    rows, columns, weights = [], [], []
    for place in range(period):
        count = (steps - place - 1) // period + 1
        inside = _loess(count, cycles, np.arange(-1, count + 1)).tocoo()
        rows.append(inside.row * period + place)
        columns.append(inside.col * period + place)
        weights.append(inside.data)
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(weights), where), shape=(steps + 2 * period, steps))


def _loess(steps: int, span: int, places: Counts) -> csr_array:
    """Local linear smoothing with tricube weights, for each of `places` among `steps` steps: (places, T)."""
    width = min(span, steps)
    left = np.clip(places - span // 2, 0, steps - width)  # the first of the steps that count
    near = left[:, None] + np.arange(width)  # (places, width)
    reach = np.maximum(places - left, left + width - 1 - places) + max(0, (span - steps) // 2)
    distance = np.abs(near - places[:, None]) / np.maximum(reach, 1)[:, None]
    weights = np.where(distance <= 0.999, (1 - np.minimum(distance, 1) ** 3) ** 3, 0.0)
    weights[distance <= 0.001] = 1.0
    weights /= weights.sum(axis=1, keepdims=True)
    middle = (weights * near).sum(axis=1)
    spread = (weights * (near - middle[:, None]) ** 2).sum(axis=1)
    tilt = np.divide(
        places - middle, spread, out=np.zeros(len(places)), where=np.sqrt(spread) > 0.001 * (steps - 1)
    )
    weights *= 1 + tilt[:, None] * (near - middle[:, None])
    rows = np.repeat(np.arange(len(places)), width)
    return csr_array((weights.ravel(), (rows, near.ravel())), shape=(len(places), steps))
