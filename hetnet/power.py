"""What each station sends to each of its users (hierarchical-twin paper, constraints C4-C6 of P1).

Axes: N users, M stations. The paper names no method. `target_power` gives each user the least power with
which it reaches the signal-to-interference-and-noise ratio (SINR) that it needs; `equal_power` divides what
stations may send; hetnet/wmmse.py raises a weighted sum of rates. All keep each station's limit.

Targets. Within a cell the powers follow from what the stations send in all: user i of station j needs
c_i (Σ_l h_il P_l + σ²), with c_i = target / gain and h_il the gain of what disturbs it. So the fixed point of
the target-SINR control (Foschini and Miljanic 1993; Yates 1995) over N users is one of M stations,
P = F P + u, solved at once; it exists within the limits exactly where the solution is positive and below
them. Where the targets of all cannot be met, users are admitted one by one, the cheapest first.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from data.errors import InputError
from hetnet.admission import WITHIN, Asking, Point, is_within, most_admitted, nothing_sent, together
from hetnet.association import named
from hetnet.network import NOBODY, Counts, Floats, Interference

LESSER = (0.8, 0.6, 0.4, 0.2)  # shares of its rate that a user is tried with, where all of it cannot be had


@dataclass(frozen=True)
class Cells:
    """Who is served where and what disturbs: what powers are decided on.

    `already` is what the stations send to users whose power is not decided here. `interference` says what
    disturbs a user, in the words of hetnet.network.interference.
    """

    gain: Floats  # (N, M)
    serving: Counts  # (N,) -1 for none
    limits: Floats  # (M,) W
    already: Floats  # (M,) W
    noise: float  # W
    interference: Interference = "sound"

    def __post_init__(self) -> None:
        users, stations = self.gain.shape if self.gain.ndim == 2 else (-1, -1)
        shapes = (self.serving.shape, self.limits.shape, self.already.shape)
        if shapes != ((users,), (stations,), (stations,)):
            raise InputError(
                f"power: found gains {self.gain.shape}, serving {shapes[0]}, limits {shapes[1]} and "
                f"already {shapes[2]}, expected (users, stations), (users,), (stations,) and (stations,)"
            )
        if self.interference not in get_args(Interference):
            raise InputError(
                f"power: unknown interference {self.interference!r}, "
                f"expected one of {', '.join(get_args(Interference))}"
            )
        if users and not (self.serving.min() >= NOBODY and self.serving.max() < stations):
            raise InputError(
                f"power: found users served by the stations {self.serving.min()} … {self.serving.max()}, "
                f"expected {NOBODY} for none, or 0 … {stations - 1}"
            )
        if not (0 < self.noise < np.inf):
            raise InputError(f"power: the noise is {self.noise} W, expected it to be positive")
        for name, values in (("gains", self.gain), ("limits", self.limits), ("already", self.already)):
            if not (np.isfinite(values) & (values >= 0)).all():
                raise InputError(f"power: found {name} that are negative or not finite, expected neither")
        if (self.already > self.limits * WITHIN).any():
            station = (self.already - self.limits).argmax()
            raise InputError(
                f"power: station {station} already sends {self.already[station]:.3g} W, "
                f"expected at most its limit of {self.limits[station]:.3g} W"
            )

    @property
    def own(self) -> Floats:
        """The gain between each user and its station, (N,); 0 without one."""
        there = self.serving != NOBODY
        return np.where(there, self.gain[np.arange(len(self.gain)), self.serving], 0.0)

    @property
    def disturbing(self) -> Floats:
        """The gain with which each station's power disturbs each user, (N, M)."""
        if self.interference == "literal":
            return np.zeros_like(self.gain)
        disturbing = self.gain.copy()
        if self.interference == "sound":
            rows = np.flatnonzero(self.serving != NOBODY)
            disturbing[rows, self.serving[rows]] = 0.0
        return disturbing


@dataclass(frozen=True)
class Power:
    """What is sent to each user, and whose targets could not be met."""

    sent: Floats  # (N,) W
    unmet: Counts  # (U,) users that have less than their target, by their row
    share: Floats  # (N,) of the rate of its target that each user gets: 1, one of LESSER, or 0

    def explained(self) -> str:
        """Whose targets are not met, in words; nothing where all are."""
        return f"targets that cannot be met beside the others: {named(self.unmet)}" if len(self.unmet) else ""


