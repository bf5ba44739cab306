"""Dynamic connectivity segmentation in a run: again and again, from what the stations reveal by then.

Axes: N stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clustering.drift import drawn_backhaul, drifting
from clustering.link_file import read_links
from clustering.relation import Attributes, relation
from clustering.segmentation import Segmentation, segmentation
from clustering.signatures import DAY, WEEK, Signatures
from clustering.topology import Topology, nearest_topology, regular_topology
from data.errors import InputError
from data.messages import DescribeOrder, Description
from data.progress import finished
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.settings import SegmentSettings

BACKHAUL, DRIFT = 4, 5  # what a stream of random numbers is for
USUAL_DEGREE, NEAREST_DEGREE = 20, 6


@dataclass(frozen=True)
class Landscape:
    """What segmentations go by and what does not change: places, links, and the capacity of the lines."""

    stations: tuple[StationId, ...]
    positions: NDArray[np.float64]  # (N, 2)
    topology: Topology
    backhaul: NDArray[np.float64]  # (N,)
    settings: SegmentSettings
    seed: int


def landscape(
    stations: tuple[StationId, ...], positions: NDArray[np.float64], settings: SegmentSettings, seed: int
) -> Landscape:
    """The landscape of `stations`; the capacity of their lines is drawn, as no set carries it."""
    if len(stations) < 2:
        raise InputError("one station makes no network of twins, expected at least two that vary")
    backhaul = _by_id(stations, drawn_backhaul(len(stations), _rng(seed, BACKHAUL)))
    return Landscape(
        stations, positions, _topology(stations, positions, settings, seed), backhaul, settings, seed
    )


def unlinked(
    stations: tuple[StationId, ...], positions: NDArray[np.float64], settings: SegmentSettings, seed: int
) -> Landscape:
    """The landscape of stations that are one cluster, whatever they reveal."""
    nobody = Topology(stations=len(stations), ends=np.empty((0, 2), np.int64))
    return Landscape(stations, positions, nobody, np.zeros(len(stations)), settings, seed)


def described(fleet: Fleet, until: int | None, earlier: Sequence[Description] = ()) -> list[Description]:
    """What every station reveals of its past before step `until`, in the order of the fleet.

    For a station that does not answer, or with what is no signature, its `earlier` description stands.
    """
    found = {each.station: each for each in earlier}
    asked = fleet.ask([DescribeOrder(fleet.stations, until)])
    found |= {each.station: each for each in asked if isinstance(each, Description) and _sound(each)}
    lost = [station for station in fleet.stations if station not in found]
    if lost:
        raise InputError(f"station {lost[0]} did not describe itself, expected a signature of every station")
    return [found[station] for station in fleet.stations]


def _sound(description: Description) -> bool:
    profiles, shapes = (description.day, description.week), ((DAY,), (WEEK,))
    numbers = (*profiles, description.mean, description.scale)
    return tuple(map(np.shape, profiles)) == shapes and all(np.isfinite(each).all() for each in numbers)


def segmented(
    land: Landscape, descriptions: Sequence[Description], number: int, earlier: Segmentation | None
) -> Segmentation:
    """Segmentation `number`, counted from 0, after the attributes have drifted as many times."""
    day, week = (np.array([getattr(each, name) for each in descriptions]) for name in ("day", "week"))
    first = Attributes(land.positions, Signatures(day, week), land.backhaul)
    moved = _drifted(land, first, number)
    phi = relation(land.topology, moved, land.settings.relation)
    how = replace(land.settings.how, seed=land.seed)
    return finished(segmentation(land.stations, land.topology, phi, how, earlier))


def _drifted(land: Landscape, first: Attributes, number: int) -> Attributes:
    """The attributes after they have drifted so many times; who stands where in the set does not matter."""
    order = np.argsort(land.stations, kind="stable")
    drift = drifting(_reordered(first, order), land.settings.drift, _rng(land.seed, DRIFT))
    return _reordered(next(islice(drift, number, None)), np.argsort(order))


def _reordered(attributes: Attributes, order: NDArray[np.intp]) -> Attributes:
    """The attributes of the stations in another order."""
    backhaul = None if attributes.backhaul is None else attributes.backhaul[order]
    profiles = Signatures(attributes.signatures.day[order], attributes.signatures.week[order])
    return Attributes(attributes.positions[order], profiles, backhaul)


def _by_id(stations: Sequence[StationId], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """What was drawn for the stations in the order of their ids, in the order that they have."""
    placed = np.empty_like(drawn)
    placed[np.argsort(stations, kind="stable")] = drawn
    return placed


def _between(order: NDArray[np.intp], drawn: Topology) -> Topology:
    """Links drawn between stations in the order of their ids, as links between their places."""
    ends = np.unique(np.sort(order[drawn.ends], axis=1), axis=0)
    return replace(drawn, ends=ends)


def _topology(
    stations: tuple[StationId, ...], positions: NDArray[np.float64], settings: SegmentSettings, seed: int
) -> Topology:
    usual = USUAL_DEGREE if settings.topology == "regular" else NEAREST_DEGREE
    degree = settings.degree or min(usual, len(stations) - 1)  # N or this is even: a regular graph exists
    if settings.topology == "regular":
        return _between(np.argsort(stations, kind="stable"), regular_topology(len(stations), degree, seed))
    if settings.topology == "nearest":
        return nearest_topology(positions, degree)
    file = Path(settings.topology)
    if not file.exists():
        raise InputError(f"unknown topology {settings.topology!r}, expected regular, nearest or a CSV file")
    return read_links(file, stations)


def _rng(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))
