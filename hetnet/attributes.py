"""Months of each user's attributes, hour by hour, as its network makes them.

What an hour brings follows from causes: the demand of the areas (a day and a week in it) fills the stations
and makes them disturb each other; users come and go to work; their sessions, the surges of a hotspot and
strolls follow no clock. Throughput, delay and loss are averages over much that has a season. Load is what the
users of a user's station ask of it together, mobility how far the user walks.

Axes: N users, M base stations, K attributes, Q QoS metrics, T hours, P places, H hotspots.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.association import strongest_association
from hetnet.channel import noise_watts
from hetnet.demand import background_use, check_demand, rhythm, station_demand
from hetnet.network import NOBODY, Counts, Floats, Users, in_range
from hetnet.network import satisfaction as satisfaction_of
from hetnet.queues import QueueSettings, conditions
from hetnet.scene import (
    HOME,
    SERVICES,
    STROLLS_AN_HOUR,
    WORK,
    Scene,
    at_work,
    generator,
    received,
)

WORST_SINR = 0.2  # -7 dB: below it nothing can be decoded
WORST = np.array([np.inf, QueueSettings().most_delay, 1.0])[:, None]  # (Q, 1) of a link that serves nobody
ATTEMPTS = 2  # of sending a packet before it is of no use (HARQ)
MOST_DAYS = 3650
MOST_READINGS = 40_000_000  # of an attribute, users times hours: all that is kept of them fills some 9 GB
MOST_LINK_DAYS = 250_000_000  # users times stations times days: each table of them fills 2 GB


@dataclass(frozen=True, kw_only=True)
class HistorySettings:
    """How long a history, how full the network, and how unruly its users; all but the days ours.

    `busy` is the share of its capacity that a station spends at busy hours on users that are not modelled.
    """

    days: int = 62
    busy: float = 0.5
    sessions_an_hour: float = 3.0  # of a user; fewer are less even
    surge: float = 0.3  # deviation of the logarithm of what moves all users of a hotspot for an hour or two
    rhythm: float = 0.2  # how far a user's own load follows its area: 0 not, 1 wholly
    adaptive: float = 0.8  # of what a link carries the share that an application will use at most
    wander_db: float = 0.5  # how much a user's own link varies from hour to hour
    measured: float = 0.02  # deviation of the logarithm of the error of measured QoS
    first_hour: int = 0  # of the week, from Monday at 0, at which the demand begins
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("days", 1), ("first_hour", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: found {getattr(self, name)}, expected at least {least}")
        if self.days > MOST_DAYS:
            raise InputError(f"days: found {self.days:,}, expected at most {MOST_DAYS:,}")
        if not 0 <= self.busy < 1:
            raise InputError(f"busy: found {self.busy}, expected a share from 0 to below 1")
        if not 0 < self.sessions_an_hour < np.inf:
            raise InputError(f"sessions_an_hour: found {self.sessions_an_hour}, expected a positive number")
        if not 0 < self.adaptive <= 1:
            raise InputError(f"adaptive: found {self.adaptive}, expected a share above 0, at most 1")
        for name in ("surge", "rhythm", "wander_db", "measured"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name}: found {getattr(self, name)}, expected 0 or more")


@dataclass(frozen=True)
class History:
    """What was seen of a network over T hours."""

    attributes: Floats  # (N, K, T) of ATTRIBUTES, as measured: bit/s, s, bit/s, share, metres
    conditions: Floats  # (N, Q, T) of METRICS, as they were
    offered: Floats  # (T, N) bit/s that each user asks for
    serving: Counts  # (T, N) the station of each user, -1 for none
    rates: Floats  # (T, N) bit/s that each user's link could carry beside what its station did for others
    use: Floats  # (T, M) share of its capacity that each station used, at most 1
    first_hour: int  # of the week, from Monday at 0


def made_history(scene: Scene, demand: Floats, settings: HistorySettings | None = None) -> History:
    """The history of `scene` under the `demand` (T, H) of its hotspots."""
    settings = settings or HistorySettings()
    check_demand(demand, len(scene.hotspots))
    _check_size(scene, len(demand))
    first = settings.first_hour
    where = places_over_time(scene, len(demand), first, generator(settings.seed, 0))  # (T, N)
    offered = offered_load(scene, demand, settings, generator(settings.seed, 1))
    served = _served(scene, where, offered, demand, settings)
    measured = _measured(served.conditions, settings)
    walked = walked_metres(scene, where, first, generator(settings.seed, 3))
    load = load_met(served.serving, offered, len(scene.stations))
    attributes = np.stack([measured[:, 0], measured[:, 1], load.T, measured[:, 2], walked.T], axis=1)
    return History(attributes, served.conditions, offered, served.serving, served.rates, served.use, first)


def _check_size(scene: Scene, hours: int) -> None:
    """Refuse what fills more memory than there is."""
    users, stations = len(scene.users), len(scene.stations)
    most = min(MOST_READINGS // users, 24 * MOST_LINK_DAYS // (users * stations))
    if hours > most:
        raise InputError(
            f"a history of {hours:,} hours of {users:,} users and {stations:,} stations: "
            f"expected at most {most:,} hours of so many"
        )


def _measured(conditions: Floats, settings: HistorySettings) -> Floats:
    """The `conditions` (N, Q, T) with the errors of their measurement.

    The longest delay and a loss of everything stand for no service: nobody measures them, so they do not err.
    """
    errors = np.exp(settings.measured * generator(settings.seed, 2).standard_normal(conditions.shape))
    return np.where(conditions < WORST, np.minimum(conditions * errors, WORST), conditions)


def places_over_time(scene: Scene, hours: int, first: int, rng: np.random.Generator) -> Counts:
    """At which of its places each user is, (T, N): each keeps hours of its own, up to two before or after."""
    week = np.array([WORK if at_work(hour) else HOME for hour in range(168)])
    shift = rng.integers(-2, 3, len(scene.users))
    found: Counts = week[(first + np.arange(hours)[:, None] + shift) % 168]
    return found


def offered_load(scene: Scene, demand: Floats, settings: HistorySettings, rng: np.random.Generator) -> Floats:
    """The traffic that each user asks for, (T, N) bit/s: its sessions, its hotspot's surges, some rhythm."""
    hours, users = len(demand), len(scene.users)
    sessions = rng.poisson(settings.sessions_an_hour, (hours, users))
    sizes = rng.gamma(np.maximum(2.0 * sessions, 1e-9), 0.5) / settings.sessions_an_hour
    spot = nearest_hotspot(scene)
    surge = _surges(hours, len(scene.hotspots), settings.surge, rng)[:, spot]
    follows = 1 + settings.rhythm * (rhythm(demand)[:, spot] - 1)
    usual = np.array([each.offered for each in SERVICES])[scene.users.service]
    load: Floats = usual * np.where(sessions > 0, sizes, 0.0) * surge * np.maximum(follows, 0.0)
    return load


