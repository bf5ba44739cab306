"""The classic policies, compiled: each walks the requests of one cache once.

Axes: R requests, N contents, S slots. Contents are numbers below N; a queue is a ring of links through all
of its members and the place N, its end: `after[N]` is its oldest member, `before[N]` its youngest.
"""

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Mask

OUTSIDE = np.int64(-1)
SMALL, MAIN, GHOST = 1, 2, 3  # the queues of S3-FIFO
PROMOTED = 2  # hits in the small queue that move a content to the main one, as in libCacheSim
MOST_HITS = 3  # that the main queue remembers: two bits


@cached
def _new_queue(contents: int) -> tuple[Counts, Counts]:
    """A queue without members: what stands after and before each place."""
    after, before = np.full(contents + 1, OUTSIDE), np.full(contents + 1, OUTSIDE)
    after[contents] = before[contents] = contents
    return after, before


@cached
def _append(after: Counts, before: Counts, member: int, end: int) -> None:
    """Make `member` the youngest one of the queue with this end."""
    youngest = before[end]
    after[youngest], before[member] = member, youngest
    after[member], before[end] = end, member


@cached
def _remove(after: Counts, before: Counts, member: int) -> None:
    """Take `member` out of its queue."""
    after[before[member]] = after[member]
    before[after[member]] = before[member]


@cached
def lru_hits(requested: Counts, slots: int, contents: int) -> Mask:
    """Evict what was asked for longest ago."""
    hits = np.zeros(len(requested), np.bool_)
    inside, held = np.zeros(contents, np.bool_), 0
    after, before = _new_queue(contents)
    for place, content in enumerate(requested):
        if inside[content]:
            hits[place] = True
            _remove(after, before, content)
        elif held < slots:
            held += 1
        else:
            oldest = after[contents]
            _remove(after, before, oldest)
            inside[oldest] = False
        inside[content] = True
        _append(after, before, content, contents)
    return hits


@cached
def fifo_hits(requested: Counts, slots: int, contents: int) -> Mask:
    """Evict what came in first."""
    hits = np.zeros(len(requested), np.bool_)
    inside, queue, at = np.zeros(contents, np.bool_), np.full(slots, OUTSIDE), 0
    for place, content in enumerate(requested):
        if inside[content]:
            hits[place] = True
            continue
        if queue[at] != OUTSIDE:
            inside[queue[at]] = False
        queue[at], inside[content] = content, True
        at = at + 1 if at + 1 < slots else 0
    return hits


@cached
def lfu_hits(requested: Counts, slots: int, contents: int) -> Mask:
    """Evict what was asked for least often since it came in; of several, what reached that count first.

    Queues of equal counts share their links; the queue of a count ends at the place N + count.
    """
    hits = np.zeros(len(requested), np.bool_)
    counts, held, least = np.zeros(contents, np.int64), 0, 1  # 0: not held
    ends = contents + len(requested) + 2
    after, before = np.arange(ends), np.arange(ends)  # every queue has its end alone
    for place, content in enumerate(requested):
        count = counts[content]
        if count:
            hits[place] = True
            _remove(after, before, content)
            if count == least and after[contents + count] == contents + count:
                least = count + 1
        elif held < slots:
            held, least = held + 1, 1
        else:
            rarest = after[contents + least]
            _remove(after, before, rarest)
            counts[rarest], least = 0, 1
        counts[content] = count + 1
        _append(after, before, content, contents + count + 1)
    return hits


@cached
def sieve_hits(requested: Counts, slots: int, contents: int) -> Mask:
    """A hand passes from old to young, spares what was asked for since its last pass, evicts what was not."""
    hits = np.zeros(len(requested), np.bool_)
    inside, visited = np.zeros(contents, np.bool_), np.zeros(contents + 1, np.bool_)
    held, hand = 0, np.int64(contents)
    after, before = _new_queue(contents)
    for place, content in enumerate(requested):
        if inside[content]:
            hits[place] = visited[content] = True
            continue
        if held < slots:
            held += 1
        else:
            hand = after[contents] if hand == contents else hand
            while visited[hand]:
                visited[hand] = False
                hand = after[contents] if after[hand] == contents else after[hand]
            inside[hand], evicted = False, int(hand)
            hand = after[hand]  # the end, where nothing younger stood by then: the next pass begins
            _remove(after, before, evicted)
        inside[content], visited[content] = True, False
        _append(after, before, content, contents)
    return hits


