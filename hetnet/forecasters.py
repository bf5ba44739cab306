"""Forecasters of network attributes behind one protocol: fit on a history, then issue forecasts at origins.

`fit(history, neighbours)` gives an issuer; `issuer(values, origins, steps)` gives the forecasts 1 … steps
ahead of each origin, for series `values` that go on after the history. A forecast issued at t sees the steps
up to and with t and nothing later, with one exception, which says so: the literal STL-NARX looks ahead, as
the paper does.

Axes: N series, T time, O origins, H steps ahead, E neighbours, R steps of the past, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.errors import InputError
from hetnet.decomposition import (
    COMPONENTS,
    StlSettings,
    causal_components,
    checked_series,
    decomposed,
    settings_for,
)
from hetnet.lags import (
    Counts,
    Floats,
    check_origins,
    iterated,
    lagged,
    no_neighbours,
    of_neighbours,
    pasts,
)
from hetnet.narx import NarxSettings, Nets, scale_of, trained_nets
from hetnet.tcn import TcnSettings, trained_tcn

Issuer = Callable[[Floats, Counts, int], Floats]  # of values (N, T), origins (O,), steps H: (N, O, H)
Fit = Callable[[Floats, Counts], Issuer]  # of a history (N, T), neighbours (N, E)
SEASONAL_LAGS = (1, 2, 3, 23, 24, 25, 167, 168, 169)
RIDGE = 1.0


@dataclass(frozen=True)
class Forecaster:
    """A way to forecast, by name; one that looks ahead is no forecaster but the paper's own figure."""

    name: str
    fit: Fit
    look_ahead: bool = False


@dataclass(frozen=True, kw_only=True)
class StlNarxSettings:
    """How series are taken apart, and the nets of trend, season and remainder."""

    stl: StlSettings = field(default_factory=StlSettings)
    trend: NarxSettings = field(default_factory=NarxSettings)
    season: NarxSettings = field(default_factory=lambda: NarxSettings(lags=(*range(1, 11), 24, 168)))
    remainder: NarxSettings = field(default_factory=NarxSettings)


def paper_forecasters(seed: int = 1) -> tuple[Forecaster, ...]:
    """The paper's four and the baselines that it leaves out; the first is the one all are held against."""
    narx = NarxSettings(seed=seed)
    return (
        stl_narx(_seeded(StlNarxSettings(), seed)),
        profile_narx(narx),
        linear(),
        linear(neighbour_lags=(1, 2), name="linear, seasonal lags, neighbours"),
        plain_narx(replace(narx, lags=SEASONAL_LAGS), "NARX, seasonal lags"),
        plain_narx(narx),
        tcn(TcnSettings(seed=seed)),
        arima(),
        seasonal_naive(24),
        seasonal_naive(168),
        stl_narx_with_look_ahead(_seeded(StlNarxSettings(), seed)),
    )


def alone(forecaster: Forecaster) -> Forecaster:
    """The same without neighbours."""
    return replace(
        forecaster,
        name=f"{forecaster.name}, alone",
        fit=lambda history, neighbours: forecaster.fit(history, no_neighbours(len(neighbours))),
    )


def seasonal_naive(period: int) -> Forecaster:
    """The value one season before the step that is forecast."""

    def fit(history: Floats, _: Counts) -> Issuer:
        checked_series(history)
        return lambda values, origins, steps: iterated(
            lambda past: past[:, :, -period], pasts(checked_series(values), origins, period), steps
        )

    return Forecaster(f"seasonal naive {period}", fit)


def arima() -> Forecaster:
    """ARIMA(2,2,0), fitted by least squares: an autoregression of the second differences."""

    def fit(history: Floats, _: Counts) -> Issuer:
        weights = arima_weights(checked_series(history))  # (N, 2)

        def next_values(past: Floats) -> Floats:
            twice = np.diff(past, n=2, axis=2)  # (N, O, 2)
            change = weights[:, None, 0] * twice[:, :, 1] + weights[:, None, 1] * twice[:, :, 0]
            return 2 * past[:, :, -1] - past[:, :, -2] + change

        return lambda values, origins, steps: iterated(
            next_values, pasts(checked_series(values), origins, 4), steps
        )

    return Forecaster("ARIMA(2,2,0)", fit)


