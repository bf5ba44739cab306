"""V-twinning (vh-twin paper, Algorithm 2): one synchronous round after another.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum

import numpy as np
from numpy.typing import NDArray

from data.coding import Coding
from data.exact_sums import exact_sum, mean_of_sums, together
from data.messages import PHASES, Failure, Phase, SumBy, Summed, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.means import sum_by
from fl_server.aggregation.strategies import result_of
from fl_server.aggregation.updates import Floats, Strategy, Updates, as_floats
from fl_server.crossing.upper import twins_down, twins_up
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.inbox import Received, received, stacked
from fl_server.tree import Tree
from fl_server.trust.pairing import (
    CLUSTERS,
    DROPPED,
    STATIONS,
    Pairing,
    clusters_tried,
    failures_of,
    stations_tried,
)

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
MIXED = "is in a sum over several clusters, expected one of a single cluster"
TOO_FEW = "was one of too few in its cluster, which kept its twin"


@dataclass(frozen=True)
class Rules:
    """How the two tiers aggregate: `layers` are the sizes of the network's parts.

    By `crossing` twins of clusters and of the network are written when they cross, if not as they are.
    """

    cluster: Strategy
    top: Strategy
    layers: tuple[int, ...]
    least_answers: int = 1
    pairing: Pairing | None = None  # by which updates are tried before they are taken in
    crossing: Coding | None = None


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


def vertical_round(
    fleet: Fleet, tree: Tree, turn: Turn, taking_part: Mask, rules: Rules, late: Mask | None = None
) -> Outcome:
    """Train the stations that take part (N,), aggregate each cluster, then the network.

    Those that would be too `late` (N,) are sent an order like the others and are not waited for.
    """
    in_time = taking_part if late is None else taking_part & ~late
    cast = np.bincount(tree.cluster_of[taking_part], minlength=len(tree.clusters))
    trained = clusters_trained(fleet, tree, turn, in_time, cast, rules)
    if turn.upwards:
        trained = clusters_sent(trained, rules)
        if rules.pairing:
            trained = _clusters_paired(fleet, trained, turn, rules.pairing)
    return network_made(trained, turn, rules)


@dataclass(frozen=True)
class Trained:
    """A tree whose clusters have new twins, and what is behind them: what heads can do by themselves.

    `windows` are 0 for a cluster without updates; `losses` are the sums over the stations that were `heard`.
    """

    tree: Tree
    windows: Counts  # (C,)
    losses: NDArray[np.float64]  # (C,)
    heard: Counts  # (C,)
    exchange: Exchange
    failures: tuple[Failure, ...]


def clusters_trained(
    fleet: Fleet, tree: Tree, turn: Turn, in_time: Mask, cast: Counts, rules: Rules
) -> Trained:
    """Train the stations that are `in_time` (N,), and aggregate each cluster; `cast` (C,) were drawn."""
    by = "nothing" if rules.pairing else sum_by(rules.cluster)
    orders = train_orders(fleet.stations, tree, turn, in_time, by)
    waited_for = [station for order in orders for station in order.stations]
    came = received(waited_for, fleet.ask(orders), len(tree.top))
    exchange = Exchange().counted("station_cluster", down=int(cast.sum()), up=came.arrived, size=tree.size)
    if rules.pairing and came.updates:
        tree, came, exchange = _paired(fleet, tree, turn, came, (rules.pairing, exchange))
    contributions, mixed = _by_cluster(fleet.stations, tree, came)
    contributions, too_few = _enough(contributions, cast, rules)
    losses, heard = _losses(fleet.stations, tree, came)
    tree, windows = _clusters_aggregated(tree, contributions, rules)
    return Trained(tree, windows, losses, heard, exchange, (*came.failures, *mixed, *too_few))


def _paired(
    fleet: Fleet, tree: Tree, turn: Turn, came: Received, by: tuple[Pairing, Exchange]
) -> tuple[Tree, Received, Exchange]:
    """What came without the updates that witnesses turn down, and what the trials cost."""
    pairing, exchange = by
    hearing = pairing.hearing(fleet, turn.until, (PHASES.index(turn.phase), turn.number, STATIONS))
    before, named = tree.sendings, list(came.updates)
    tree, dropped = stations_tried(hearing, tree, list(came.updates.values()))
    kept = {each: came.updates[each] for each, its in zip(named, dropped, strict=True) if not its}
    came = replace(came, updates=kept, failures=(*came.failures, *failures_of(named, dropped, DROPPED)))
    return tree, came, exchange.counted("station_cluster", down=tree.sendings - before, size=tree.size)


def clusters_sent(trained: Trained, rules: Rules) -> Trained:
    """The same after the twins that are new went up to the network."""
    new = np.flatnonzero(trained.windows).tolist()
    tree, exchange = twins_up((trained.tree, trained.exchange), new, rules.crossing)
    return replace(trained, tree=tree, exchange=exchange)


def _clusters_paired(fleet: Fleet, trained: Trained, turn: Turn, pairing: Pairing) -> Trained:
    """The same where the twins of clusters that witnesses turn down have their previous state."""
    new = np.flatnonzero(trained.windows)
    if len(new) < 2:
        return trained
    before, tree = trained.tree.sendings, trained.tree
    hearing = pairing.hearing(fleet, turn.until, (PHASES.index(turn.phase), turn.number, CLUSTERS))
    tree, dropped = clusters_tried(hearing, tree, new)
    clusters, windows = tree.clusters.copy(), trained.windows.copy()
    clusters[new[dropped]], windows[new[dropped]] = tree.starts[new[dropped]], 0
    exchange = trained.exchange.counted("station_cluster", down=tree.sendings - before, size=tree.size)
    return replace(trained, tree=replace(tree, clusters=clusters), windows=windows, exchange=exchange)


def network_made(trained: Trained, turn: Turn, rules: Rules) -> Outcome:
    """Make the network's twin of those that clusters have sent, unless each stays by itself."""
    tree, windows, exchange = trained.tree, trained.windows, trained.exchange
    if turn.upwards and windows.any():
        tree = _top_aggregated(tree, windows, rules)
        tree, exchange = twins_down((tree, exchange), range(len(windows)), rules.crossing)
        tree = replace(tree, starts=tree.received)
    elif not turn.upwards:
        tree = replace(tree, starts=tree.clusters)  # each cluster goes on from its own twin
    heard = int(trained.heard.sum())
    loss = fsum(trained.losses) / heard if heard else None
    return Outcome(tree, exchange, loss, trained.failures)


