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
from data.messages import Failure
from fl_server.crossing.turns import after_crossing, around
from fl_server.exchange import together
from fl_server.fleet import Fleet
from fl_server.horizontal import step_passed
from fl_server.in_force import (
    in_the_stream,
    mean_error,
    mean_squared,
    scored,
    squared_sums,
    standing_after,
    whole_stream_standing,
)
from fl_server.inbox import counted
from fl_server.run import Phase, Plan, Row, Run, Stage, System
from fl_server.scoring import Span
from fl_server.segmenting import described, segmented
from fl_server.stream import Passed, regrouped_stream
from fl_server.terms import drawn_for_epoch, drawn_for_round, epoch_of, rules_of, world_of
from fl_server.tier.backhaul import Heads
from fl_server.tier.heads import over_heads, round_over_heads, scored_over_heads, step_over_heads
from fl_server.tree import mixed, origins, regrouped
from fl_server.vertical import Outcome, Turn, vertical_round

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
    if plan.settings.crossing.plain:
        return _advanced(fleet, plan, run)
    crossing = around(fleet, plan, run)
    return after_crossing(crossing, run, _advanced(crossing, plan, run))


def _advanced(fleet: Fleet, plan: Plan, run: Run) -> Run:
    if run.stage == "vertical":
        run = _vertical_turn(fleet, plan, _perhaps_segmented(fleet, plan, run))
    elif over_heads(plan.settings):
        run = _stream_turn_over_heads(fleet, plan, run)
    elif run.system == "hierarchical":
        run = _stream_turn(fleet, plan, _perhaps_segmented(fleet, plan, run))
    else:
        run = _synchronous_turn(fleet, plan, run)
    return run if run.turn < turns(plan, run.stage, run.system) else _stage_ended(fleet, plan, run)


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
        run = scored(fleet, plan, run, run.turn, everything=True)
    return replace(_moved(run, found), segmentations=run.segmentations + 1, quality=found.quality)


def _segments(plan: Plan, run: Run) -> bool:
    """Whether this turn begins with a segmentation."""
    if run.system == "single-level":
        return False
    if run.quality is not None and plan.settings.segment.how.is_given:
        return False
    every, epoch = _segmentation_period(plan, run)
    return run.quality is None or bool(every and epoch and epoch % every == 0)


def _segmentation_period(plan: Plan, run: Run) -> tuple[int, int]:
    """After how many epochs to segment again, and which epoch begins with this turn; 0 if none does."""
    if run.stage == "vertical":
        return plan.settings.segment.every_vertical, run.turn
    epoch = epoch_of(plan, run.turn)
    begins = run.turn > 0 and epoch > epoch_of(plan, run.turn - 1)
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
    drawn = drawn_for_round(plan, run.tree.cluster_of, run.turn)
    in_time = plan.behaviour.in_time(plan.settings.behaviour)
    if over_heads(plan.settings):
        made, marks = round_over_heads(Heads(fleet, plan, run), turn, drawn, rules_of(plan))
        run = replace(run, heads=marks)
    else:
        made = vertical_round(fleet, run.tree, turn, drawn, rules_of(plan, run.system), ~in_time)
    late = tuple(Failure(plan.stations[place], TOO_SLOW) for place in np.flatnonzero(drawn & ~in_time))
    made = replace(made, failures=(*made.failures, *late))
    if made.loss is None:
        raise InputError(
            f"no station sent a usable update in round {run.turn + 1} of V-twinning: "
            f"{_first_reason(made.failures)}"
        )
    told = None if plan.settings.recipe.privacy.on else made.loss
    row = Row("vertical", run.turn + 1, told, len(made.tree.clusters), _stability(plan, run))
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
    if over_heads(plan.settings):
        run, standing = scored_over_heads(Heads(fleet, plan, run), "vertical")
    else:
        standing = whole_stream_standing(fleet, plan, run)
    return in_the_stream(plan, run, standing)


def _stream_turn(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One step of the stream."""
    assert run.stream is not None
    mask = drawn_for_epoch(plan, run.tree.cluster_of, epoch_of(plan, run.turn))
    passed = step_passed(fleet, run.tree, run.stream, world_of(plan), mask)
    stability = _stability(plan, run)
    run = replace(
        run,
        turn=run.turn + 1,
        tree=passed.tree,
        stream=passed.stream,
        horizontal=_counted(run.horizontal, passed),
    )
    run = scored(fleet, plan, run, run.turn, everything=run.turn == plan.stream_steps)
    return replace(run, history=(*run.history, _stream_row(run, _error_so_far(run), stability)))


def _stream_turn_over_heads(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One step of the stream, where clusters are heads elsewhere."""
    made = step_over_heads(Heads(fleet, plan, run), world_of(plan))
    passed = made.passed
    if not made.squared:
        raise InputError(
            f"no cluster head answered in step {run.turn + 1} of the stream: {_first_reason(passed.failures)}"
        )
    phase = _counted(run.horizontal, passed)
    run = replace(
        run, turn=run.turn + 1, tree=passed.tree, stream=passed.stream, horizontal=phase, heads=made.marks
    )
    error = mean_error(made.squared, made.count)
    if run.turn == plan.stream_steps:
        run, standing = scored_over_heads(Heads(fleet, plan, run), "horizontal")
        run = replace(run, horizontal=replace(phase, standing=standing))
        error = _error_so_far(run)
    return replace(run, history=(*run.history, _stream_row(run, error, None)))


def _error_so_far(run: Run) -> float | None:
    """The MSE of the C-NDTs in force along the stream."""
    sums = run.horizontal.standing.cluster
    return mean_error(squared_sums(sums, run.tree.cluster_of), int(sums.count.sum()))


def _stream_row(run: Run, error: float | None, stability: float | None) -> Row:
    assert run.stream is not None
    clusters, stream = len(run.tree.clusters), run.stream
    return Row("horizontal", run.turn, error, clusters, stability, stream.sent, stream.spared)


def _synchronous_turn(fleet: Fleet, plan: Plan, run: Run) -> Run:
    """One epoch of the stream without clusters: the twin forecasts it, then all stations train at once."""
    epochs, steps, begin = plan.stream_epochs, plan.stream_steps, plan.timeline.train_steps
    first, last = (turn * steps // epochs for turn in (run.turn, run.turn + 1))
    spans = {0: Span(first, last)}
    standing = standing_after(fleet, plan, run, run.horizontal.standing, spans, spans[0])
    phase = replace(run.horizontal, standing=standing)
    drawn = drawn_for_epoch(plan, run.tree.cluster_of, run.turn)
    mask = plan.behaviour.reachable[:, last - 1] & drawn
    run = replace(run, turn=run.turn + 1, horizontal=phase)
    if not mask.any():
        return run
    turn = Turn("horizontal", last - 1, steps, begin + last)
    made = vertical_round(fleet, run.tree, turn, mask, rules_of(plan, run.system))
    row = Row("horizontal", run.turn, mean_squared(standing.top), 1)
    return replace(
        run,
        tree=made.tree,
        horizontal=_counted(phase, made),
        history=(*run.history, row),
    )
