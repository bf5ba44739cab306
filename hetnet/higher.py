"""The higher-layer twin: a cheap look at the whole network that says who and what deserves a detailed one.

(hierarchical-twin paper, Section III). Axes: N users, M base stations, K attributes, Q QoS metrics, T time.
"""

from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from data.errors import InputError
from data.words import counted
from hetnet.areas import AreaSettings, Need, Supply, TargetAreas, expected_gain, target_areas
from hetnet.attributes import History
from hetnet.causality import Benefits, BenefitSettings, benefits
from hetnet.entropy import Entropies, EntropySettings, sample_entropies
from hetnet.levels import Levels, LevelSettings, attribute_levels
from hetnet.network import METRICS, Floats, Mask, Network, Variant, in_range
from hetnet.segments import (
    Segments,
    SegmentSettings,
    adjacency,
    expected_traffic,
    is_loaded,
    link_traffic,
    segments,
    station_capacities,
)

THROUGHPUT = METRICS.index("throughput")


@dataclass(frozen=True, kw_only=True)
class HigherSettings:
    """How the network is looked at.

    `threshold` is the share of its capacity from which on a station is loaded (ς of (15)), on average over
    the last `recent` steps. Traffic is foretold in periods of `period` steps. `traffic`: `sound` counts what
    links carried, `literal` what they could carry (r_ij of (14)), which sums to far more than a station can
    do. `demand`: `literal` takes for demand what a user got; `sound` at least what it requires, since who is
    starved gets little.
    """

    threshold: float = 0.5
    recent: int = 24
    period: int = 24
    traffic: Variant = "sound"
    demand: Variant = "sound"
    load: Variant = "sound"
    entropy: EntropySettings = field(default_factory=EntropySettings)
    benefit: BenefitSettings = field(default_factory=BenefitSettings)
    level: LevelSettings = field(default_factory=LevelSettings)
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    area: AreaSettings = field(default_factory=AreaSettings)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InputError(f"threshold: found {self.threshold}, expected above 0 and at most 1")
        if self.recent < 1 or self.period < 1:
            raise InputError(f"recent {self.recent}, period {self.period}: expected at least 1 step of each")
        for name in ("traffic", "demand", "load"):
            if getattr(self, name) not in get_args(Variant):
                raise InputError(
                    f"{name}: unknown variant {getattr(self, name)!r}, expected sound or literal"
                )


@dataclass(frozen=True)
class Valued:
    """What each attribute of each user costs and brings."""

    entropies: Entropies  # of the N * K attributes, user by user
    cost: Floats  # (N, K) the entropies: what modelling each costs
    benefits: Benefits
    levels: Levels


@dataclass(frozen=True)
class HigherTwin:
    """What the higher layer found: values, loads, segments, target areas."""

    valued: Valued
    supply: Supply
    gain: Floats  # (N,) what orchestration may bring each user
    segments: Segments
    areas: TargetAreas

    @property
    def modelled(self) -> Mask:
        """The attributes that are modelled in detail, (N, K): levels 1 and 2 of the selected users."""
        return self.valued.levels.selected & self.areas.selected[:, None]

    @property
    def cost_here(self) -> float:
        """What this layer models, all users' attributes of level 1: the sum of their costs."""
        return float(self.valued.cost[self.valued.levels.level == 1].sum())

    @property
    def cost_below(self) -> float:
        """What the lower layer is to model: the sum of its costs."""
        return float(self.valued.cost[self.modelled].sum())

    @property
    def cost_of_everything(self) -> float:
        """What an all-inclusive twin would model: every attribute of every user."""
        return float(self.valued.cost.sum())


def higher_twin(
    network: Network, history: History, satisfaction: Floats, settings: HigherSettings | None = None
) -> HigherTwin:
    """Look at `network` with its `history` and its users' `satisfaction` (N, Q) now, and find its trouble."""
    settings = settings or HigherSettings()
    _check(network, history, satisfaction)
    valued = valued_attributes(history, network.users.weights, settings)
    expected = expected_links(network, history, settings)
    supply = station_supply(network, history, settings)
    weights = adjacency(expected, supply.available, settings.segment.unused)
    parts = segments(weights, network.users.positions, network.stations.positions, settings.segment)
    need = need_of(network, satisfaction, valued, expected, settings.demand)
    areas = target_areas(need, supply, parts, weights, settings.area)
    return HigherTwin(valued, supply, expected_gain(satisfaction, network.users.weights), parts, areas)


def valued_attributes(history: History, weights: Floats, settings: HigherSettings) -> Valued:
    """Cost, benefit and level of every attribute; `weights` (N, Q) tell which metrics count for whom."""
    users, kinds, steps = history.attributes.shape
    entropies = sample_entropies(history.attributes.reshape(-1, steps), settings.entropy)
    cost = entropies.values.reshape(users, kinds)
    found = benefits(history.attributes, history.conditions, weights, settings.benefit)
    matchless, constant = (each.reshape(users, kinds) for each in (entropies.matchless, entropies.constant))
    levels = attribute_levels(cost, found.values, settings.level, matchless, constant)
    return Valued(entropies, cost, found, levels)


