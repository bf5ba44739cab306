"""Who gets which resource block, and what the users' rates sum to: (2), (3), (5a)-(5e), (14), (16).

Axes: E copies, T slots, U users, N blocks. An axis along which nothing varies may have the length 1.

Two exact ways to the best assignment. Where a user's gain is the same on all blocks, a rate is a convex
function of gain over interference in decibels: the strongest user belongs on the quietest block, the next on
the next, and the block given up for the cloud is the noisiest of those that are fast enough. With fading of
its own on each block that no longer holds, and one assignment with a row for the cloud decides.
"""

from typing import NamedTuple

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Floats, Mask
from hetnet.sync.settings import SyncSettings

NOBODY, CLOUD = -1, -2  # whom a block serves that serves no user


def path_gains(settings: SyncSettings, positions: Floats) -> Floats:
    """The channel gain h of each of `positions` (…, 2) without fading: d^-2, and at most 1.

    The root that is printed in d_ut is that of the norm; "printed" takes it of the norm a second time.
    """
    squares = np.square(positions - np.asarray(settings.station)).sum(axis=-1)
    distance_squared = np.sqrt(squares) if settings.distance == "printed" else squares
    gains: Floats = 1 / np.maximum(distance_squared, 1)
    return gains


def rates(settings: SyncSettings, gains: Floats, levels: Floats) -> Floats:
    """What a block carries (2): `gains` with fading, `levels` the interference I_n."""
    unwanted = levels + settings.bandwidth * settings.noise
    carried: Floats = settings.bandwidth * np.log2(1 + settings.power * gains / unwanted)
    return carried


def cloud_blocks(settings: SyncSettings, levels: Floats, fading: Floats) -> Mask:
    """The blocks that the cloud may be given: those fast enough (5e), or as printed the slowest of them.

    `levels` (E, T, N), `fading` (E, T, N or 1) of the link to the cloud.
    """
    carried = rates(settings, fading * path_gains(settings, np.asarray(settings.cloud)), levels)
    with np.errstate(divide="ignore"):
        delays = settings.size / carried  # (E, T, N)
    fast: Mask = delays <= settings.deadline
    if settings.block_rule == "joint":
        return fast
    slowest = np.where(fast, delays, -np.inf).argmax(axis=-1)  # (E, T)
    chosen: Mask = fast & (np.arange(settings.blocks) == slowest[..., None])
    return chosen


def rate_sums(settings: SyncSettings, positions: Floats, levels: Floats, fading: Floats) -> Floats:
    """The largest sums of rates without and with a refresh of the twin, (E, T, 2).

    `positions` (E, T, U, 2), `levels` (E, T, N), `fading` (E, T, U + 1, N or 1) the last that of the cloud.
    The second is not a number where no block is fast enough for the cloud.
    """
    blocks = cloud_blocks(settings, levels, fading[:, :, -1])
    gains = path_gains(settings, positions)[..., None] * fading[:, :, :-1]  # (E, T, U, N or 1)
    if gains.shape[-1] == 1:
        received = np.ascontiguousarray(settings.power * gains[..., 0])
        unwanted = levels + settings.bandwidth * settings.noise
        return settings.bandwidth * ranked_sums(received, unwanted, blocks)
    return assigned_sums(rates(settings, gains, levels[:, :, None]), blocks)


def served(carried: Floats, blocks: Mask, refresh: bool) -> Counts:
    """Whom each block serves at one instant, (N,): a user, NOBODY or the CLOUD.

    `carried` (U, N) are rates, `blocks` (N,) those that the cloud may be given at a refresh. It gets none
    where there is none of these.
    """
    users, count = carried.shape
    work = _work(users, count)
    _award(work.awards, carried, blocks, refresh)
    _assign(work)
    serving = np.full(count, NOBODY)
    held = np.flatnonzero(work.holder[: users + 1] >= 0)
    serving[work.holder[held]] = held
    return np.where(serving < users, serving, CLOUD if refresh else NOBODY)


@cached
def ranked_sums(received: Floats, unwanted: Floats, blocks: Mask) -> Floats:
    """Sums of log2(1 + received / unwanted), the strongest on the quietest, without and with the cloud.

    `received` (E, T, U), `unwanted` and `blocks` (E, T, N); returned (E, T, 2).
    """
    copies, slots, users = received.shape
    count = unwanted.shape[2]
    sums = np.empty((copies, slots, 2))
    strong, quiet, order = np.empty(users), np.empty(count), np.empty(max(users, count), np.int64)
    for copy in range(copies):
        for slot in range(slots):
            levels = unwanted[min(copy, unwanted.shape[0] - 1), min(slot, unwanted.shape[1] - 1)]
            fast = blocks[min(copy, blocks.shape[0] - 1), min(slot, blocks.shape[1] - 1)]
            _rank(received[copy, slot], -1.0, strong, order)
            _rank(levels, 1.0, quiet, order)
            given = -1  # the place of the cloud's block among the quietest
            for place in range(count):
                if fast[order[place]]:
                    given = place
            sums[copy, slot, 0] = _matched(strong, quiet, count)
            sums[copy, slot, 1] = _matched(strong, quiet, given) if given >= 0 else np.nan
    return sums


