"""How good a segmentation is, whatever method found it. Axes: N stations, L links, C clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.topology import Array, Topology

Clusters = NDArray[np.int64]
SWALLOWED = 0.8


@dataclass(frozen=True)
class Quality:
    """A segmentation in figures."""

    modularity: float  # of links weighted by Φ
    largest_share: float  # of the stations
    singletons: int  # clusters of one station
    stability: float | None  # adjusted Rand index with the segmentation before, when there was one


def quality(topology: Topology, phi: Array, clusters: Clusters, earlier: Clusters | None = None) -> Quality:
    """The figures of `clusters` (N,), the cluster of each station, and of `earlier`, those before."""
    sizes = np.bincount(clusters)
    return Quality(
        modularity=modularity(topology, phi, clusters),
        largest_share=float(sizes.max() / len(clusters)),
        singletons=int((sizes == 1).sum()),
        stability=None if earlier is None else agreement(earlier, clusters),
    )


def modularity(topology: Topology, phi: Array, clusters: Clusters) -> float:
    """The share of Φ inside clusters, less what it would be among random links (Newman 2004)."""
    from_cluster, to_cluster = clusters[topology.ends].T  # each (L,)
    inside = phi[from_cluster == to_cluster].sum() / phi.sum()
    both = np.concatenate([from_cluster, to_cluster])
    degree = np.bincount(both, weights=np.tile(phi, 2)) / (2 * phi.sum())  # (C,)
    return float(inside - (degree**2).sum())


def agreement(one: Clusters, other: Clusters) -> float:
    """How far two segmentations agree: 1 wholly, 0 as two random ones (adjusted Rand index).

    Of all pairs of stations those that both keep together, above what chance would keep together. (It equals
    scikit-learn's, which takes half a second to load.)
    """
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    both = _pairs(table)
    mine, theirs = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    chance = mine * theirs / _pairs(np.array(len(one)))
    most = (mine + theirs) / 2
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def _pairs(counts: Array) -> float:
    """How many pairs there are within groups of so many stations."""
    return float((counts * (counts - 1) / 2).sum())


def warnings(found: Quality) -> list[str]:
    """What a person should be told before using the segmentation."""
    said = []
    if found.largest_share > SWALLOWED:
        said.append(
            f"one cluster holds {found.largest_share:.0%} of the stations: the links show no groups that "
            f"this method can part; try --topology nearest, or --method spectral or louvain"
        )
    return said
