"""A run as states that follow one another, and as steps that a person sees."""

from dataclasses import replace

from data.progress import Step, Steps
from fl_server.run import Plan
from fl_server.running import State, first_state, states, steps
from fl_server.settings import HorizontalSettings, VerticalSettings
from tests.fl_server.test_lifecycle import SETTINGS, STEPS, all_states, bits, fleet_of, plan_of, usual

PLAN = plan_of(fleet_of())


def shown(plan: Plan, several: list[State]) -> tuple[list[Step], State]:
    work = Steps(steps(plan, iter(several)))
    return list(work), work.result


def test_the_clusters_come_first_and_what_they_are_compared_with_after_them() -> None:
    alone = [state for state in usual() if state.hierarchical.stage != "done"]
    assert all(state.single_level == usual()[0].single_level for state in alone)
    after = [state for state in usual() if state.hierarchical.stage == "done"]
    assert len({state.hierarchical.tree.top.tobytes() for state in after}) == 1


def test_a_finished_run_has_no_states_to_come() -> None:
    fleet = fleet_of()
    assert list(states(fleet, plan_of(fleet), usual()[-1])) == []


def test_a_run_without_the_comparison_ends_with_the_clusters() -> None:
    ended = all_states(replace(SETTINGS, single_level=False))[-1]
    assert ended.single_level is None
    assert ended.finished
    assert bits(ended.hierarchical) == bits(usual()[-1].hierarchical)


def test_seconds_are_those_of_each_phase_and_grow() -> None:
    ended = usual()[-1]
    assert ended.single_level is not None
    for run in (ended.hierarchical, ended.single_level):
        assert run.vertical.seconds > 0
        assert run.horizontal.seconds > 0
    stream = [state.hierarchical.horizontal.seconds for state in usual()[5:54]]
    assert stream == sorted(stream)
    assert len({state.hierarchical.vertical.seconds for state in usual()[5:]}) == 1


def test_every_state_is_a_step_and_the_last_is_the_result() -> None:
    several = list(usual()[1:])
    told, last = shown(PLAN, several)
    assert last is several[-1]
    assert [(step.stage, step.done, step.total) for step in told] == [
        *[("V-twinning", done, 5) for done in range(1, 6)],
        *[("H-twinning", done, STEPS) for done in range(1, STEPS + 1)],
        *[("V single-level", done, 5) for done in range(1, 6)],
        *[("H single-level", done, 6) for done in range(1, 7)],
    ]


def test_a_step_says_what_a_person_wants_to_know() -> None:
    told, _ = shown(PLAN, list(usual()[1:]))
    rows = usual()[53].hierarchical.history
    assert told[1].detail == f"round 2, loss {rows[1].error:.4f}, {rows[1].clusters} clusters"
    last, run = rows[-1], usual()[53].hierarchical
    assert run.stream is not None
    assert told[52].detail == (
        f"step {STEPS}, MSE {last.error:.4f}, {last.clusters} clusters, {run.stream.sent} sent, "
        f"{run.stream.spared} spared"
    )
    assert told[-1].detail.startswith("round 6, MSE 0.")
    assert "clusters" not in told[-1].detail


def test_a_run_with_nothing_to_train_says_so() -> None:
    settings = replace(SETTINGS, vertical=VerticalSettings(epochs=0), horizontal=HorizontalSettings(epochs=0))
    fleet = fleet_of(settings)
    plan = plan_of(fleet, settings)
    told, last = shown(plan, list(states(fleet, plan, first_state(plan))))
    assert {step.detail for step in told} == {"nothing to train"}
    assert last.finished
