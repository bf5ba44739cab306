"""The classic policies at stations that a client may choose between, compiled.

The same policies as in `kernels.py`, a request at a time: where every client is served at home they hit as
those do. A client that reaches two stations is served where the content is held, by its home where both or
neither hold it; the safety modules may move it, and overloaded stations turn requests away, as with learned
policies. Axes: R requests, B stations, N contents, S slots.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np

from data.compiling import cached
from data.errors import InputError
from hetnet.caching.classics import GHOST_SHARE, SMALL_SHARE
from hetnet.caching.kernels import (
    GHOST,
    MAIN,
    SMALL,
    _append,
    _enter,
    _evict_main,
    _evict_small,
    _leave,
    _remove,
)
from hetnet.caching.safety import NOWHERE
from hetnet.caching.stations import TOLD, Course, Rules, State, fade_loads, offer, secured, tell
from hetnet.network import Counts, Floats, Mask

Held = Literal["lru", "lfu", "fifo", "sieve", "s3-fifo", "static", "belady"]
HELD: tuple[Held, ...] = get_args(Held)
LRU, LFU, FIFO, SIEVE, S3_FIFO, STATIC, BELADY = range(len(HELD))
OUTSIDE = 0


class Shelf(NamedTuple):
    """What classic policies remember at each station."""

    inside: Counts  # (B, N) OUTSIDE, or the queue that a content is in
    asked: Counts  # (B, N) how often it was asked for since it came in
    reached: Counts  # (B, N) the request at which it came to that number
    after: Counts  # (B, N + 4) rings, as in `kernels.py`
    before: Counts  # (B, N + 4)
    sizes: Counts  # (B, 4) of queues
    hand: Counts  # (B,) of SIEVE
    full: Counts  # (B,) whether S3-FIFO has evicted already
    fixed: Mask  # (B, N) the fixed set
    uses: Counts  # (B, N) the next request for a content by a client that reaches the station


def stations_hits(
    policy: Held, course: Course, rules: Rules, *, slots: int, contents: int, choice: bool
) -> Floats:
    """What became of each request, (R, 8) as in `stations.py`; without `choice` all are served at home."""
    if policy not in HELD:
        raise InputError(f"unknown policy {policy!r}: expected one of {', '.join(HELD)}")
    stations = course.amounts.shape[0]
    reached = course.reached.copy()
    if not choice:
        reached[:, 1] = NOWHERE
    mine = course._replace(reached=reached)
    shelf = _new_shelf(stations, contents, _fixed(mine, slots, contents, stations))
    return _classic_served(mine, HELD.index(policy), shelf, rules, slots)


def _new_shelf(stations: int, contents: int, fixed: Mask) -> Shelf:
    ring = np.tile(np.arange(contents + 4), (stations, 1))
    return Shelf(
        inside=np.zeros((stations, contents), np.int64),
        asked=np.zeros((stations, contents), np.int64),
        reached=np.zeros((stations, contents), np.int64),
        after=ring,
        before=ring.copy(),
        sizes=np.zeros((stations, 4), np.int64),
        hand=np.full(stations, contents),
        full=np.zeros(stations, np.int64),
        fixed=fixed,
        uses=np.zeros((stations, contents), np.int64),
    )


def _fixed(course: Course, slots: int, contents: int, stations: int) -> Mask:
    """What is asked for most by those who reach each station, (B, N); who reaches two counts by halves."""
    asked = np.zeros((stations, contents))
    reached = course.reached[course.clients]  # (R, 2)
    share = 1 / (reached != NOWHERE).sum(axis=1)
    for side in range(reached.shape[1]):
        there = reached[:, side] != NOWHERE
        np.add.at(asked, (reached[there, side], course.contents[there]), share[there])
    fixed = np.zeros(asked.shape, dtype=bool)
    np.put_along_axis(fixed, np.argsort(-asked, axis=1, kind="stable")[:, :slots], values=True, axis=1)
    return fixed


@cached
def _reached_uses(course: Course, stations: int, contents: int) -> Counts:
    """For each request and side the next request for the same content that reaches that station, (R, 2)."""
    count = len(course.times)
    uses = np.full((count, 2), count)
    last = np.full((stations, contents), count)
    for place in range(count - 1, -1, -1):
        content = course.contents[place]
        for side in range(2):
            station = course.reached[course.clients[place], side]
            if station != NOWHERE:
                uses[place, side] = last[station, content]
                last[station, content] = place
    return uses


@cached
def _classic_served(course: Course, policy: int, shelf: Shelf, rules: Rules, slots: int) -> Floats:
    """Serve all requests."""
    stations, contents = shelf.inside.shape
    told = np.zeros((len(course.times), TOLD))
    nothing = np.zeros((1, 1), np.int64)
    state = State(
        nothing,
        nothing,
        nothing[0],
        np.zeros((1, 1, 1)),
        np.zeros(1),
        np.zeros((1, 1)),
        np.zeros((3, stations)),
        np.zeros(1),
    )
    uses = _reached_uses(course, stations, contents)
    for place in range(len(course.times)):
        fade_loads(state, course.times[place], rules.load_seconds)
        content = course.contents[place]
        home, other = course.reached[course.clients[place]]
        for side in range(2):
            if course.reached[course.clients[place], side] != NOWHERE:
                shelf.uses[course.reached[course.clients[place], side], content] = uses[place, side]
        chosen = home
        if other != NOWHERE and _holds(shelf, other, content) and not _holds(shelf, home, content):
            chosen = other
        station = secured(course, state, chosen, rules, place) if rules.safe else chosen
        taken = offer(state, station, rules)
        hit = taken and _holds(shelf, station, content)
        if taken:
            _touch(shelf, policy, station, content, place, slots)
        tell(told[place], state, station, (hit, not taken, station != chosen), rules)
    return told


@cached
def _holds(shelf: Shelf, station: int, content: int) -> bool:
    inside = shelf.inside[station, content]
    return bool(inside in (SMALL, MAIN))


@cached
def _touch(shelf: Shelf, policy: int, station: int, content: int, place: int, slots: int) -> None:
    """What a policy does at a request that its station serves."""
    if policy == S3_FIFO:
        _touch_s3_fifo(shelf, station, content, slots)
        return
    if policy == STATIC:
        if shelf.fixed[station, content]:
            shelf.inside[station, content] = MAIN
        return
    after, before, end = shelf.after[station], shelf.before[station], shelf.inside.shape[1]
    shelf.reached[station, content] = place
    if shelf.inside[station, content]:
        shelf.asked[station, content] += 1
        if policy == LRU:
            _remove(after, before, content)
            _append(after, before, content, end)
        return
    if shelf.sizes[station, MAIN] < slots:
        shelf.sizes[station, MAIN] += 1
    else:
        evicted = _evicted(shelf, policy, station)
        _remove(after, before, evicted)
        shelf.inside[station, evicted] = OUTSIDE
    shelf.inside[station, content], shelf.asked[station, content] = MAIN, 0
    _append(after, before, content, end)


@cached
def _evicted(shelf: Shelf, policy: int, station: int) -> int:
    """What makes room, of what a full station holds."""
    after, end = shelf.after[station], shelf.inside.shape[1]
    if policy == SIEVE:
        hand = shelf.hand[station]
        hand = after[end] if hand == end else hand
        while shelf.asked[station, hand]:
            shelf.asked[station, hand] = 0
            hand = after[end] if after[hand] == end else after[hand]
        shelf.hand[station] = after[hand]
        return int(hand)
    evicted = int(after[end])
    if policy in (LRU, FIFO):
        return evicted
    member = after[evicted]
    while member != end:
        if _sooner(shelf, policy, station, member, evicted):
            evicted = int(member)
        member = after[member]
    return evicted


@cached
def _sooner(shelf: Shelf, policy: int, station: int, one: int, other: int) -> bool:
    """Whether LFU or Belady would evict one content before another."""
    if policy == BELADY:
        return bool(shelf.uses[station, one] > shelf.uses[station, other])
    asked = shelf.asked[station]
    if asked[one] != asked[other]:
        return bool(asked[one] < asked[other])
    return bool(shelf.reached[station, one] < shelf.reached[station, other])


@cached
def _touch_s3_fifo(shelf: Shelf, station: int, content: int, slots: int) -> None:
    inside, asked, sizes = shelf.inside[station], shelf.asked[station], shelf.sizes[station]
    after, before = shelf.after[station], shelf.before[station]
    small_slots, ghost_slots = max(1, int(slots * SMALL_SHARE)), int(slots * GHOST_SHARE)
    if inside[content] == SMALL or inside[content] == MAIN:
        asked[content] += 1
        return
    known = inside[content] == GHOST
    if known:
        _leave(after, before, inside, sizes, content)
    while sizes[SMALL] + sizes[MAIN] >= slots:
        shelf.full[station] = 1
        if sizes[MAIN] > slots - small_slots or not sizes[SMALL]:
            _evict_main(after, before, inside, sizes, asked)
        else:
            _evict_small(after, before, inside, sizes, asked, ghost_slots)
    passed_on = not shelf.full[station] and sizes[SMALL] >= small_slots
    asked[content] = 0
    _enter(after, before, inside, sizes, content, MAIN if known or passed_on else SMALL)