def load_met(serving: Counts, offered: Floats, stations: int) -> Floats:
    """What all users of each user's station ask for together, (T, N) bit/s; without a station its own."""
    hours = np.arange(len(serving))[:, None]
    cell = hours * (stations + 1) + serving + 1  # of those without a station the first of the hour
    together = np.bincount(cell.ravel(), offered.ravel(), minlength=len(serving) * (stations + 1))
    return np.where(serving == NOBODY, offered, together[cell])


def nearest_hotspot(scene: Scene) -> Counts:
    """The hotspot nearest to where each user lives, (N,)."""
    apart = np.linalg.norm(scene.places[HOME][:, None] - scene.hotspots[None], axis=2)
    nearest: Counts = apart.argmin(axis=1)
    return nearest


def _surges(hours: int, hotspots: int, size: float, rng: np.random.Generator) -> Floats:
    """What moves all users of a hotspot at once, (T, H), of mean 1 and gone after an hour or two."""
    surge = rng.standard_normal((hours, hotspots))
    kept = 0.5
    surge[1:] *= np.sqrt(1 - kept**2)
    for hour in range(1, hours):
        surge[hour] += kept * surge[hour - 1]
    return np.exp(size * surge - size**2 / 2)


def walked_metres(scene: Scene, where: Counts, first: int, rng: np.random.Generator) -> Floats:
    """How far each user walks in each hour, (T, N) metres: strolls at any time, fewer at night."""
    hours, users = where.shape
    clock = (first + np.arange(hours)) % 24
    awake = np.where((clock >= 7) & (clock < 23), 1.0, 0.5)[:, None]
    strolls = rng.poisson(STROLLS_AN_HOUR * awake * scene.restless, (hours, users))
    metres = np.where(strolls > 0, rng.gamma(np.maximum(2.0 * strolls, 1e-9), 25.0), 0.0)
    way = np.linalg.norm(scene.places[WORK] - scene.places[HOME], axis=1)  # at most 1.7 km: within an hour
    metres[1:] += np.where(where[1:] != where[:-1], way, 0.0)
    return metres


