"""What clusters and network have of each other's twins, where these cross in fewer bytes than they have.

What is written is the change of a twin from what the other side has of it, in both directions, and what the
other side has then is what it reads. So whatever a coding leaves out or rounds away is still in the next
change, nothing has to be remembered beside this, and nothing drifts.

Axes: C clusters, K of them, P parameters.
"""

from collections.abc import Sequence
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


def gone_up(
    common: Common, clusters: Sequence[int], twins: Floats, coding: Coding
) -> tuple[Common, list[int]]:
    """What both sides have after the twins (K, P) of some clusters went up, and the bytes that each took."""
    read, new, sizes = _all_crossed(common.twins, common.new_above, clusters, twins, coding)
    return replace(common, twins=read, new_above=new), sizes


def gone_down(
    common: Common, clusters: Sequence[int], top: Floats, coding: Coding
) -> tuple[Common, list[int]]:
    """What both sides have after the network's twin (P,) went down to clusters, and the bytes of each."""
    tops = np.broadcast_to(top, (len(clusters), len(top)))
    read, new, sizes = _all_crossed(common.tops, common.new_below, clusters, tops, coding)
    return replace(common, tops=read, new_below=new), sizes


def _all_crossed(
    bases: Floats, new: Mask, clusters: Sequence[int], weights: Floats, coding: Coding
) -> tuple[Floats, Mask, list[int]]:
    """The `bases` (C, P) after the weights (K, P) of some clusters crossed, who is new, and the bytes."""
    read, still_new, sizes = bases.copy(), new.copy(), []
    for cluster, each in zip(clusters, weights, strict=True):
        read[cluster], size = _crossed(each, None if new[cluster] else bases[cluster], coding)
        still_new[cluster] = False
        sizes.append(size)
    return read, still_new, sizes


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
