"""Association and power from what the twins expect of the network (hierarchical-twin paper, (5), (8), (30)).

Axes: N users, M stations, K attributes, Q QoS metrics. An orchestration sees a network as its twins expect
it at the instant of use; what it decides is judged on the network as it then is.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from data.words import counted
from hetnet.association import best_association, named
from hetnet.network import (
    ATTRIBUTES,
    NOBODY,
    Counts,
    Floats,
    Interference,
    Mask,
    Network,
    Variant,
    in_range,
    is_satisfied,
    link_rates,
    rates,
    satisfaction,
    transmitted,
    within_reach,
)
from hetnet.power import Cells, Power, equal_power, sinr_of, sinr_target, target_power, totals
from hetnet.queues import QueueSettings, conditions
from hetnet.wmmse import rate_power

Method = Literal["targets", "rates", "equal"]
Others = Literal["trimmed", "kept"]
MARGINS_DB = (1.0, 2.0, 4.0, 6.0, 9.0, 12.0)
HALVINGS = 40  # of the decades in which a needed rate lies
LEAST_RATE, MOST_RATE = 1e2, 1e10  # bit/s


@dataclass(frozen=True, kw_only=True)
class OrchestrationSettings:
    """How awards are counted and powers found.

    `award`: `sound` counts a metric as at most satisfied, so that nobody's abundance makes up for another's
    want; `literal` is the sum of (5) as printed. `power`: least power for the `targets` that satisfy,
    and `margin_db` above them, one step after the other, from what power is left, since fading, loads and
    steps are never quite foreseen; the sum of `rates` (WMMSE), each weighted by what its user needs; or
    `equal` parts. `others`: users of a station of the area who are not selected
    keep their station; their power is `kept` as it is, as the paper has it, or `trimmed` to what they need
    by the latest that is known of them. `rounds` alternate association and power.
    """

    award: Variant = "sound"
    power: Method = "targets"
    margin_db: tuple[float, ...] = MARGINS_DB
    others: Others = "trimmed"
    rounds: int = 1
    interference: Interference = "sound"
    queue: QueueSettings = field(default_factory=QueueSettings)

    def __post_init__(self) -> None:
        choices = {"award": Variant, "power": Method, "others": Others, "interference": Interference}
        for name, known in choices.items():
            if getattr(self, name) not in get_args(known):
                raise InputError(
                    f"orchestration: unknown {name} {getattr(self, name)!r}, "
                    f"expected one of {', '.join(get_args(known))}"
                )
        if not all(0 <= margin < np.inf for margin in self.margin_db):
            raise InputError(f"orchestration: margins of {self.margin_db} dB, expected all 0 or more")
        if self.rounds < 1:
            raise InputError(f"orchestration: {self.rounds} rounds, expected at least 1")


@dataclass(frozen=True)
class Selection:
    """What is orchestrated: users, stations that they may be given, and the attributes modelled for it."""

    users: Mask  # (N,)
    stations: Mask  # (M,)
    twins: Mask  # (N, K) of ATTRIBUTES


@dataclass(frozen=True)
class Orchestrated:
    """Who is served by whom and with what, and who could not be helped.

    Stations in range are told by where users are expected to be.
    """

    serving: Counts  # (N,)
    sent: Floats  # (N,) W
    selected: Counts  # (S,) users whose station was decided
    out_of_range: Counts  # those of them that no station of the network reaches
    out_of_area: Counts  # those that only stations reach which are not selected
    without_slot: Counts  # those that selected stations reach, of which none has a free slot
    unmet: Counts  # users whose power was decided, and does not give what they need
    whole: bool  # whether all stations are selected

    def explained(self) -> str:
        """What could not be done for whom, in words; nothing where all could."""
        if not len(self.selected):
            return "no user is selected: there is nothing to do"
        of_them = np.isin(self.unmet, self.selected)
        slots = "any station" if self.whole else "any of the area's stations"
        selected = _listed(
            ("out of range of every station", self.out_of_range),
            ("out of range of the area's stations", self.out_of_area),
            (f"no free slot at {slots} in range", self.without_slot),
            ("more needed than can be had beside the others", self.unmet[of_them]),
        )
        others = _listed(
            ("without a station", np.setdiff1d(np.flatnonzero(self.serving == NOBODY), self.selected)),
            ("at the area's stations with less than they need", self.unmet[~of_them]),
        )
        found = [f"of {counted(len(self.selected), 'selected user')} {selected}"] if selected else []
        return ". ".join(
            [*found, f"{'Of' if found else 'of'} users not selected {others}"] if others else found
        )


def _listed(*clauses: tuple[str, Counts]) -> str:
    """What holds for which users; nothing of what holds for none."""
    return "; ".join(f"{what}: {named(users)}" for what, users in clauses if len(users))


@dataclass(frozen=True)
class Outcome:
    """What a network gives its users, by the sum over users and by user."""

    award: float  # the sum over users of their metrics' satisfaction, weighted
    satisfied: float  # share of users that have all they need
    served: float  # share of users with a station


def everything(users: int, stations: int) -> Selection:
    """What an all-inclusive twin models: every attribute of every user."""
    return Selection(np.ones(users, bool), np.ones(stations, bool), np.ones((users, len(ATTRIBUTES)), bool))


def orchestrated(
    expected: Network, offered: Floats, selection: Selection, settings: OrchestrationSettings | None = None
) -> Orchestrated:
    """Stations and powers for the selected users of `expected`; all others keep theirs.

    `offered` (N,) bit/s is the traffic that is expected. A selected user may also stay where it is.
    """
    settings = settings or OrchestrationSettings()
    _check(expected, offered, selection)
    area = _area(expected, offered, selection, settings)
    total = np.where(selection.stations, area.limits, area.already)  # the worst: all they have
    serving, power = _decided(area, total)
    best = _award(area, serving, power)
    for _ in range(settings.rounds - 1):
        other = _decided(area, totals(_cells(area, serving), power.sent))
        if (award := _award(area, other[0], other[1])) > best:
            best, (serving, power) = award, other
    return _orchestrated(expected, area, selection, (serving, power))


def needed_rates(required: Floats, offered: Floats, queue: QueueSettings | None = None) -> Floats:
    """The least bit/s of a link with which each user has all it requires, (N,); infinite where none suffices.

    `required` is (N, Q) and `offered` (N,) bit/s.
    """
    low, high = np.full(len(offered), np.log(LEAST_RATE)), np.full(len(offered), np.log(MOST_RATE))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = (satisfaction(conditions(np.exp(middle), offered, queue), required) >= 1).all(axis=1)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(high < np.log(MOST_RATE), np.exp(high), np.inf)


def awards(satisfied: Floats, weights: Floats, variant: Variant = "sound") -> Floats:
    """The weighted sum of satisfaction (..., Q), each metric's at most 1 but in `literal`; (...)."""
    counted = np.minimum(satisfied, 1.0) if variant == "sound" else satisfied
    award: Floats = (counted * weights).sum(axis=-1)
    return award


