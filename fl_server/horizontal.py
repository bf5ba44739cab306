"""H-twinning (vh-twin paper, Algorithm 3): asynchronous, on the clock of the stream, gated by ψ.

A station trains when it has gathered enough new values, and answers some time later. A cluster makes its
twin anew when enough of its stations have answered. It compares that with the last G-NDT it saw, and only
if they lie farther apart than ψ it sends its twin up, and receives the G-NDT that this makes. Everything
happens in the order of the stream's time, ties in the order of stations, however long the computing takes.

Axes: N stations, C clusters, M waiting updates, P parameters.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from data.messages import Failure, TrainOrder, Update
from fl_server.aggregation.refresh import Arrival, Refresh
from fl_server.aggregation.strategies import result_of
from fl_server.aggregation.updates import State, Updates
from fl_server.behaviour import Behaviour
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.inbox import received, stacked
from fl_server.settings import HorizontalSettings
from fl_server.tree import Clusters, Floats, Tree, mixed, origins
from fl_server.vertical import Mask, Rules, Turn, train_orders

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Open:
    """A posted order whose answers have not all come."""

    order: TrainOrder
    places: Counts  # (·,) of its stations among the N
    due: NDArray[np.float64]  # (·,) when each will have answered, in steps of the stream


@dataclass(frozen=True)
class Waiting:
    """An update that has arrived and is not in a C-NDT yet."""

    place: int
    since: float
    update: Update


@dataclass(frozen=True)
class Stream:
    """Where H-twinning stands, beside the twins: `step` steps have passed.

    `seen` is the last G-NDT that each cluster received, `known` the last C-NDT that each sent up.
    """

    step: int
    trained_until: Counts  # (N,) the step up to which each station's values have gone into a training
    open: tuple[Open, ...]
    waiting: tuple[Waiting, ...]
    seen: Floats  # (C, P)
    seen_versions: Counts  # (C,)
    known: Floats  # (C, P)
    known_samples: Counts  # (C,)
    refresh_state: State
    sent: int = 0
    spared: int = 0


@dataclass(frozen=True)
class World:
    """What H-twinning goes by and does not change; `batch` new values make a station train."""

    settings: HorizontalSettings
    rules: Rules
    refresh: Refresh
    behaviour: Behaviour
    train_steps: int
    step_hours: float
    batch: int


@dataclass(frozen=True)
class Passed:
    """What a step of the stream led to."""

    tree: Tree
    stream: Stream
    exchange: Exchange
    failures: tuple[Failure, ...]


def stream_begun(tree: Tree, world: World) -> Stream:
    """The stream before its first step: every cluster has seen the G-NDT, and it knows their twins."""
    gathered = np.floor(world.behaviour.head_start * world.batch).astype(np.int64)
    clusters = len(tree.clusters)
    return Stream(
        step=0,
        trained_until=world.train_steps - gathered,
        open=(),
        waiting=(),
        seen=np.tile(tree.top, (clusters, 1)),
        seen_versions=np.full(clusters, tree.top_version),
        known=tree.clusters,
        known_samples=np.ones(clusters, np.int64),
        refresh_state={},
    )


def step_passed(fleet: Fleet, tree: Tree, stream: Stream, world: World, taking_part: Mask) -> Passed:
    """Let one step of the stream pass: post what begins in it, take in what comes back in it."""
    posted = _posted(fleet, tree, stream, world, taking_part)
    asked = sum(len(each.places) for each in posted)
    exchange = Exchange().counted("station_cluster", down=asked, size=tree.size)
    trained_until = stream.trained_until.copy()
    for each in posted:
        trained_until[each.places] = each.order.until
    stream = replace(stream, trained_until=trained_until, open=(*stream.open, *posted))
    arrivals, failures, stream = _arrivals(fleet, tree, stream)
    exchange = exchange.counted("station_cluster", up=len(arrivals), size=tree.size)
    passed = Passed(tree, stream, exchange, failures)
    for arrival in arrivals:
        passed = _taken_in(passed, arrival, world)
    passed = _impatient(passed, world)
    return replace(passed, stream=replace(passed.stream, step=stream.step + 1))


def reposted(fleet: Fleet, stream: Stream) -> None:
    """Post again what was open when the run was stopped."""
    fleet.post([each.order for each in stream.open])


def regrouped_stream(stream: Stream, before: Clusters, after: Clusters) -> Stream:
    """The same stream after stations moved between clusters; waiting updates go with their stations."""
    shares = origins(before, after)
    main = shares.argmax(axis=1)
    oldest = [stream.seen_versions[shares[cluster] > 0].min() for cluster in range(len(shares))]
    return replace(
        stream,
        seen=mixed(shares, stream.seen),
        seen_versions=np.array(oldest),
        known=mixed(shares, stream.known),
        known_samples=stream.known_samples[main],
    )


def distance(one: Floats, other: Floats, settings: HorizontalSettings) -> float:
    """ε between two twins: the mean of the squared differences of their parameters, or their sum.

    The paper prints a sum in the place of the difference, and leaves the norm open.
    """
    squared = (one.astype(np.float64) - other) ** 2
    return float(squared.mean() if settings.distance == "mean" else squared.sum())


def _posted(fleet: Fleet, tree: Tree, stream: Stream, world: World, taking_part: Mask) -> tuple[Open, ...]:
    """Post the orders of this step: to stations that are there, idle, and have gathered a batch."""
    until = world.train_steps + stream.step
    ready = taking_part & world.behaviour.reachable[:, stream.step]
    ready &= until - stream.trained_until >= world.batch
    for each in stream.open:
        ready[each.places] = False
    steps = world.behaviour.reachable.shape[1]
    orders = train_orders(fleet.stations, tree, Turn("horizontal", stream.step, steps, until), ready)
    fleet.post(orders)
    place = {station: place for place, station in enumerate(fleet.stations)} if orders else {}
    posted = []
    for order in orders:
        places = np.array([place[station] for station in order.stations])
        due = stream.step + world.behaviour.hours[places] / world.step_hours
        posted.append(Open(order, places, due))
    return tuple(posted)


def _arrivals(fleet: Fleet, tree: Tree, stream: Stream) -> tuple[list[Waiting], tuple[Failure, ...], Stream]:
    """The updates that arrive in this step, in their order; the stream without their orders."""
    end = stream.step + 1
    due = sorted(
        (float(when), int(place))
        for each in stream.open
        for place, when in zip(each.places, each.due, strict=True)
        if when < end
    )
    stations = [fleet.stations[place] for _, place in due]
    came = received(stations, fleet.collect(stations), len(tree.top))
    arrivals = [
        Waiting(place, when, came.updates[station])
        for (when, place), station in zip(due, stations, strict=True)
        if station in came.updates
    ]
    left = tuple(_still_open(each, end) for each in stream.open if (each.due >= end).any())
    return arrivals, came.failures, replace(stream, open=left)


def _still_open(each: Open, end: float) -> Open:
    left = each.due >= end
    stations = tuple(station for station, open_ in zip(each.order.stations, left, strict=True) if open_)
    return Open(replace(each.order, stations=stations), each.places[left], each.due[left])


def _taken_in(passed: Passed, arrival: Waiting, world: World) -> Passed:
    """Put an update into the inbox of its cluster, in the place of an older one; report when ready."""
    others = tuple(each for each in passed.stream.waiting if each.place != arrival.place)
    passed = replace(passed, stream=replace(passed.stream, waiting=(*others, arrival)))
    cluster_of = passed.tree.cluster_of
    cluster = int(cluster_of[arrival.place])
    there = sum(cluster_of[each.place] == cluster for each in passed.stream.waiting)
    if there < ceil(world.settings.ready * (cluster_of == cluster).sum()):
        return passed
    return _reported(passed, cluster, world)


def _impatient(passed: Passed, world: World) -> Passed:
    """Let the clusters report that have waited for long enough."""
    now = passed.stream.step + 1.0
    first: dict[int, float] = {}
    for each in passed.stream.waiting:
        first.setdefault(int(passed.tree.cluster_of[each.place]), each.since)
    for cluster, since in sorted(first.items()):
        if (now - since) * world.step_hours >= world.settings.patience_hours:
            passed = _reported(passed, cluster, world)
    return passed


def _reported(passed: Passed, cluster: int, world: World) -> Passed:
    """Make the cluster's twin of the updates that wait for it; send it up if the gate opens."""
    tree, stream = passed.tree, passed.stream
    mine = [each.update for each in stream.waiting if tree.cluster_of[each.place] == cluster]
    others = tuple(each for each in stream.waiting if tree.cluster_of[each.place] != cluster)
    stack = stacked(mine, world.rules.layers)
    twin, state = result_of(world.rules.cluster, tree.starts[cluster], stack, tree.cluster_states[cluster])
    tree = _with_twin(tree, cluster, twin, state)
    passed = replace(passed, tree=tree, stream=replace(stream, waiting=others))
    if distance(twin, stream.seen[cluster], world.settings) <= world.settings.psi:
        return replace(passed, stream=replace(passed.stream, spared=stream.spared + 1))
    return _sent_up(passed, cluster, int(stack.samples.sum()), world)


