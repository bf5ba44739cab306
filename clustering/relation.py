"""How strongly two linked stations belong together: the relation Φ (vh-twin paper, Eq. 1).

Φ = w_g/g + w_k·k + w_β·β + w_τ·τ over distance g, backhaul capacity k, coverage overlap β and traffic
similarity τ. The terms have different units, so each is scaled to [0, 1] over the links before it is
weighted, and the sum is divided by the weights.

Axes: N stations, L links.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from clustering.signatures import Signatures, similarity
from clustering.topology import Topology
from data.errors import InputError
from data.plane import kilometres

Array = NDArray[np.float64]
REACHED_NEIGHBOURS = 4  # without a coverage_km a station is taken to reach its fourth nearest neighbour


@dataclass(frozen=True)
class Attributes:
    """What is known of each station."""

    positions: Array  # (N, 2) longitude, latitude
    signatures: Signatures
    backhaul: Array | None = None  # (N,) capacity of its line to the core, in any one unit


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each term counts."""

    distance: float = 1.0
    backhaul: float = 1.0
    overlap: float = 1.0
    traffic: float = 1.0

    def __post_init__(self) -> None:
        values = [getattr(self, each.name) for each in fields(self)]
        if not all(0 <= value < np.inf for value in values) or not any(values):
            raise InputError(f"the weights of Φ must not be negative, nor all zero, got {values}")


@dataclass(frozen=True, kw_only=True)
class RelationSettings:
    """`floor` keeps Φ above zero, for what divides by it; nearer stations count as `nearest_km` apart."""

    weights: Weights = Weights()
    floor: float = 0.01
    nearest_km: float = 0.1
    coverage_km: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.floor < 1:
            raise InputError(f"the floor of Φ must lie between 0 and 1, got {self.floor}")
        if not 0 < self.nearest_km < np.inf:
            raise InputError(f"the nearest distance must be positive, got {self.nearest_km} km")
        if self.coverage_km is not None and not 0 < self.coverage_km < np.inf:
            raise InputError(f"a coverage radius must be positive, got {self.coverage_km} km")


def relation(topology: Topology, attributes: Attributes, settings: RelationSettings) -> Array:
    """Φ of every link, in [floor, 1], (L,).

    A term that is unknown, or the same on all links, tells none from another and is left out; when all are,
    Φ is 1.
    """
    terms = relation_terms(topology, attributes, settings)
    weights = {name: getattr(settings.weights, name) for name in terms}
    total = sum(weights.values())
    if total == 0:
        return np.ones(len(topology.ends))
    phi = np.array([weights[name] * term for name, term in terms.items()]).sum(axis=0) / total
    clamped: Array = np.clip(phi, settings.floor, 1.0)
    return clamped


def relation_terms(
    topology: Topology, attributes: Attributes, settings: RelationSettings
) -> dict[str, Array]:
    """The terms that tell links apart, by name, each scaled to [0, 1], (L,)."""
    ends = topology.ends
    apart = topology.distance_km
    if apart is None:
        apart = _distance_km(attributes.positions, ends)
    apart = np.maximum(apart, settings.nearest_km)
    raw = {
        "distance": 1 / apart,
        "backhaul": _backhaul(topology, attributes),
        "overlap": topology.overlap
        if topology.overlap is not None
        else _overlap(_reach_km(attributes.positions, settings), ends, apart),
        "traffic": similarity(attributes.signatures, ends),
    }
    return {name: _scaled(term) for name, term in raw.items() if term is not None and _varies(term)}


def _varies(term: Array) -> bool:
    return bool(np.ptp(term) > 1e-12 * np.abs(term).max())


def _scaled(term: Array) -> Array:
    scaled: Array = (term - term.min()) / np.ptp(term)
    return scaled


def _distance_km(positions: Array, ends: NDArray[np.int64]) -> Array:
    places = kilometres(positions)  # (N, 2)
    apart: Array = np.linalg.norm(places[ends[:, 0]] - places[ends[:, 1]], axis=1)
    return apart


def _backhaul(topology: Topology, attributes: Attributes) -> Array | None:
    """The capacity of a path over both stations' lines, which is that of the thinner one, unless measured."""
    if topology.backhaul is not None or attributes.backhaul is None:
        return topology.backhaul
    thinner: Array = attributes.backhaul[topology.ends].min(axis=1)
    return thinner


def _reach_km(positions: Array, settings: RelationSettings) -> Array:
    """The radius that each station covers, (N,)."""
    if settings.coverage_km is not None:
        return np.full(len(positions), settings.coverage_km)
    places = kilometres(positions)
    among = min(REACHED_NEIGHBOURS, len(places) - 1)
    reach = np.asarray(KDTree(places).query(places, k=[among + 1])[0])[:, 0]
    clamped: Array = np.maximum(reach, settings.nearest_km)
    return clamped


def _overlap(reach: Array, ends: NDArray[np.int64], apart: Array) -> Array:
    """The area that two circles share, over the area of the smaller one, (L,)."""
    small, large = np.sort(reach[ends], axis=1).T  # each (L,)
    between = np.clip(apart, large - small, large + small)  # one inside the other; only touching
    to_small = (between**2 + small**2 - large**2) / (2 * between * small)
    to_large = (between**2 + large**2 - small**2) / (2 * between * large)
    half_small, half_large = np.arccos(np.clip(to_small, -1, 1)), np.arccos(np.clip(to_large, -1, 1))
    lens = small**2 * (half_small - np.sin(2 * half_small) / 2)
    lens += large**2 * (half_large - np.sin(2 * half_large) / 2)
    share: Array = np.clip(lens / (np.pi * small**2), 0, 1)
    return share
