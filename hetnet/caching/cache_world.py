"""The world of the caching case study: its settings, and one week of it with its twin.

The first days are history: systems are trained on them, and the twin learns from them. The rest judges.
Axes: B stations, C clients, G groups, M memories, H hours.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from hetnet.caching.cells import Cells, drawn_cells
from hetnet.caching.crowds import CrowdSettings, with_crowds
from hetnet.caching.popularity import HOUR
from hetnet.caching.request_twin import HOURS_A_DAY, RequestTwin, TwinSettings, learned_twin
from hetnet.caching.requests import Requests, RequestSettings, between, drawn_requests, usual_intensity
from hetnet.caching.safety import NOWHERE, Limits
from hetnet.caching.stations import MEMORIES, SUMS, Course, Rules
from hetnet.network import Counts, Floats

Overload = Literal["refuses", "counts"]


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """The paper's five stations of 150 slots, and what it leaves open.

    A station's load is what it was sent within the last `load_minutes` (fading). Beyond `limit` times the
    mean of all it is overloaded: it "refuses" what goes beyond, which is why loads are to be balanced, or it
    only "counts". The safety modules act from `margin` below the limit on. `penalty` and `price` are in
    hits. Of a week, `history_hours` are learned from. `crowds` are the rare events of loads.
    """

    requests: RequestSettings = field(default_factory=RequestSettings)
    crowds: CrowdSettings = field(default_factory=CrowdSettings)
    twin: TwinSettings = field(default_factory=TwinSettings)
    slots: int = 150
    load_minutes: float = 15.0
    limit: float = 1.25
    margin: float = 0.1
    overload: Overload = "refuses"
    penalty: float = 1.0
    price: float = 0.3
    history_hours: float = 48.0
    warm_hours: float = 12.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise InputError(f"caches: {self.slots} slots, expected 1 or more")
        for name in ("load_minutes", "history_hours", "warm_hours"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"caches: {name} is {getattr(self, name)}, expected a positive number")
        if not self.limit > 1:
            raise InputError(f"caches: limit is {self.limit}, expected more than 1, an even share")
        if not 0 <= self.margin < self.limit:
            raise InputError(f"caches: margin is {self.margin}, expected 0 to the limit, {self.limit:g}")
        if not min(self.penalty, self.price) >= 0:
            raise InputError("caches: penalty or price is negative, expected 0 or more")
        if self.overload not in get_args(Overload):
            raise InputError(f"caches: overload is {self.overload!r}, expected refuses or counts")
        if not self.warm_hours <= self.history_hours < self.requests.hours:
            raise InputError(
                f"caches: warm_hours {self.warm_hours:g}, history_hours {self.history_hours:g} of "
                f"{self.requests.hours:g} hours of requests, expected them to rise"
            )
        if len(self.twin.memory_hours) != MEMORIES:
            raise InputError(f"caches: {len(self.twin.memory_hours)} memories, expected {MEMORIES}")


@dataclass(frozen=True)
class CacheWorld:
    """Requests of clients in cells, the twin of their first part, and where that ends."""

    settings: CacheSettings
    cells: Cells
    requests: Requests
    cut: float  # seconds: before it is history
    twin: RequestTwin
    growth: Floats | None = None  # (H, B) how busy stations will be, beside now, where twins of loads say so

    @property
    def history(self) -> Requests:
        """What is learned from."""
        return between(self.requests, -np.inf, self.cut)


def drawn_world(settings: CacheSettings, intensity: Floats | None = None) -> CacheWorld:
    """The world of the settings' seed; `intensity` as in `drawn_requests`, hour by hour."""
    rng = np.random.default_rng(settings.seed)
    cell_rng, crowd_rng, request_rng = rng.spawn(3)
    usual = usual_intensity(settings.requests) if intensity is None else intensity
    busy = with_crowds(usual, settings.crowds, crowd_rng)
    requests = drawn_requests(settings.requests, request_rng, busy)
    cells = drawn_cells(settings.requests.cells, cell_rng)
    growth = None if intensity is None else _growth(intensity)
    return replace(world_of(settings, cells, requests, settings.history_hours * HOUR), growth=growth)