def _with_twin(tree: Tree, cluster: int, twin: Floats, state: State) -> Tree:
    clusters, starts = tree.clusters.copy(), tree.starts.copy()
    clusters[cluster] = starts[cluster] = twin
    versions = tree.cluster_versions.copy()
    versions[cluster] += 1
    states = tuple(state if each == cluster else old for each, old in enumerate(tree.cluster_states))
    return replace(tree, clusters=clusters, starts=starts, cluster_versions=versions, cluster_states=states)


def _sent_up(passed: Passed, cluster: int, samples: int, world: World) -> Passed:
    """Refresh the G-NDT by this cluster's twin, and let the cluster's stations start from it."""
    tree, stream = passed.tree, passed.stream
    known, known_samples = stream.known.copy(), stream.known_samples.copy()
    known[cluster], known_samples[cluster] = tree.clusters[cluster], samples
    arrival = Arrival(
        cluster,
        tree.clusters[cluster],
        stream.seen[cluster],
        tree.top_version - int(stream.seen_versions[cluster]),
        samples,
    )
    latest = Updates(known, known_samples, world.rules.layers)
    made, refresh_state = world.refresh(tree.top, arrival, latest, stream.refresh_state)
    if made is not None:
        tree = replace(tree, top=made, top_version=tree.top_version + 1)
    starts, seen, versions = tree.starts.copy(), stream.seen.copy(), stream.seen_versions.copy()
    starts[cluster] = seen[cluster] = tree.top
    versions[cluster] = tree.top_version
    stream = replace(
        stream,
        known=known,
        known_samples=known_samples,
        refresh_state=refresh_state,
        seen=seen,
        seen_versions=versions,
        sent=stream.sent + 1,
    )
    exchange = passed.exchange.counted("cluster_network", up=1, down=1, size=tree.size)
    return replace(passed, tree=replace(tree, starts=starts), stream=stream, exchange=exchange)
