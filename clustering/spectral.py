"""Segmentation by normalised cut (Shi and Malik 2000; Ng, Jordan and Weiss 2001).

Axes: N stations, L links, C clusters.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import eigsh

from clustering.topology import Array, Topology

DENSE = 1_500  # up to so many stations the plain solver is the faster one, and exact
TRIALS = 10


def spectral_clusters(topology: Topology, phi: Array, clusters: int, seed: int) -> NDArray[np.int64]:
    """The cluster of each station, (N,): k-means on the `clusters` smoothest eigenvectors over the links."""
    from sklearn.cluster import KMeans

    if clusters == topology.stations:
        return np.arange(clusters)
    coordinates = _smoothest(_similarity(topology, phi), clusters, seed)  # (N, C)
    length = np.linalg.norm(coordinates, axis=1, keepdims=True)
    places = coordinates / np.where(length > 0, length, 1)
    means = KMeans(clusters, n_init=TRIALS, random_state=seed).fit(places)
    labels: NDArray[np.int64] = means.labels_.astype(np.int64)
    return labels


def _similarity(topology: Topology, phi: Array) -> csr_array:
    """Φ over the root of both stations' sums of Φ, (N, N); a station without links counts as its own."""
    ends, stations = topology.ends, topology.stations
    degree = np.bincount(ends.T.reshape(-1), weights=np.tile(phi, 2), minlength=stations)  # (N,)
    alone = np.flatnonzero(degree == 0)
    scaled = phi / np.sqrt(degree[ends[:, 0]] * degree[ends[:, 1]])  # (L,)
    rows = np.concatenate([ends[:, 0], ends[:, 1], alone])
    columns = np.concatenate([ends[:, 1], ends[:, 0], alone])
    values = np.concatenate([scaled, scaled, np.ones(len(alone))])
    return coo_array((values, (rows, columns)), shape=(stations, stations)).tocsr()


def _smoothest(similarity: csr_array, count: int, seed: int) -> Array:
    """The eigenvectors of the `count` largest eigenvalues, (N, count)."""
    stations = similarity.shape[0]
    if stations <= DENSE or count >= stations // 2:
        vectors: Array = eigh(similarity.toarray(), subset_by_index=[stations - count, stations - 1])[1]
        return vectors
    start = np.random.default_rng(seed).normal(size=stations)
    found: Array = eigsh(similarity, k=count, which="LA", v0=start)[1]
    return found
