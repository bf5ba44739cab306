"""The life of the twins: segment, V-twinning, H-twinning; and the same without clusters, to compare.

`advanced` takes a run one turn further: a round of V-twinning, a step of the stream. A turn depends on the
run, the plan and the stations alone, so a run that was stopped goes on from any of its states to the same
end.

Axes: N stations, C clusters, P parameters.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clustering.segmentation import Segmentation
from data.errors import InputError
from data.messages import EvaluateOrder, Failure
from fl_server.aggregation.refresh import chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Draw, taking_part
from fl_server.exchange import together
from fl_server.fleet import Fleet
from fl_server.horizontal import Passed, World, regrouped_stream, step_passed, stream_begun
from fl_server.inbox import counted
from fl_server.run import Phase, Plan, Row, Run, Shown, Stage, System
from fl_server.scoring import Span, Standing, begun_standing, cluster_orders, evaluated
from fl_server.segmenting import described, segmented
from fl_server.tree import Tree, mixed, origins, regrouped
from fl_server.vertical import Outcome, Rules, Turn, vertical_round
from forecasting.metrics import Tally, tally_scores

VERTICAL, HORIZONTAL = 0, 1
GAIN = 1e-3  # by which a loss must fall to count as lower
TOO_SLOW = "was too slow for its round"


def turns(plan: Plan, stage: Stage, system: System) -> int:
    """How many turns a stage has."""
    if stage == "vertical":
        return plan.settings.vertical.epochs
    epochs = plan.stream_epochs
    return epochs if system == "single-level" or not epochs else plan.stream_steps


def advanced(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """`run` after its next turn."""
    if run.stage == "vertical":
        run = _vertical_turn(fleet, plan, _perhaps_segmented(fleet, plan, run))
    elif run.system == "hierarchical":
        run = _stream_turn(fleet, plan, _perhaps_segmented(fleet, plan, run))
    else:
        run = _synchronous_turn(fleet, plan, run)
    return run if run.turn < turns(plan, run.stage, run.system) else _stage_ended(fleet, plan, run)


def world_of(plan: Plan) -> World:
    """What H-twinning goes by."""
    settings = plan.settings
    rules = rules_of(plan)
    return World(
        settings=settings.horizontal,
        rules=rules,
        refresh=chosen_refresh(settings.strategies.refresh, rules.top),
        behaviour=plan.behaviour,
        train_steps=plan.timeline.train_steps,
        step_hours=plan.timeline.step_minutes / 60,
        batch=settings.horizontal.new_values or plan.stream_steps // plan.stream_epochs,
        windows=plan.timeline.train_steps - plan.timeline.first_step,
    )


def rules_of(plan: Plan, system: System = "hierarchical") -> Rules:
    """How the tiers aggregate; without clusters there is but one tier, which merges stations."""
    return Rules(
        cluster=chosen_strategy(plan.settings.strategies.cluster),
        top=chosen_strategy(plan.settings.strategies.top if system == "hierarchical" else "mean"),
        layers=tuple(part.size for part in plan.network.parts),
        least_answers=plan.settings.vertical.least_answers,
    )


def _perhaps_segmented(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """Segment again where it is time to, and let the stations take their twins' weights along."""
    if not _segments(plan, run):
        return run
    in_stream = run.stage == "horizontal"
    until = plan.timeline.train_steps + run.turn if in_stream else None
    descriptions = described(fleet, until, plan.descriptions) if in_stream else plan.descriptions
    earlier = None if run.quality is None else _segmentation_of(plan, run)
    found = segmented(plan.land, descriptions, run.segmentations, earlier)
    if in_stream:
        run = _scored(fleet, plan, run, run.turn, everything=True)
    return replace(_moved(run, found), segmentations=run.segmentations + 1, quality=found.quality)


def _segments(plan: Plan, run: Run) -> bool:
    """Whether this turn begins with a segmentation."""
    if run.system == "single-level":
        return False
    every, epoch = _segmentation_period(plan, run)
    return run.quality is None or bool(every and epoch and epoch % every == 0)