def arima_weights(history: Floats) -> Floats:
    """The two weights of each series' second differences (N, 2); 0 where these are all 0."""
    if history.shape[1] < 6:
        raise InputError(f"series of {history.shape[1]} steps, expected at least 6 for ARIMA(2,2,0)")
    twice = np.diff(history, n=2, axis=1)
    size = np.abs(twice).max(axis=1, keepdims=True)
    twice = np.divide(twice, size, out=np.zeros_like(twice), where=size > 0)
    inputs = np.stack([twice[:, 1:-1], twice[:, :-2]], axis=2)  # (N, T - 4, 2)
    return _ridge_weights(inputs, twice[:, 2:], 1e-9)


def linear(
    lags: Sequence[int] = SEASONAL_LAGS,
    neighbour_lags: Sequence[int] = (),
    name: str = "linear, seasonal lags",
) -> Forecaster:
    """A ridge regression for each series on the latest values and those around a day and a week before.

    With `neighbour_lags` it also sees its neighbours' values so many steps before.
    """

    def fit(history: Floats, neighbours: Counts) -> Issuer:
        seen = _Seen(tuple(lags), tuple(neighbour_lags), neighbours)
        scale = scale_of(checked_series(history))
        weights = _ridge_weights(*_linear_samples(scale.scaled(history), seen), RIDGE)  # (N, F)

        def next_values(past: Floats) -> Floats:
            return scale.unscaled(np.einsum("nof,nf->no", _linear_inputs(scale.scaled(past), seen), weights))

        return lambda values, origins, steps: iterated(
            next_values, pasts(checked_series(values), origins, seen.reach), steps
        )

    return Forecaster(name, fit)


def linear_innovations(history: Floats, lags: Sequence[int] = SEASONAL_LAGS) -> Floats:
    """What linear forecasts of a history's own steps leave unexplained (N, S), in deviations of each."""
    seen = _Seen(tuple(lags), (), no_neighbours(len(history)))
    inputs, targets = _linear_samples(scale_of(history).scaled(history), seen)
    left: Floats = targets - np.einsum("nsf,nf->ns", inputs, _ridge_weights(inputs, targets, RIDGE))
    return left


@dataclass(frozen=True)
class _Seen:
    """What a linear forecast sees."""

    lags: tuple[int, ...]
    neighbour_lags: tuple[int, ...]
    neighbours: Counts  # (N, E)

    @property
    def reach(self) -> int:
        return max(*self.lags, *self.neighbour_lags, 1)


def _linear_samples(scaled: Floats, seen: _Seen) -> tuple[Floats, Floats]:
    """The inputs (N, S, F) and the values (N, S) of each step of scaled series that has its whole past."""
    reach, steps = seen.reach, scaled.shape[1]
    if steps <= reach:
        raise InputError(f"series of {steps} steps, expected more than the longest lag of {reach}")
    return _linear_inputs(pasts(scaled, np.arange(reach - 1, steps - 1), reach), seen), scaled[:, reach:]


def _linear_inputs(past: Floats, seen: _Seen) -> Floats:
    """The lagged values of scaled pasts (N, O, R) and those of their neighbours, (N, O, F)."""
    own, theirs = lagged(past, seen.lags), of_neighbours(past, seen.neighbours, seen.neighbour_lags)
    return np.concatenate([own, theirs], axis=2)


def plain_narx(settings: NarxSettings, name: str = "NARX") -> Forecaster:
    """A net a series on the values themselves."""

    def fit(history: Floats, neighbours: Counts) -> Issuer:
        nets = trained_nets(checked_series(history), neighbours, settings)
        return lambda values, origins, steps: iterated(
            nets.next_values, pasts(checked_series(values), origins, nets.reach), steps
        )

    return Forecaster(name, fit)


def profile_narx(settings: NarxSettings, period: int = 168) -> Forecaster:
    """A net a series on what is left of it without the mean of each step of the week in the history."""

    def fit(history: Floats, neighbours: Counts) -> Issuer:
        profile = season_profile(checked_series(history), period)  # (N, period)
        steps_of = np.arange(history.shape[1]) % period
        nets = trained_nets(history - profile[:, steps_of], neighbours, settings)

        def issue(values: Floats, origins: Counts, steps: int) -> Floats:
            series = checked_series(values)
            rest = series - profile[:, np.arange(series.shape[1]) % period]
            ahead = (origins[:, None] + np.arange(1, steps + 1)) % period  # (O, H)
            return iterated(nets.next_values, pasts(rest, origins, nets.reach), steps) + profile[:, ahead]

        return issue

    return Forecaster("profile-NARX", fit)


