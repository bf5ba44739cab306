"""How the server meets clusters whose heads sit on machines of their own: what crosses the backhaul.

A head is called by the first of its stations. In a round of V-twinning all heads are asked at once. In a
step of the stream each goes on to the first C-NDT that its gate lets through; when all stand at one or at
the end of the step, the earliest in the stream's time is taken, and its head goes on with the G-NDT that
comes of it. So the G-NDT is refreshed in the same order as when all clusters are in one process.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from clustering.groups import Groups
from clustering.segmentation import HEADS
from data.errors import InputError
from data.messages import (
    ClusterReport,
    ClusterRound,
    ClusterScores,
    ClusterStep,
    Failure,
    HeadOrder,
    KeepOrder,
    Kept,
    Phase,
    RefreshOrder,
    RoundOrder,
    ScoreOrder,
    StepOrder,
)
from data.traffic import StationId
from fl_server.exchange import Exchange
from fl_server.horizontal import gone_up, sent_up
from fl_server.run import Mark, Plan, Run
from fl_server.scoring import Standing
from fl_server.settings import TwinSettings
from fl_server.stream import Passed, Report, World, with_value
from fl_server.tier.backhaul import Heads, Marks
from fl_server.vertical import Mask, Outcome, Rules, Trained, Turn, clusters_sent, network_made
from forecasting.metrics import Tally


def over_heads(settings: TwinSettings) -> bool:
    """Whether clusters are heads on machines of their own."""
    return settings.segment.how.method == HEADS


def settings_over_heads(settings: TwinSettings, groups: Groups) -> TwinSettings:
    """The settings of a run whose clusters are `groups`; nothing is made without clusters, to compare."""
    if settings.recipe.personal != "none":
        raise InputError(
            f"personal twins ({settings.recipe.personal}) are not made under cluster heads, since twins of "
            f"single stations would cross the backhaul; expected none"
        )
    how = replace(settings.segment.how, groups=groups)
    return replace(settings, segment=replace(settings.segment, how=how), single_level=False)


def round_over_heads(heads: Heads, turn: Turn, drawn: Mask, rules: Rules) -> tuple[Outcome, Marks]:
    """A round of V-twinning; a cluster whose head does not answer keeps its twin."""
    tree = heads.run.tree
    orders: dict[int, HeadOrder] = {
        cluster: RoundOrder(
            heads.name(cluster),
            mark.after,
            heads.turn,
            turn.phase,
            turn.number,
            turn.numbers,
            turn.upwards,
            tree.top_version,
            heads.news(cluster),
        )
        for cluster, mark in enumerate(heads.marks)
    }
    answers, failures = heads.asked(orders, (ClusterRound,))
    rounds = {cluster: answer for cluster, answer in answers.items() if isinstance(answer, ClusterRound)}
    trained = _trained(heads, rounds, drawn)
    trained = replace(trained, failures=(*failures, *trained.failures))
    marks = tuple(
        Mark(heads.turn, tree.top_version, 0, rounds[cluster].lost)
        if cluster in rounds
        else replace(mark, told=-1)
        for cluster, mark in enumerate(heads.marks)
    )
    return network_made(clusters_sent(trained, rules) if turn.upwards else trained, turn, rules), marks


def _trained(heads: Heads, rounds: Mapping[int, ClusterRound], drawn: Mask) -> Trained:
    """What the clusters made of a round, as if it had happened here."""
    tree = heads.run.tree
    number = len(tree.clusters)
    windows, heard = np.zeros(number, np.int64), np.zeros(number, np.int64)
    losses, clusters, exchange = np.zeros(number), tree.clusters.copy(), Exchange()
    for cluster, each in rounds.items():
        windows[cluster], heard[cluster], losses[cluster] = each.windows, each.heard, each.loss
        if each.weights is not None:
            clusters[cluster] = each.weights
        asked = int(np.count_nonzero(drawn & (tree.cluster_of == cluster)))
        exchange = exchange.counted("station_cluster", down=asked, up=each.arrived, size=tree.size)
    failures = tuple(failure for each in rounds.values() for failure in each.failures)
    versions = tree.cluster_versions + (windows > 0)
    tree = replace(tree, clusters=clusters, cluster_versions=versions)
    return Trained(tree, windows, losses, heard, exchange, failures)


@dataclass(frozen=True)
class Stepped:
    """A step that has passed over heads; sums of errors of those that answered, from the stream so far."""

    passed: Passed
    marks: Marks
    squared: tuple[float, ...]
    count: int


def step_over_heads(heads: Heads, world: World) -> Stepped:
    """Let one step of the stream pass; a cluster whose head does not answer is not there in it."""
    tree, stream = heads.run.tree, heads.run.stream
    assert stream is not None
    orders: dict[int, HeadOrder] = {
        cluster: StepOrder(
            heads.name(cluster), mark.after, heads.turn, stream.step, tree.top_version, heads.news(cluster)
        )
        for cluster, mark in enumerate(heads.marks)
    }
    answers, failures = heads.asked(orders, (ClusterReport, ClusterStep))
    told = dict.fromkeys(answers, tree.top_version)
    numbers = dict.fromkeys(answers, 0)
    passed = Passed(tree, stream, Exchange(), ())
    while reports := {c: each for c, each in answers.items() if isinstance(each, ClusterReport)}:
        cluster = min(reports, key=lambda c: _order(heads.plan, c, reports[c]))
        passed = _taken(passed, cluster, reports[cluster], world)
        told[cluster] = passed.tree.top_version
        answer, more = heads.asked(
            {cluster: _refresh(heads, cluster, numbers[cluster], passed)}, (ClusterReport, ClusterStep)
        )
        numbers[cluster] += 1
        failures += more
        del answers[cluster]
        answers |= answer
    steps = {c: each for c, each in answers.items() if isinstance(each, ClusterStep)}
    return _stepped(heads, passed, steps, told, failures)


def _order(plan: Plan, cluster: int, report: ClusterReport) -> tuple[float, int]:
    """Where a report stands among those of all clusters; see stream.py."""
    return report.when, plan.place[StationId(report.answered)] if report.answered else cluster


def _taken(passed: Passed, cluster: int, report: ClusterReport, world: World) -> Passed:
    """The network after it took in a report."""
    tree, stream = passed.tree, passed.stream
    tree = replace(
        tree,
        clusters=with_value(tree.clusters, cluster, report.weights),
        cluster_versions=with_value(tree.cluster_versions, cluster, report.version),
    )
    stream = replace(stream, cluster_until=with_value(stream.cluster_until, cluster, report.until))
    known = Report(cluster, report.samples, report.when, cluster)
    return sent_up(gone_up(replace(passed, tree=tree, stream=stream), cluster, world), known, world)


def _refresh(heads: Heads, cluster: int, number: int, passed: Passed) -> RefreshOrder:
    top, version = passed.tree.top, passed.tree.top_version
    return RefreshOrder(heads.name(cluster), heads.turn, number, version, top)


def _stepped(
    heads: Heads,
    passed: Passed,
    steps: Mapping[int, ClusterStep],
    told: Mapping[int, int],
    failures: Sequence[Failure],
) -> Stepped:
    """The step with what the heads say of it at its end."""
    marks = tuple(
        Mark(heads.turn, told[cluster], steps[cluster].spared, steps[cluster].lost)
        if cluster in steps
        else replace(mark, told=-1)
        for cluster, mark in enumerate(heads.marks)
    )
    exchange, size = passed.exchange, passed.tree.size
    for each in steps.values():
        exchange = exchange.counted("station_cluster", down=each.asked, up=each.arrived, size=size)
    below = [failure for each in steps.values() for failure in each.failures]
    spared = sum(mark.spared for mark in marks)
    stream = replace(passed.stream, step=passed.stream.step + 1, spared=spared)
    passed = replace(passed, stream=stream, exchange=exchange, failures=(*failures, *below))
    squared = tuple(steps[cluster].squared for cluster in sorted(steps))
    return Stepped(passed, marks, squared, sum(each.count for each in steps.values()))


def scored_over_heads(heads: Heads, phase: Phase) -> tuple[Run, Standing]:
    """The standing of a phase, put together from the heads; after the stream also their twins."""
    run = heads.run
    orders: dict[int, HeadOrder] = {
        cluster: ScoreOrder(heads.name(cluster), mark.after, phase, run.tree.top_version, heads.news(cluster))
        for cluster, mark in enumerate(heads.marks)
    }
    answers, _ = heads.asked(orders, (ClusterScores,))
    scores = {cluster: each for cluster, each in answers.items() if isinstance(each, ClusterScores)}
    told = tuple(
        replace(mark, told=run.tree.top_version if cluster in scores else -1)
        for cluster, mark in enumerate(heads.marks)
    )
    before = (run.horizontal if phase == "horizontal" else run.vertical).standing
    standing = Standing(
        _joined({c: each.network for c, each in scores.items()}, run),
        _joined({c: each.cluster for c, each in scores.items()}, run),
        before.personal,
    )
    return _with_last_twins(replace(run, heads=told), scores), standing


def _joined(sums: Mapping[int, NDArray[np.float64]], run: Run) -> Tally:
    """The sums of all stations; those under a head that did not answer are of no steps."""
    cluster_of = run.tree.cluster_of
    rows = np.zeros((len(fields(Tally)), len(cluster_of)))
    for cluster, each in sums.items():
        rows[:, cluster_of == cluster] = each
    count, squared, absolute, raw_absolute, spread = rows
    return Tally(count.astype(np.int64), squared, absolute, raw_absolute, spread)


def _with_last_twins(run: Run, scores: Mapping[int, ClusterScores]) -> Run:
    """The run with the twins that the heads ended with: some have stayed behind a closed gate."""
    tree, stream = run.tree, run.stream
    for cluster, each in scores.items():
        if each.weights is not None and stream is not None:
            tree = replace(
                tree,
                clusters=with_value(tree.clusters, cluster, each.weights),
                cluster_versions=with_value(tree.cluster_versions, cluster, each.version),
            )
            stream = replace(stream, cluster_until=with_value(stream.cluster_until, cluster, each.until))
    return replace(run, tree=tree, stream=stream)


def kept_by_heads(heads: Heads) -> list[Failure]:
    """Let the heads keep what they have come to, before the server keeps the same; what went wrong."""
    orders: dict[int, HeadOrder] = {
        cluster: KeepOrder(heads.name(cluster), mark.after) for cluster, mark in enumerate(heads.marks)
    }
    _, failures = heads.asked(orders, (Kept,))
    return failures
