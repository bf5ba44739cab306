"""Where stations and users are, what the users want, and how they move: the setting of the paper's Section V.

Axes: N users, M base stations, H hotspots, P places of a user (2: where it lives and where it works),
Q QoS metrics, S services.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from data.errors import InputError
from hetnet.association import strongest_association
from hetnet.channel import ChannelSettings, Shadows, drawn_shadows, faded, mean_gain, noise_watts, watts
from hetnet.network import NOBODY, Counts, Floats, Network, Stations, Users, in_range

HOME, WORK = 0, 1
WALKING = 1.4  # m/s
STROLLS_AN_HOUR = 3.0  # of a user that is as restless as most
MOST_USERS, MOST_STATIONS, MOST_HOTSPOTS = 20_000, 2_000, 2_000
MOST_LINKS = 4_000_000  # users times stations: of each the traffic of every day is kept, 1 GB a month


class Service(NamedTuple):
    """What an application asks of the network, and how much of its users' traffic there is."""

    name: str
    share: float  # of the users
    required: tuple[float, float, float]  # bit/s at least, s at most, share lost at most
    weights: tuple[float, float, float]
    offered: float  # bit/s, the mean over a busy hour


SERVICES = (
    Service("video", 0.4, (2.5e6, 0.10, 0.01), (0.6, 0.2, 0.2), 1.2e6),
    Service("web", 0.3, (1.5e6, 0.15, 0.02), (0.5, 0.3, 0.2), 0.5e6),
    Service("gaming", 0.2, (1.0e6, 0.04, 0.01), (0.2, 0.5, 0.3), 0.4e6),
    Service("sensors", 0.1, (0.2e6, 0.30, 0.005), (0.2, 0.2, 0.6), 0.1e6),
)


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """How many of what, and where. Hotspots and slots are ours; the rest is the paper's."""

    users: int = 200
    macro: int = 5
    small: int = 20
    half_width: float = 600.0  # metres: the area is a square from minus to plus this
    hotspots: int = 10
    hotspot_metres: float = 25.0  # standard deviation of the places around a hotspot
    crowded: float = 0.8  # share of users in hotspots, and of small stations put up there
    macro_dbm: float = 40.0
    small_dbm: float = 17.0
    macro_reach: float = 300.0
    small_reach: float = 50.0
    macro_slots: int = 32
    small_slots: int = 8
    commuting: float = 0.3  # share of users that work elsewhere than they live
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("users", 1), ("macro", 0), ("small", 0), ("hotspots", 1), ("seed", 0)):
            _check(getattr(self, name) >= least, name, f"{least} or more", getattr(self, name))
        stations = self.macro + self.small
        _check(stations >= 1, "macro and small", "at least one station", 0)
        for name, found, most in (
            ("users", self.users, MOST_USERS),
            ("macro and small", stations, MOST_STATIONS),
            ("hotspots", self.hotspots, MOST_HOTSPOTS),
        ):
            _check(found <= most, name, f"at most {most:,}", f"{found:,}")
        most = MOST_LINKS // stations
        _check(
            self.users <= most, "users", f"at most {most:,} beside {stations:,} stations", f"{self.users:,}"
        )
        for name in ("half_width", "hotspot_metres", "macro_reach", "small_reach"):
            _check(0 < getattr(self, name) < np.inf, name, "positive metres", getattr(self, name))
        for name in ("crowded", "commuting"):
            _check(0 <= getattr(self, name) <= 1, name, "a share from 0 to 1", getattr(self, name))
        for name in ("macro_dbm", "small_dbm"):
            _check(np.isfinite(getattr(self, name)), name, "a finite power", getattr(self, name))
        for name in ("macro_slots", "small_slots"):
            _check(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))


@dataclass(frozen=True)
class Scene:
    """All of a network that does not change from one instant to the next."""

    stations: Stations
    users: Users  # at home
    hotspots: Floats  # (H, 2) metres
    places: Floats  # (P, N, 2) metres: where each user lives and works
    restless: Floats  # (N,) how much it walks about, around 1
    shadows: Shadows
    channel: ChannelSettings


@dataclass(frozen=True)
class Walk:
    """Where users are, and where each is heading."""

    positions: Floats  # (N, 2) metres
    goals: Floats  # (N, 2)


