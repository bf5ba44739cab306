"""A whole run, state by state: the network with its clusters, then the same without them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic

from data.progress import Step, Work
from fl_server.crossing.turns import crossed
from fl_server.fleet import Fleet
from fl_server.horizontal import reposted
from fl_server.lifecycle import advanced, turns
from fl_server.run import Plan, Run, begun


@dataclass(frozen=True)
class State:
    """How far a run and the one that it is compared with have come."""

    hierarchical: Run
    single_level: Run | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return _open_run(self) is None


def first_state(plan: Plan) -> State:
    """The state before the first turn."""
    single = begun(plan, "single-level") if plan.settings.single_level else None
    return State(begun(plan, "hierarchical"), single)


def states(fleet: Fleet, plan: Plan, state: State) -> Iterator[State]:
    """Every state after `state`, to the end."""
    run = _open_run(state)
    if run is not None and run.stream is not None:
        if plan.settings.crossing.coded:
            crossed(fleet, plan, run).repost([each.order for each in run.stream.open])
        else:
            reposted(fleet, run.stream)
    while run is not None:
        began = monotonic()
        made = advanced(fleet, plan, run)
        made = _with_seconds(made, run.stage, monotonic() - began)
        if state.hierarchical is run:
            state = replace(state, hierarchical=made)
        else:
            state = replace(state, single_level=made)
        yield state
        run = _open_run(state)


def steps(plan: Plan, several: Iterator[State]) -> Work[State]:
    """The states as steps that can be shown; the result is the last one. There must be one."""
    for state in several:
        last = state
        yield _step(plan, state)
    return last


def _open_run(state: State) -> Run | None:
    """The run that has turns left, the hierarchical one first."""
    runs = (state.hierarchical, state.single_level)
    return next((run for run in runs if run is not None and run.stage != "done"), None)


def _with_seconds(run: Run, stage: str, seconds: float) -> Run:
    if stage == "vertical":
        return replace(run, vertical=replace(run.vertical, seconds=run.vertical.seconds + seconds))
    return replace(run, horizontal=replace(run.horizontal, seconds=run.horizontal.seconds + seconds))


def _step(plan: Plan, state: State) -> Step:
    single = state.single_level
    run = single if single is not None and single.history else state.hierarchical
    if not run.history:
        return Step("V-twinning", 1, 1, "nothing to train")
    row = run.history[-1]
    name = "V-twinning" if row.stage == "vertical" else "H-twinning"
    if run.system == "single-level":
        name = f"{name[0]} single-level"
    unit = "round" if row.stage == "vertical" or run.system == "single-level" else "step"
    words = [f"{unit} {row.turn}", f"{'loss' if row.stage == 'vertical' else 'MSE'} {_figure(row.error)}"]
    if run.system == "hierarchical":
        words.append(f"{row.clusters} clusters")
    if row.stage == "horizontal" and run.stream is not None:
        words.append(f"{row.sent} sent, {row.spared} spared")
    return Step(name, row.turn, turns(plan, row.stage, run.system), ", ".join(words), unit)


def _figure(error: float | None) -> str:
    return "?" if error is None else f"{error:.4f}"
