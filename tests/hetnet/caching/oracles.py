"""The classic policies in plain Python, as their papers tell them. Axes: R requests."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence

Hits = list[bool]


def lru(contents: Sequence[int], slots: int) -> Hits:
    held: OrderedDict[int, None] = OrderedDict()
    found = []
    for content in contents:
        found.append(content in held)
        if content in held:
            held.move_to_end(content)
        else:
            if len(held) == slots:
                held.popitem(last=False)
            held[content] = None
    return found


def fifo(contents: Sequence[int], slots: int) -> Hits:
    held: OrderedDict[int, None] = OrderedDict()
    found = []
    for content in contents:
        found.append(content in held)
        if content not in held:
            if len(held) == slots:
                held.popitem(last=False)
            held[content] = None
    return found


def lfu(contents: Sequence[int], slots: int) -> Hits:
    held: dict[int, tuple[int, int]] = {}  # how often it was asked for, and when last
    found = []
    for now, content in enumerate(contents):
        found.append(content in held)
        if content not in held and len(held) == slots:
            del held[min(held, key=lambda each: held[each])]
        held[content] = (held.get(content, (0, 0))[0] + 1, now)
    return found


def sieve(contents: Sequence[int], slots: int) -> Hits:
    queue: list[int] = []  # oldest first
    visited: dict[int, bool] = {}
    hand, found = 0, []
    for content in contents:
        found.append(content in visited)
        if content in visited:
            visited[content] = True
            continue
        if len(queue) == slots:
            hand %= len(queue)
            while visited[queue[hand]]:
                visited[queue[hand]] = False
                hand = (hand + 1) % len(queue)
            del visited[queue.pop(hand)]
            hand = 0 if hand == len(queue) else hand  # what is put in now is for the next pass
        queue.append(content)
        visited[content] = False
    return found


class S3Fifo:
    """S3-FIFO with queues that are lists; as libCacheSim has it."""

    def __init__(self, slots: int) -> None:
        self.slots, self.small_slots, self.ghost_slots = slots, max(1, int(slots * 0.1)), int(slots * 0.9)
        self.small, self.main, self.ghost = deque[int](), deque[int](), deque[int]()
        self.asked: dict[int, int] = {}  # of what is held
        self.evicted = False

    def get(self, content: int) -> bool:
        if content in self.asked:
            self.asked[content] += 1
            return True
        known = content in self.ghost
        if known:
            self.ghost.remove(content)
        while len(self.small) + len(self.main) == self.slots:
            self.evict()
        early = not self.evicted and len(self.small) >= self.small_slots
        (self.main if known or early else self.small).append(content)
        self.asked[content] = 0
        return False

    def evict(self) -> None:
        self.evicted = True
        if len(self.main) > self.slots - self.small_slots or not self.small:
            self.evict_main()
            return
        while self.small:
            oldest = self.small.popleft()
            if self.asked[oldest] >= 2:
                self.main.append(oldest)
                self.asked[oldest] = 0
                continue
            del self.asked[oldest]
            self.ghost.append(oldest)
            if len(self.ghost) > self.ghost_slots:
                self.ghost.popleft()
            return

    def evict_main(self) -> None:
        while self.asked[self.main[0]]:
            again = self.main.popleft()
            self.asked[again] = min(self.asked[again], 3) - 1
            self.main.append(again)
        del self.asked[self.main.popleft()]


def s3_fifo(contents: Sequence[int], slots: int) -> Hits:
    cache = S3Fifo(slots)
    return [cache.get(content) for content in contents]


def static(contents: Sequence[int], slots: int) -> Hits:
    counts = Counter(contents)
    best = set(sorted(counts, key=lambda each: (-counts[each], each))[:slots])
    return [content in best and content in contents[:now] for now, content in enumerate(contents)]


def belady(contents: Sequence[int], slots: int, *, bypass: bool = False) -> Hits:
    held: set[int] = set()
    found = []

    def next_use(content: int, now: int) -> float:
        return next((at for at in range(now + 1, len(contents)) if contents[at] == content), float("inf"))

    for now, content in enumerate(contents):
        found.append(content in held)
        if content in held:
            continue
        if len(held) == slots:
            last = max(held, key=lambda each: next_use(each, now))
            if bypass and next_use(content, now) >= next_use(last, now):
                continue
            held.remove(last)
        held.add(content)
    return found


def bypass(contents: Sequence[int], slots: int) -> Hits:
    return belady(contents, slots, bypass=True)


ORACLES: dict[str, Callable[[Sequence[int], int], Hits]] = {
    "lru": lru,
    "lfu": lfu,
    "fifo": fifo,
    "sieve": sieve,
    "s3-fifo": s3_fifo,
    "static": static,
    "belady": belady,
    "bypass": bypass,
}


def most_hits(contents: Sequence[int], slots: int, *, bypass: bool) -> int:
    """The most hits that any cache can have, by trying whatever it may do; for a few requests alone."""
    best: dict[frozenset[int], int] = {frozenset(): 0}  # of each set that can be held, the most hits so far
    for content in contents:
        after: dict[frozenset[int], int] = {}
        for held, count in best.items():
            hit = content in held
            for later in [held] if hit else _choices(held, content, slots, bypass):
                after[later] = max(after.get(later, 0), count + hit)
        best = after
    return max(best.values())


def _choices(held: frozenset[int], content: int, slots: int, bypass: bool) -> list[frozenset[int]]:
    """What may be held after `content` was fetched."""
    passed = [held] if bypass else []
    if len(held) < slots:
        return [*passed, held | {content}]
    return [*passed, *((held - {evicted}) | {content} for evicted in held)]
