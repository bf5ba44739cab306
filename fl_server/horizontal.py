"""H-twinning (vh-twin paper, Algorithm 3): asynchronous, on the clock of the stream, gated by ψ.

A station trains when it has gathered enough new values, and answers some time later. A cluster makes its
twin anew when enough of its stations have answered. It compares that with the last G-NDT it saw, and only
if they lie farther apart than ψ it sends its twin up, and receives the G-NDT that this makes. Everything
happens in the order of the stream's time, ties in the order of stations, however long the computing takes.

Axes: N stations, C clusters, M waiting updates, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
ROUNDING = 1e-9  # .28 of 25 stations are 7, whatever the product of these floats
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class Open:
    """A posted order whose answers have not all come."""

    order: TrainOrder
    places: Counts  # (·,) of its stations among the N
    due: NDArray[np.float64]  # (·,) when each will have answered, in steps of the stream


@dataclass(frozen=True)
class Waiting:
    """An update that has arrived and is not in a C-NDT yet.

    `since` is when the station first answered after its cluster's last twin was made, `until` the step up to
    which this update has learned.
    """

    place: int
    since: float
    until: int
    update: Update


Inbox = dict[int, Waiting]  # what waits in a cluster by its station's place, in the order of `since`


@dataclass(frozen=True)
class Stream:
    """Where H-twinning stands, beside the twins: `step` steps have passed.

    `seen` is the last G-NDT that each cluster received, `known` the last C-NDT that each sent up. A twin's
    `until` is the step up to which it has learned.
    """

    step: int
    trained_until: Counts  # (N,) the step up to which each station's values have gone into a training
    open: tuple[Open, ...]
    waiting: tuple[Waiting, ...]
    seen: Floats  # (C, P)
    seen_versions: Counts  # (C,)
    known: Floats  # (C, P)
    known_samples: Counts  # (C,)
    known_until: Counts  # (C,)
    cluster_until: Counts  # (C,)
    top_until: int
    refresh_state: State
    sent: int = 0
    spared: int = 0


@dataclass(frozen=True)
class World:
    """What H-twinning goes by and does not change.

    `batch` new values make a station train; `windows` are behind its update before the stream begins.
    """

    settings: HorizontalSettings
    rules: Rules
    refresh: Refresh
    behaviour: Behaviour
    train_steps: int
    step_hours: float
    batch: int
    windows: int


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
    until = np.full(clusters, world.train_steps)
    return Stream(
        step=0,
        trained_until=world.train_steps - gathered,
        open=(),
        waiting=(),
        seen=np.tile(tree.top, (clusters, 1)),
        seen_versions=np.full(clusters, tree.top_version),
        known=tree.clusters,
        known_samples=np.bincount(tree.cluster_of) * world.windows,
        known_until=until,
        cluster_until=until,
        top_until=world.train_steps,
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
    wanted = _wanted(tree.cluster_of, taking_part, world.settings.ready)
    passed = _taken_in(Passed(tree, stream, exchange, failures), arrivals, wanted, world)
    return replace(passed, stream=replace(passed.stream, step=stream.step + 1))


def reposted(fleet: Fleet, stream: Stream) -> None:
    """Post again what was open when the run was stopped."""
    fleet.post([each.order for each in stream.open])


def regrouped_stream(stream: Stream, before: Clusters, after: Clusters) -> Stream:
    """The same stream after stations moved between clusters; waiting updates go with their stations."""
    shares = origins(before, after)
    oldest = [stream.seen_versions[share > 0].min() for share in shares]
    return replace(
        stream,
        seen=mixed(shares, stream.seen),
        seen_versions=np.array(oldest),
        known_until=_newest(shares, stream.known_until),
        cluster_until=_newest(shares, stream.cluster_until),
        known=mixed(shares, stream.known),
        known_samples=_shared_out(stream.known_samples, before, after),
    )


def _shared_out(samples: Counts, before: Clusters, after: Clusters) -> Counts:
    """The samples behind each new cluster: every station brings its part of those of its old one."""
    part = samples / np.bincount(before)  # (C before,)
    shared: Counts = np.rint(np.bincount(after, weights=part[before])).astype(np.int64)
    return shared


def _newest(shares: NDArray[np.float64], until: Counts) -> Counts:
    return np.array([until[share > 0].max() for share in shares])


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
        posted.append(Open(order, places, _due(places, stream.step, world)))
    return tuple(posted)


def _due(places: Counts, step: int, world: World) -> NDArray[np.float64]:
    """When stations that begin now will have answered: one that is away by then, as soon as it is back."""
    due: NDArray[np.float64] = step + world.behaviour.hours[places] / world.step_hours
    reachable = world.behaviour.reachable[places]  # (·, S)
    for row in np.flatnonzero(due < reachable.shape[1]):
        there = reachable[row, int(due[row]) :]
        if not there[0]:
            due[row] = int(due[row]) + there.argmax() if there.any() else np.inf
    return due


def _arrivals(fleet: Fleet, tree: Tree, stream: Stream) -> tuple[list[Waiting], tuple[Failure, ...], Stream]:
    """The updates that arrive in this step, in their order; the stream without their orders."""
    end = stream.step + 1
    due = sorted(
        (float(when), int(place), each.order.until)
        for each in stream.open
        for place, when in zip(each.places, each.due, strict=True)
        if when < end
    )
    stations = [fleet.stations[place] for _, place, _ in due]
    came = received(stations, fleet.collect(stations), len(tree.top))
    arrivals = [
        Waiting(place, when, until, came.updates[station])
        for (when, place, until), station in zip(due, stations, strict=True)
        if station in came.updates
    ]
    left = tuple(_still_open(each, end) for each in stream.open if (each.due >= end).any())
    return arrivals, came.failures, replace(stream, open=left)


def _still_open(each: Open, end: float) -> Open:
    left = each.due >= end
    stations = tuple(station for station, open_ in zip(each.order.stations, left, strict=True) if open_)
    return Open(replace(each.order, stations=stations), each.places[left], each.due[left])


def _wanted(cluster_of: Clusters, taking_part: Mask, ready: float) -> NDArray[np.float64]:
    """How many of a cluster's stations that take part must have answered before it reports, (C,)."""
    there = np.bincount(cluster_of[taking_part], minlength=cluster_of.max() + 1)
    wanted: NDArray[np.float64] = np.maximum(1, np.ceil(ready * there - ROUNDING))
    return wanted


