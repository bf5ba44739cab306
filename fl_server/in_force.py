"""The twins in force, by which the next step is forecast, and how well they have done that.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import fsum

import numpy as np
from numpy.typing import NDArray

from data.messages import EvaluateOrder
from fl_server.fleet import Fleet
from fl_server.run import Plan, Run, Shown
from fl_server.scoring import Span, Standing, begun_standing, cluster_orders, evaluated
from fl_server.stream import stream_begun
from fl_server.terms import world_of
from fl_server.tree import Clusters, Tree
from forecasting.metrics import Tally, tally_scores

Floats64 = NDArray[np.float64]


def first_shown(tree: Tree) -> Shown:
    """The twins of V-twinning, in force at the beginning of the stream."""
    since = np.zeros(len(tree.clusters), np.int64)
    return Shown(tree.clusters, tree.cluster_versions, since, tree.top, tree.top_version, 0)


def in_the_stream(plan: Plan, run: Run, standing: Standing) -> Run:
    """The run after V-twinning, whose twins came to this `standing`: at the begin of the stream, or done."""
    vertical = replace(run.vertical, standing=standing)
    horizontal = replace(run.horizontal, standing=begun_standing(standing))
    run = replace(run, stage="horizontal", turn=0, vertical=vertical, horizontal=horizontal)
    if not plan.stream_epochs:
        return replace(run, stage="done")
    if run.system == "single-level":
        return run
    return replace(run, stream=stream_begun(run.tree, world_of(plan)), shown=first_shown(run.tree))


def whole_stream_standing(fleet: Fleet, plan: Plan, run: Run) -> Standing:
    """The standing of the twins of V-twinning after they have forecast the whole stream."""
    whole = Span(0, plan.stream_steps)
    spans = dict.fromkeys(range(len(run.tree.clusters)), whole)
    return standing_after(fleet, plan, run, run.vertical.standing, spans, whole)


def standing_after(
    fleet: Fleet, plan: Plan, run: Run, before: Standing, spans: dict[int, Span], top_span: Span | None
) -> Standing:
    """The standing after the twins in force have forecast these spans of the stream.

    Nobody is asked where stations tell no errors.
    """
    if plan.settings.recipe.privacy.silent:
        return before
    begin, place = plan.timeline.train_steps, plan.place
    shown = run.shown or first_shown(run.tree)
    timed = {cluster: Span(begin + span.first, begin + span.last) for cluster, span in spans.items()}
    ask = (plan.stations, run.tree.cluster_of, shown.clusters, timed)
    cluster = evaluated(fleet, before.cluster, cluster_orders(*ask), place)
    personal = before.personal
    if plan.settings.recipe.personal != "none":
        personal = evaluated(fleet, personal, cluster_orders(*ask, personal=True), place)
    top = before.top
    if top_span is not None:
        order = EvaluateOrder(plan.stations, shown.top, begin + top_span.first, begin + top_span.last)
        top = evaluated(fleet, top, [order], place)
    return Standing(top, cluster, personal)


def scored(fleet: Fleet, plan: Plan, run: Run, now: int, *, everything: bool) -> Run:
    """Score the twins that are no longer in force from step `now` on, or all of them."""
    run = clusters_scored(fleet, plan, run, now, everything=everything)
    return network_scored(fleet, plan, run, now, everything=everything)


def clusters_scored(fleet: Fleet, plan: Plan, run: Run, now: int, *, everything: bool) -> Run:
    """Score the C-NDTs that are no longer in force from step `now` on, or all of them."""
    shown, tree = run.shown, run.tree
    assert shown is not None
    changed = np.flatnonzero((shown.versions != tree.cluster_versions) | everything)
    spans = {int(cluster): Span(int(shown.since[cluster]), now) for cluster in changed}
    standing = standing_after(fleet, plan, run, run.horizontal.standing, spans, None)
    clusters, since = shown.clusters.copy(), shown.since.copy()
    clusters[changed], since[changed] = tree.clusters[changed], now
    fresh = replace(shown, clusters=clusters, versions=tree.cluster_versions, since=since)
    return replace(run, shown=fresh, horizontal=replace(run.horizontal, standing=standing))


def network_scored(fleet: Fleet, plan: Plan, run: Run, now: int, *, everything: bool) -> Run:
    """Score the G-NDT if it is no longer in force from step `now` on, or in any case."""
    shown, tree = run.shown, run.tree
    assert shown is not None
    if not everything and shown.top_version == tree.top_version:
        return run
    span = Span(shown.top_since, now)
    standing = standing_after(fleet, plan, run, run.horizontal.standing, {}, span)
    fresh = replace(shown, top=tree.top, top_version=tree.top_version, top_since=now)
    return replace(run, shown=fresh, horizontal=replace(run.horizontal, standing=standing))


def mean_squared(sums: Tally) -> float | None:
    """The MSE that these sums make, if anything was measured."""
    return tally_scores(sums).mse if sums.count.any() else None


def squared_sums(sums: Tally, cluster_of: Clusters) -> Floats64:
    """The squared errors of each cluster, (C,)."""
    return np.bincount(cluster_of, weights=sums.squared).astype(np.float64)


def mean_error(squared: Iterable[float], count: int) -> float | None:
    """The MSE of several clusters, in whatever order they come."""
    return fsum(squared) / count if count else None
