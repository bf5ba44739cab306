"""How often caches hit by theory, where requests are independent and what is popular stays so.

Che, Tung and Wang (2002) for LRU: a content is held when it was asked for within the last T requests, where
T is such that as many contents are expected to be held as there are slots. FIFO and random replacement have
one hit rate between them (Gelenbe, 1973); Fricker, Robert and Roberts (2012) carry the approximation over to
them. Axes: N contents.
"""

from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq

from data.errors import InputError
from hetnet.network import Floats

Rule = Literal["lru", "fifo", "random"]
NEVER = 1e-15  # beside the largest share: what is asked for less often is taken as never asked for


def expected_hit_rate(shares: Floats, slots: int, rule: Rule = "lru") -> float:
    """The share of requests that hit in the long run, for contents asked for by these `shares` (N,)."""
    return float(_normalised(shares) @ held_shares(shares, slots, rule))


def held_shares(shares: Floats, slots: int, rule: Rule = "lru") -> Floats:
    """The share of the time that each content is held, (N,), which is that of its requests that hit."""
    time = characteristic_time(shares, slots, rule)
    asked = _normalised(shares)
    return _held(asked, time, rule) if np.isfinite(time) else (asked > 0).astype(np.float64)


def characteristic_time(shares: Floats, slots: int, rule: Rule = "lru") -> float:
    """For how many requests a content stays (T); infinity where all that are ever asked for are held."""
    if slots < 1:
        raise InputError(f"a cache of {slots} slots, expected 1 or more")
    if rule not in get_args(Rule):
        raise InputError(f"unknown rule {rule!r}: expected one of {', '.join(get_args(Rule))}")
    asked = _normalised(shares)
    if np.count_nonzero(asked) <= slots:
        return np.inf

    def excess(logarithm: float) -> float:
        return float(_held(asked, np.exp(logarithm), rule).sum() - slots)

    shortest = np.log(slots)  # less than x is held of what is asked for x times meanwhile
    longest = shortest + 1.0
    while excess(longest) < 0:
        longest += 1.0
    return float(np.exp(brentq(excess, shortest, longest, xtol=1e-12)))


def _held(asked: Floats, time: float, rule: Rule) -> Floats:
    """The probability that each content is held, (N,), where one stays for so many requests."""
    expected = asked * time
    held: Floats = -np.expm1(-expected) if rule == "lru" else expected / (1 + expected)
    return held


def _normalised(shares: Floats) -> Floats:
    """Shares that sum to 1."""
    if shares.ndim != 1 or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise InputError(
            "shares: found none, or some that are negative or not finite, expected one of 0 or more for each "
            "content and some above 0"
        )
    kept = np.where(shares > NEVER * shares.max(), shares, 0.0)
    normalised: Floats = kept / kept.sum()
    return normalised
