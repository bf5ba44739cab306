"""What is learned of tastes: who asks for the same, how fast that changes, how often a content has a burst.

Axes: R requests, C clients, N contents, G groups, T blocks of time.
"""

from dataclasses import dataclass

import numpy as np

from hetnet.caching.popularity import DAY, HOUR
from hetnet.caching.requests import Requests
from hetnet.network import Counts, Floats

STARTS, ROUNDS = 20, 50  # of the search for groups
BLOCK = 8 * HOUR  # requests are counted in, to see how they drift
LEAST_BLOCKS = 3
REPEAT_BLOCK = 4 * HOUR
SHORTEST_MEMORY, LONGEST_MEMORY = 6.0, 1000.0  # hours
LEAST_BURST = 0.03  # of an hour's requests beyond what a content had in the hours before
SURE, LEAST_COUNT = 6.0, 30  # standard deviations, and requests in an hour
TRAILING = 12  # hours that an hour is held against
USUAL_BURST = (0.1, 2.0)  # share and hours of a burst where none was seen


@dataclass(frozen=True)
class Tastes:
    """Who likes what, and how that changes."""

    groups: Counts  # (C,)
    count: int
    memory_hours: float  # until what is popular correlates by 1/e with what was
    bursts_per_day: float
    burst_share: float  # of all requests, at first
    burst_hours: float
    repeats: float  # how probable it is that two requests of a group, within hours, are for the same


def learned_tastes(history: Requests, groups: int, rng: np.random.Generator) -> Tastes:
    """Tastes as this history has them."""
    found = learned_groups(history, min(groups, history.client_count), rng)
    per_day, share, hours = learned_bursts(history)
    count = int(found.max()) + 1
    repeats = learned_repeats(history, found[history.clients], count)
    return Tastes(found, count, learned_memory(history), per_day, share, hours, repeats)


def learned_groups(history: Requests, groups: int, rng: np.random.Generator) -> Counts:
    """A group for each client, (C,): k-means on the roots of their shares, the best of several starts."""
    counts = np.zeros((history.client_count, history.content_count))
    np.add.at(counts, (history.clients, history.contents), 1.0)
    points = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
    best, least = np.zeros(history.client_count, dtype=np.int64), np.inf
    for _ in range(STARTS):
        groups_now, spread = _grouped(points, points[rng.choice(len(points), groups, replace=False)])
        if spread < least:
            best, least = groups_now, spread
    return np.unique(best, return_inverse=True)[1].astype(np.int64)  # without groups that nobody is in


def _grouped(points: Floats, centres: Floats) -> tuple[Counts, float]:
    nearest = np.zeros(len(points), dtype=np.int64)
    for _ in range(ROUNDS):
        apart = ((points[:, None] - centres[None]) ** 2).sum(axis=-1)  # (C, G)
        nearest = apart.argmin(axis=1)
        moved = np.stack(
            [points[nearest == g].mean(axis=0) if (nearest == g).any() else c for g, c in enumerate(centres)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return nearest, float(((points - centres[nearest]) ** 2).sum())


def learned_memory(history: Requests) -> float:
    """In how many hours the correlation of what is popular falls to 1/e.

    Counts of separate blocks have noise of their own, so their covariances are those of what is popular
    alone; the logarithm of these falls in a straight line with the time between blocks.
    """
    blocks = int((history.times[-1] - history.times[0]) // BLOCK)
    if blocks < LEAST_BLOCKS:
        return LONGEST_MEMORY
    block = ((history.times - history.times[0]) // BLOCK).astype(np.int64)
    counts = np.zeros((blocks, history.content_count))
    inside = block < blocks
    np.add.at(counts, (block[inside], history.contents[inside]), 1.0)
    roots = np.sqrt(counts / counts.sum(axis=1, keepdims=True))
    apart = roots - roots.mean(axis=1, keepdims=True)
    lags = np.arange(1, blocks)
    alike = np.array([(apart[lag:] * apart[:-lag]).mean() for lag in lags])
    use = alike > 0
    if use.sum() < 2:
        return SHORTEST_MEMORY
    slope = np.polyfit(lags[use] * BLOCK / HOUR, np.log(alike[use]), 1, w=np.sqrt(blocks - lags[use]))[0]
    return float(np.clip(-1 / slope if slope < 0 else LONGEST_MEMORY, SHORTEST_MEMORY, LONGEST_MEMORY))


def learned_repeats(history: Requests, groups: Counts, count: int) -> float:
    """How probable it is that two requests of one group, not many hours apart, are for the same content."""
    block = ((history.times - history.times[0]) // REPEAT_BLOCK).astype(np.int64)
    cell = block * count + groups
    same = np.unique(cell * history.content_count + history.contents, return_counts=True)[1]
    all_of = np.unique(cell, return_counts=True)[1]
    pairs = float((all_of * (all_of - 1.0)).sum())
    return float((same * (same - 1.0)).sum()) / pairs if pairs else 1.0


def learned_bursts(history: Requests) -> tuple[float, float, float]:
    """Bursts a day, their share of requests at first, and in how many hours it falls to 1/e.

    A burst is a content that an hour asks for far more than the hours before. Where none was seen, half a
    one is taken to have been there.
    """
    hours = int((history.times[-1] - history.times[0]) // HOUR)
    found: list[tuple[float, float]] = []
    if hours > TRAILING + 1:
        hour = ((history.times - history.times[0]) // HOUR).astype(np.int64)
        counts = np.zeros((hours, history.content_count))
        np.add.at(counts, (hour[hour < hours], history.contents[hour < hours]), 1.0)
        found = _bursts(counts)
    days = max(hours, 1) * HOUR / DAY
    if not found:
        return 0.5 / days, *USUAL_BURST
    peaks, lengths = zip(*found, strict=True)
    return len(found) / days, float(np.mean(peaks)), float(np.mean(lengths))


def _bursts(counts: Floats) -> list[tuple[float, float]]:
    """The share at first and the hours of every burst in hourly `counts` (T, N)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    found, busy = [], np.full(counts.shape[1], -1)
    for hour in range(TRAILING, len(counts) - 1):
        usual = np.median(shares[hour - TRAILING : hour], axis=0)
        deviation = np.sqrt((usual + 1e-3) / max(counts[hour].sum(), 1.0))
        beyond = shares[hour] - usual
        sudden = (beyond > LEAST_BURST) & (beyond > SURE * deviation) & (counts[hour] >= LEAST_COUNT)
        for content in np.flatnonzero(sudden & (busy < hour)):
            ahead = np.maximum(shares[hour : hour + TRAILING, content] - usual[content], 0.0)
            peak = float(ahead.max())
            found.append((peak, float(np.clip(ahead.sum() / peak, 0.5, TRAILING / 2))))
            busy[content] = hour + TRAILING
    return found
