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
from clustering.signatures import Signatures
from clustering.topology import Topology, nearest_topology, regular_topology
from data.errors import InputError
from data.messages import DescribeOrder, Description
from data.progress import finished
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.settings import SegmentSettings

BACKHAUL, DRIFT = 4, 5  # what a stream of random numbers is for
USUAL_DEGREE = 20


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
    backhaul = drawn_backhaul(len(stations), _rng(seed, BACKHAUL))
    return Landscape(
        stations, positions, _topology(stations, positions, settings, seed), backhaul, settings, seed
    )


def described(fleet: Fleet, until: int | None) -> list[Description]:
    """What every station reveals of its past before step `until`, in the order of the fleet."""
    answers = {each.station: each for each in fleet.ask([DescribeOrder(fleet.stations, until)])}
    found = [answers.get(station) for station in fleet.stations]
    good = [each for each in found if isinstance(each, Description)]
    if len(good) < len(found):
        lost = next(
            name
            for name, each in zip(fleet.stations, found, strict=True)
            if not isinstance(each, Description)
        )
        raise InputError(f"station {lost} did not describe itself, expected a signature of every station")
    return good


def segmented(
    land: Landscape, descriptions: Sequence[Description], number: int, earlier: Segmentation | None
) -> Segmentation:
    """Segmentation `number`, counted from 0, after the attributes have drifted as many times."""
    day, week = (np.array([getattr(each, name) for each in descriptions]) for name in ("day", "week"))
    first = Attributes(land.positions, Signatures(day, week), land.backhaul)
    moved = next(islice(drifting(first, land.settings.drift, _rng(land.seed, DRIFT)), number, None))
    phi = relation(land.topology, moved, land.settings.relation)
    how = replace(land.settings.how, seed=land.seed)
    return finished(segmentation(land.stations, land.topology, phi, how, earlier))


def _topology(
    stations: tuple[StationId, ...], positions: NDArray[np.float64], settings: SegmentSettings, seed: int
) -> Topology:
    if settings.topology == "regular":
        return regular_topology(len(stations), settings.degree or _possible_degree(len(stations)), seed)
    if settings.topology == "nearest":
        return nearest_topology(positions, settings.degree or min(USUAL_DEGREE, len(stations) - 1))
    file = Path(settings.topology)
    if not file.exists():
        raise InputError(f"unknown topology {settings.topology!r}, expected regular, nearest or a CSV file")
    return read_links(file, stations)


def _possible_degree(stations: int) -> int:
    """The usual degree, or the next lower one that a regular graph of so many stations can have."""
    degree = min(USUAL_DEGREE, stations - 1)
    return degree if stations * degree % 2 == 0 else degree - 1


def _rng(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))