@cached
def s3_fifo_hits(requested: Counts, slots: int, contents: int, small_slots: int, ghost_slots: int) -> Mask:
    """Three queues: a small one for newcomers, the main one, and names of what left the small one unasked.

    As libCacheSim has it: until the first eviction, what finds the small queue full enters the main one.
    """
    hits = np.zeros(len(requested), np.bool_)
    queue_of, asked = np.zeros(contents, np.int64), np.zeros(contents, np.int64)
    after, before = np.arange(contents + 4), np.arange(contents + 4)  # the queues end at N + their number
    sizes = np.zeros(4, np.int64)  # (4,) of SMALL, MAIN and GHOST
    full_once = False
    for place, content in enumerate(requested):
        queue = queue_of[content]
        if queue in (SMALL, MAIN):
            hits[place] = True
            asked[content] += 1
            continue
        known = queue == GHOST
        if known:
            _leave(after, before, queue_of, sizes, content)
        while sizes[SMALL] + sizes[MAIN] >= slots:
            full_once = True
            if sizes[MAIN] > slots - small_slots or not sizes[SMALL]:
                _evict_main(after, before, queue_of, sizes, asked)
            else:
                _evict_small(after, before, queue_of, sizes, asked, ghost_slots)
        passed_on = not full_once and sizes[SMALL] >= small_slots
        asked[content] = 0
        _enter(after, before, queue_of, sizes, content, MAIN if known or passed_on else SMALL)
    return hits


@cached
def _enter(after: Counts, before: Counts, queue_of: Counts, sizes: Counts, content: int, queue: int) -> None:
    _append(after, before, content, len(queue_of) + queue)
    queue_of[content] = queue
    sizes[queue] += 1


@cached
def _leave(after: Counts, before: Counts, queue_of: Counts, sizes: Counts, content: int) -> None:
    _remove(after, before, content)
    sizes[queue_of[content]] -= 1
    queue_of[content] = 0


@cached
def _evict_small(
    after: Counts, before: Counts, queue_of: Counts, sizes: Counts, asked: Counts, ghost_slots: int
) -> None:
    """Evict from the small queue; what was asked for often enough moves to the main one on the way."""
    evicted, end = False, len(queue_of)
    while not evicted and sizes[SMALL]:
        oldest = after[end + SMALL]
        _leave(after, before, queue_of, sizes, oldest)
        if asked[oldest] >= PROMOTED:
            asked[oldest] = 0
            _enter(after, before, queue_of, sizes, oldest, MAIN)
            continue
        evicted = True
        if ghost_slots:
            if sizes[GHOST] == ghost_slots:
                _leave(after, before, queue_of, sizes, after[end + GHOST])
            _enter(after, before, queue_of, sizes, oldest, GHOST)


@cached
def _evict_main(after: Counts, before: Counts, queue_of: Counts, sizes: Counts, asked: Counts) -> None:
    """Evict from the main queue; what was asked for stands in line again, with one hit less."""
    end = len(queue_of)
    while True:
        oldest = after[end + MAIN]
        _leave(after, before, queue_of, sizes, oldest)
        if not asked[oldest]:
            return
        asked[oldest] = min(asked[oldest], MOST_HITS) - 1
        _enter(after, before, queue_of, sizes, oldest, MAIN)


@cached
def next_uses(requested: Counts, contents: int) -> Counts:
    """The place of the next request for the same content, (R,); R where there is none."""
    uses, last = np.empty(len(requested), np.int64), np.full(contents, len(requested))
    for place in range(len(requested) - 1, -1, -1):
        content = requested[place]
        uses[place], last[content] = last[content], place
    return uses


@cached
def belady_hits(requested: Counts, slots: int, contents: int, bypass: bool) -> Mask:
    """Evict what is asked for again last of all; with `bypass`, pass on what would be evicted first itself.

    What is held stands in a heap, with the last next use on top.
    """
    hits = np.zeros(len(requested), np.bool_)
    uses = next_uses(requested, contents)
    heap, when, at, held = np.empty(slots, np.int64), np.empty(slots, np.int64), np.full(contents, OUTSIDE), 0
    for place, content in enumerate(requested):
        use = uses[place]
        if at[content] != OUTSIDE:
            hits[place] = True
            _lift(heap, when, at, at[content], content, use)  # a next use only ever moves away
        elif held < slots:
            held += 1
            _lift(heap, when, at, held - 1, content, use)
        elif not bypass or use < when[0]:
            at[heap[0]] = OUTSIDE
            _sink(heap, when, at, held, content, use)
    return hits


@cached
def _lift(heap: Counts, when: Counts, at: Counts, place: int, content: int, use: int) -> None:
    """Put `content` with its next `use` into the heap at `place` or as far above as it belongs."""
    while place and when[(place - 1) // 2] < use:
        above = (place - 1) // 2
        heap[place], when[place] = heap[above], when[above]
        at[heap[place]] = place
        place = above
    heap[place], when[place], at[content] = content, use, place


@cached
def _sink(heap: Counts, when: Counts, at: Counts, held: int, content: int, use: int) -> None:
    """Put `content` with its next `use` in the place of the top, or as far below as it belongs."""
    place = 0
    while 2 * place + 1 < held:
        below = 2 * place + 1
        if below + 1 < held and when[below + 1] > when[below]:
            below += 1
        if when[below] <= use:
            break
        heap[place], when[place] = heap[below], when[below]
        at[heap[place]] = place
        place = below
    heap[place], when[place], at[content] = content, use, place
