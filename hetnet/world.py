"""A network hour after hour: where users are and what they ask for, whoever orchestrates it.

Axes: N users, M stations, K attributes, Q QoS metrics, T hours of history, S hours more, P places of a user.
An hour's gain is that of the place at which a user spends it, as in the history; rates are averaged over the
fading of the hour.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.errors import InputError
from hetnet.association import random_association, strongest_association
from hetnet.attributes import MOST_DAYS, History, HistorySettings, made_history, places_over_time
from hetnet.channel import ChannelSettings, faded, mean_gain, noise_watts
from hetnet.demand import city_loads, crowds, hotspot_demand
from hetnet.network import (
    NOBODY,
    Counts,
    Floats,
    Network,
    in_range,
    rates,
    served,
    transmitted,
)
from hetnet.queues import conditions, network_conditions
from hetnet.scene import HOME, Scene, SceneSettings, equal_power, generator, made_scene


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """How much of it there is: `days` of history and `clock` hours more, then `hours` to orchestrate.

    `busy` is what stations do in the history for users that are not modelled: by default nothing, since (1)
    leaves each user the whole band, and who is not modelled would take none of it. `absent` is the share of
    days on which a user that works elsewhere stays at home, for no reason that a twin could know; by default
    0, as in the history, so that places keep to the week and synchronised twins are never wrong about them.
    """

    days: int = 28
    clock: int = 6  # of a history that begins at midnight: before people go to work
    hours: int = 8
    busy: float = 0.0
    absent: float = 0.0
    wander_db: float = 0.5  # how much a link varies from hour to hour
    fades: int = 20  # of each hour
    seed: int = 1

    def __post_init__(self) -> None:
        least = {"days": 8, "clock": 0, "hours": 1, "wander_db": 0, "fades": 1, "seed": 0}
        for name, lowest in least.items():
            if not lowest <= getattr(self, name) < np.inf:
                raise InputError(f"world: {name} is {getattr(self, name)}, expected {lowest} or more")
        for name, most in (("days", MOST_DAYS), ("hours", 24 * MOST_DAYS)):
            if getattr(self, name) > most:
                raise InputError(f"world: {name} is {getattr(self, name):,}, expected at most {most:,}")
        if not 0 <= self.absent <= 1:
            raise InputError(f"world: absent is {self.absent}, expected a share from 0 to 1")

    @property
    def start(self) -> int:
        """The first hour after the history."""
        return 24 * self.days + self.clock


@dataclass(frozen=True)
class World:
    """What happens: T hours of history and S hours more."""

    scene: Scene
    history: History  # of the first T hours
    where: Counts  # (T + S, N) at which of its places each user is
    offered: Floats  # (T + S, N) bit/s
    gain: Floats  # (P, N, M) the mean of each link at each place
    settings: WorldSettings

    @property
    def start(self) -> int:
        """The first hour after the history."""
        return len(self.history.use)

    @property
    def hours(self) -> range:
        """The hours after the history."""
        return range(self.start, len(self.where))


@dataclass(frozen=True)
class Held:
    """What is in force: the station of each user, and what it is sent."""

    serving: Counts  # (N,)
    sent: Floats  # (N,) W


def made_world(
    scene_settings: SceneSettings,
    settings: WorldSettings | None = None,
    channel: ChannelSettings | None = None,
    loads: Floats | None = None,
    first: int = 0,
) -> World:
    """A world on `loads` (T + S, B) of twins' forecasts, or on those of the synthetic city.

    `first` is the hour of the week, from Monday at 0, with which the loads begin.
    """
    settings = settings or WorldSettings()
    end = settings.start + settings.hours
    if loads is None:
        loads = city_loads(scene_settings.hotspots, -(-end // 24), settings.seed)
    if len(loads) < end:
        raise InputError(f"world: {len(loads)} hours of demand, expected {end}, the history's included")
    demand = hotspot_demand(loads[:end], scene_settings.hotspots)
    scene = made_scene(scene_settings, channel, crowds(demand))
    past = HistorySettings(
        days=settings.days,
        busy=settings.busy,
        wander_db=settings.wander_db,
        first_hour=first,
        seed=settings.seed,
    )
    whole = made_history(scene, demand, past)
    gains = [
        mean_gain(place, scene.stations, scene.shadows, scene.channel.path_loss) for place in scene.places
    ]
    where = _where(scene, end, first, settings)
    return World(scene, _until(whole, settings.start), where, whole.offered, np.stack(gains), settings)


def _where(scene: Scene, hours: int, first: int, settings: WorldSettings) -> Counts:
    """At which of its places each user is, (hours, N): that of the history, or at home all day."""
    where = places_over_time(scene, hours, first, generator(settings.seed, 0))
    day = (first + np.arange(hours)) // 24
    absent = generator(settings.seed, 14).random((day[-1] + 1, where.shape[1])) < settings.absent
    return np.where(absent[day], HOME, where)


def network_of(world: World, where: Counts, held: Held) -> Network:
    """The network with each user at one of its places, `where` (N,), and links at their means."""
    scene, rows = world.scene, np.arange(len(where))
    return Network(
        stations=scene.stations,
        users=replace(scene.users, positions=scene.places[where, rows]),
        gain=world.gain[where, rows],
        serving=held.serving,
        sent=held.sent,
        bandwidth=scene.channel.bandwidth,
        noise=noise_watts(scene.channel),
    )


def network_in(world: World, hour: int, held: Held) -> Network:
    """The network of that hour, but for fading."""
    network = network_of(world, world.where[hour], held)
    swing = generator(world.settings.seed, 10, hour).standard_normal(network.gain.shape)
    return replace(network, gain=network.gain * 10 ** (world.settings.wander_db * swing / 10))


def conditions_in(world: World, hour: int, held: Held) -> Floats:
    """What users get in that hour, (N, Q): of rates that are averaged over the hour's fading."""
    network = network_in(world, hour, held)
    if not world.scene.channel.rayleigh:
        return network_conditions(network, world.offered[hour])
    rng = generator(world.settings.seed, 11, hour)  # the same fading for every system
    carried = np.zeros(len(network.users))
    for _ in range(world.settings.fades):
        carried += rates(replace(network, gain=faded(network.gain, rng)))
    return conditions(carried / world.settings.fades, world.offered[hour])