def generator(seed: int, *key: int) -> np.random.Generator:
    """The random numbers of one purpose, which no other purpose disturbs."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def resized(settings: SceneSettings, users: int) -> SceneSettings:
    """A scene of so many users with as many stations and hotspots to each, as dense as `settings`."""
    factor = users / settings.users
    return replace(
        settings,
        users=users,
        macro=round(settings.macro * factor) or 1,
        small=round(settings.small * factor),
        hotspots=round(settings.hotspots * factor) or 1,
        half_width=settings.half_width * factor**0.5,
    )


def made_scene(
    settings: SceneSettings, channel: ChannelSettings | None = None, crowds: Floats | None = None
) -> Scene:
    """The scene of `settings`; `crowds` (H,) are how full each hotspot is beside others, else all alike."""
    channel = channel or ChannelSettings()
    rng = generator(settings.seed, 0)
    hotspots = rng.uniform(-settings.half_width, settings.half_width, (settings.hotspots, 2))
    stations = _placed_stations(settings, hotspots, rng)
    rng = generator(settings.seed, 1)
    share = _shares(crowds, settings.hotspots)
    home = _crowd(settings.users, settings, hotspots, share, rng)
    elsewhere = _crowd(settings.users, settings, hotspots, share, rng)
    commutes = rng.random(settings.users) < settings.commuting
    places = np.stack([home, np.where(commutes[:, None], elsewhere, home)])
    return Scene(
        stations=stations,
        users=_with_services(home, rng),
        hotspots=hotspots,
        places=places,
        restless=np.exp(0.5 * rng.standard_normal(settings.users)),
        shadows=drawn_shadows(stations, channel, generator(settings.seed, 2)),
        channel=channel,
    )


def _placed_stations(settings: SceneSettings, hotspots: Floats, rng: np.random.Generator) -> Stations:
    """Macro stations evenly over the area, small ones at hotspots or anywhere."""
    macro = _evenly(settings.macro, settings.half_width, rng)
    share = np.full(len(hotspots), 1 / len(hotspots))
    small = _crowd(settings.small, settings, hotspots, share, rng)
    is_macro = np.arange(settings.macro + settings.small) < settings.macro
    return Stations(
        positions=np.concatenate([macro, small]),
        macro=is_macro,
        power=np.where(is_macro, watts(settings.macro_dbm), watts(settings.small_dbm)),
        reach=np.where(is_macro, settings.macro_reach, settings.small_reach),
        slots=np.where(is_macro, settings.macro_slots, settings.small_slots).astype(np.int64),
    )


def _evenly(count: int, half_width: float, rng: np.random.Generator) -> Floats:
    """`count` points spread evenly over the square: the middles of equal parts of it (Lloyd)."""
    if count == 0:
        return np.zeros((0, 2))
    area = rng.uniform(-half_width, half_width, (max(2000, 20 * count), 2))
    middles: Floats = area[:count].copy()
    for _ in range(30):
        nearest = ((area[:, None] - middles) ** 2).sum(axis=2).argmin(axis=1)
        sizes = np.maximum(np.bincount(nearest, minlength=count), 1)
        sums = [np.bincount(nearest, area[:, axis], minlength=count) for axis in (0, 1)]
        middles = np.stack(sums, axis=1) / sizes[:, None]
    return middles


def _crowd(
    count: int, settings: SceneSettings, hotspots: Floats, share: Floats, rng: np.random.Generator
) -> Floats:
    """`count` points, most of them around hotspots and the rest anywhere in the area, (count, 2)."""
    around = hotspots[rng.choice(len(hotspots), count, p=share)]
    close = around + settings.hotspot_metres * rng.standard_normal((count, 2))
    anywhere = rng.uniform(-settings.half_width, settings.half_width, (count, 2))
    crowded = rng.random(count) < settings.crowded
    points = np.where(crowded[:, None], close, anywhere)
    return np.clip(points, -settings.half_width, settings.half_width)


def _shares(crowds: Floats | None, hotspots: int) -> Floats:
    """The share of all crowds that each hotspot holds, (H,)."""
    crowds = np.ones(hotspots) if crowds is None else crowds
    sound = crowds.shape == (hotspots,) and np.isfinite(crowds).all() and (crowds >= 0).all()
    if not sound or not crowds.sum() > 0:
        raise InputError(f"crowds: expected {hotspots} shares of 0 or more, not all 0; found {crowds}")
    shares: Floats = crowds / crowds.sum()
    return shares


def _with_services(positions: Floats, rng: np.random.Generator) -> Users:
    """Users at `positions`, each with a service and wishes somewhat its own."""
    users = len(positions)
    service = rng.choice(len(SERVICES), users, p=[each.share for each in SERVICES])
    required = np.array([each.required for each in SERVICES])[service]  # (N, Q)
    weights = np.array([each.weights for each in SERVICES])[service] * rng.uniform(0.7, 1.3, required.shape)
    return Users(
        positions=positions,
        service=service.astype(np.int64),
        required=required * rng.uniform(0.8, 1.25, required.shape),
        weights=weights / weights.sum(axis=1, keepdims=True),
    )


def received(scene: Scene, positions: Floats) -> Floats:
    """The mean W that arrive at `positions` (N, 2) of each station's full power, (N, M)."""
    gain = mean_gain(positions, scene.stations, scene.shadows, scene.channel.path_loss)
    return gain * scene.stations.power


