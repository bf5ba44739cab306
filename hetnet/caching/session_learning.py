"""What is learned of sessions: how long they are, how fast, and what follows what in them.

A client's requests come in clusters. What comes within some seconds after a request, beyond what comes an
hour later in as many seconds, is of its session: E(u) = (L - 1)(1 - exp(-u / (g L))) for sessions of L
requests in the mean (geometric), g seconds apart in the mean (exponential). Two values of u give L and g.

Axes: R requests, C clients, N contents, P pairs.
"""

from dataclasses import dataclass

import numpy as np

from hetnet.caching.foretelling import NONE
from hetnet.caching.popularity import HOUR
from hetnet.caching.requests import Requests
from hetnet.network import Counts, Floats

SHORT = 120.0  # seconds; u and 2 u of the two values
LONGEST_SESSION, SHORTEST_GAP = 50.0, 1.0
SURE = 3.0  # standard deviations by which a pair must be more frequent than chance has it
MOST_AFTER = 8  # of the requests after one that are looked at


@dataclass(frozen=True)
class Sessions:
    """What sessions are like."""

    length: float  # requests in the mean
    gap_seconds: float
    follows: float  # how probable it is that a session goes on with the follower
    follower: Counts  # (N,) what follows each content, or NONE


def learned_sessions(history: Requests, within: float) -> Sessions:
    """Sessions as this history has them; what a client asks for `within` seconds of a request may follow."""
    order = np.lexsort((history.times, history.clients))
    times, clients, contents = history.times[order], history.clients[order], history.contents[order]
    length, gap = _lengths(times, clients)
    first, second = _pairs(times, clients, within)
    follower = _followers(contents[first], contents[second], contents, history.content_count)
    came = follower[contents[first]] == contents[second]
    later = _later(times, clients, first, second)
    by_chance = follower[contents[first]][later >= 0] == contents[later[later >= 0]]
    excess = max(came.sum() - by_chance.sum() * len(came) / max(len(by_chance), 1), 0.0)
    went_on = (1 - 1 / length) * len(times)  # requests that are not the first of their session
    return Sessions(length, gap, float(min(excess / max(went_on, 1.0), 1.0)), follower)


def _lengths(times: Floats, clients: Counts) -> tuple[float, float]:
    """Requests in a session and the seconds between them, of requests sorted by client and time."""
    short, double = _excess(times, clients, SHORT), _excess(times, clients, 2 * SHORT)
    if short <= 0 or double <= short:
        length = float(np.clip(1 + max(double, short, 0.0), 1.0, LONGEST_SESSION))
        return length, SHORT / 2
    left = min(double / short - 1, 0.99)  # exp(-u / (g L))
    length = float(np.clip(1 + short / (1 - left), 1.0, LONGEST_SESSION))
    return length, max(-SHORT / np.log(left) / length, SHORTEST_GAP)


def _excess(times: Floats, clients: Counts, seconds: float) -> float:
    """Requests of the same client within so many seconds after one, beyond those an hour later."""
    soon = _following(times, clients, 0.0, seconds)
    late = (
        _following(times, clients, HOUR, HOUR + seconds) + _following(times, clients, -HOUR - seconds, -HOUR)
    ) / 2
    return float((soon - late).mean())


def _following(times: Floats, clients: Counts, begin: float, end: float) -> Floats:
    """How many requests of the same client come `begin` (without it) to `end` seconds after each, (R,)."""
    span = times.max() - times.min() + 4 * HOUR
    shifted = times + clients * span  # no client's times reach into those of the next one
    found: Floats = np.searchsorted(shifted, shifted + end, side="right") - np.searchsorted(
        shifted, shifted + begin, side="right"
    ).astype(np.float64)
    return found


def _pairs(times: Floats, clients: Counts, within: float) -> tuple[Counts, Counts]:
    """Places of two requests of one client, the second at most so many seconds after the first, (P,) each."""
    firsts, seconds = [], []
    for apart in range(1, MOST_AFTER + 1):
        near = (clients[apart:] == clients[:-apart]) & (times[apart:] - times[:-apart] <= within)
        places = np.flatnonzero(near)
        firsts.append(places)
        seconds.append(places + apart)
    return np.concatenate(firsts), np.concatenate(seconds)


def _followers(before: Counts, after: Counts, contents: Counts, count: int) -> Counts:
    """What comes after each content far more often than chance has it, (N,)."""
    pairs, seen = np.unique(before * count + after, return_counts=True)
    one, other = pairs // count, pairs % count
    shares = np.bincount(contents, minlength=count) / len(contents)
    expected = np.bincount(before, minlength=count)[one] * shares[other]
    surprise = np.where(one == other, -np.inf, (seen - expected) / np.sqrt(expected + 1))
    follower = np.full(count, NONE, dtype=np.int64)
    order = np.argsort(surprise, kind="stable")  # of a content the most surprising one is written last
    sure = order[surprise[order] > SURE]
    follower[one[sure]] = other[sure]
    return follower


def _later(times: Floats, clients: Counts, first: Counts, second: Counts) -> Counts:
    """For each pair a request of the same client an hour after the second, or -1, (P,): what chance pairs."""
    span = times.max() - times.min() + 4 * HOUR
    shifted = times + clients * span
    places = np.searchsorted(shifted, shifted[second] + HOUR)
    inside = np.minimum(places, len(times) - 1)
    same = (places < len(times)) & (clients[inside] == clients[first])
    return np.where(same, inside, -1)