def strongest(world: World, hour: int) -> Held:
    """Everyone at the station that it hears best, in equal power."""
    network = network_in(world, hour, nobody(world))
    stations = network.stations
    heard = network.gain * stations.power
    found = strongest_association(heard, stations.slots, in_range(network.users, stations))
    return Held(found.serving, equal_power(found.serving, stations))


def at_random(world: World, hour: int) -> Held:
    """Everyone at any station in range, in equal power."""
    network = network_in(world, hour, nobody(world))
    rng = generator(world.settings.seed, 12, hour)
    found = random_association(network.stations.slots, in_range(network.users, network.stations), rng)
    return Held(found.serving, equal_power(found.serving, network.stations))


def nobody(world: World) -> Held:
    """No user with a station."""
    users = len(world.scene.users)
    return Held(np.full(users, NOBODY, np.int64), np.zeros(users))


def handed_over(network: Network) -> Held:
    """What networks do without any twin: users out of their station's reach go to the strongest with a slot.

    A newcomer gets a slot's part of the station's power, or of what is left of it.
    """
    stations, reachable = network.stations, in_range(network.users, network.stations)
    stays = (network.serving != NOBODY) & reachable[np.arange(len(reachable)), network.serving]
    serving = np.where(stays, network.serving, NOBODY)
    kept = replace(network, serving=serving, sent=np.where(stays, network.sent, 0.0))
    free = np.maximum(stations.slots - served(kept), 0)
    found = strongest_association(network.gain * stations.power, free, reachable & ~stays[:, None]).serving
    came = found != NOBODY
    newcomers = np.bincount(found[came], minlength=len(stations))
    room = np.maximum(stations.power - transmitted(kept), 0.0) / np.maximum(newcomers, 1)
    part = np.minimum(stations.power / np.maximum(stations.slots, 1), room)
    return Held(np.where(came, found, serving), np.where(came, part[found], kept.sent))


def _until(whole: History, hours: int) -> History:
    """The first `hours` of a history."""
    return replace(
        whole,
        attributes=whole.attributes[:, :, :hours],
        conditions=whole.conditions[:, :, :hours],
        offered=whole.offered[:hours],
        serving=whole.serving[:hours],
        rates=whole.rates[:hours],
        use=whole.use[:hours],
    )