def outcome(network: Network, offered: Floats, settings: OrchestrationSettings | None = None) -> Outcome:
    """What `network` gives its users when `offered` (N,) bit/s are sent to them."""
    settings = settings or OrchestrationSettings()
    found = conditions(rates(network, settings.interference), offered, settings.queue)
    satisfied = satisfaction(found, network.users.required)
    users = max(len(network.users), 1)
    return Outcome(
        award=float(awards(satisfied, network.users.weights, settings.award).sum()),
        satisfied=float(is_satisfied(satisfied, network.users).sum()) / users,
        served=float((network.serving != NOBODY).sum()) / users,
    )


@dataclass(frozen=True)
class _Area:
    """What is decided on: the power of S users, and the station of those that may move."""

    users: Counts  # (S,)
    moving: Mask  # (S,)
    serving: Counts  # (S,) as it is
    gain: Floats  # (S, M)
    offered: Floats  # (S,)
    required: Floats  # (S, Q)
    weights: Floats  # (S, Q)
    allowed: Mask  # (S, M)
    slots: Counts  # (M,) for users that may move
    limits: Floats  # (M,) W
    already: Floats  # (M,) W
    noise: float
    bandwidth: float
    settings: OrchestrationSettings


def _area(expected: Network, offered: Floats, selection: Selection, settings: OrchestrationSettings) -> _Area:
    there = expected.serving != NOBODY
    beside = there & selection.stations[expected.serving] & ~selection.users
    held = beside if settings.others == "trimmed" and selection.users.any() else np.zeros_like(beside)
    users = np.flatnonzero(selection.users | held)
    staying = np.where(there & ~selection.users, expected.serving, NOBODY)
    others = np.where(selection.users | held, NOBODY, expected.serving)
    already = transmitted(
        replace(expected, serving=others, sent=np.where(others == NOBODY, 0, expected.sent))
    )
    taken = np.bincount(staying[staying != NOBODY], minlength=len(expected.stations))
    return _Area(
        users=users,
        moving=selection.users[users],
        serving=expected.serving[users],
        gain=expected.gain[users],
        offered=offered[users],
        required=expected.users.required[users],
        weights=expected.users.weights[users],
        allowed=_allowed(expected, selection)[users],
        slots=np.maximum(expected.stations.slots - taken, 0),
        limits=np.maximum(expected.stations.power, already),  # equal parts may sum to a hair more
        already=already,
        noise=expected.noise,
        bandwidth=expected.bandwidth,
        settings=settings,
    )


