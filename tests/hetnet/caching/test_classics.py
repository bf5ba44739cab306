"""The compiled policies, held to plain Python, to trying everything, and to libCacheSim."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.classics import CLASSICS, HINDSIGHT, Classic, hits, station_hits
from hetnet.caching.kernels import next_uses
from hetnet.network import Counts, Mask
from tests.hetnet.caching.oracles import ORACLES, most_hits

SEQUENCES = st.lists(st.integers(0, 12), max_size=120)


def skewed(requests: int, contents: int, seed: int = 0) -> Counts:
    """Requests for contents of which some are asked for much more than others, and which change half-way."""
    rng = np.random.default_rng(seed)
    drawn = (contents * rng.random(requests) ** 3).astype(np.int64)
    drawn[requests // 2 :] = contents - 1 - drawn[requests // 2 :]
    return drawn


def shown(found: Mask) -> str:
    return "".join("h" if each else "." for each in found)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # Two slots, what was asked for or came in first stands first. 0, 01, then 0 hits, and then
        ("lru", "..h..."),  # 10: 2 evicts 1, 1 evicts 0, 3 evicts 2
        ("fifo", "..h.h."),  # 01: 2 evicts 0, 1 hits, 3 evicts 1
        ("lfu", "..h..."),  # 0 counts 2: 2 evicts 1, 1 evicts 2, 3 evicts 1
        ("sieve", "..h..."),  # 01: for 2 the hand spares 0 and evicts 1; 02: next it evicts 0, then 2
        ("static", "..h.h."),  # 0 and 1 are asked for twice, and hit the second time
        ("belady", "..h.h."),  # 0 is not asked for again: 2 evicts it, 1 hits
        ("bypass", "..h.h."),  # 2 and 3 are not even let in
    ],
)
def test_requests_worked_by_hand(policy: Classic, expected: str) -> None:
    assert shown(hits(policy, np.array([0, 1, 0, 2, 1, 3]), 2)) == expected


def test_s3_fifo_worked_by_hand() -> None:
    # Three slots: one small, two main, two ghosts. 0 goes to small; 1 and 2 find it full and go to main.
    # 3 evicts 0 from small, which stays known; 0 comes back to main, for which 3 leaves the small queue;
    # 0 hits. 3 comes back: the main queue has 1, 2 and 0, one more than it should, so 1 leaves; 2 hits.
    assert shown(hits("s3-fifo", np.array([0, 1, 2, 3, 0, 0, 3, 2]), 3)) == ".....h.h"


@pytest.mark.parametrize("policy", CLASSICS)
@given(contents=SEQUENCES, slots=st.integers(1, 15))
def test_compiled_policies_are_those_in_plain_python(
    policy: Classic, contents: list[int], slots: int
) -> None:
    assert hits(policy, np.array(contents, np.int64), slots).tolist() == ORACLES[policy](contents, slots)


@pytest.mark.parametrize("policy", [each for each in CLASSICS if each not in HINDSIGHT])
@pytest.mark.parametrize("slots", [1, 10, 20, 57, 150])
def test_long_requests_are_as_in_plain_python(policy: Classic, slots: int) -> None:
    contents = skewed(4000, 400)
    assert hits(policy, contents, slots).tolist() == ORACLES[policy](contents.tolist(), slots)


@settings(max_examples=30)
@given(contents=st.lists(st.integers(0, 4), max_size=10), slots=st.integers(1, 3))
def test_no_cache_hits_more_often_than_belady(contents: list[int], slots: int) -> None:
    requested = np.array(contents, np.int64)
    assert hits("belady", requested, slots).sum() == most_hits(contents, slots, bypass=False)
    assert hits("bypass", requested, slots).sum() == most_hits(contents, slots, bypass=True)


@given(contents=SEQUENCES, slots=st.integers(1, 15))
def test_bounds_are_in_order(contents: list[int], slots: int) -> None:
    requested = np.array(contents, np.int64)
    counts = {policy: hits(policy, requested, slots).sum() for policy in CLASSICS}
    assert max(counts.values()) == counts["bypass"]
    assert counts["belady"] == max(counts[each] for each in CLASSICS if each not in ("static", "bypass"))


@pytest.mark.parametrize("policy", CLASSICS)
@given(contents=SEQUENCES, slots=st.integers(1, 15))
def test_other_names_for_contents_change_no_hit(policy: Classic, contents: list[int], slots: int) -> None:
    requested = np.array(contents, np.int64)
    if policy == "static":  # of contents asked for alike it holds those of the lower numbers
        assert hits(policy, requested, slots).sum() == hits(policy, 12 - requested, slots).sum()
    else:
        assert (hits(policy, requested, slots) == hits(policy, 12 - requested, slots)).all()


@pytest.mark.parametrize("policy", CLASSICS)
def test_a_cache_larger_than_the_catalogue_misses_first_requests_alone(policy: Classic) -> None:
    contents = skewed(1000, 20)
    found = hits(policy, contents, 150)
    assert np.count_nonzero(~found) == len(np.unique(contents))
    assert (np.unique(contents[~found]) == np.unique(contents)).all()


@pytest.mark.parametrize("policy", CLASSICS)
def test_one_content_alone_misses_once(policy: Classic) -> None:
    assert shown(hits(policy, np.zeros(5, np.int64), 1)) == ".hhhh"


@pytest.mark.parametrize("policy", CLASSICS)
def test_no_requests_are_no_hits(policy: Classic) -> None:
    assert hits(policy, np.empty(0, np.int64), 3).shape == (0,)


@pytest.mark.parametrize("policy", CLASSICS)
def test_each_station_has_its_own_cache(policy: Classic) -> None:
    contents, stations = skewed(2000, 60), np.random.default_rng(1).integers(0, 3, 2000)
    found = station_hits(policy, contents, stations, 7)
    for station in range(3):
        here = stations == station
        assert (found[here] == hits(policy, contents[here], 7)).all()


def test_what_is_no_request_is_refused() -> None:
    contents = np.array([0, 1])
    with pytest.raises(InputError, match="unknown policy 'mru': expected one of lru, lfu"):
        hits("mru", contents, 2)  # type: ignore[arg-type]  # as from a command line
    with pytest.raises(InputError, match="a cache of 0 slots, expected 1 or more"):
        hits("lru", contents, 0)
    with pytest.raises(InputError, match="found contents -1 to 0, expected numbers from 0 on"):
        hits("lru", contents - 1, 2)
    with pytest.raises(InputError, match="found contents 1000000000000 to 1000000000001, expected numbers"):
        hits("lru", contents + 10**12, 2)
    with pytest.raises(InputError, match="type float64, expected one whole number for each request"):
        hits("lru", contents * 1.0, 2)  # type: ignore[arg-type]  # as from a table
    with pytest.raises(InputError, match="expected one of each for every request"):
        station_hits("lru", contents, contents[:1], 2)


@pytest.mark.oracle
@pytest.mark.parametrize("slots", [1, 2, 20, 25, 30, 70, 150, 333])
@pytest.mark.parametrize(
    ("policy", "theirs"),
    [
        ("lru", "LRU"),
        ("lfu", "LFU"),
        ("fifo", "FIFO"),
        ("sieve", "Sieve"),
        ("s3-fifo", "S3FIFO"),
        ("belady", "Belady"),
    ],
)
def test_hits_are_those_of_libcachesim(policy: Classic, theirs: str, slots: int) -> None:
    library = pytest.importorskip("libcachesim", reason="libcachesim, the optional oracle, is not installed")
    if policy == "s3-fifo" and slots < 20:
        pytest.skip("libCacheSim's S3-FIFO admits nothing to a small queue of one slot")
    contents = skewed(8000, 600, seed=slots)
    uses = next_uses(contents, 600)
    cache = getattr(library, theirs)(cache_size=slots, hashpower=12)
    request = library.Request(obj_size=1)
    expected = []
    for now, (content, use) in enumerate(zip(contents.tolist(), uses.tolist(), strict=True)):
        request.obj_id, request.clock_time = content + 1, now
        request.next_access_vtime = use if use < len(contents) else 2**63 - 1
        expected.append(cache.get(request))
    assert hits(policy, contents, slots).tolist() == expected


@pytest.mark.parametrize("policy", CLASSICS)
def test_300_000_requests_take_less_than_50_milliseconds(policy: Classic) -> None:
    contents = skewed(300_000, 1000)
    hits(policy, contents[:1000], 150)  # which compiles it
    taken = []
    for _ in range(5):  # of a machine that others use too
        begun = time.perf_counter()
        hits(policy, contents, 150)
        taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.05
