"""The lower-layered twin: readings put on one clock and one grid, modelled, and forecast for their use.

(hierarchical-twin paper, Section IV). Readings pass through `integrated` (device level: clocks, then a
common grid); a forecaster is fitted to the grid, with neighbours that `chosen_neighbours` finds; `at_use`
gives each attribute at the instant at which the orchestration uses it (model level, eq. 30): an attribute
collected l steps before is forecast l steps ahead, and each attribute has a delay of its own.

Axes: N series (of users and attributes), U users, K attributes, T time, S readings, G instants of the grid,
E neighbours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from data.errors import InputError
from hetnet.clocks import Variant, check_variant, clock_of
from hetnet.decomposition import checked_series
from hetnet.forecasters import Forecaster, Issuer, linear_innovations
from hetnet.lags import NO_NEIGHBOUR, Counts, Floats
from hetnet.resampling import Kernel, normalised, resampled

Mask = NDArray[np.bool_]
ROUNDING = 1e-9  # of a step: an instant that misses a step by less is on it
FALSE_NEIGHBOURS = 0.05  # the probability that a series without any relation is given a neighbour


@dataclass(frozen=True)
class Stream:
    """The readings of one attribute as they came, stamped by the device and, on arrival, by the centre."""

    stamps: Floats  # (S,) the device's clock
    values: Floats  # (S,)
    received: Floats | None  # (S,) the centre's clock
    exchanges: Floats  # (X, 4) see clocks.clock_of


@dataclass(frozen=True)
class Integration:
    """Streams on the common grid; `refused` says, for each stream that could not be put on it, why."""

    streams: Counts  # (N,) which of the streams these are
    values: Floats  # (N, G)
    deviation: Floats  # (N, G) how unsure each value is, in the unit of the values
    last: Floats  # (N,) the centre's time of each stream's latest reading
    refused: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class IntegrationSettings:
    """How streams are put on the grid, and until when readings tell how they are scaled."""

    kernel: Kernel
    clocks: Variant = "sound"
    causal: bool = True
    scaled_until: float = np.inf

    def __post_init__(self) -> None:
        check_variant(self.clocks)


def integrated(streams: Sequence[Stream], grid: Floats, settings: IntegrationSettings) -> Integration:
    """All `streams` at the instants of `grid` (G,), in the centre's time."""
    good: dict[int, tuple[Floats, Floats, float]] = {}
    refused: dict[int, str] = {}
    for number, stream in enumerate(streams):
        try:
            good[number] = _on_grid(stream, grid, settings)
        except InputError as error:
            refused[number] = str(error)
    values = np.array([each[0] for each in good.values()]).reshape(len(good), len(grid))
    deviation = np.array([each[1] for each in good.values()]).reshape(len(good), len(grid))
    last = np.array([each[2] for each in good.values()], np.float64)
    return Integration(np.array(list(good), np.int64), values, deviation, last, refused)


def _on_grid(stream: Stream, grid: Floats, settings: IntegrationSettings) -> tuple[Floats, Floats, float]:
    """A stream's values on the grid, how unsure each is, and when its latest reading was made."""
    if stream.values.shape != stream.stamps.shape:
        raise InputError(
            f"stream: {stream.values.shape} values, expected one for each of {stream.stamps.shape} stamps"
        )
    times = clock_of(stream.exchanges, stream.stamps, stream.received, settings.clocks).true_time(
        stream.stamps
    )
    early = stream.values[times <= settings.scaled_until]
    if not len(early):
        raise InputError(f"stream: no reading up to {settings.scaled_until}, expected some to scale it by")
    _, mean, deviation = normalised(early)
    kernel, causal = settings.kernel, settings.causal
    found = resampled(times, (stream.values - mean) / deviation, grid, kernel, causal=causal)
    return mean + deviation * found.mean, deviation * np.sqrt(found.variance), float(times.max())


def steps_ahead(used_at: float, collected: Floats, step: float = 1.0) -> Counts:
    """How many steps of length `step` lie between when values were collected (...) and `used_at`: ⌈Λ/Δ⌉."""
    if not 0 < step < np.inf:
        raise InputError(f"the step between values must be positive, got {step}")
    waited = (used_at - np.asarray(collected, np.float64)) / step
    return np.maximum(np.ceil(waited - ROUNDING), 0).astype(np.int64)


