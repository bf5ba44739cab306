"""Dynamic connectivity segmentation (vh-twin paper, Algorithm 1): which cluster each station is in.

Axes: N stations, L links, C clusters.
"""

from dataclasses import dataclass
from difflib import get_close_matches

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from clustering.girvan_newman import VARIANTS, estimated_seconds, girvan_newman
from clustering.groups import Groups, given_clusters
from clustering.quality import Clusters, Quality, quality
from clustering.spectral import spectral_clusters
from clustering.topology import Array, Topology
from data.errors import InputError
from data.progress import Step, Work
from data.traffic import StationId

METHODS = ("girvan-newman", "louvain", "spectral")
GIVEN, HEADS = "given", "heads"  # groups of the operator's own, in a file; and by who heads whom


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings:
    """`clusters` is how many Girvan-Newman and spectral make; Louvain finds their number itself.

    A higher `resolution` makes Louvain's clusters smaller. Girvan-Newman is refused when it might take longer
    than `most_seconds`. `groups` are the stations of each cluster, where they are not found but given.
    """

    method: str = "girvan-newman"
    clusters: int = 10
    variant: str = "sound"
    resolution: float = 1.0
    seed: int = 1
    most_seconds: float = 120.0
    groups: Groups = ()

    def __post_init__(self) -> None:
        _refuse_unknown("method", self.method, (*METHODS, GIVEN, HEADS))
        _refuse_unknown("variant", self.variant, VARIANTS)
        if self.clusters < 1:
            raise InputError(f"{self.clusters} clusters, expected at least 1")
        if not 0 < self.resolution < np.inf:
            raise InputError(f"the resolution must be positive, got {self.resolution}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")
        if not self.most_seconds >= 0:
            raise InputError(f"most_seconds must be 0 or more, got {self.most_seconds}")
        if self.groups and not self.is_given:
            raise InputError(f"the method {self.method} finds groups, expected {GIVEN} where they are given")
        if self.method == GIVEN and not self.groups:
            raise InputError(f"the method {GIVEN} has no groups, expected a file of them")

    @property
    def is_given(self) -> bool:
        """Whether the clusters stand from the beginning, whatever the stations reveal."""
        return self.method in (GIVEN, HEADS)


@dataclass(frozen=True)
class Segmentation:
    """The cluster of each station; clusters are numbered by their first station in the order of the set."""

    stations: tuple[StationId, ...]
    cluster_of: Clusters  # (N,)
    method: str
    quality: Quality

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster_of.max()) + 1

    @property
    def members(self) -> list[list[StationId]]:
        """The stations of each cluster."""
        return [
            [self.stations[place] for place in np.flatnonzero(self.cluster_of == cluster)]
            for cluster in range(self.clusters)
        ]


def segmentation(
    stations: tuple[StationId, ...],
    topology: Topology,
    phi: Array,
    settings: SegmentationSettings,
    earlier: Segmentation | None = None,
) -> Work[Segmentation]:
    """Segment `stations`, linked by `topology` with relation `phi` (L,); compare with an `earlier` one.

    The methods see the stations in the order of their ids, so that the order of the set decides nothing but
    the numbers of the clusters, ties and seeded choices included.
    """
    refuse_too_much(topology, settings)
    if settings.is_given:
        cluster_of = numbered(given_clusters(stations, settings.groups))
    else:
        cluster_of = numbered((yield from _found_by_id(stations, topology, phi, settings)))
    before = None if earlier is None else _same_stations(earlier, stations)
    return Segmentation(stations, cluster_of, settings.method, quality(topology, phi, cluster_of, before))


def _found_by_id(
    stations: tuple[StationId, ...], topology: Topology, phi: Array, settings: SegmentationSettings
) -> Work[Clusters]:
    """The clusters of `stations`, found in the order of their ids."""
    order = np.array(sorted(range(len(stations)), key=lambda place: stations[place]))  # (N,)
    found = yield from _found(*_reordered(topology, phi, order), settings)
    cluster_of = np.empty(len(stations), dtype=np.int64)
    cluster_of[order] = found
    return cluster_of


def numbered(clusters: Clusters) -> Clusters:
    """The same clusters, numbered 0, 1, … by their first station."""
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def _found(topology: Topology, phi: Array, settings: SegmentationSettings) -> Work[Clusters]:
    if settings.method == "girvan-newman":
        return (yield from girvan_newman(topology, phi, settings.clusters, settings.variant))
    yield Step(settings.method, 0, 1)
    if settings.method == "louvain":
        found = _louvain(topology, phi, settings)
    else:
        found = spectral_clusters(topology, phi, settings.clusters, settings.seed)
    yield Step(settings.method, 1, 1, f"{len(np.unique(found))} clusters")
    return found


def _louvain(topology: Topology, phi: Array, settings: SegmentationSettings) -> Clusters:
    """networkx's, which finds the same modularity as python-louvain in half of its time (see README.md)."""
    graph = nx.Graph()
    graph.add_nodes_from(range(topology.stations))
    graph.add_weighted_edges_from(zip(*topology.ends.T.tolist(), phi.tolist(), strict=True))
    groups = nx.community.louvain_communities(graph, resolution=settings.resolution, seed=settings.seed)
    clusters = np.empty(topology.stations, dtype=np.int64)
    for number, group in enumerate(groups):
        clusters[list(group)] = number
    return clusters


def _reordered(topology: Topology, phi: Array, order: NDArray[np.int64]) -> tuple[Topology, Array]:
    """The same links between stations in another order, and their relation."""
    place = np.argsort(order)  # (N,)
    ends = np.sort(place[topology.ends], axis=1)  # (L, 2)
    rising = np.lexsort(ends.T[::-1])
    return Topology(stations=topology.stations, ends=ends[rising]), phi[rising]


def _same_stations(earlier: Segmentation, stations: tuple[StationId, ...]) -> Clusters:
    """The earlier clusters in the order of `stations`."""
    cluster = dict(zip(earlier.stations, earlier.cluster_of, strict=True))
    if set(cluster) != set(stations):
        raise InputError("the earlier segmentation has other stations, expected the same ones")
    return np.array([cluster[station] for station in stations])


def _refuse_unknown(kind: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"unknown {kind} {name!r}, expected one of {', '.join(names)}{hint}")


def refuse_too_much(topology: Topology, settings: SegmentationSettings) -> None:
    """Refuse what cannot be segmented, or would take too long."""
    if topology.stations < 2:
        raise InputError("one station cannot be segmented, expected at least two")
    if settings.method == HEADS and not settings.groups:
        raise InputError(
            f"the method {HEADS} is for a server whose nodes are cluster heads, and none is here"
        )
    if settings.method == "louvain" or settings.is_given:
        return
    if topology.stations < settings.clusters:
        raise InputError(f"{topology.stations} stations cannot make {settings.clusters} clusters")
    seconds = estimated_seconds(topology, settings.variant)
    if settings.method == "girvan-newman" and seconds > settings.most_seconds:
        raise InputError(
            f"Girvan-Newman on {topology.stations:,} stations and {len(topology.ends):,} links may take "
            f"{_duration(seconds)}; use --method louvain, which takes seconds, or raise --most-seconds"
        )


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