def _taken_in(
    passed: Passed, arrivals: Sequence[Waiting], wanted: NDArray[np.float64], world: World
) -> Passed:
    """Put the updates into the inboxes of their clusters; let those report that are ready or impatient."""
    cluster_of = passed.tree.cluster_of
    inboxes: list[Inbox] = [{} for _ in wanted]
    for each in passed.stream.waiting:
        inboxes[cluster_of[each.place]][each.place] = each
    for arrival in arrivals:
        cluster = int(cluster_of[arrival.place])
        _put(inboxes[cluster], arrival)
        if len(inboxes[cluster]) >= wanted[cluster]:
            passed = _reported(passed, cluster, inboxes[cluster], world)
            inboxes[cluster] = {}
    for cluster, inbox in enumerate(inboxes):
        if inbox and _impatient(inbox, passed.stream.step + 1.0, world):
            passed = _reported(passed, cluster, inbox, world)
            inboxes[cluster] = {}
    waiting = tuple(each for inbox in inboxes for each in inbox.values())
    return replace(passed, stream=replace(passed.stream, waiting=waiting))


def _put(inbox: Inbox, arrival: Waiting) -> None:
    """Put an update into the inbox; the newer one of a station takes the place of the older."""
    earlier = inbox.get(arrival.place)
    inbox[arrival.place] = arrival if earlier is None else replace(arrival, since=earlier.since)


def _impatient(inbox: Inbox, now: float, world: World) -> bool:
    """Whether the first of those in the inbox has waited for long enough."""
    since = min(each.since for each in inbox.values())
    return (now - since) * world.step_hours >= world.settings.patience_hours


def _reported(passed: Passed, cluster: int, inbox: Inbox, world: World) -> Passed:
    """Make the cluster's twin of the updates in its inbox; send it up if the gate opens."""
    tree, stream = passed.tree, passed.stream
    stack = stacked([each.update for each in inbox.values()], world.rules.layers)
    twin, state = result_of(world.rules.cluster, tree.starts[cluster], stack, tree.cluster_states[cluster])
    until = max(each.until for each in inbox.values())
    stream = replace(stream, cluster_until=_with(stream.cluster_until, cluster, until))
    passed = replace(passed, tree=_with_twin(tree, cluster, twin, state), stream=stream)
    if distance(twin, stream.seen[cluster], world.settings) <= world.settings.psi:
        return replace(passed, stream=replace(stream, spared=stream.spared + 1))
    return _sent_up(passed, cluster, int(stack.samples.sum()), world)


def _with_twin(tree: Tree, cluster: int, twin: Floats, state: State) -> Tree:
    states = tuple(state if each == cluster else old for each, old in enumerate(tree.cluster_states))
    return replace(
        tree,
        clusters=_with(tree.clusters, cluster, twin),
        starts=_with(tree.starts, cluster, twin),
        cluster_versions=_with(tree.cluster_versions, cluster, tree.cluster_versions[cluster] + 1),
        cluster_states=states,
    )


def _with(array: NDArray[Kind], cluster: int, value: ArrayLike) -> NDArray[Kind]:
    """A copy of `array` (C, ...) with this value for a cluster."""
    made = array.copy()
    made[cluster] = value
    return made


def _sent_up(passed: Passed, cluster: int, samples: int, world: World) -> Passed:
    """Refresh the G-NDT by this cluster's twin, and send it down to the cluster."""
    tree, stream = passed.tree, passed.stream
    age = tree.top_version - int(stream.seen_versions[cluster])
    arrival = Arrival(cluster, tree.clusters[cluster], stream.seen[cluster], age, samples)
    stream = replace(
        stream,
        sent=stream.sent + 1,
        known=_with(stream.known, cluster, arrival.weights),
        known_samples=_with(stream.known_samples, cluster, samples),
        known_until=_with(stream.known_until, cluster, stream.cluster_until[cluster]),
    )
    latest = Updates(stream.known, stream.known_samples, world.rules.layers)
    made, state = world.refresh(tree.top, arrival, latest, stream.refresh_state)
    stream = replace(stream, refresh_state=state)
    if made is not None:
        tree = replace(tree, top=made, top_version=tree.top_version + 1)
        stream = replace(stream, top_until=max(stream.top_until, int(stream.known_until.max())))
    exchange = passed.exchange.counted("cluster_network", up=1, down=1, size=tree.size)
    return _sent_down(replace(passed, tree=tree, stream=stream, exchange=exchange), cluster)


def _sent_down(passed: Passed, cluster: int) -> Passed:
    """Let the cluster see the G-NDT, and its stations start from it."""
    tree, stream = passed.tree, passed.stream
    seen = _with(stream.seen, cluster, tree.top)
    versions = _with(stream.seen_versions, cluster, tree.top_version)
    return replace(
        passed,
        tree=replace(tree, starts=_with(tree.starts, cluster, tree.top)),
        stream=replace(stream, seen=seen, seen_versions=versions),
    )
