"""H-twinning (vh-twin paper, Algorithm 3): asynchronous, on the clock of the stream, gated by ψ.

A station trains when it has gathered enough new values, and answers some time later. A cluster makes its
twin anew when enough of its stations have answered. It compares that with the last G-NDT it saw, and only
if they lie farther apart than ψ it sends its twin up, and receives the G-NDT that this makes. Everything
happens in the order of the stream's time, ties in the order of stations, however long the computing takes.

What clusters do is in cluster_stream.py; here is what the network does, and both together.
"""

from dataclasses import replace

import numpy as np

from data.messages import PHASES
from fl_server.aggregation.refresh import Arrival
from fl_server.aggregation.updates import Updates
from fl_server.cluster_stream import sent_down, step_taken
from fl_server.crossing.upper import twins_down, twins_up
from fl_server.fleet import Fleet
from fl_server.stream import Passed, Report, Stream, World, with_value
from fl_server.tree import Tree
from fl_server.trust.pairing import CLUSTERS, clusters_tried
from fl_server.vertical import Mask


def step_passed(fleet: Fleet, tree: Tree, stream: Stream, world: World, taking_part: Mask) -> Passed:
    """Let one step of the stream pass, in all clusters and in the network."""
    taking = step_taken(fleet, tree, stream, world, taking_part)
    try:
        passed, report = next(taking)
        while True:
            passed, report = taking.send(_taken_up(fleet, passed, report, world))
    except StopIteration as ended:
        last: Passed = ended.value
        return last


def _taken_up(fleet: Fleet, passed: Passed, report: Report, world: World) -> Passed:
    """The G-NDT refreshed by the twin of the cluster that reports, unless witnesses turn that down."""
    passed = gone_up(passed, report.cluster, world)
    pairing, chosen = world.rules.pairing, np.array([report.cluster])
    if pairing is None or len(passed.tree.clusters) < 2:
        return sent_up(passed, report, world)
    occasion = PHASES.index("horizontal"), passed.stream.step, CLUSTERS, report.cluster
    hearing = pairing.hearing(fleet, world.train_steps + passed.stream.step, occasion)
    before = passed.tree.sendings
    tree, dropped = clusters_tried(hearing, passed.tree, chosen)
    exchange = passed.exchange.counted("station_cluster", down=tree.sendings - before, size=tree.size)
    if not dropped.any():
        return sent_up(replace(passed, tree=tree, exchange=exchange), report, world)
    passed = _gone_down(replace(passed, tree=tree, exchange=exchange), report.cluster, world)
    tree = passed.tree
    clusters = with_value(tree.clusters, report.cluster, tree.starts[report.cluster])
    return replace(passed, tree=replace(tree, clusters=clusters))


def gone_up(passed: Passed, cluster: int, world: World) -> Passed:
    """The same with the cluster's twin at the network."""
    tree, exchange = twins_up((passed.tree, passed.exchange), [cluster], world.rules.crossing)
    return replace(passed, tree=tree, exchange=exchange)


def _gone_down(passed: Passed, cluster: int, world: World) -> Passed:
    """The same with the network's twin at the cluster, whose stations start from it."""
    tree, exchange = twins_down((passed.tree, passed.exchange), [cluster], world.rules.crossing)
    return sent_down(replace(passed, tree=tree, exchange=exchange), cluster)


def sent_up(passed: Passed, report: Report, world: World) -> Passed:
    """Refresh the G-NDT by the twin that a cluster has sent up, and send it down to the cluster."""
    tree, stream, cluster = passed.tree, passed.stream, report.cluster
    age = tree.top_version - int(stream.seen_versions[cluster])
    arrival = Arrival(cluster, tree.heard[cluster], stream.seen[cluster], age, report.samples)
    stream = replace(
        stream,
        sent=stream.sent + 1,
        known=with_value(stream.known, cluster, arrival.weights),
        known_samples=with_value(stream.known_samples, cluster, report.samples),
        known_until=with_value(stream.known_until, cluster, stream.cluster_until[cluster]),
    )
    latest = Updates(stream.known, stream.known_samples, world.rules.layers)
    made, state = world.refresh(tree.top, arrival, latest, stream.refresh_state)
    stream = replace(stream, refresh_state=state)
    if made is not None:
        tree = replace(tree, top=made, top_version=tree.top_version + 1)
        stream = replace(stream, top_until=max(stream.top_until, int(stream.known_until.max())))
    return _gone_down(replace(passed, tree=tree, stream=stream), cluster, world)


def reposted(fleet: Fleet, stream: Stream) -> None:
    """Post again what was open when the run was stopped."""
    fleet.post([each.order for each in stream.open])
