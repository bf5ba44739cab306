"""The policies that a learned cache is held to, request by request, and bounds that no cache can pass.

All start empty, hold contents of one size, and fetch a content when it is first asked for. LRU, LFU, FIFO,
SIEVE, S3-FIFO and Belady put every content that they fetch into the cache, as libCacheSim has them. Axes:
R requests.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from hetnet.caching.kernels import belady_hits, fifo_hits, lfu_hits, lru_hits, s3_fifo_hits, sieve_hits
from hetnet.network import Counts, Mask

Classic = Literal["lru", "lfu", "fifo", "sieve", "s3-fifo", "static", "belady", "bypass"]
CLASSICS: tuple[Classic, ...] = get_args(Classic)
HINDSIGHT: tuple[Classic, ...] = ("static", "belady", "bypass")  # they know all requests beforehand
SMALL_SHARE, GHOST_SHARE = 0.1, 0.9  # of S3-FIFO's slots, as in the paper of that policy
MOST_CONTENTS = 100_000_000  # what is kept of each takes some 20 bytes


def hits(policy: Classic, contents: Counts, slots: int) -> Mask:
    """Whether each request (R,) for a content is a hit, (R,), in one cache of so many slots.

    `static` holds the best fixed set in hindsight: the most asked for contents, each from its first request
    on. `belady` evicts what is asked for again last, and is the bound of all that keep whatever they fetch;
    `bypass` may also let a content pass, and is the bound of all. Contents are numbers from 0 on: the
    largest decides how much memory is needed.
    """
    if policy not in CLASSICS:
        raise InputError(f"unknown policy {policy!r}: expected one of {', '.join(CLASSICS)}")
    if slots < 1:
        raise InputError(f"a cache of {slots} slots, expected 1 or more")
    requested = _checked(contents)
    if not len(requested):
        return np.zeros(0, dtype=bool)
    count = int(requested.max()) + 1
    return _POLICIES[policy](requested, min(slots, count), count)


def station_hits(policy: Classic, contents: Counts, stations: Counts, slots: int) -> Mask:
    """Whether each request (R,), to one of `stations` (R,), is a hit where each station has its own cache."""
    if contents.shape != stations.shape:
        raise InputError(
            f"caches: found contents of the shape {contents.shape} and stations of the shape "
            f"{stations.shape}, expected one of each for every request"
        )
    found = np.zeros(len(contents), dtype=bool)
    order = np.argsort(stations, kind="stable")
    cuts = np.flatnonzero(np.diff(stations[order])) + 1
    for part in np.split(order, cuts):
        found[part] = hits(policy, contents[part], slots)
    return found


def _checked(contents: Counts) -> Counts:
    """Contents as compiled functions take them."""
    if contents.ndim != 1 or not np.issubdtype(contents.dtype, np.integer):
        raise InputError(
            f"caches: found contents of the shape {contents.shape} and the type {contents.dtype}, expected "
            "one whole number for each request"
        )
    if len(contents) and not 0 <= contents.min() <= contents.max() < MOST_CONTENTS:
        raise InputError(
            f"caches: found contents {contents.min()} to {contents.max()}, expected numbers from 0 on, below "
            f"{MOST_CONTENTS:,}"
        )
    return np.ascontiguousarray(contents, dtype=np.int64)


def _s3_fifo(requested: Counts, slots: int, count: int) -> Mask:
    """S3-FIFO; below 20 slots libCacheSim admits nothing, its small queue being too small for any content."""
    small, ghost = max(1, int(slots * SMALL_SHARE)), int(slots * GHOST_SHARE)
    return s3_fifo_hits(requested, slots, count, small, ghost)


def _static(requested: Counts, slots: int, count: int) -> Mask:
    """Later requests for what is asked for most of all; of contents asked for alike, the lower numbers."""
    asked = np.bincount(requested, minlength=count)
    held = np.zeros(count, dtype=bool)
    held[np.argsort(-asked, kind="stable")[:slots]] = True
    found = held[requested]
    first = np.empty(count, dtype=np.int64)
    first[requested[::-1]] = np.arange(len(requested))[::-1]  # of repeated places the last one is kept
    found[first[asked > 0]] = False
    return found


def _belady(requested: Counts, slots: int, count: int) -> Mask:
    return belady_hits(requested, slots, count, False)


def _bypass(requested: Counts, slots: int, count: int) -> Mask:
    return belady_hits(requested, slots, count, True)


_POLICIES: dict[Classic, Callable[[Counts, int, int], Mask]] = {
    "lru": lru_hits,
    "lfu": lfu_hits,
    "fifo": fifo_hits,
    "sieve": sieve_hits,
    "s3-fifo": _s3_fifo,
    "static": _static,
    "belady": _belady,
    "bypass": _bypass,
}
