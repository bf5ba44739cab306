"""Which stations attack, and which honest ones they see through."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.messages import Introduction
from data.plane import pair_distances
from data.traffic import StationId
from fl_server.trust.settings import AttackSettings
from forecasting.stations import station_number

LOTS, NOISE = 40, 41  # what a stream of random numbers is for, beside those of other rooms
SEEN = 8  # honest stations that attackers see through where they do not answer the same order


def drawn_attackers(known: Sequence[Introduction], attack: AttackSettings, seed: int) -> list[StationId]:
    """The attackers, at least one: any stations, or in a collusion one with its nearest neighbours.

    Every station draws a number of its own, and those with the lowest attack.
    """
    lots = np.array([rng_of(seed, LOTS, each.station).uniform() for each in known])
    wanted = max(1, round(attack.share * len(known)))
    order = nearest(known, int(lots.argmin())) if attack.kind == "colluding" else np.argsort(lots)
    return [known[place].station for place in sorted(order[:wanted].tolist())]


def seen_through(known: Sequence[Introduction], attackers: Sequence[StationId]) -> tuple[StationId, ...]:
    """The honest stations nearest to the first attacker."""
    first = next(place for place, each in enumerate(known) if each.station == attackers[0])
    honest = [known[place].station for place in nearest(known, first)]
    return tuple([each for each in honest if each not in attackers][:SEEN])


def nearest(known: Sequence[Introduction], place: int) -> NDArray[np.intp]:
    """All stations, the nearest to that at `place` first."""
    positions = np.array([(each.longitude, each.latitude) for each in known])
    return np.argsort(pair_distances(positions)[place], kind="stable")


def rng_of(seed: int, purpose: int, station: StationId, *occasion: int) -> np.random.Generator:
    """The random numbers of an attacker on an occasion."""
    key = (purpose, station_number(station), *occasion)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
