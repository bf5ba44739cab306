"""How fast requests are drawn and classic policies go through them, and how often these hit.

python -m tests.benchmarks.cache_speed

A week of 300,000 requests, on one thread, after a run that compiles what is not compiled yet. The goal is
50 milliseconds for any policy. libCacheSim goes through the same requests where it is installed, called
from Python request by request.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter

import numpy as np

from hetnet.caching.cells import homes
from hetnet.caching.classics import CLASSICS, hits, station_hits
from hetnet.caching.fidelity import fidelity
from hetnet.caching.kernels import next_uses
from hetnet.caching.requests import Requests, RequestSettings, drawn_requests

SLOTS = 150
LIBRARY = {
    "lru": "LRU",
    "lfu": "LFU",
    "fifo": "FIFO",
    "sieve": "Sieve",
    "s3-fifo": "S3FIFO",
    "belady": "Belady",
}


def best_milliseconds(work: Callable[[], object], times: int = 5) -> float:
    """The shortest of a few runs of `work`, after one that compiles what is not compiled yet."""
    work()
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return 1000 * min(taken)


def drawn() -> Requests:
    """The requests that are gone through."""
    return drawn_requests(RequestSettings(), np.random.default_rng(0))


def print_policies(requests: Requests) -> None:
    """Each policy with one cache for all, and with a cache at each station."""
    stations = homes(requests.client_count, 5)[requests.clients]
    for policy in CLASSICS:
        one = best_milliseconds(partial(hits, policy, requests.contents, SLOTS))
        five = best_milliseconds(partial(station_hits, policy, requests.contents, stations, SLOTS))
        rates = (
            hits(policy, requests.contents, SLOTS).mean(),
            station_hits(policy, requests.contents, stations, SLOTS).mean(),
        )
        print(f"{policy:8} one cache {one:5.1f} ms, hits {rates[0]:.4f}", end="; ")
        print(f"one at each of 5 stations {five:5.1f} ms, hits {rates[1]:.4f}")


def print_library(requests: Requests, name: str, theirs: str) -> None:
    """libCacheSim's policy beside ours: whether each request is the same, and its time."""
    library = import_module("libcachesim")
    uses = next_uses(requests.contents, requests.content_count)
    uses[uses == len(requests)] = 2**63 - 1
    cache, request = getattr(library, theirs)(cache_size=SLOTS), library.Request(obj_size=1)
    found = np.zeros(len(requests), dtype=bool)
    begun = perf_counter()
    for now, (content, use) in enumerate(zip(requests.contents.tolist(), uses.tolist(), strict=True)):
        request.obj_id, request.clock_time, request.next_access_vtime = content + 1, now, use
        found[now] = cache.get(request)
    taken = perf_counter() - begun
    ours = hits(name, requests.contents, SLOTS)  # type: ignore[arg-type]  # a name of LIBRARY
    other = np.count_nonzero(found != ours)
    print(f"libcachesim {library.__version__} {theirs:6} {1000 * taken:5.0f} ms, {other} requests differ")


if __name__ == "__main__":
    print(f"300,000 requests drawn in {best_milliseconds(drawn):.0f} ms")
    asked = drawn()
    print_policies(asked)
    print(f"fidelity of one to another {best_milliseconds(partial(fidelity, asked, drawn())):.0f} ms")
    if find_spec("libcachesim"):
        for ours, theirs in LIBRARY.items():
            print_library(asked, ours, theirs)
