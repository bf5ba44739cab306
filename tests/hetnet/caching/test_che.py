"""Hit rates by theory, beside those of simulated caches. Axes: N contents."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.che import Rule, characteristic_time, expected_hit_rate, held_shares
from hetnet.caching.classics import Classic, hits
from hetnet.caching.popularity import zipf_shares
from hetnet.network import Floats

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20).filter(any).map(np.array)


def lru_hit_rate(shares: Floats, slots: int) -> float:
    """The exact hit rate of LRU (King, 1971): the sum over all that can be held, in order, of its chance."""
    rate = 0.0
    for held in permutations(range(len(shares)), slots):
        chance, left = 1.0, 1.0
        for content in held:
            chance *= shares[content] / left
            left -= shares[content]
        rate += chance * sum(shares[content] for content in held)
    return rate


def fifo_hit_rate(shares: Floats, slots: int) -> float:
    """The exact hit rate of FIFO and random replacement: a set is held in proportion to its product."""
    sets = list(permutations(range(len(shares)), slots))
    weights = np.array([np.prod(shares[list(held)]) for held in sets])
    return float(weights @ [shares[list(held)].sum() for held in sets] / weights.sum())


@pytest.mark.parametrize("rule", ["lru", "fifo", "random"])
def test_contents_asked_for_alike_hit_as_often_as_they_fit(rule: Rule) -> None:
    assert expected_hit_rate(np.ones(20), 5, rule) == pytest.approx(0.25)


@pytest.mark.parametrize("exponent", [0.8, 1.0])
@pytest.mark.parametrize("slots", [2, 4])
def test_it_is_near_the_exact_rates_of_a_few_contents(exponent: float, slots: int) -> None:
    shares = zipf_shares(8, exponent)
    assert expected_hit_rate(shares, slots, "lru") == pytest.approx(lru_hit_rate(shares, slots), abs=0.02)
    assert expected_hit_rate(shares, slots, "fifo") == pytest.approx(fifo_hit_rate(shares, slots), abs=0.02)


@pytest.mark.parametrize("exponent", [0.8, 0.9, 1.0])
@pytest.mark.parametrize("slots", [50, 150, 600])
@pytest.mark.parametrize(("policy", "rule"), [("lru", "lru"), ("fifo", "fifo")])
def test_simulated_caches_hit_as_often_as_che_says(
    exponent: float, slots: int, policy: Classic, rule: Rule
) -> None:
    shares = zipf_shares(1000, exponent)
    contents = np.random.default_rng(0).choice(1000, 300_000, p=shares)
    found = hits(policy, contents, slots)[30_000:]  # once the cache is full
    assert found.mean() == pytest.approx(expected_hit_rate(shares, slots, rule), abs=0.003)


def test_each_content_is_held_as_long_as_che_says() -> None:
    shares = zipf_shares(1000, 0.9)
    contents = np.random.default_rng(0).choice(1000, 300_000, p=shares)
    found = hits("lru", contents, 150)
    for rank in (0, 10, 100):
        expected = held_shares(shares, 150)[rank]
        assert found[contents == rank].mean() == pytest.approx(expected, abs=0.03)


@given(shares=SHARES, slots=st.integers(1, 20), rule=st.sampled_from(["lru", "fifo", "random"]))
def test_as_much_is_held_as_there_are_slots(shares: Floats, slots: int, rule: Rule) -> None:
    asked = np.count_nonzero(shares > 1e-15 * shares.max())
    held = held_shares(shares, slots, rule)
    assert held.sum() == pytest.approx(min(slots, asked), rel=1e-6)
    assert ((held >= 0) & (held <= 1)).all()
    assert 0 < expected_hit_rate(shares, slots, rule) <= 1 + 1e-12


def test_a_cache_of_all_that_is_asked_for_always_hits() -> None:
    assert expected_hit_rate(np.array([3.0, 0.0, 1.0]), 2) == 1.0
    assert characteristic_time(np.array([3.0, 0.0, 1.0]), 2) == np.inf


def test_what_has_no_hit_rate_is_refused() -> None:
    with pytest.raises(InputError, match="a cache of 0 slots, expected 1 or more"):
        expected_hit_rate(np.ones(3), 0)
    with pytest.raises(InputError, match="unknown rule 'lfu': expected one of lru, fifo, random"):
        expected_hit_rate(np.ones(3), 1, "lfu")  # type: ignore[arg-type]  # as from a command line
    for shares in (np.zeros(3), np.empty(0), np.array([1.0, -1.0]), np.array([1.0, np.nan])):
        with pytest.raises(InputError, match="expected one of 0 or more for each content and some above 0"):
            expected_hit_rate(shares, 1)