@cached
def _rank(values: Floats, sign: float, ranked: Floats, order: Counts) -> None:
    """Put `values` in ascending order of their product with `sign` into `ranked`, and whose they are."""
    for number in range(values.shape[0]):
        value, place = values[number], number
        while place > 0 and sign * ranked[place - 1] > sign * value:
            ranked[place] = ranked[place - 1]
            order[place] = order[place - 1]
            place -= 1
        ranked[place] = value
        order[place] = number


@cached
def _matched(strong: Floats, quiet: Floats, given: int) -> float:
    """The sum of the rates of the strongest on the quietest blocks but the one that is given away."""
    product, total, user = 1.0, 0.0, 0
    for place in range(quiet.shape[0]):
        if place != given and user < strong.shape[0]:
            product *= 1 + strong[user] / quiet[place]  # eight of them are far from overflow
            user += 1
            if user % 8 == 0:
                total, product = total + np.log2(product), 1.0
    return float(total + np.log2(product))


class Work(NamedTuple):
    """Room for one assignment of R rows to C columns, made once for many; the last entry begins a path."""

    awards: Floats  # (R, C) what giving a row to a column is worth
    holder: Counts  # (C + 1,) the row that holds a column, or -1
    before: Counts  # (C + 1,) the column before it on the path
    least: Floats  # (C + 1,) what it costs at least to reach it
    seen: Mask  # (C + 1,)
    of_rows: Floats  # (R,) dual prices
    of_columns: Floats  # (C + 1,)


@cached
def assigned_sums(carried: Floats, blocks: Mask) -> Floats:
    """The largest sums of rates by assignment, without and with the cloud, (E, T, 2).

    `carried` (E, T, U, N) are rates, `blocks` (E, T, N) those that the cloud may be given.
    """
    copies, slots, users, count = carried.shape
    sums, work = np.zeros((copies, slots, 2)), _work(users, count)
    for copy in range(copies):
        for slot in range(slots):
            fast = blocks[min(copy, blocks.shape[0] - 1), min(slot, blocks.shape[1] - 1)]
            for cloud in range(2):
                _award(work.awards, carried[copy, slot], fast, cloud == 1)
                _assign(work)
                for user in range(users):
                    if work.holder[user] >= 0:
                        sums[copy, slot, cloud] += carried[copy, slot, user, work.holder[user]]
            if not fast.any():
                sums[copy, slot, 1] = np.nan
    return sums


@cached
def _work(users: int, blocks: int) -> Work:
    """Room for the assignment of blocks to users, the cloud, and nobody where users are few."""
    columns = users + 1 + max(0, blocks - users)
    return Work(
        np.zeros((blocks, columns)),
        np.empty(columns + 1, np.int64),
        np.empty(columns + 1, np.int64),
        np.empty(columns + 1),
        np.empty(columns + 1, np.bool_),
        np.empty(blocks),
        np.empty(columns + 1),
    )


@cached
def _award(awards: Floats, carried: Floats, blocks: Mask, cloud: bool) -> None:
    """Set what giving each block to each column is worth, in place.

    The cloud is worth more than all users together, so that it gets a block wherever it may have one.
    """
    users, count = carried.shape
    most = 1.0
    for user in range(users):
        for block in range(count):
            awards[block, user] = carried[user, block]
            most += carried[user, block]
    for block in range(count):
        worth = most if blocks[block] else -most
        awards[block, users] = worth if cloud else 0.0


@cached
def _assign(work: Work) -> None:
    """Give each row a column so that it is worth most, in place; who holds which stands in `holder`.

    Rows are added one by one along the shortest augmenting path (the method of Jonker and Volgenant that
    the paper cites).
    """
    work.holder[:] = -1
    work.of_rows[:] = 0.0
    work.of_columns[:] = 0.0
    for row in range(work.awards.shape[0]):
        place = _path(work, row)
        while place != work.awards.shape[1]:
            work.holder[place] = work.holder[work.before[place]]
            place = work.before[place]


@cached
def _path(work: Work, row: int) -> int:
    """The free column that the new row reaches at the least cost, others moving on along the way to it."""
    place: int = work.awards.shape[1]
    work.holder[place] = row
    work.seen[:] = False
    work.least[:] = np.inf
    while work.holder[place] >= 0:
        work.seen[place] = True
        nearest, gap = _nearest(work, place)
        for column in range(work.seen.shape[0]):
            if work.seen[column]:
                work.of_rows[work.holder[column]] += gap
                work.of_columns[column] -= gap
            else:
                work.least[column] -= gap
        place = nearest
    return place


@cached
def _nearest(work: Work, place: int) -> tuple[int, float]:
    """The nearest column not seen yet and its distance, ways by the row that holds `place` considered."""
    row, nearest, gap = work.holder[place], -1, np.inf
    for column in range(work.awards.shape[1]):
        if not work.seen[column]:
            cost = -work.awards[row, column] - work.of_rows[row] - work.of_columns[column]
            if cost < work.least[column]:
                work.least[column], work.before[column] = cost, place
            if work.least[column] < gap:
                nearest, gap = column, work.least[column]
    return nearest, gap
