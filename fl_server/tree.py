"""The twins of a network at one instant: one of the whole network, one of each cluster.

Axes: N stations, C clusters, P parameters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_server.aggregation.updates import State
from fl_server.crossing.common import Common, regrouped_common
from fl_server.trust.record import Trust

Floats = NDArray[np.float32]
Clusters = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """The G-NDT at the top, a C-NDT for each cluster, and what the rules that make them remember.

    `starts` are the weights that stations train from next: the G-NDT after their cluster received it, the
    C-NDT while the cluster goes on by itself. A version counts how often weights were made anew.
    """

    cluster_of: Clusters  # (N,)
    top: Floats  # (P,)
    clusters: Floats  # (C, P)
    starts: Floats  # (C, P)
    top_version: int
    cluster_versions: NDArray[np.int64]  # (C,)
    top_state: State
    cluster_states: tuple[State, ...]  # C of them
    trust: Trust | None = None  # what trials have shown, where updates are tried
    common: Common | None = None  # where twins cross in fewer bytes than they have

    @property
    def size(self) -> int:
        """Bytes of one twin's weights."""
        return int(self.top.nbytes)

    @property
    def heard(self) -> Floats:
        """The C-NDTs as the network has them, (C, P): those that there are unless a coding lies between."""
        return self.clusters if self.common is None else self.common.twins

    @property
    def received(self) -> Floats:
        """The G-NDT as each cluster has received it, (C, P); as it is unless a coding lies between."""
        return np.tile(self.top, (len(self.clusters), 1)) if self.common is None else self.common.tops

    @property
    def sendings(self) -> int:
        """How many weights have gone to witnesses."""
        return self.trust.sendings if self.trust else 0


def seedling(stations: int, weights: Floats) -> Tree:
    """A tree before any training: all stations in one cluster, the same `weights` (P,) everywhere."""
    return Tree(
        cluster_of=np.zeros(stations, np.int64),
        top=weights,
        clusters=weights[None].copy(),
        starts=weights[None].copy(),
        top_version=0,
        cluster_versions=np.zeros(1, np.int64),
        top_state={},
        cluster_states=({},),
    )


def regrouped(tree: Tree, cluster_of: Clusters) -> Tree:
    """The same twins after stations moved between clusters.

    Each station brings what its old cluster had: weights of a new cluster are the mean over its stations of
    those of the clusters they come from. What cannot be averaged, a version and a strategy's memory, comes
    from the old cluster that sends it the most stations.
    """
    shares = origins(tree.cluster_of, cluster_of)
    main = shares.argmax(axis=1)  # (C,) the old cluster that most come from; the first of several
    common = tree.common
    if common is not None:
        common = regrouped_common(common, shares, mixed(shares, common.tops), mixed(shares, common.twins))
    return Tree(
        cluster_of=cluster_of,
        top=tree.top,
        clusters=mixed(shares, tree.clusters),
        starts=mixed(shares, tree.starts),
        top_version=tree.top_version,
        cluster_versions=tree.cluster_versions[main],
        top_state=tree.top_state,
        cluster_states=tuple(tree.cluster_states[cluster] for cluster in main),
        trust=tree.trust,
        common=common,
    )


def origins(before: Clusters, after: Clusters) -> NDArray[np.float64]:
    """The share of each new cluster's stations that come from each old one, (C after, C before)."""
    counts = np.zeros((after.max() + 1, before.max() + 1))
    np.add.at(counts, (after, before), 1)
    shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def mixed(shares: NDArray[np.float64], weights: Floats) -> Floats:
    """Weights (C before, P) mixed by `shares`; a cluster from one old one alone has its very weights."""
    made: Floats = (shares @ weights.astype(np.float64)).astype(np.float32)
    return made
