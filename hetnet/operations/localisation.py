"""Which station is the cause: residuals propagated over links by the relation Φ.

A station that loses load hands a part of it to its neighbours, by Φ. So what a cause leaves in the residuals
is a loss at one station and gains at those around it; the station whose pattern explains most of what is
seen, in units of what is usual there, is suspected first. A gain that no loss explains is its station's own.

Axes: N stations, E neighbours of a station, C candidates.
"""

from collections.abc import Collection

import numpy as np

from hetnet.operations.deviations import Array, Whole

HANDED = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of a loss that neighbours may take over


def explained(candidates: Collection[int], residual: Array, usual: Array, near: Whole, phi: Array) -> Array:
    """How much of the squared residuals (N,) each candidate would explain as the one cause, (C,).

    `residual` are loads seen less expected, `usual` their usual sizes, `phi` (N, E) the relation to `near`.
    """
    places = np.array(sorted(candidates), np.int64)  # (C,)
    precision = 1 / np.maximum(usual, 1e-9) ** 2
    own, weight = residual[places], precision[places]
    gain = np.maximum(own, 0.0) ** 2 * weight
    if near.shape[1] == 0:
        return np.asarray(np.maximum(gain, own**2 * weight))
    around = near[places]  # (C, E)
    share = phi[places] / phi[places].sum(axis=1, keepdims=True)
    theirs = (share * residual[around] * precision[around]).sum(axis=1)
    spread = (share**2 * precision[around]).sum(axis=1)
    for handed in HANDED:
        match = np.maximum(-own * weight + handed * theirs, 0.0)
        gain = np.maximum(gain, match**2 / (weight + handed**2 * spread) * (own < 0))
    return np.asarray(gain)


def around(stations: Collection[int], neighbours: list[set[int]]) -> list[int]:
    """The stations and all that they are neighbours of, in order."""
    found = set(stations)
    for station in stations:
        found |= neighbours[station]
    return sorted(found)