def _allowed(expected: Network, selection: Selection) -> Mask:
    """Which station may serve whom, (N, M): those selected that are in range, and the one that does."""
    allowed = in_range(expected.users, expected.stations) & selection.stations
    rows = np.flatnonzero(expected.serving != NOBODY)
    allowed[rows, expected.serving[rows]] = True
    return allowed


def _decided(area: _Area, total: Floats) -> tuple[Counts, Power]:
    """The station of each of the S users, and its power, when stations are thought to send `total` (M,) W."""
    found = best_association(_awards(area, total), area.slots, area.allowed[area.moving])
    serving = area.serving.copy()
    serving[area.moving] = found.serving
    return serving, _power(area, serving)


def _orchestrated(
    expected: Network, area: _Area, selection: Selection, decided: tuple[Counts, Power]
) -> Orchestrated:
    serving, power = decided
    everyone, sent = expected.serving.copy(), expected.sent.copy()
    everyone[area.users], sent[area.users] = serving, power.sent
    near = within_reach(expected.users, expected.stations)
    alone = np.flatnonzero(selection.users & (everyone == NOBODY))
    reached, in_area = near[alone].any(axis=1), near[alone][:, selection.stations].any(axis=1)
    return Orchestrated(
        serving=everyone,
        sent=sent,
        selected=area.users[area.moving],
        out_of_range=alone[~reached],
        out_of_area=alone[reached & ~in_area],
        without_slot=alone[in_area],
        unmet=area.users[power.unmet[serving[power.unmet] != NOBODY]],
        whole=bool(selection.stations.all()),
    )


def _awards(area: _Area, total: Floats) -> Floats:
    """The award of every link of a user that may move, with an equal part of what the station can send.

    0 where the link is not allowed. Stations send `total` (M,) W.
    """
    gain, allowed = area.gain[area.moving], area.allowed[area.moving]
    staying = area.serving[~area.moving]
    parts = area.slots + np.bincount(staying, minlength=len(area.slots))
    part = (area.limits - area.already) / np.maximum(parts, 1)  # (M,)
    rate = link_rates(gain, np.broadcast_to(part, gain.shape), total, area.noise, area.bandwidth)
    award = np.zeros(gain.shape)
    award[allowed] = _award_of(area, np.flatnonzero(area.moving)[np.nonzero(allowed)[0]], rate[allowed])
    return award


def _award(area: _Area, serving: Counts, power: Power) -> float:
    """What the S users are expected to get from these stations with this power, together."""
    rate = area.bandwidth * np.log2(1 + sinr_of(_cells(area, serving), power.sent))
    return float(_award_of(area, np.arange(len(serving)), rate).sum())


def _award_of(area: _Area, users: Counts, rate: Floats) -> Floats:
    """The award of links of that rate to those of the S users, as `rate`."""
    found = conditions(rate, area.offered[users], area.settings.queue)
    satisfied = satisfaction(found, area.required[users])
    return awards(satisfied, area.weights[users], area.settings.award)


def _cells(area: _Area, serving: Counts) -> Cells:
    return Cells(area.gain, serving, area.limits, area.already, area.noise, area.settings.interference)


def _power(area: _Area, serving: Counts) -> Power:
    """The powers of the S users; by `rates` and `equal` those count as unmet who have less than they need."""
    cells = _cells(area, serving)
    needed = needed_rates(area.required, area.offered, area.settings.queue)
    targets = sinr_target(needed, area.bandwidth)
    if area.settings.power == "targets":
        greater = [10 ** (margin / 10) for margin in area.settings.margin_db]
        return target_power(cells, targets, greater=greater)
    rating = np.where(np.isfinite(needed), 1 / needed, 0.0)
    sent = rate_power(cells, rating) if area.settings.power == "rates" else equal_power(cells)
    reached = sinr_of(cells, sent)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(reached >= targets, 1.0, np.log1p(reached) / np.log1p(targets))
    return Power(sent, np.flatnonzero(reached < targets), share)


def _check(expected: Network, offered: Floats, selection: Selection) -> None:
    users, stations = len(expected.users), len(expected.stations)
    shapes = (offered.shape, selection.users.shape, selection.stations.shape, selection.twins.shape)
    if shapes != ((users,), (users,), (stations,), (users, len(ATTRIBUTES))):
        raise InputError(
            f"orchestration of {users} users and {stations} stations: found the shapes {shapes} of traffic, "
            "selected users, stations and twins, expected one for each"
        )
    if not (np.isfinite(offered).all() and (offered >= 0).all()):
        raise InputError("offered traffic: found values that are negative or not finite, expected neither")
