"""What clusters do in a step of the stream: order trainings, make their twins, hold them against the gate.

This is the part of H-twinning that a cluster head can do by itself, for it needs nothing of other clusters.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.messages import PHASES, Failure
from fl_server.aggregation.strategies import result_of
from fl_server.aggregation.updates import State
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.inbox import received, stacked
from fl_server.settings import HorizontalSettings
from fl_server.stream import (
    Counts,
    Inbox,
    Open,
    Passed,
    Report,
    Sendings,
    Stream,
    Waiting,
    World,
    with_value,
)
from fl_server.tree import Clusters, Floats, Tree
from fl_server.trust.pairing import DROPPED, STATIONS, distrusted, failures_of, stations_tried
from fl_server.vertical import Mask, Turn, train_orders
from hetnet.sync.gates import Sighting

HOURS_A_DAY = 24
ROUNDING = 1e-9  # .28 of 25 stations are 7, whatever the product of these floats
Taking = Generator[tuple[Passed, Report], Passed, Passed]  # for every report, what the network made of it


def step_taken(fleet: Fleet, tree: Tree, stream: Stream, world: World, taking_part: Mask) -> Taking:
    """Let a step of the stream pass: post what begins in it, take in what comes back in it.

    Every C-NDT that its gate lets through is yielded, with where the step stands then, and the same is
    expected back with the G-NDT that the cluster received; see `sent_down`.
    """
    posted = _posted(fleet, tree, stream, world, taking_part)
    asked = sum(len(each.places) for each in posted)
    exchange = Exchange().counted("station_cluster", down=asked, size=tree.size)
    trained_until = stream.trained_until.copy()
    for each in posted:
        trained_until[each.places] = each.order.until
    stream = replace(stream, trained_until=trained_until, open=(*stream.open, *posted))
    arrivals, failures, stream = _arrivals(fleet, tree, stream)
    exchange = exchange.counted("station_cluster", up=len(arrivals), size=tree.size)
    if world.rules.pairing:
        before = tree.sendings
        tree, arrivals, dropped = _paired(fleet, tree, stream, world, arrivals)
        failures = (*failures, *dropped)
        exchange = exchange.counted("station_cluster", down=tree.sendings - before, size=tree.size)
        taking_part = taking_part & ~distrusted(tree, world.rules.pairing.settings)
    wanted = _wanted(tree.cluster_of, taking_part, world.settings.ready)
    passed = yield from _taken_in(Passed(tree, stream, exchange, failures), arrivals, wanted, world)
    return replace(passed, stream=replace(passed.stream, step=passed.stream.step + 1))


def sent_down(passed: Passed, cluster: int) -> Passed:
    """Let the cluster see the G-NDT, and its stations start from it."""
    tree, stream = passed.tree, passed.stream
    received = tree.received[cluster]
    seen = with_value(stream.seen, cluster, received)
    versions = with_value(stream.seen_versions, cluster, tree.top_version)
    return replace(
        passed,
        tree=replace(tree, starts=with_value(tree.starts, cluster, received)),
        stream=replace(stream, seen=seen, seen_versions=versions),
    )


def distance(one: Floats, other: Floats, settings: HorizontalSettings) -> float:
    """ε between two twins: the mean of the squared differences of their parameters, or their sum.

    The paper leaves the norm open, and prints the sum of the twins in the place of their difference: as it
    stands it grows with the twins, and no gate ever closes.
    """
    if settings.distance == "printed":
        return float(((one.astype(np.float64) + other) ** 2).sum())
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


def _paired(
    fleet: Fleet, tree: Tree, stream: Stream, world: World, arrivals: list[Waiting]
) -> tuple[Tree, list[Waiting], tuple[Failure, ...]]:
    """The arrivals that witnesses do not turn down, by what they have measured before this step."""
    if not arrivals or world.rules.pairing is None:
        return tree, arrivals, ()
    occasion = PHASES.index("horizontal"), stream.step, STATIONS
    hearing = world.rules.pairing.hearing(fleet, world.train_steps + stream.step, occasion)
    updates = [each.update for each in arrivals]
    tree, dropped = stations_tried(hearing, tree, updates)
    kept = [each for each, its in zip(arrivals, dropped, strict=True) if not its]
    return tree, kept, failures_of([each.station for each in updates], dropped, DROPPED)


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
) -> Taking:
    """Put the updates into the inboxes of their clusters; let those report that are ready or impatient."""
    cluster_of, end = passed.tree.cluster_of, passed.stream.step + 1.0
    inboxes: list[Inbox] = [{} for _ in wanted]
    for each in passed.stream.waiting:
        inboxes[cluster_of[each.place]][each.place] = each
    for arrival in arrivals:
        cluster = int(cluster_of[arrival.place])
        _put(inboxes[cluster], arrival)
        if len(inboxes[cluster]) >= wanted[cluster]:
            report = Report(cluster, 0, arrival.since, arrival.place)
            passed = yield from _reported(passed, report, inboxes[cluster], world)
            inboxes[cluster] = {}
    for cluster, inbox in enumerate(inboxes):
        if inbox and _impatient(inbox, end, world):
            passed = yield from _reported(passed, Report(cluster, 0, end, cluster), inbox, world)
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


def _reported(passed: Passed, report: Report, inbox: Inbox, world: World) -> Taking:
    """Make the cluster's twin of the updates in its inbox; send it up if the gate opens."""
    tree, stream, cluster = passed.tree, passed.stream, report.cluster
    stack = stacked([each.update for each in inbox.values()], world.rules.layers)
    twin, state = result_of(world.rules.cluster, tree.starts[cluster], stack, tree.cluster_states[cluster])
    until = max(each.until for each in inbox.values())
    stream = replace(stream, cluster_until=with_value(stream.cluster_until, cluster, until))
    loss = float(np.average([each.update.loss for each in inbox.values()], weights=stack.samples))
    passed = replace(passed, tree=_with_twin(tree, cluster, twin, state), stream=stream)
    seen = _sighting(passed, cluster, loss, world)
    opens = world.gate(seen)
    sendings = _sent_or_not(stream.sendings, cluster, seen, stream.step if opens else None)
    passed = replace(passed, stream=replace(stream, sendings=sendings))
    if not opens:
        return replace(passed, stream=replace(passed.stream, spared=stream.spared + 1))
    return (yield passed, replace(report, samples=int(stack.samples.sum())))