def sinr_target(rate: Floats, bandwidth: float) -> Floats:
    """The SINR with which a link of that bandwidth carries these bit/s, which may be infinite."""
    if not (rate >= 0).all():
        raise InputError("power: found rates that are negative or not a number, expected 0 bit/s or more")
    if not 0 < bandwidth < np.inf:
        raise InputError(f"power: the bandwidth is {bandwidth} Hz, expected it to be positive")
    with np.errstate(over="ignore"):
        return np.exp2(rate / bandwidth) - 1


def per_station(cells: Cells, values: Floats) -> Floats:
    """The sum of the users' values at each station, (M,)."""
    there = cells.serving != NOBODY
    sums: Floats = np.zeros(len(cells.limits))
    np.add.at(sums, cells.serving[there], values[there])
    return sums


def totals(cells: Cells, sent: Floats) -> Floats:
    """What each station sends in all, (M,) W."""
    return cells.already + per_station(cells, sent)


def sinr_of(cells: Cells, sent: Floats) -> Floats:
    """The SINR of each user when that is sent, (N,)."""
    heard = cells.disturbing @ totals(cells, sent)
    if cells.interference == "own-cell":
        heard = np.maximum(heard - sent * cells.own, 0.0)
    return sent * cells.own / (heard + cells.noise)


def equal_power(cells: Cells) -> Floats:
    """What each station may still send, in equal parts to its users; (N,) W."""
    users = per_station(cells, np.ones(len(cells.serving)))
    part = np.maximum(cells.limits - cells.already, 0.0) / np.maximum(users, 1)
    return np.where(cells.serving != NOBODY, part[cells.serving], 0.0)


def target_power(
    cells: Cells, targets: Floats, lesser: Sequence[float] = LESSER, greater: Sequence[float] = ()
) -> Power:
    """The least power that gives each user its target SINR, or as many users as can be found theirs.

    No other choice gives more of a dozen users their target; of many users it may be a few more
    (admission.most_admitted). `targets` (N,) may be infinite. A user whose target cannot be met beside the
    others gets the first of the `lesser` shares of its rate that can, and nothing where none can; it is named
    in `unmet`. What power is left then goes to those who have their target: each gets it `greater` times, one
    multiple after the other, as long as that costs nobody else anything.
    """
    if targets.shape != cells.serving.shape or not (targets >= 0).all():
        raise InputError(
            f"power: found targets {targets.shape}, expected {cells.serving.shape} of 0 or more, none NaN"
        )
    ladder = _Ladder(cells, cells.disturbing, np.zeros(len(targets)), nothing_sent(cells.already))
    wanted = _costs(cells, targets)
    everyone = (cells.serving != NOBODY) & np.isfinite(wanted)
    point = _solved(cells, wanted, np.flatnonzero(everyone))
    if is_within(point.total, cells.limits):
        share = everyone.astype(float)
        ladder = replace(ladder, costs=np.where(everyone, wanted, 0.0), point=point)
    else:
        ladder, share = _shares(ladder, targets, lesser)
    up = np.flatnonzero(share == 1)
    for factor in greater:
        ladder, up = _raised(ladder, _costs(cells, factor * targets), up)
    sent = _sent(cells, ladder.costs, ladder.point.total)
    return Power(sent * _rounding(cells, sent), np.flatnonzero(share < 1), share)


def _costs(cells: Cells, targets: Floats) -> Floats:
    """W that a user needs for each W that disturbs it, (N,): infinite where nothing suffices."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        own_cell = cells.interference == "own-cell"  # what is sent to the user itself is no disturbance
        ratio = np.where(np.isinf(targets), 1.0, targets / (1 + targets)) if own_cell else targets
        costs = np.where(targets > 0, ratio / cells.own, 0.0)
    return np.where(np.isfinite(costs), costs, np.inf)


@dataclass(frozen=True)
class _Ladder:
    """How far users have been raised: the costs that are met, and the fixed point with them."""

    cells: Cells
    disturbing: Floats  # (N, M)
    costs: Floats  # (N,)
    point: Point


def _asking(cells: Cells, costs: Floats, users: Counts) -> Asking:
    """Users with a station who ask for what costs them `costs` (N,)."""
    return Asking(
        rows=costs[users, None] * cells.disturbing[users],
        alone=costs[users] * cells.noise,
        stations=cells.serving[users],
        already=cells.already,
        limits=cells.limits,
    )


def _solved(cells: Cells, costs: Floats, users: Counts) -> Point:
    """The fixed point with these users' costs met; not positive where there is none."""
    return together(_asking(cells, costs, users), np.arange(len(users)))