@dataclass(frozen=True)
class _Links:
    """Each user's link at each of its places."""

    power: Floats  # (P, N, M) W received of each station's full power
    serving: Counts  # (P, N)


@dataclass(frozen=True)
class _Served:
    conditions: Floats  # (N, Q, T)
    serving: Counts  # (T, N)
    rates: Floats  # (T, N)
    use: Floats  # (T, M)


def _links(scene: Scene) -> _Links:
    power = np.stack([received(scene, each) for each in scene.places])
    stations = scene.stations
    serving = [
        strongest_association(at_place, stations.slots, in_range(_at(scene.users, places), stations)).serving
        for at_place, places in zip(power, scene.places, strict=True)
    ]
    return _Links(power, np.stack(serving))


def _at(users: Users, positions: Floats) -> Users:
    return Users(positions, users.service, users.required, users.weights)


def _served(
    scene: Scene, where: Counts, offered: Floats, demand: Floats, settings: HistorySettings
) -> _Served:
    """What each user gets, hour by hour: stations disturb each other as much as they were busy before.

    A station shares its time among its users and those that are not modelled; what others leave of it is a
    user's link, on which its packets wait.
    """
    links = _links(scene)
    serving = np.take_along_axis(links.serving, where, axis=0)  # (T, N)
    background = background_use(station_demand(demand, scene.stations, scene.hotspots), settings.busy)
    wander = settings.wander_db * generator(settings.seed, 4).standard_normal(where.shape)
    swing = 10 ** (wander / 10)
    use, sinr, rates = np.empty_like(background), np.empty(where.shape), np.empty(where.shape)
    busy = background[0]
    for hour in range(len(where)):
        sinr[hour] = _sinr(links, where[hour], busy, noise_watts(scene.channel)) * swing[hour]
        alone = scene.channel.bandwidth * np.log2(1 + sinr[hour])
        busy, rates[hour] = _shared(alone, offered[hour], serving[hour], background[hour])
        use[hour] = busy
    sent = np.minimum(offered, settings.adaptive * rates)
    seen = conditions(rates, sent, QueueSettings())  # (T, N, Q)
    seen[..., 2] = 1 - (1 - seen[..., 2]) * (1 - _undecoded(sinr))
    return _Served(np.ascontiguousarray(seen.transpose(1, 2, 0)), serving, rates, use)


def _sinr(links: _Links, place: Counts, busy: Floats, noise: float) -> Floats:
    """Each user's mean signal over what disturbs it while stations are `busy` (M,) of the time, (N,)."""
    rows = np.arange(len(place))
    serving = links.serving[place, rows]
    signal = np.where(serving == NOBODY, 0.0, links.power[place, rows, serving])
    everything = np.where(place == HOME, links.power[HOME] @ busy, links.power[WORK] @ busy)
    others = np.maximum(everything - signal * busy[serving], 0.0)
    ratio: Floats = signal / (others + noise)
    return ratio


def _shared(alone: Floats, offered: Floats, serving: Counts, background: Floats) -> tuple[Floats, Floats]:
    """How busy each station is, (M,), and what it can carry for each of its users beside the others, (N,).

    `alone` is what each user's link would carry had it the station to itself. Nobody takes more than an equal
    share of the station's time from others; what they leave of it is a user's as well.
    """
    to = serving != NOBODY
    stations = len(background)
    users = np.bincount(serving[to], minlength=stations)
    equal = ((1 - background) / np.maximum(users, 1))[serving]
    takes = np.where(to, np.minimum(offered / np.maximum(alone, 1.0), equal), 0.0)
    busy = background + np.bincount(serving[to], takes[to], minlength=stations)
    left = np.clip(1 - (busy[serving] - takes), 0.0, 1.0)
    return np.minimum(busy, 1.0), np.where(to, alone * left, 0.0)


def _undecoded(sinr: Floats) -> Floats:
    """The share of packets that Rayleigh fading spoils at each attempt of sending them, same shape."""
    outage = -np.expm1(-WORST_SINR / np.maximum(sinr, 1e-12))
    return outage**ATTEMPTS


def satisfaction_history(history: History, users: Users) -> Floats:
    """How far each metric of each user was as required in each hour, (N, Q, T)."""
    seen = history.conditions.transpose(0, 2, 1)  # (N, T, Q)
    return satisfaction_of(seen, users.required[:, None]).transpose(0, 2, 1)