def _sighting(passed: Passed, cluster: int, loss: float, world: World) -> Sighting:
    """What the cluster knows that has just made its twin anew."""
    tree, stream, sendings = passed.tree, passed.stream, passed.stream.sendings
    return Sighting(
        age=(stream.step - int(sendings.step[cluster])) * world.step_hours / HOURS_A_DAY,
        distance=distance(tree.clusters[cluster], stream.seen[cluster], world.settings),
        error=loss,
        error_then=float(sendings.loss[cluster]) or loss,
        load=float(world.busy[tree.cluster_of == cluster, world.hours[stream.step]].mean()),
        reports=int(sendings.reports[cluster]) + 1,
        cluster=cluster,
    )


def _sent_or_not(before: Sendings, cluster: int, seen: Sighting, step: int | None) -> Sendings:
    """The sendings after a report; at `step` its twin was sent up, or not at all."""
    if step is None:
        return replace(
            before,
            loss=with_value(before.loss, cluster, seen.error_then),
            reports=with_value(before.reports, cluster, seen.reports),
        )
    return Sendings(
        with_value(before.step, cluster, step),
        with_value(before.loss, cluster, seen.error),
        with_value(before.reports, cluster, 0),
    )


def _with_twin(tree: Tree, cluster: int, twin: Floats, state: State) -> Tree:
    states = tuple(state if each == cluster else old for each, old in enumerate(tree.cluster_states))
    return replace(
        tree,
        clusters=with_value(tree.clusters, cluster, twin),
        starts=with_value(tree.starts, cluster, twin),
        cluster_versions=with_value(tree.cluster_versions, cluster, tree.cluster_versions[cluster] + 1),
        cluster_states=states,
    )