def _sent(cells: Cells, costs: Floats, total: Floats) -> Floats:
    """What each user needs while stations send `total`, (N,) W."""
    return costs * (cells.disturbing @ total + cells.noise)


def _shares(ladder: _Ladder, targets: Floats, lesser: Sequence[float]) -> tuple[_Ladder, Floats]:
    """Users admitted one by one, first all with their whole target, then the others with shares of it."""
    share = np.zeros(len(targets))
    for part in (1.0, *lesser):
        wanted = _costs(ladder.cells, np.expm1(part * np.log1p(targets)))
        waiting = np.flatnonzero((share == 0) & (ladder.cells.serving != NOBODY))
        ladder, chosen = _raised(ladder, wanted, waiting)
        if part == 1:
            ladder, chosen = _most(ladder, wanted, chosen)
        share[chosen] = part
    return ladder, share


def _most(ladder: _Ladder, wanted: Floats, chosen: Counts) -> tuple[_Ladder, Counts]:
    """`ladder` and whom it has raised, the first of all, or one that has raised more users."""
    cells = ladder.cells
    users = np.flatnonzero((cells.serving != NOBODY) & np.isfinite(wanted))
    more = users[most_admitted(_asking(cells, wanted, users), np.flatnonzero(np.isin(users, chosen)))]
    point = _solved(cells, wanted, more)
    if len(more) == len(chosen) or not is_within(point.total, cells.limits):
        return ladder, chosen
    costs = np.zeros(len(wanted))
    costs[more] = wanted[more]
    return replace(ladder, costs=costs, point=point), more


def _rounding(cells: Cells, sent: Floats) -> Floats:
    """1, or a hair less at a station whose sum has been rounded above its limit; (N,)."""
    total = totals(cells, sent)
    room = np.divide(cells.limits, total, out=np.ones_like(total), where=total > cells.limits)
    return np.where(cells.serving != NOBODY, room[cells.serving], 1.0)


def _raised(ladder: _Ladder, wanted: Floats, waiting: Counts) -> tuple[_Ladder, Counts]:
    """Raise users to the costs that they want while all stations keep their limits, and say whom.

    It is always the one that adds the least: what a user adds only grows as others are raised, so that one
    that is still the cheapest when looked at again is the cheapest of all; and one that does not fit now
    never will.
    """
    cells, point, costs = ladder.cells, ladder.point, ladder.costs.copy()
    scale = 1 / np.maximum(cells.limits, np.finfo(float).tiny)
    queue = [(0.0, int(user)) for user in waiting[np.isfinite(wanted[waiting])]]
    chosen: list[int] = []
    while queue:
        _, user = heapq.heappop(queue)
        row, station = (wanted[user] - costs[user]) * ladder.disturbing[user], int(cells.serving[user])
        added = _added(point, row, (wanted[user] - costs[user]) * cells.noise, station)
        if not is_within(point.total + added, cells.limits) or added[station] < 0:
            continue
        price = float(added @ scale)
        if queue and price > queue[0][0]:
            heapq.heappush(queue, (price, user))
            continue
        point = _with(point, added, row, station)
        costs[user] = wanted[user]
        chosen.append(user)
    return replace(ladder, costs=costs, point=point), np.array(chosen, np.int64)


def _added(point: Point, row: Floats, alone: float, station: int) -> Floats:
    """What all stations send more when `row` and `alone` are added to one's F and u, (M,) W.

    Negative where no power suffices.
    """
    loop = 1 - row @ point.inverse[:, station]
    if loop <= 0:
        return np.full(len(row), -1.0)
    added: Floats = point.inverse[:, station] * ((row @ point.total + alone) / loop)
    return added


def _with(point: Point, added: Floats, row: Floats, station: int) -> Point:
    """The fixed point with `row` added to F of one station (Sherman and Morrison)."""
    column, through = point.inverse[:, station], row @ point.inverse
    inverse = point.inverse + np.outer(column / (1 - through[station]), through)
    return Point(inverse, point.total + added)
