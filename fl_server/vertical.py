"""V-twinning (vh-twin paper, Algorithm 2): one synchronous round after another.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.messages import Failure, Phase, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.strategies import result_of
from fl_server.aggregation.updates import Strategy, Updates
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.inbox import received, stacked
from fl_server.tree import Tree

Mask = NDArray[np.bool_]
TOO_FEW = "was one of too few in its cluster, which kept its twin"


@dataclass(frozen=True)
class Rules:
    """How the two tiers aggregate: `layers` are the sizes of the network's parts."""

    cluster: Strategy
    top: Strategy
    layers: tuple[int, ...]
    least_answers: int = 1


@dataclass(frozen=True)
class Turn:
    """What all stations are asked for in one round; without `upwards` each cluster stays by itself."""

    phase: Phase
    number: int
    numbers: int
    until: int
    upwards: bool = True


@dataclass(frozen=True)
class Outcome:
    """A tree after a round, and what the round was like."""

    tree: Tree
    exchange: Exchange  # of this round
    loss: float | None  # mean over the stations whose update could be used; None when there was none
    failures: tuple[Failure, ...]


def vertical_round(fleet: Fleet, tree: Tree, turn: Turn, taking_part: Mask, rules: Rules) -> Outcome:
    """Train the stations that take part (N,), aggregate each cluster, then the network."""
    orders = train_orders(fleet.stations, tree, turn, taking_part)
    asked = [station for order in orders for station in order.stations]
    came = received(asked, fleet.ask(orders), len(tree.top))
    exchange = Exchange().counted("station_cluster", down=len(asked), up=came.arrived, size=tree.size)
    places = [
        np.flatnonzero((tree.cluster_of == cluster) & taking_part) for cluster in range(len(tree.clusters))
    ]
    enough, unused = _enough(fleet.stations, places, came.updates, rules)
    tree, windows = _clusters_aggregated(tree, enough, rules)
    if turn.upwards and windows.any():
        tree = _top_aggregated(tree, windows, rules)
        up, down = int(np.count_nonzero(windows)), len(windows)
        exchange = exchange.counted("cluster_network", up=up, down=down, size=tree.size)
    elif not turn.upwards:
        tree = replace(tree, starts=tree.clusters)  # each cluster goes on from its own twin
    losses = [update.loss for update in came.updates.values()]
    loss = float(np.mean(losses)) if losses else None
    return Outcome(tree, exchange, loss, (*came.failures, *unused))


def train_orders(
    stations: tuple[StationId, ...], tree: Tree, turn: Turn, taking_part: Mask
) -> list[TrainOrder]:
    """One order for each cluster that has a station that takes part."""
    orders = []
    for cluster, start in enumerate(tree.starts):
        places = np.flatnonzero((tree.cluster_of == cluster) & taking_part)
        if len(places):
            named = tuple(stations[place] for place in places)
            orders.append(TrainOrder(named, start, turn.phase, turn.number, turn.numbers, turn.until))
    return orders


def _enough(
    stations: tuple[StationId, ...],
    places: Sequence[NDArray[np.intp]],
    updates: Mapping[StationId, Update],
    rules: Rules,
) -> tuple[list[list[Update]], list[Failure]]:
    """The updates of each cluster where enough of those that were asked sent one; what is left unused."""
    enough, unused = [], []
    for asked in places:
        came = [updates[stations[place]] for place in asked if stations[place] in updates]
        if len(came) < min(rules.least_answers, len(asked)):
            unused += [Failure(each.station, TOO_FEW) for each in came]
            came = []
        enough.append(came)
    return enough, unused


def _clusters_aggregated(
    tree: Tree, updates: Sequence[Sequence[Update]], rules: Rules
) -> tuple[Tree, NDArray[np.int64]]:
    """The tree with new C-NDTs, and the windows behind each; 0 for a cluster without updates."""
    clusters, states = tree.clusters.copy(), list(tree.cluster_states)
    windows = np.zeros(len(clusters), np.int64)
    for cluster, came in enumerate(updates):
        if came:
            stack = stacked(came, rules.layers)
            start, state = tree.starts[cluster], states[cluster]
            clusters[cluster], states[cluster] = result_of(rules.cluster, start, stack, state)
            windows[cluster] = stack.samples.sum()
    versions = tree.cluster_versions + (windows > 0)
    return replace(tree, clusters=clusters, cluster_states=tuple(states), cluster_versions=versions), windows


def _top_aggregated(tree: Tree, windows: NDArray[np.int64], rules: Rules) -> Tree:
    """The tree with a G-NDT of the C-NDTs that are new, sent back to every cluster."""
    new = windows > 0
    updates = Updates(tree.clusters[new], windows[new], rules.layers)
    top, state = result_of(rules.top, tree.top, updates, tree.top_state)
    starts = np.tile(top, (len(new), 1))
    return replace(tree, top=top, top_state=state, top_version=tree.top_version + 1, starts=starts)