def _losses(
    stations: tuple[StationId, ...], tree: Tree, came: Received
) -> tuple[NDArray[np.float64], Counts]:
    """The sum of the losses in each cluster, and of how many stations."""
    losses, clusters = came.losses, len(tree.clusters)
    places = [place for place, station in enumerate(stations) if station in losses]
    cluster_of = tree.cluster_of[places]
    values = np.array([losses[stations[place]] for place in places])
    sums = np.bincount(cluster_of, weights=values, minlength=clusters).astype(np.float64)
    return sums, np.bincount(cluster_of, minlength=clusters)


def train_orders(
    stations: tuple[StationId, ...], tree: Tree, turn: Turn, taking_part: Mask, sum_by: SumBy = "nothing"
) -> list[TrainOrder]:
    """One order for each cluster that has a station that takes part."""
    orders = []
    for cluster, start in enumerate(tree.starts):
        places = np.flatnonzero((tree.cluster_of == cluster) & taking_part)
        if len(places):
            named = tuple(stations[place] for place in places)
            orders.append(TrainOrder(named, start, turn.phase, turn.number, turn.numbers, turn.until, sum_by))
    return orders


@dataclass
class Contributions:
    """What the stations of one cluster sent: updates in the order of the fleet, and sums of others."""

    updates: list[Update] = field(default_factory=list)
    sums: list[Summed] = field(default_factory=list)

    @property
    def stations(self) -> list[StationId]:
        """Those that sent something."""
        summed = [station for each in self.sums for station in each.stations]
        return [*(update.station for update in self.updates), *summed]

    @property
    def windows(self) -> int:
        """How many windows are behind all of it."""
        return sum(update.samples for update in self.updates) + sum(sum(each.samples) for each in self.sums)


def _by_cluster(
    stations: tuple[StationId, ...], tree: Tree, came: Received
) -> tuple[list[Contributions], list[Failure]]:
    """What came from each cluster, and what belongs to none since it mixes several."""
    cluster_of = dict(zip(stations, tree.cluster_of.tolist(), strict=True))
    contributions = [Contributions() for _ in tree.clusters]
    for station in stations:
        if station in came.updates:
            contributions[cluster_of[station]].updates.append(came.updates[station])
    unused = []
    for each in came.sums:
        clusters = {cluster_of[station] for station in each.stations}
        if len(clusters) == 1:
            contributions[clusters.pop()].sums.append(each)
        else:
            unused += [Failure(station, MIXED) for station in each.stations]
    return contributions, unused


def _enough(
    contributions: Sequence[Contributions], asked: Counts, rules: Rules
) -> tuple[list[Contributions], list[Failure]]:
    """The contributions of each cluster where enough of those that were asked sent one; what is unused."""
    enough, unused = [], []
    for came, number in zip(contributions, asked, strict=True):
        if len(came.stations) < min(rules.least_answers, number):
            unused += [Failure(station, TOO_FEW) for station in came.stations]
            enough.append(Contributions())
        else:
            enough.append(came)
    return enough, unused


def _clusters_aggregated(
    tree: Tree, contributions: Sequence[Contributions], rules: Rules
) -> tuple[Tree, Counts]:
    """The tree with new C-NDTs, and the windows behind each; 0 for a cluster without updates."""
    clusters, states = tree.clusters.copy(), list(tree.cluster_states)
    windows = np.array([came.windows for came in contributions], np.int64)
    for cluster in np.flatnonzero(windows).tolist():
        came, start, state = contributions[cluster], tree.starts[cluster], states[cluster]
        if came.sums:
            clusters[cluster] = _mean_of(came, sum_by(rules.cluster))
        else:
            stack = stacked(came.updates, rules.layers)
            clusters[cluster], states[cluster] = result_of(rules.cluster, start, stack, state)
    versions = tree.cluster_versions + (windows > 0)
    return replace(tree, clusters=clusters, cluster_states=tuple(states), cluster_versions=versions), windows


def _mean_of(came: Contributions, by: SumBy) -> Floats:
    """The mean of sums and of single updates: what the strategy makes of them one by one, to the bit."""
    sums, by_window = [each.sums for each in came.sums], by == "window"
    if came.updates:
        stack = stacked(came.updates, ())
        sums.append(exact_sum(stack.weights, stack.samples if by_window else np.ones_like(stack.samples)))
    return as_floats(mean_of_sums(together(sums), came.windows if by_window else len(came.stations)))


def _top_aggregated(tree: Tree, windows: Counts, rules: Rules) -> Tree:
    """The tree with a G-NDT of the C-NDTs that are new."""
    new = windows > 0
    updates = Updates(tree.heard[new], windows[new], rules.layers)
    top, state = result_of(rules.top, tree.top, updates, tree.top_state)
    return replace(tree, top=top, top_state=state, top_version=tree.top_version + 1)