def _segmentation_period(plan: Plan, run: Run) -> tuple[int, int]:
    """After how many epochs to segment again, and which epoch begins with this turn; 0 if none does."""
    if run.stage == "vertical":
        return plan.settings.segment.every_vertical, run.turn
    epochs, steps = plan.stream_epochs, plan.stream_steps
    epoch = run.turn * epochs // steps
    begins = run.turn > 0 and epoch > (run.turn - 1) * epochs // steps
    return plan.settings.segment.every_horizontal, epoch if begins else 0


def _segmentation_of(plan: Plan, run: Run) -> Segmentation:
    assert run.quality is not None
    return Segmentation(plan.stations, run.tree.cluster_of, plan.settings.segment.how.method, run.quality)


def _moved(run: Run, found: Segmentation) -> Run:
    before, after = run.tree.cluster_of, found.cluster_of
    tree = regrouped(run.tree, after)
    if run.stream is None or run.shown is None:
        return replace(run, tree=tree)
    shown = replace(
        run.shown,
        clusters=mixed(origins(before, after), run.shown.clusters),
        versions=tree.cluster_versions,
        since=np.full(len(tree.clusters), run.turn),
    )
    return replace(run, tree=tree, stream=regrouped_stream(run.stream, before, after), shown=shown)


def _vertical_turn(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One round over the history of the stations."""
    settings = plan.settings.vertical
    if not settings.epochs:
        return run
    alone = settings.settling_epochs if run.system == "hierarchical" else 0
    rounds, until = settings.epochs - alone, plan.timeline.train_steps
    last = run.turn == settings.epochs - 1
    turn = (
        Turn("vertical", run.turn, rounds, until)
        if run.turn < rounds
        else Turn("settling", run.turn - rounds, alone, until, upwards=last)
    )
    draw = Draw(plan.settings.recipe.seed, VERTICAL, run.turn)
    drawn = taking_part(plan.stations, run.tree.cluster_of, settings.participation, draw)
    in_time = plan.behaviour.in_time(plan.settings.behaviour)
    made = vertical_round(fleet, run.tree, turn, drawn, rules_of(plan, run.system), ~in_time)
    late = tuple(Failure(plan.stations[place], TOO_SLOW) for place in np.flatnonzero(drawn & ~in_time))
    made = replace(made, failures=(*made.failures, *late))
    if made.loss is None:
        raise InputError(
            f"no station sent a usable update in round {run.turn + 1} of V-twinning: "
            f"{_first_reason(made.failures)}"
        )
    row = Row("vertical", run.turn + 1, made.loss, len(made.tree.clusters), _stability(plan, run))
    next_turn = run.turn + 1
    if next_turn < rounds and _stalled((*run.history, row), settings.stop_after):
        next_turn = rounds
    return replace(
        run,
        turn=next_turn,
        tree=made.tree,
        vertical=_counted(run.vertical, made),
        history=(*run.history, row),
    )


def _stalled(history: Sequence[Row], rounds: int) -> bool:
    """Whether the last so many rounds have not lowered the loss; never for 0."""
    losses = [row.error for row in history if row.error is not None]
    return 0 < rounds < len(losses) and min(losses[-rounds:]) > (1 - GAIN) * min(losses[:-rounds])


def _first_reason(failures: Sequence[Failure]) -> str:
    return f"station {failures[0].station} {failures[0].reason}" if failures else "none was asked"


def _stability(plan: Plan, run: Run) -> float | None:
    """How far the segmentation that this turn began with agrees with the one before it."""
    if run.quality is None or not _segments(plan, run):
        return None
    return run.quality.stability


def _counted(phase: Phase, made: Outcome | Passed) -> Phase:
    """The phase with what a turn sent, and what failed in it."""
    exchange = together(phase.exchange, made.exchange)
    return replace(phase, exchange=exchange, failures=counted(made.failures, phase.failures))


def _stage_ended(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """Score V-twinning on the whole stream and begin H-twinning, or be done."""
    if run.stage == "horizontal":
        return replace(run, stage="done", turn=0)
    whole = Span(0, plan.stream_steps)
    spans = dict.fromkeys(range(len(run.tree.clusters)), whole)
    standing = _standing(fleet, plan, run, run.vertical.standing, spans, whole)
    vertical = replace(run.vertical, standing=standing)
    horizontal = replace(run.horizontal, standing=begun_standing(standing))
    run = replace(run, stage="horizontal", turn=0, vertical=vertical, horizontal=horizontal)
    if not plan.stream_epochs:
        return replace(run, stage="done")
    if run.system == "single-level":
        return run
    return replace(run, stream=stream_begun(run.tree, world_of(plan)), shown=_shown(run.tree))


def _shown(tree: Tree) -> Shown:
    since = np.zeros(len(tree.clusters), np.int64)
    return Shown(tree.clusters, tree.cluster_versions, since, tree.top, tree.top_version, 0)


def _standing(
    fleet: Fleet, plan: Plan, run: Run, before: Standing, spans: dict[int, Span], top_span: Span | None
) -> Standing:
    """The standing after the twins in force have forecast these spans of the stream."""
    begin, place = plan.timeline.train_steps, plan.place
    shown = run.shown or _shown(run.tree)
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


def _stream_turn(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One step of the stream."""
    assert run.stream is not None
    settings = plan.settings.horizontal
    epoch = run.turn * plan.stream_epochs // plan.stream_steps
    draw = Draw(plan.settings.recipe.seed, HORIZONTAL, epoch)
    mask = taking_part(plan.stations, run.tree.cluster_of, settings.participation, draw)
    passed = step_passed(fleet, run.tree, run.stream, world_of(plan), mask)
    stability = _stability(plan, run)
    run = replace(
        run,
        turn=run.turn + 1,
        tree=passed.tree,
        stream=passed.stream,
        horizontal=_counted(run.horizontal, passed),
    )
    run = _scored(fleet, plan, run, run.turn, everything=run.turn == plan.stream_steps)
    return replace(run, history=(*run.history, _stream_row(run, stability)))


def _stream_row(run: Run, stability: float | None) -> Row:
    assert run.stream is not None
    error = _mse(run.horizontal.standing.cluster)
    clusters, stream = len(run.tree.clusters), run.stream
    return Row("horizontal", run.turn, error, clusters, stability, stream.sent, stream.spared)


def _mse(sums: Tally) -> float | None:
    return tally_scores(sums).mse if sums.count.any() else None


def _scored(fleet: Fleet, plan: Plan, run: Run, now: int, *, everything: bool) -> Run:
    """Score the twins that are no longer in force from step `now` on, or all of them."""
    shown, tree = run.shown, run.tree
    assert shown is not None
    changed = np.flatnonzero((shown.versions != tree.cluster_versions) | everything)
    top_changed = everything or shown.top_version != tree.top_version
    spans = {int(cluster): Span(int(shown.since[cluster]), now) for cluster in changed}
    top_span = Span(shown.top_since, now) if top_changed else None
    standing = _standing(fleet, plan, run, run.horizontal.standing, spans, top_span)
    clusters, since = shown.clusters.copy(), shown.since.copy()
    clusters[changed], since[changed] = tree.clusters[changed], now
    fresh = Shown(
        clusters,
        tree.cluster_versions,
        since,
        tree.top,
        tree.top_version,
        now if top_changed else shown.top_since,
    )
    return replace(run, shown=fresh, horizontal=replace(run.horizontal, standing=standing))


def _synchronous_turn(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One epoch of the stream without clusters: the twin forecasts it, then all stations train at once."""
    epochs, steps, begin = plan.stream_epochs, plan.stream_steps, plan.timeline.train_steps
    first, last = (turn * steps // epochs for turn in (run.turn, run.turn + 1))
    spans = {0: Span(first, last)}
    standing = _standing(fleet, plan, run, run.horizontal.standing, spans, spans[0])
    phase = replace(run.horizontal, standing=standing)
    share = plan.settings.horizontal.participation
    draw = Draw(plan.settings.recipe.seed, HORIZONTAL, run.turn)
    drawn = taking_part(plan.stations, run.tree.cluster_of, share, draw)
    mask = plan.behaviour.reachable[:, last - 1] & drawn
    run = replace(run, turn=run.turn + 1, horizontal=phase)
    if not mask.any():
        return run
    turn = Turn("horizontal", last - 1, steps, begin + last)
    made = vertical_round(fleet, run.tree, turn, mask, rules_of(plan, run.system))
    row = Row("horizontal", run.turn, _mse(standing.top), 1)
    return replace(
        run,
        tree=made.tree,
        horizontal=_counted(phase, made),
        history=(*run.history, row),
    )