def _growth(intensity: Floats) -> Floats:
    """How much busier stations will be in the next hour than in each, (H, B), as was foretold."""
    growth: Floats = np.concatenate([intensity[1:], intensity[-1:]]) / intensity
    return growth


def world_of(settings: CacheSettings, cells: Cells, requests: Requests, cut: float) -> CacheWorld:
    """A world of given requests, of which those before `cut` seconds are history."""
    return CacheWorld(
        settings, cells, requests, cut, learned_twin(between(requests, -np.inf, cut), cells, settings.twin)
    )


def reached_stations(cells: Cells) -> Counts:
    """Each client's home and the other station that it reaches, or NOWHERE, (C, 2)."""
    if (cells.reach.sum(axis=1) > 2).any():
        raise InputError("caches: found a client that reaches more than two stations, expected two at most")
    others = cells.reach.copy()
    others[np.arange(len(cells.home)), cells.home] = False
    other = np.where(others.any(axis=1), others.argmax(axis=1), NOWHERE)
    return np.stack([cells.home, other], axis=1).astype(np.int64)


def course_of(
    twin: RequestTwin, requests: Requests, begin: float = 0.0, growth: Floats | None = None
) -> Course:
    """Requests as stations meet them, with what the twin foretells; they begin `begin` seconds into a day."""
    memories = np.concatenate([twin.memories, twin.memories, [following_seconds(twin)]])  # (K,)
    assert len(memories) == SUMS
    return Course(
        requests.times.astype(np.float64),
        requests.clients.astype(np.int64),
        requests.contents.astype(np.int64),
        reached_stations(twin.cells),
        twin.tastes.groups.astype(np.int64),
        memories,
        foretold_amounts(twin),
        twin.sessions.follower.astype(np.int64),
        twin.sessions.follows,
        growth_by_hour(twin, requests.times[-1] if len(requests) else 0.0, begin)
        if growth is None
        else growth,
    )


def following_seconds(twin: RequestTwin) -> float:
    """How long a follower is waited for: as long as a session goes on after a request, in the mean."""
    return twin.sessions.gap_seconds * twin.sessions.length


def foretold_amounts(twin: RequestTwin) -> Floats:
    """How many requests an hour for a content one of a group foretells at each station, (B, G, M).

    The mixture of `request_twin.py` for the clients that reach the station (those who reach two count by
    halves), with the sums of all requests taken as they are in the mean.
    """
    reach = twin.cells.reach / twin.cells.reach.sum(axis=1, keepdims=True)  # (C, B)
    asked = np.zeros((twin.cells.reach.shape[1], twin.tastes.count))
    for group in range(twin.tastes.count):
        mine = twin.tastes.groups == group
        asked[:, group] = (reach * twin.rates[:, None])[mine].sum(axis=0)
    of_groups = np.bincount(twin.tastes.groups, twin.rates, twin.tastes.count)  # (G,)
    kept = len(twin.memories)
    own, everyone = twin.mixture[:kept], twin.mixture[kept : 2 * kept]
    by_group = asked[:, :, None] * own / (of_groups[None, :, None] * twin.memories)
    by_all = asked.sum(axis=1)[:, None, None] * everyone / (twin.rates.sum() * twin.memories)
    amounts: Floats = HOUR * (by_group + by_all)
    return amounts


def growth_by_hour(twin: RequestTwin, end: float, begin: float = 0.0) -> Floats:
    """How much busier stations will be in the next hour than in each, (H, B), by hour of the day."""
    hours = (int(begin // HOUR) + np.arange(int(end // HOUR) + 1)) % HOURS_A_DAY
    growth: Floats = twin.hourly[(hours + 1) % HOURS_A_DAY] / twin.hourly[hours]
    return growth


def rules_of(settings: CacheSettings, *, safe: bool) -> Rules:
    """How loads are counted, with or without the safety modules."""
    limits = Limits(settings.limit, settings.margin, settings.penalty, settings.price)
    return Rules(settings.load_minutes * 60, settings.overload == "refuses", limits, safe)


def with_seed(settings: CacheSettings, seed: int) -> CacheSettings:
    """The same world, drawn with another seed."""
    return replace(settings, seed=seed)
