"""The three safety modules: what tells that stations are unevenly loaded, what is done, and what it costs.

A station's load is held against the mean of all: a ratio of 1 is its even share. Axes: B stations.
"""

from typing import NamedTuple

from data.compiling import cached
from hetnet.network import Floats, Mask

NOWHERE = -1


class Limits(NamedTuple):
    """How uneven loads may be, and what it costs to come near that."""

    limit: float  # a ratio beyond which a station is overloaded
    margin: float  # so far below the limit a station counts as near it
    penalty: float  # of a request, for each unit of ratio beyond that
    price: float  # of an intervention


@cached
def load_ratios(loads: Floats) -> Floats:
    """Each station's load beside the mean of all, (B,); 1 where nothing was asked for yet."""
    mean = loads.mean()
    return loads / mean if mean > 0 else loads * 0 + 1


@cached
def safe_state(ratios: Floats, limits: Limits) -> Mask:
    """Whether each station is near the limit of its load, or beyond, (B,)."""
    return ratios >= limits.limit - limits.margin


@cached
def safe_action(chosen: int, other: int, near: Mask) -> int:
    """The station that serves: the other one where the chosen one is near its limit and that one is not."""
    if other != NOWHERE and near[chosen] and not near[other]:
        return other
    return chosen


@cached
def safe_reward(reward: float, ratio: float, intervened: bool, limits: Limits) -> float:
    """A reward less what it costs that the station which serves is so loaded, and an intervention."""
    beyond = ratio - (limits.limit - limits.margin)
    if beyond > 0:
        reward -= limits.penalty * beyond
    if intervened:
        reward -= limits.price
    return reward