def equal_power(serving: Counts, stations: Stations) -> Floats:
    """W to each user when every station shares its power equally among those it serves, (N,)."""
    shared = np.zeros(len(serving))
    to = serving != NOBODY
    counts = np.bincount(serving[to], minlength=len(stations))
    shared[to] = (stations.power / np.maximum(counts, 1))[serving[to]]
    return shared


def network_at(
    scene: Scene, positions: Floats, rng: np.random.Generator, serving: Counts | None = None
) -> Network:
    """The network with users at `positions` (N, 2), as fading has it at this instant.

    Each user is served by the station that is strongest on average, and by equal power, unless `serving`
    says by which.
    """
    users = replace(scene.users, positions=positions)
    gain = mean_gain(positions, scene.stations, scene.shadows, scene.channel.path_loss)
    if serving is None:
        power = gain * scene.stations.power
        reachable = in_range(users, scene.stations)
        serving = strongest_association(power, scene.stations.slots, reachable).serving
    return Network(
        stations=scene.stations,
        users=users,
        gain=faded(gain, rng) if scene.channel.rayleigh else gain,
        serving=serving,
        sent=equal_power(serving, scene.stations),
        bandwidth=scene.channel.bandwidth,
        noise=noise_watts(scene.channel),
    )


def at_work(hour: int) -> bool:
    """Whether those who work are at work in this hour of a week that begins on Monday at 0."""
    day, clock = divmod(hour % 168, 24)
    return day < 5 and 9 <= clock < 18


def started_walk(scene: Scene, hour: int = 0) -> Walk:
    """Everyone at the place of this hour of the week."""
    places = scene.places[WORK if at_work(hour) else HOME]
    return Walk(positions=places, goals=places)


def walked(scene: Scene, walk: Walk, hour: int, seconds: float, rng: np.random.Generator) -> Walk:
    """Where users are `seconds` later: resting, strolling near their place, or on their way to work or home.

    A user strolls at times that nothing foretells, the more often the more restless it is.
    """
    place = scene.places[WORK if at_work(hour) else HOME]
    before = scene.places[HOME if at_work(hour) else WORK]
    strolls = rng.random(len(place)) < -np.expm1(-STROLLS_AN_HOUR * scene.restless * seconds / 3600)
    near = place + 20.0 * rng.standard_normal(place.shape)
    is_away = np.linalg.norm(walk.goals - place, axis=1) > np.linalg.norm(walk.goals - before, axis=1)
    goals = np.where((strolls | is_away)[:, None], near, walk.goals)
    way = goals - walk.positions
    metres = np.linalg.norm(way, axis=1)
    part = np.minimum(1.0, WALKING * seconds / np.maximum(metres, 1e-9))
    return Walk(positions=walk.positions + part[:, None] * way, goals=goals)


def _check(holds: bool, name: str, wanted: str, found: object) -> None:
    if not holds:
        raise InputError(f"{name}: found {found}, expected {wanted}")