def need_of(
    network: Network, satisfaction: Floats, valued: Valued, expected: Floats, demand: Variant = "sound"
) -> Need:
    """What each user lacks, costs and will ask for, its links being `expected` (N, M) to carry so much."""
    return Need(
        satisfaction=satisfaction,
        weights=network.users.weights,
        cost=np.where(valued.levels.selected, valued.cost, 0.0).sum(axis=1),
        demand=_demand(network, expected, demand),
    )


def station_supply(network: Network, history: History, settings: HigherSettings) -> Supply:
    """What stations can carry and lately did, and which are loaded (equation 15).

    Traffic counts all that a station did, also for users that are not modelled; `literal` in `traffic`
    counts the links of those that are.
    """
    capacity = station_capacities(network)
    recent = min(settings.recent, len(history.serving))
    if settings.traffic == "literal":
        links = link_traffic(history.serving[-recent:], history.rates[-recent:], len(network.stations))
        traffic = links[0].sum(axis=0)
    else:
        traffic = history.use[-recent:].mean(axis=0) * capacity
    loaded = is_loaded(traffic, capacity, settings.threshold, recent, settings.load)
    return Supply(capacity, traffic, loaded, in_range(network.users, network.stations))


def report(twin: HigherTwin) -> list[str]:
    """What the higher layer found, in sentences."""
    areas, level = twin.areas, twin.valued.levels.level
    unsatisfied = int((twin.gain > 0).sum())
    stations = len(areas.stations)
    loaded = int(twin.supply.loaded.sum())
    lines = [
        f"Of {counted(len(twin.gain), 'user')} {unsatisfied:,} {'lacks' if unsatisfied == 1 else 'lack'} "
        f"something; of {counted(stations, 'station')} {loaded:,} {'is' if loaded == 1 else 'are'} loaded; "
        f"the network falls into {counted(twin.segments.count, 'segment')}.",
        f"Of {counted(level.size, 'attribute')} level 1 has {int((level == 1).sum()):,}, "
        f"level 2 {int((level == 2).sum()):,} and level 3 {int((level == 3).sum()):,}.",
    ]
    if unsatisfied == 0:
        return [*lines, "All users are satisfied: there is nothing to do."]
    others = counted(int(areas.companions.sum()), "other user")
    lines.append(
        f"To be modelled in detail: {counted(int(areas.selected.sum()), 'user')}, with "
        f"{counted(int(areas.stations.sum()), 'station')} and {others} in their areas; this costs "
        f"{_share(twin.cost_here + twin.cost_below, twin.cost_of_everything)} of modelling everything."
    )
    return lines + _left_out(twin)


def _left_out(twin: HigherTwin) -> list[str]:
    """Whom nobody helps, and what stood against it."""
    areas = twin.areas
    named = (
        (areas.too_dear, "user", "could be helped, but the twin budget is spent"),
        (areas.no_room, "user", "could be helped, but the stations of their segment have no room for more"),
        (areas.out_of_range, "user", "without what they need, but no station with slots reaches them"),
        (areas.stranded, "user", "selected, but without an unloaded station in range"),
        (
            twin.segments.lone_users,
            "user",
            "without a station with slots in range, counted to the segment nearby",
        ),
        (twin.supply.capacity == 0, "station", "without capacity"),
        (twin.valued.entropies.constant, "attribute", "without any change, at no cost and for no benefit"),
        (
            twin.valued.entropies.matchless,
            "attribute",
            "too irregular for an entropy, for which a bound stands",
        ),
    )
    return [f"{counted(int(which.sum()), what)} {more}." for which, what, more in named if which.any()]


def expected_links(network: Network, history: History, settings: HigherSettings) -> Floats:
    """What each link is expected to carry next, (N, M) bit/s."""
    carried = history.rates
    if settings.traffic == "sound":
        carried = np.minimum(carried, history.offered)
    periods = max(len(history.serving) // settings.period, 1)
    traffic = link_traffic(history.serving, carried, len(network.stations), periods)
    return expected_traffic(traffic, settings.segment.lags)


def _demand(network: Network, expected: Floats, variant: Variant) -> Floats:
    """What each user will ask for, (N,) bit/s (D_ij, over all stations)."""
    got: Floats = expected.sum(axis=1)
    return got if variant == "literal" else np.maximum(got, network.users.required[:, THROUGHPUT])


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole > 0 else "nothing"


def _check(network: Network, history: History, satisfaction: Floats) -> None:
    """Refuse a history of another network."""
    users, stations = len(network.users), len(network.stations)
    if users == 0 or stations == 0:
        raise InputError(f"higher twin: found {users} users and {stations} stations, expected some of both")
    steps = history.attributes.shape[-1]
    shapes = (
        ("attributes", history.attributes.shape[::2], (users, steps)),
        ("conditions", history.conditions.shape, (users, len(METRICS), steps)),
        ("serving", history.serving.shape, (steps, users)),
        ("rates", history.rates.shape, (steps, users)),
        ("use", history.use.shape, (steps, stations)),
        ("satisfaction", satisfaction.shape, (users, len(METRICS))),
    )
    for name, found, expected in shapes:
        if found != expected:
            raise InputError(f"higher twin: found {name} of the shape {found}, expected {expected}")
