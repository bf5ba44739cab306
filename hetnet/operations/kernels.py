"""What walks each station's steps in order, compiled: when an episode begins and when it is over.

Axes: N stations, T steps, W windows.
"""

from typing import NamedTuple

import numpy as np

from data.compiling import cached
from hetnet.operations.deviations import Array, Mask, Whole

NOTHING, OUTAGE, DEGRADATION, SURGE, SHIFT = 0, 1, 2, 3, 4


class Course(NamedTuple):
    """What a station's walk sees; deviations are logarithms, those `ahead` are in widths of their own."""

    deviation: Array  # (N, T)
    width: Array  # (N, T)
    ahead: Array  # (N, T)
    measured: Mask  # (N, T)
    window_width: Array  # (W, N)


class Rules(NamedTuple):
    """When an episode begins and ends; `Limits` says what each is. Times are in steps."""

    windows: Whole  # (W,)
    lost: float
    outage: float
    sudden_outage: float
    gained: float
    surge: float
    window: float
    least_change: float
    share_back: float
    quiet: int
    shift: int
    kept: float
    first: int


class Past(NamedTuple):
    """What a station has shown before each step: the sum of its deviations, and their level.

    And the steps from which the last episode below the level was over, and the last one above it.
    """

    total: Array  # (T + 1,)
    level: Array  # (T + 1,)
    below: int
    above: int


class Walked(NamedTuple):
    """The kind that is open at each step; where what is raised there began, else -1; how far off it was."""

    kind: Whole  # (N, T)
    begin: Whole  # (N, T)
    score: Array  # (N, T)


@cached
def window_changes(deviation: Array, windows: Whole, kept: float) -> Array:
    """Mean of the last steps of each window less the level before it, with no alarm ever, (W, N, T)."""
    stations, steps = deviation.shape
    found = np.zeros((len(windows), stations, steps))
    for station in range(stations):
        level, total = np.zeros(steps + 1), np.zeros(steps + 1)
        for step in range(steps):
            level[step + 1] = kept * level[step] + (1 - kept) * deviation[station, step]
            total[step + 1] = total[step] + deviation[station, step]
            for place, window in enumerate(windows):
                if step + 1 >= window:
                    before = step + 1 - window
                    found[place, station, step] = (total[step + 1] - total[before]) / window - level[before]
    return found


@cached
def walk(course: Course, rules: Rules) -> Walked:
    """The episodes of every station."""
    shape = course.deviation.shape
    walked = Walked(np.zeros(shape, np.int64), np.full(shape, -1, np.int64), np.zeros(shape))
    for station in range(shape[0]):
        _walk_station(station, course, rules, walked)
    return walked


@cached
def _walk_station(station: int, course: Course, rules: Rules, walked: Walked) -> None:
    """The level before an episode is held while it lasts, so that it does not become the usual one."""
    steps, windows = course.deviation.shape[1], course.window_width[:, station]
    level, total = np.zeros(steps + 1), np.zeros(steps + 1)
    kind, since, calm, size, held = NOTHING, 0, 0, 0.0, 0.0
    below, above, gradual = 0, 0, False
    for step in range(steps):
        own, width = course.deviation[station, step], course.width[station, step]
        total[step + 1] = total[step] + own
        if not course.measured[station, step]:
            level[step + 1], walked.kind[station, step] = level[step], kind
            continue
        now = own - (level[step] if kind == NOTHING else held)
        raised, score, start = NOTHING, 0.0, step
        if step >= rules.first:
            raised, score = _sudden(now, width, course.ahead[station, step], rules)
            if raised == SURGE and kind != NOTHING:
                raised = NOTHING
            if raised == NOTHING and kind == NOTHING:
                raised, score, start = _gradual(step, now, Past(total, level, below, above), windows, rules)
        if raised not in (NOTHING, kind):
            held = level[start] if kind == NOTHING else held
            gradual = raised != OUTAGE if kind == NOTHING else gradual
            start = since if kind in (DEGRADATION, SHIFT) else start
            kind, since, calm, size = raised, start, 0, own - held
            walked.begin[station, step], walked.score[station, step] = start, score
        elif kind != NOTHING:
            calm = calm + 1 if abs(now) < rules.share_back * abs(size) or now * size < 0 else 0
            if calm >= rules.quiet:
                if gradual and size < 0:
                    below = step + 1 - rules.quiet
                elif gradual:
                    above = step + 1 - rules.quiet
                kind = NOTHING
            elif kind in (DEGRADATION, SURGE) and step - since >= rules.shift:
                recent = (total[step + 1] - total[step + 1 - rules.shift]) / rules.shift - held
                if abs(recent) > max(0.5 * abs(size), rules.least_change):
                    kind = SHIFT
                    walked.begin[station, step], walked.score[station, step] = since, abs(recent) / width
        walked.kind[station, step] = kind
        level[step + 1] = held if kind != NOTHING else _next_level(level[step], own, width, rules.kept)


@cached
def _next_level(level: float, own: float, width: float, kept: float) -> float:
    """A mean in which younger deviations count more, none of them more than two widths."""
    return level + (1 - kept) * min(max(own - level, -2 * width), 2 * width)


@cached
def _sudden(now: float, width: float, ahead: float, rules: Rules) -> tuple[int, float]:
    """What a single step raises, and how many widths it is away."""
    away = now / width
    if now < -rules.lost and away < -rules.outage:
        return OUTAGE, -away
    if now < -rules.lost and ahead < -rules.sudden_outage and away < -1:
        return OUTAGE, -ahead
    if now > rules.gained and away > rules.surge:
        return SURGE, away
    return NOTHING, 0.0


@cached
def _gradual(step: int, now: float, past: Past, window_width: Array, rules: Rules) -> tuple[int, float, int]:
    """What the means over some steps raise, how many widths the farthest is away, and where it began.

    What has been told of does not count again: the steps of a surge raise no second one once it is over.
    """
    raised, best, start = NOTHING, 0.0, step
    for place, window in enumerate(rules.windows):
        before = step + 1 - window
        if before < 0:
            continue
        change = (past.total[step + 1] - past.total[before]) / window - past.level[before]
        if before < (past.below if change < 0 else past.above):
            continue
        strength = abs(change) / window_width[place]
        lasts = change * now > 0 and abs(now) > 0.5 * abs(change)
        if lasts and abs(change) > rules.least_change and strength > max(best, rules.window):
            raised, best, start = (DEGRADATION if change < 0 else SURGE), strength, before
    return raised, best, start


@cached
def repeats(seen: Array) -> Whole:
    """How many steps before each of (N, T) had the very same value without a break."""
    found = np.zeros(seen.shape, np.int64)
    for station in range(len(seen)):
        for step in range(1, seen.shape[1]):
            if seen[station, step] == seen[station, step - 1]:
                found[station, step] = found[station, step - 1] + 1
    return found
