"""The four systems of the paper, and what their policies are made of.

All choose, request by request, which of the stations that a client reaches serves it, and on a miss which
content makes room for the new one, if any. They differ in what they may know and learn from:

- RL: what stations hear themselves, and the history;
- RL + twin: also what the twin foretells, and requests that the twin generates;
- reliable RL, with or without the twin: also how stations are loaded, with the safety modules at work.

Axes: P = 15 parameters, F = 8 features.
"""

from dataclasses import dataclass

import numpy as np

from hetnet.caching.stations import FEATURES, FORETOLD, RECENT, Policy
from hetnet.network import Floats, Mask

PARAMETERS = (
    *("own, 1 h", "own, 6 h", "own, 36 h"),
    *("foretold, 1 h", "foretold, 6 h", "foretold, 36 h", "follower"),
    "recency",
    *("margin", "held", "home", "worth", "load", "near the limit", "load ahead"),
)
DOUBTED = -2.0  # the logarithm of how much an estimate counts at first that is poorer than others
LOGARITHMS = FEATURES + 1  # of the first parameters: weights, and the margin
SCALES = np.array([1.0] * LOGARITHMS + [2.0, 1.0, 1.0, 5.0, 10.0, 5.0])  # (P,) of what parameters stand for


@dataclass(frozen=True)
class System:
    """One of the four."""

    name: str
    twin: bool
    reliable: bool


RL, RL_TWIN = System("RL", False, False), System("RL + twin", True, False)
RELIABLE, RELIABLE_TWIN = System("reliable RL", False, True), System("reliable RL + twin", True, True)
SYSTEMS = (RL, RL_TWIN, RELIABLE, RELIABLE_TWIN)


def system_of(name: str) -> System:
    """The system of this name."""
    return {each.name: each for each in SYSTEMS}[name]


def allowed(system: System) -> Mask:
    """Which parameters a system has, (P,)."""
    names = np.array(PARAMETERS)
    mine = np.ones(len(names), dtype=bool)
    if not system.twin:
        mine[FORETOLD:RECENT] = False
        mine[names == "load ahead"] = False
    if not system.reliable:
        mine[np.isin(names, ("load", "near the limit", "load ahead"))] = False
    return mine


def first_parameters(system: System) -> Floats:
    """Where learning begins, (P,): demand is what a station heard or, with the twin, what that foretells.

    Who holds a content is preferred, and after that a client's home.
    """
    begin = np.zeros(len(PARAMETERS))
    if system.twin:
        begin[:FORETOLD] = DOUBTED
    begin[RECENT] = DOUBTED
    begin[PARAMETERS.index("held")] = 1.0
    begin[PARAMETERS.index("home")] = 0.5
    return begin


def policy_of(system: System, parameters: Floats) -> Policy:
    """The policy that these parameters (P,) stand for."""
    values = np.where(allowed(system), parameters * SCALES, 0.0)
    weights = np.where(allowed(system)[:FEATURES], np.exp(np.clip(values[:FEATURES], -20, 20)), 0.0)
    return Policy(weights, float(np.exp(np.clip(values[FEATURES], -5, 5))), *map(float, values[LOGARITHMS:]))
