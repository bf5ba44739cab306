"""What a station reveals of its traffic: the shape of its mean day and mean week, optionally noised.

A series never leaves its station. A signature has neither its amounts nor their spread: each profile is
shifted to mean 0 and scaled to deviation 1, so that only when a station is busy can be told.

Axes: T time, N stations, S slots of a profile, L links.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.calendar import weekday
from data.errors import InputError
from data.traffic import StationId, Traffic, hourly

Array = NDArray[np.float64]
DAY, WEEK = 24, 168
LINKS_AT_ONCE = 16_384  # bounds the memory of a comparison


@dataclass(frozen=True)
class Signatures:
    """The hourly profiles of every station, each of mean 0 and deviation 1; a flat one is all zero."""

    day: Array  # (N, 24)
    week: Array  # (N, 168) from Monday 0:00


@dataclass(frozen=True, kw_only=True)
class SignatureSettings:
    """`noise` is the deviation of the Gaussian noise that stations add; that of a profile is 1."""

    noise: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.noise < np.inf:
            raise InputError(f"the noise of signatures must not be negative, got {self.noise}")


def signatures(traffic: Traffic, settings: SignatureSettings) -> Signatures:
    """The signature of each station from its own column of `traffic`, the training part of its series.

    An hour of the week that the training part does not cover is taken from the mean day.
    """
    whole = hourly(traffic)
    day, week = mean_profiles(whole.load, whole.local_times)
    if settings.noise:
        noise = _noise(whole.stations, settings)  # (N, 192)
        day, week = day + noise[:, :DAY], week + noise[:, DAY:]
    return Signatures(standardised(day), standardised(week))


def mean_profiles(load: NDArray[np.floating], clock: NDArray[np.datetime64]) -> tuple[Array, Array]:
    """Standardised mean day (N, 24) and mean week (N, 168) of an hourly `load` (T, N) at wall-clock times."""
    hour = clock.astype("datetime64[h]").astype(np.int64) % DAY  # (T,)
    day = _slot_means(load, hour, DAY)  # (24, N)
    if np.isnan(day).any():
        raise InputError(
            f"{len(load)} hours of training do not show every hour of a day, expected at least 24 in a row; "
            f"name fewer --test-days"
        )
    week = _slot_means(load, weekday(clock) * DAY + hour, WEEK)  # (168, N)
    week = np.where(np.isnan(week), np.tile(day, (7, 1)), week)
    return standardised(day.T), standardised(week.T)


def _slot_means(load: NDArray[np.floating], slot: NDArray[np.int64], slots: int) -> Array:
    """The mean of `load` in each slot, (S, N); NaN in a slot that never comes."""
    counts = np.bincount(slot, minlength=slots)[:, None]  # (S, 1)
    sums = np.zeros((slots, load.shape[1]))
    np.add.at(sums, slot, load)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def standardised(profiles: Array) -> Array:
    """Each row shifted to mean 0 and scaled to deviation 1; a constant row becomes zero."""
    profiles = np.ascontiguousarray(profiles)  # numpy sums each row in one order, whatever the others are
    level = profiles.mean(axis=1, keepdims=True)
    spread = profiles.std(axis=1, keepdims=True)
    flat = spread <= 1e-9 * np.abs(profiles).max(axis=1, keepdims=True)
    scaled: Array = np.where(flat, 0.0, (profiles - level) / np.where(flat, 1.0, spread))
    return scaled


def _noise(stations: Sequence[StationId], settings: SignatureSettings) -> Array:
    """Each station's own noise, (N, 192): it depends on the seed and its id, not on its place in the set."""
    draws = [
        np.random.default_rng([settings.seed, *station.encode()]).normal(size=DAY + WEEK)
        for station in stations
    ]
    return settings.noise * np.array(draws)


def similarity(found: Signatures, ends: NDArray[np.int64]) -> Array:
    """How alike the traffic at the two ends of each link (L, 2) is, in [-1, 1], (L,).

    The mean of the correlations of the two days and of the two weeks; 0 where a profile is flat.
    """
    return (_correlation(found.day, ends) + _correlation(found.week, ends)) / 2


def _correlation(profiles: Array, ends: NDArray[np.int64]) -> Array:
    parts = np.array_split(ends, max(1, -(-len(ends) // LINKS_AT_ONCE)))
    together = [np.einsum("ls,ls->l", profiles[part[:, 0]], profiles[part[:, 1]]) for part in parts]
    correlation: Array = np.clip(np.concatenate(together) / profiles.shape[1], -1, 1)
    return correlation