def season_profile(history: Floats, period: int) -> Floats:
    """The mean of each step of a season (N, period); of the day where the history lacks that step."""
    if history.shape[1] < period:
        raise InputError(f"series of {history.shape[1]} steps, expected at least a season of {period}")
    return np.stack([history[:, step::period].mean(axis=1) for step in range(period)], axis=1)


def tcn(settings: TcnSettings) -> Forecaster:
    """A temporal convolutional net a series."""

    def fit(history: Floats, _: Counts) -> Issuer:
        nets = trained_tcn(checked_series(history), settings)
        return lambda values, origins, steps: iterated(
            nets.next_values, pasts(checked_series(values), origins, settings.reach), steps
        )

    return Forecaster("TCN", fit)


def stl_narx(settings: StlNarxSettings) -> Forecaster:
    """Nets on trend, season and remainder as STL knew them at each step; the forecasts are summed."""

    def fit(history: Floats, neighbours: Counts) -> Issuer:
        stl = _stl_for(checked_series(history), settings)
        known = causal_components(history, stl)
        nets = _component_nets(known.stacked(), neighbours, settings)

        def issue(values: Floats, origins: Counts, steps: int) -> Floats:
            series = checked_series(values)
            reach = stl.window - 1 + max(each.reach for each in nets)
            check_origins(origins, reach, series.shape[1])
            begin = int(origins.min(initial=reach)) - reach + 1
            seen = causal_components(series[:, begin : int(origins.max(initial=reach)) + 1], stl)
            return _summed(nets, seen.stacked(), origins - begin - seen.first, steps)

        return issue

    return Forecaster("STL-NARX", fit)


def stl_narx_with_look_ahead(settings: StlNarxSettings) -> Forecaster:
    """The paper's: the whole series is taken apart, with what comes after the origins. Not a forecast."""

    def fit(history: Floats, neighbours: Counts) -> Issuer:
        nets = _component_nets(decomposed(history, settings.stl).stacked(), neighbours, settings)
        return lambda values, origins, steps: _summed(
            nets, decomposed(values, settings.stl).stacked(), origins, steps
        )

    return Forecaster("STL-NARX, look-ahead", fit, look_ahead=True)


def _component_nets(parts: Floats, neighbours: Counts, settings: StlNarxSettings) -> tuple[Nets, ...]:
    """The nets of each component, from the components (3, N, T) of the history.

    A lag that would leave less than half of the steps to learn from is left out.
    """
    half = parts.shape[2] // 2
    kinds = (
        replace(kind, lags=tuple(lag for lag in kind.lags if lag <= half) or (1,))
        for kind in (settings.trend, settings.season, settings.remainder)
    )
    return tuple(trained_nets(part, neighbours, kind) for part, kind in zip(parts, kinds, strict=True))


def _summed(nets: tuple[Nets, ...], parts: Floats, origins: Counts, steps: int) -> Floats:
    """The sum of the forecasts of components (3, N, T)."""
    each = [
        iterated(net.next_values, pasts(part, origins, net.reach), steps)
        for net, part in zip(nets, parts, strict=True)
    ]
    total: Floats = np.sum(each, axis=0)
    return total


def _stl_for(history: Floats, settings: StlNarxSettings) -> StlSettings:
    """STL with a window that leaves at least half of the history for training."""
    steps, shortest = history.shape[1], settings.stl.periods[0]
    if steps // 2 <= 2 * shortest:
        raise InputError(
            f"series of {steps} steps, expected more than four seasons of {shortest}: "
            f"two to take a step apart, and as many to learn from"
        )
    return settings_for(steps // 2, settings.stl)


def _seeded(settings: StlNarxSettings, seed: int) -> StlNarxSettings:
    kinds = {
        name: replace(getattr(settings, name), seed=seed * 3 + place) for place, name in enumerate(COMPONENTS)
    }
    return replace(settings, **kinds)


def _ridge_weights(inputs: Floats, targets: Floats, strength: float) -> Floats:
    """Weights (N, F) that minimise each series' squared errors and `strength` times their own squares."""
    gram = np.einsum("nsf,nsg->nfg", inputs, inputs) + strength * np.eye(inputs.shape[2])
    moment = np.einsum("nsf,ns->nf", inputs, targets)
    weights: Floats = np.linalg.solve(gram, moment[:, :, None])[:, :, 0]
    return weights
