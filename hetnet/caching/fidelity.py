"""How like generated requests are to real ones: in what is asked for, in when, and in how a cache fares.

Axes: N contents, T steps, L lags, S sizes of caches, C clients.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.caching.classics import hits, station_hits
from hetnet.caching.requests import Requests
from hetnet.network import Counts, Floats


@dataclass(frozen=True, kw_only=True)
class FidelitySettings:
    """Requests are counted in steps of `step_seconds`, and counts compared up to `lags` steps apart: a day.

    `slots` are the sizes of the LRU caches that both are put through: the paper's, a third of it, and twice.
    """

    step_seconds: float = 3600.0
    lags: int = 24
    slots: tuple[int, ...] = (50, 150, 300)

    def __post_init__(self) -> None:
        if not 0 < self.step_seconds < np.inf:
            raise InputError(f"fidelity: step_seconds is {self.step_seconds}, expected a positive number")
        if self.lags < 1:
            raise InputError(f"fidelity: lags is {self.lags}, expected 1 or more")
        if not self.slots or min(self.slots) < 1:
            raise InputError(f"fidelity: slots are {self.slots}, expected sizes of 1 or more")


@dataclass(frozen=True)
class Fidelity:
    """What generated requests have in common with real ones."""

    popularity: float  # total-variation distance of what is asked for: 0 the same, 1 nothing in common
    popularity_floor: float  # what it is expected to be between requests of one and the same popularity
    autocorrelations: Floats  # (2, L) of the counts, real and generated, from one step apart on
    hit_rates: Floats  # (2, S) of LRU, real and generated

    @property
    def autocorrelation_error(self) -> float:
        """The mean absolute difference of the autocorrelations."""
        return float(np.abs(np.diff(self.autocorrelations, axis=0)).mean())

    @property
    def hit_rate_errors(self) -> Floats:
        """By how much LRU's hit rate on generated requests is above that on real ones, (S,)."""
        errors: Floats = np.diff(self.hit_rates, axis=0)[0]
        return errors


def fidelity(
    real: Requests,
    generated: Requests,
    settings: FidelitySettings | None = None,
    home: Counts | None = None,
) -> Fidelity:
    """How like `generated` is to `real`; with the clients' `home` (C,) each station has its own cache."""
    settings = settings or FidelitySettings()
    if real.content_count != generated.content_count:
        raise InputError(
            f"fidelity: {generated.content_count} contents generated and {real.content_count} real ones, "
            "expected the same catalogue"
        )
    for requests, what in ((real, "real"), (generated, "generated")):
        if not len(requests):
            raise InputError(f"fidelity: found no {what} request, expected some")
    both = (real, generated)
    counts = [np.bincount(each.contents, minlength=each.content_count) for each in both]
    return Fidelity(
        popularity=total_variation(*counts),
        popularity_floor=total_variation_floor(*counts),
        autocorrelations=np.stack([count_autocorrelation(each, settings) for each in both]),
        hit_rates=np.array([lru_rates(each, settings.slots, home) for each in both]),
    )


def total_variation(counts: Counts | Floats, others: Counts | Floats) -> float:
    """The total-variation distance of two distributions over contents (N,), given by counts or shares."""
    return float(np.abs(counts / counts.sum() - others / others.sum()).sum() / 2)


def total_variation_floor(counts: Counts, others: Counts) -> float:
    """The distance that is expected of two samples of one distribution, were all requests independent.

    The distribution is that of both samples taken together. The difference of a content's shares is nearly
    normal; where a content is hardly ever asked for it is at most the sum of both.
    """
    shares = (counts + others) / (counts.sum() + others.sum())
    variances = shares * (1 - shares) * (1 / counts.sum() + 1 / others.sum())
    return float(np.minimum(np.sqrt(2 * variances / np.pi), 2 * shares).sum() / 2)


def count_autocorrelation(requests: Requests, settings: FidelitySettings) -> Floats:
    """How the counts of requests in steps correlate with those 1 to `lags` steps later, (L,).

    Steps begin with the first request, and the last one, which is not full, is left out.
    """
    passed = requests.times - requests.times[0]
    steps = int(passed[-1] // settings.step_seconds)  # (T,) whole ones
    if steps < settings.lags + 2:
        raise InputError(
            f"fidelity: {passed[-1]:g} seconds of requests are {steps} whole steps of "
            f"{settings.step_seconds:g}, expected {settings.lags + 2} at least for {settings.lags} lags"
        )
    counts = np.bincount((passed // settings.step_seconds).astype(np.int64))[:steps]
    apart = counts - counts.mean()
    variance = apart @ apart
    if not variance:
        return np.zeros(settings.lags)
    lags = range(1, settings.lags + 1)
    return np.array([apart[lag:] @ apart[:-lag] / variance for lag in lags])


def lru_rates(requests: Requests, slots: tuple[int, ...], home: Counts | None = None) -> list[float]:
    """LRU's hit rate for each size of cache: one for all, or one at each home."""
    if home is None:
        return [float(hits("lru", requests.contents, size).mean()) for size in slots]
    if home.shape != (requests.client_count,):
        raise InputError(
            f"fidelity: found homes of the shape {home.shape}, expected one of each of "
            f"{requests.client_count} clients"
        )
    at = home[requests.clients]
    return [float(station_hits("lru", requests.contents, at, size).mean()) for size in slots]
