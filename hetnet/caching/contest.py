"""The four systems, the classic policies and bounds on the same requests.

All are judged on what follows the history; the last hours of that are served too, so that no cache begins
empty. Axes: R requests, B stations.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hetnet.caching.cache_world import CacheWorld, course_of, rules_of
from hetnet.caching.classic_stations import HELD, stations_hits
from hetnet.caching.classics import hits, station_hits
from hetnet.caching.popularity import HOUR
from hetnet.caching.requests import between
from hetnet.caching.safety import NOWHERE
from hetnet.caching.stations import (
    HIT,
    JAIN,
    MOVED,
    OVER,
    REFUSED,
    STATION,
    UNEVEN,
    hear_all,
    new_state,
    served,
)
from hetnet.caching.systems import System, policy_of
from hetnet.network import Floats

AT_HOME, CHOSEN, SAFE = "", ", station chosen", ", safe"
BOUND, POOLED = "bound at home", "bound of all"
MEASURES = {
    "hits": HIT,
    "interventions": MOVED,
    "turned away": REFUSED,
    "max/mean load": UNEVEN,
    "Jain": JAIN,
    "overloaded": OVER,
}


@dataclass(frozen=True)
class Outcome:
    """What a policy came to."""

    measures: Mapping[str, float]  # means over requests
    shares: Floats  # (B,) of the requests that each station was sent


def contest(world: CacheWorld, policies: Mapping[str, tuple[System, Floats]]) -> dict[str, Outcome]:
    """What every policy comes to in a world: the learned ones, the classic ones, and bounds."""
    found = {name: judged(world, system, parameters) for name, (system, parameters) in policies.items()}
    for policy in HELD:
        for kind, choice, safe in ((AT_HOME, False, False), (CHOSEN, True, False), (SAFE, True, True)):
            found[policy + kind] = _classic(world, policy, choice=choice, safe=safe)
    return found | bounds(world)


def judged(world: CacheWorld, system: System, parameters: Floats) -> Outcome:
    """What a learned policy comes to."""
    warm, first = beginnings(world)
    course = course_of(world.twin, world.requests, growth=world.growth)
    state = new_state(course.amounts.shape[0], world.settings.slots, world.requests.content_count)
    hear_all(course, state, 0, warm, world.settings.load_minutes * 60)
    rules = rules_of(world.settings, safe=system.reliable)
    told = served(course, state, policy_of(system, parameters), rules, (warm, len(world.requests)))
    return outcome(told[first - warm :], course.amounts.shape[0])


def beginnings(world: CacheWorld) -> tuple[int, int]:
    """The first request that is served, and the first that counts."""
    times = world.requests.times
    warm, first = np.searchsorted(times, [world.cut - world.settings.warm_hours * HOUR, world.cut])
    return int(warm), int(first)


def outcome(told: Floats, stations: int) -> Outcome:
    """What requests (R, 8) came to, in the mean."""
    means = told.mean(axis=0)
    asked = np.bincount(told[:, STATION].astype(np.int64), minlength=stations)
    return Outcome({name: float(means[column]) for name, column in MEASURES.items()}, asked / len(told))


def _classic(world: CacheWorld, policy: str, *, choice: bool, safe: bool) -> Outcome:
    warm, first = beginnings(world)
    course = course_of(world.twin, world.requests)
    mine = course._replace(
        times=course.times[warm:], clients=course.clients[warm:], contents=course.contents[warm:]
    )
    told = stations_hits(
        next(each for each in HELD if each == policy),
        mine,
        rules_of(world.settings, safe=safe),
        slots=world.settings.slots,
        contents=world.requests.content_count,
        choice=choice,
    )
    return outcome(told[first - warm :], course.amounts.shape[0])


def bounds(world: CacheWorld) -> dict[str, Outcome]:
    """What no cache can pass: with every client at home, and with one cache of all slots that all read."""
    warm, first = beginnings(world)
    begin = float(world.requests.times[warm])
    requests = between(world.requests, begin, np.inf)
    at, slots = world.cells.home[requests.clients], world.settings.slots
    stations = world.cells.reach.shape[1]
    home = station_hits("bypass", requests.contents, at, slots)[first - warm :].mean()
    pooled = hits("bypass", requests.contents, slots * stations)[first - warm :].mean()
    shares = np.bincount(at, minlength=stations) / len(at)
    return {BOUND: Outcome({"hits": float(home)}, shares), POOLED: Outcome({"hits": float(pooled)}, shares)}


def movable(world: CacheWorld) -> float:
    """The share of requests whose client can choose between two stations."""
    both = course_of(world.twin, world.requests).reached[:, 1] != NOWHERE
    return float(both[world.requests.clients].mean())
