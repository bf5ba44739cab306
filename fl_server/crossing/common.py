"""What clusters and network have of each other's twins, where these cross in fewer bytes than they have.

What is written is the change of a twin from what the other side has of it, in both directions, and what the
other side has then is what it reads. So whatever a coding leaves out or rounds away is still in the next
change, nothing has to be remembered beside this, and nothing drifts.

Axes: C clusters, P parameters.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.coding import Coding, coded, decoded

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Common:
    """The G-NDT as each cluster has it, the C-NDT of each as the network has it, and where neither counts.

    Of a cluster that is `new_above` nothing has gone up yet that both sides know to the bit; to one that is
    `new_below` nothing has come down. What crosses next is whole.
    """

    tops: Floats  # (C, P)
    twins: Floats  # (C, P)
    new_below: Mask  # (C,)
    new_above: Mask  # (C,)


def begun_common(weights: Floats) -> Common:
    """What one cluster and the network have in common before any training: the first weights (P,)."""
    known = np.zeros(1, np.bool_)
    return Common(weights[None].copy(), weights[None].copy(), known, known)


def gone_up(common: Common, cluster: int, twin: Floats, coding: Coding) -> tuple[Common, int]:
    """What both sides have after a cluster's twin (P,) went up, and the bytes that this took."""
    read, size = _crossed(twin, None if common.new_above[cluster] else common.twins[cluster], coding)
    twins, new = common.twins.copy(), common.new_above.copy()
    twins[cluster], new[cluster] = read, False
    return replace(common, twins=twins, new_above=new), size


def gone_down(common: Common, cluster: int, top: Floats, coding: Coding) -> tuple[Common, int]:
    """What both sides have after the network's twin (P,) went down to a cluster, and the bytes it took."""
    read, size = _crossed(top, None if common.new_below[cluster] else common.tops[cluster], coding)
    tops, new = common.tops.copy(), common.new_below.copy()
    tops[cluster], new[cluster] = read, False
    return replace(common, tops=tops, new_below=new), size


def _crossed(weights: Floats, base: Floats | None, coding: Coding) -> tuple[Floats, int]:
    """What the other side reads where it has `base` (P,), or nothing; and the bytes that crossed."""
    if base is None:
        return weights, weights.nbytes
    change = coded(weights - base, coding)
    return base + decoded(change, len(base)), change.nbytes


def regrouped_common(common: Common, shares: NDArray[np.float64], tops: Floats, twins: Floats) -> Common:
    """The same after stations moved between clusters; `shares` (C after, C before) tell where they come from.

    Who comes from one cluster alone brings what that one had. All others begin anew, with what their stations
    bring on average, `tops` and `twins` (C after, P).
    """
    main = shares.argmax(axis=1)
    mixed = (shares > 0).sum(axis=1) > 1
    return Common(tops, twins, mixed | common.new_below[main], mixed | common.new_above[main])
