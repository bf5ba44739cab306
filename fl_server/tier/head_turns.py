"""What a cluster head does in each turn: the part of a run that concerns one cluster, as a run of its own.

Axes: P parameters.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.messages import (
    ClusterReport,
    ClusterRound,
    ClusterScores,
    ClusterStep,
    Introduction,
    RefreshOrder,
    RoundOrder,
    ScoreOrder,
    StepOrder,
    Weights,
)
from data.traffic import StationId
from fl_server.cluster_stream import sent_down, step_taken
from fl_server.fleet import Fleet
from fl_server.in_force import (
    clusters_scored,
    in_the_stream,
    network_scored,
    squared_sums,
    whole_stream_standing,
)
from fl_server.run import Plan, Run
from fl_server.stream import Passed, Report
from fl_server.terms import drawn_for_epoch, drawn_for_round, epoch_of, rules_of, world_of
from fl_server.vertical import Turn, clusters_trained
from forecasting.metrics import Tally

Stepping = Generator[ClusterReport, RefreshOrder, tuple[Run, ClusterStep]]


@dataclass(frozen=True)
class Below:
    """The stations of a head; `lost` tells which of them are not there at the moment."""

    fleet: Fleet
    introductions: tuple[Introduction, ...]
    lost: Callable[[], tuple[StationId, ...]] = tuple


def begun_from(run: Run, order: RoundOrder | StepOrder | ScoreOrder) -> Run:
    """A run in V-twinning whose stations start from the G-NDT that an order brings, if it brings one."""
    if order.weights is None or run.stage != "vertical":
        return run
    top = _checked(order.weights, run)
    return replace(run, tree=replace(run.tree, top=top, top_version=order.version, starts=top[None]))


def round_answered(below: Below, plan: Plan, run: Run, order: RoundOrder) -> tuple[Run, ClusterRound]:
    """The run after a round of V-twinning, and what the head says of it."""
    tree = run.tree
    turn = Turn(order.phase, order.number, order.numbers, plan.timeline.train_steps, order.upwards)
    drawn = drawn_for_round(plan, tree.cluster_of, order.turn - 1)
    in_time = drawn & plan.behaviour.in_time(plan.settings.behaviour)
    cast = np.array([np.count_nonzero(drawn)])
    made = clusters_trained(below.fleet, tree, turn, in_time, cast, rules_of(plan))
    tree = made.tree if order.upwards else replace(made.tree, starts=made.tree.clusters)
    answer = ClusterRound(
        station=order.stations[0],
        windows=int(made.windows[0]),
        loss=float(made.losses[0]),
        heard=int(made.heard[0]),
        arrived=made.exchange.station_cluster.messages_up,
        failures=made.failures,
        lost=below.lost(),
        weights=tree.clusters[0] if order.upwards else None,
    )
    return replace(run, turn=order.turn, tree=tree), answer


def streaming(below: Below, plan: Plan, run: Run) -> Run:
    """The run in the stream; one that is still in V-twinning has that behind it now."""
    if run.stage != "vertical":
        return run
    return in_the_stream(plan, run, whole_stream_standing(below.fleet, plan, run))


def step_answered(below: Below, plan: Plan, run: Run, order: StepOrder) -> Stepping:
    """The reports of a step of the stream, each to be answered; then the run, and what is said of it."""
    run = _with_network_in_force(below, plan, run, order, order.step)
    assert run.stream is not None
    drawn = drawn_for_epoch(plan, run.tree.cluster_of, epoch_of(plan, order.step))
    stream = replace(run.stream, step=order.step)
    taking = step_taken(below.fleet, run.tree, stream, world_of(plan), drawn)
    try:
        passed, report = next(taking)
        while True:
            given = yield _report(plan, passed, report, order)
            tree = replace(passed.tree, top=_checked(given.weights, run), top_version=given.version)
            passed, report = taking.send(sent_down(replace(passed, tree=tree), 0))
    except StopIteration as ended:
        passed = ended.value
    run = replace(run, turn=order.step + 1, tree=passed.tree, stream=passed.stream)
    run = clusters_scored(below.fleet, plan, run, run.turn, everything=False)
    return run, _step(run, passed, order, below.lost())


def _report(plan: Plan, passed: Passed, report: Report, order: StepOrder) -> ClusterReport:
    impatient = report.when == order.step + 1
    return ClusterReport(
        station=order.stations[0],
        weights=passed.tree.clusters[0],
        version=int(passed.tree.cluster_versions[0]),
        samples=report.samples,
        until=int(passed.stream.cluster_until[0]),
        when=report.when,
        answered="" if impatient else plan.stations[report.place],
    )


def _step(run: Run, passed: Passed, order: StepOrder, lost: tuple[StationId, ...]) -> ClusterStep:
    sums, between = run.horizontal.standing.cluster, passed.exchange.station_cluster
    return ClusterStep(
        station=order.stations[0],
        asked=between.messages_down,
        arrived=between.messages_up,
        spared=passed.stream.spared,
        squared=float(squared_sums(sums, run.tree.cluster_of)[0]),
        count=int(sums.count.sum()),
        failures=passed.failures,
        lost=lost,
    )


def scores_answered(below: Below, plan: Plan, run: Run, order: ScoreOrder) -> ClusterScores:
    """The errors of a phase that a run has behind it; after the stream also the twin that it ends with."""
    weights = None
    if order.phase == "horizontal":
        end = plan.stream_steps
        run = _with_network_in_force(below, plan, run, order, end)
        run = clusters_scored(below.fleet, plan, run, end, everything=True)
        run = network_scored(below.fleet, plan, run, end, everything=True)
        weights = run.tree.clusters[0]
    standing = (run.horizontal if order.phase == "horizontal" else run.vertical).standing
    until = run.stream.cluster_until[0] if run.stream else plan.timeline.train_steps
    return ClusterScores(
        station=order.stations[0],
        network=rows_of(standing.top),
        cluster=rows_of(standing.cluster),
        version=int(run.tree.cluster_versions[0]),
        until=int(until),
        weights=weights,
    )


def _with_network_in_force(
    below: Below, plan: Plan, run: Run, order: StepOrder | ScoreOrder, step: int
) -> Run:
    """The run from `step` on, after the G-NDT that was in force until then is scored, if there is another.

    Its cluster has not received that one: what it received last is still what its tree has.
    """
    assert run.shown is not None
    tree = run.tree
    known = tree.top if tree.top_version == order.version else run.shown.top
    top = known if order.weights is None else _checked(order.weights, run)
    newer = replace(run, tree=replace(tree, top=top, top_version=order.version))
    return replace(network_scored(below.fleet, plan, newer, step, everything=False), tree=tree)


def rows_of(sums: Tally) -> NDArray[np.float64]:
    """Sums of errors as one array (5, n); counts are exact in it."""
    return np.array([getattr(sums, each.name) for each in fields(Tally)], np.float64)


def _checked(weights: Weights, run: Run) -> Weights:
    """The weights of a G-NDT, if they fit the network of the run."""
    if weights.dtype != np.float32 or weights.shape != run.tree.top.shape:
        found, expected = f"{weights.dtype} {weights.shape}", f"float32 {run.tree.top.shape}"
        raise InputError(f"a G-NDT of type and shape {found}, expected {expected}")
    return weights