def at_use(
    issuer: Issuer, values: Floats, last: Counts, used_at: float, *, synchronised: bool = True
) -> Floats:
    """What each series (N, T) is at `used_at`, in steps, of which the step `last` (N,) was collected last.

    Nothing after `last` is looked at. Without synchronisation a model's next value is taken for that of
    the instant of use, however long ago it was made. A series collected at that instant is known.
    """
    series = checked_series(values)
    if last.shape != (len(series),):
        raise InputError(
            f"{len(series)} series and last steps of the shape {last.shape}, expected one of each"
        )
    if len(last) and not 0 <= last.min() <= last.max() < series.shape[1]:
        raise InputError(f"last steps {last.min()} … {last.max()}, expected steps 0 … {series.shape[1] - 1}")
    ahead = steps_ahead(used_at, last.astype(np.float64))
    taken = ahead if synchronised else np.minimum(ahead, 1)
    origins, place = np.unique(last, return_inverse=True)
    rows = np.arange(len(series))
    known = series[rows, last]
    if not taken.max(initial=0):
        return known
    issued = issuer(series, origins, int(taken.max()))  # (N, O, H)
    return np.where(taken > 0, issued[rows, place, np.maximum(taken, 1) - 1], known)


def fitted(forecaster: Forecaster, history: Floats, neighbours: Counts) -> Issuer:
    """The twins of every attribute of every user, from their history (U, K, T): an issuer for U·K series."""
    if history.ndim != 3:
        raise InputError(f"expected a history (users, attributes, time), got an array of {history.shape}")
    return forecaster.fit(history.reshape(-1, history.shape[2]), neighbours)


def attributes_at_use(
    issuer: Issuer, values: Floats, last: Counts, used_at: float, *, synchronised: bool = True
) -> Floats:
    """All attributes (U, K) at `used_at`, from `values` (U, K, T) collected up to the steps `last` (U, K)."""
    flat = values.reshape(-1, values.shape[2])
    return at_use(issuer, flat, last.ravel(), used_at, synchronised=synchronised).reshape(last.shape)


def possible_neighbours(positions: Floats, attributes: int, nearest: int = 10) -> Mask:
    """Which of the U·K series may be a neighbour of which (N, N).

    Candidates are the other attributes of the same user, and the same attribute of the nearest users.
    """
    users = len(positions)
    apart = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    np.fill_diagonal(apart, np.inf)
    near = np.zeros((users, users), np.bool_)
    count = min(nearest, users - 1)
    np.put_along_axis(near, np.argsort(apart, axis=1, kind="stable")[:, :count], True, axis=1)
    same_user = np.eye(users, dtype=np.bool_)[:, None, :, None] & ~np.eye(attributes, dtype=np.bool_)[:, None]
    same_attribute = near[:, None, :, None] & np.eye(attributes, dtype=np.bool_)[:, None]
    return (same_user | same_attribute).reshape(users * attributes, users * attributes)


def chosen_neighbours(history: Floats, possible: Mask, count: int = 3) -> Counts:
    """The neighbours (N, E) of each series (N, T) that tell most of its next step; -1 where too few do.

    What a linear forecast of a series leaves unexplained is held against what came new to its candidates a
    step before; a relation that chance could have made among so many candidates does not count.
    """
    series = checked_series(history)
    if possible.shape != (len(series), len(series)):
        raise InputError(f"{len(series)} series and possible neighbours of the shape {possible.shape}")
    fresh = linear_innovations(series)  # (N, S)
    relation = _correlation(fresh[:, 1:], fresh[:, :-1])  # (N, N) of a step with the others' step before
    candidates = np.maximum(possible.sum(axis=1, keepdims=True), 1)
    least = norm.isf(FALSE_NEIGHBOURS / 2 / candidates) / np.sqrt(fresh.shape[1])
    strength = np.where(possible & (np.abs(relation) > least), np.abs(relation), 0.0)
    best = np.argsort(-strength, axis=1, kind="stable")[:, :count]
    return np.where(np.take_along_axis(strength, best, axis=1) > 0, best, NO_NEIGHBOUR)


def _correlation(later: Floats, earlier: Floats) -> Floats:
    """The correlation of each row of `later` with each of `earlier` (N, N); 0 for a row without variation."""
    one, other = (each - each.mean(axis=1, keepdims=True) for each in (later, earlier))
    sizes = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)[None, :]
    found: Floats = np.divide(one @ other.T, sizes, out=np.zeros_like(sizes), where=sizes > 1e-12)
    return found
