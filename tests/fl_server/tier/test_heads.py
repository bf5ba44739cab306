"""Heads on machines of their own make the twins of clusters in one process, to the bit, whatever is lost."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from clustering.segmentation import SegmentationSettings
from data.errors import InputError
from data.messages import (
    Answer,
    ClusterReport,
    ClusterRound,
    ClusterScores,
    ClusterStep,
    Order,
    RefreshOrder,
    RoundOrder,
    StepOrder,
)
from data.traffic import StationId
from fl_server.run import Run
from fl_server.running import State, first_state, states
from fl_server.settings import SegmentSettings, Strategies, TwinSettings
from fl_server.stream import no_sendings
from fl_server.tier.backhaul import SILENT, Heads
from fl_server.tier.head import BEHIND, NOTHING_LEFT
from fl_server.tier.heads import kept_by_heads, settings_over_heads
from tests.fl_server.test_lifecycle import CITY, SETTINGS, STEPS, all_states, bits, plan_of
from tests.fl_server.tier.backhauls import Backhaul, Lost, backhaul, head_of

PARTS = [[0, 3, 6], [1, 2, 5], [4]]
ALONE = replace(SETTINGS, single_level=False)
ROUNDS = SETTINGS.vertical.epochs


def by_heads(settings: TwinSettings, groups: Sequence[tuple[str, ...]]) -> TwinSettings:
    how = SegmentationSettings(method="heads")
    asked = replace(settings, segment=replace(settings.segment, how=how))
    return settings_over_heads(asked, tuple(groups))


def given(settings: TwinSettings) -> TwinSettings:
    """The same clusters, in one process."""
    groups = tuple(tuple(CITY.stations[place] for place in part) for part in PARTS)
    how = SegmentationSettings(method="given", groups=groups)
    return replace(settings, segment=replace(settings.segment, how=how))


@cache
def straight(cluster: str = "mean") -> Run:
    """The run in one process."""
    settings = replace(ALONE, strategies=Strategies(cluster=cluster))
    return all_states(given(settings))[-1].hierarchical


def states_over(fleet: Backhaul, settings: TwinSettings = ALONE, after: State | None = None) -> list[State]:
    """All states of a run over heads, or those after one of them."""
    plan = plan_of(fleet, by_heads(settings, fleet.groups))
    first = after or first_state(plan)
    return [first, *states(fleet, plan, first)]


def ended(fleet: Backhaul, settings: TwinSettings = ALONE, after: State | None = None) -> Run:
    return states_over(fleet, settings, after)[-1].hierarchical


def essence(run: Run) -> dict[str, object]:
    """What a run has come to, but for what only the one tier or the other has."""
    stream = run.stream
    assert stream is not None
    nothing = replace(stream, trained_until=stream.cluster_until, open=(), waiting=())
    nothing = replace(nothing, sendings=no_sendings(0))
    tree = replace(run.tree, starts=run.tree.clusters, cluster_states=())
    return bits(replace(run, stream=nothing, tree=tree, shown=None, heads=()))


@pytest.mark.parametrize("cluster", ["mean", "weighted-mean", "momentum:rate=1,beta=0.5"])
def test_the_run_over_heads_is_that_of_one_process_to_the_bit(cluster: str, tmp_path: Path) -> None:
    """Twins, errors, history and what was sent: with presummed updates, single ones and a memory."""
    settings = replace(ALONE, strategies=Strategies(cluster=cluster))
    made, expected = ended(backhaul(settings, CITY, PARTS, tmp_path), settings), straight(cluster)
    assert essence(made) == essence(expected)
    assert expected.stream is not None
    assert min(expected.stream.sent, expected.stream.spared) > 5


def test_only_some_stations_of_each_head_take_part_where_a_share_is_wanted(tmp_path: Path) -> None:
    settings = replace(
        ALONE,
        vertical=replace(ALONE.vertical, participation=0.5),
        horizontal=replace(ALONE.horizontal, participation=0.5, ready=0.5),
        behaviour=replace(ALONE.behaviour, deadline=1.5),
    )
    expected = all_states(given(settings))[-1].hierarchical
    assert essence(ended(backhaul(settings, CITY, PARTS, tmp_path), settings)) == essence(expected)
    assert "was too slow for its round" in expected.vertical.failures


def test_a_run_without_a_stream_ends_after_its_rounds(tmp_path: Path) -> None:
    settings = replace(ALONE, horizontal=replace(ALONE.horizontal, epochs=0))
    made = ended(backhaul(settings, CITY, PARTS, tmp_path), settings)
    expected = all_states(given(settings))[-1].hierarchical
    assert made.tree.top.tobytes() == expected.tree.top.tobytes()
    assert made.tree.clusters.tobytes() == expected.tree.clusters.tobytes()
    assert bits(made.vertical) == bits(expected.vertical)


def test_up_the_backhaul_go_twins_as_many_as_are_reported_and_little_else(tmp_path: Path) -> None:
    """Rounds with the network, reports through the gate and the twins at the end: no other weights go up."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    made = ended(fleet)
    assert made.stream is not None
    upward = ROUNDS - ALONE.vertical.settling_epochs + 1
    twins = len(PARTS) * (upward + 1) + made.stream.sent
    asked = [order for _, order in fleet.orders if isinstance(order, RoundOrder | StepOrder | RefreshOrder)]
    assert len(asked) == len(PARTS) * (ROUNDS + STEPS) + made.stream.sent
    control = fleet.up - twins * made.tree.size
    assert 0 < control < 800 * (len(asked) + 2 * len(PARTS))


def test_with_more_stations_no_more_twins_go_up(tmp_path: Path) -> None:
    """Two clusters of one station, and of three each; what else goes up are sums, 80 bytes a station."""
    ups = []
    for parts in ([[0], [1]], [[0, 2, 3], [1, 4, 5]]):
        fleet = backhaul(ALONE, CITY, parts, tmp_path / str(len(parts[0])))
        settings = replace(ALONE, segment=SegmentSettings(), horizontal=replace(ALONE.horizontal, epochs=0))
        list(states_over(fleet, settings))
        ups.append(fleet.up)
    assert 0 < ups[1] - ups[0] < 4 * 100 + 100


def test_personal_twins_are_refused_since_they_would_cross_the_backhaul() -> None:
    settings = replace(ALONE, recipe=replace(ALONE.recipe, personal="head"))
    with pytest.raises(InputError, match="personal twins"):
        by_heads(settings, [("s0",), ("s1",)])


def losing(head: int, how: str, kind: type, turns: Sequence[int]) -> Lost:
    """Losing what is sent to a head, or what it answers, in some turns."""

    def lost(asked: int, order: Order) -> str:
        mine = asked == head and isinstance(order, kind)
        return how if mine and getattr(order, "turn", -1) in turns else ""

    return lost


@pytest.mark.parametrize("how", ["up", "down"])
def test_a_round_closes_without_a_head_that_does_not_answer_and_that_takes_part_again(
    how: str, tmp_path: Path
) -> None:
    """It begins anew from the G-NDT of the others; what it made of a lost round is not counted."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    fleet.lost = losing(1, how, RoundOrder, [2])
    made = ended(fleet)
    assert made.vertical.failures == {SILENT: 3}
    assert made.tree.cluster_versions[1] == straight().tree.cluster_versions[1] - 1
    assert made.vertical.exchange.cluster_network.messages_up == 3 * 4 - 1
    assert made.horizontal.standing.top.count.all()


@pytest.mark.parametrize("how", ["up", "down"])
def test_the_stream_goes_on_without_a_head_and_again_with_it(how: str, tmp_path: Path) -> None:
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    fleet.lost = losing(1, how, StepOrder, range(ROUNDS + 10, ROUNDS + 21))
    made = ended(fleet)
    assert made.horizontal.failures[SILENT] == 3 * 11
    asked = [order for head, order in fleet.orders if head == 1 and isinstance(order, StepOrder)]
    assert asked[20].after == ROUNDS + 9
    assert asked[21].after == ROUNDS + 21
    assert asked[20].weights is not None
    whole = straight().horizontal.standing
    assert made.horizontal.standing.cluster.count.tolist() == whole.cluster.count.tolist()
    assert made.horizontal.standing.top.count.tolist() == whole.top.count.tolist()


def test_a_head_that_never_comes_back_costs_its_stations_and_no_others(tmp_path: Path) -> None:
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)

    def lost(head: int, order: Order) -> str:
        turn = getattr(order, "turn", ROUNDS + STEPS if getattr(order, "phase", "") == "horizontal" else 0)
        return "down" if head == 2 and turn > ROUNDS + 5 else ""

    fleet.lost = lost
    made = ended(fleet)
    counts = made.horizontal.standing.cluster.count
    assert [bool(counts[place]) for place in range(7)] == [place != 4 for place in range(7)]
    assert made.horizontal.failures[SILENT] == STEPS - 5


def test_a_g_ndt_that_does_not_arrive_is_one_that_its_cluster_has_not_seen(tmp_path: Path) -> None:
    """Its report counts; the head begins the next step where it began that one."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    first: list[int] = []

    def lost(head: int, order: Order) -> str:
        if isinstance(order, RefreshOrder) and head == 0 and not first:
            first.append(order.turn)
            return "up"
        return ""

    fleet.lost = lost
    made = ended(fleet)
    assert first
    assert made.horizontal.failures[SILENT] == 3
    assert made.horizontal.standing.top.count.all()


def test_without_any_head_the_stream_stops_and_says_why(tmp_path: Path) -> None:
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    fleet.lost = lambda _, order: "up" if isinstance(order, StepOrder) and order.step == 7 else ""
    with pytest.raises(InputError, match=rf"no cluster head answered in step 8.*station s0 {SILENT}"):
        ended(fleet)


@pytest.mark.parametrize("turn", [3, ROUNDS, ROUNDS + 9, ROUNDS + 30])
@pytest.mark.parametrize("later", [0, 1, 6])
def test_a_run_goes_on_from_any_state_to_the_same_end_however_far_its_heads_were(
    turn: int, later: int, tmp_path: Path
) -> None:
    """The server was killed, the heads were not: they were some turns on, or in the midst of one."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    plan = plan_of(fleet, by_heads(ALONE, fleet.groups))
    made = states(fleet, plan, first_state(plan))
    several = [next(made) for _ in range(turn + later)]
    fleet.lost = lambda _, order: "up" if isinstance(order, RefreshOrder) else ""
    next(made)  # those that report are in the midst of a step from here on
    fleet.lost = lambda _head, _order: ""
    assert essence(ended(fleet, after=several[turn - 1])) == essence(straight())


@pytest.mark.parametrize("turn", [2, ROUNDS, ROUNDS + 9, ROUNDS + 30])
def test_heads_that_were_killed_too_go_on_from_what_they_kept(turn: int, tmp_path: Path) -> None:
    """Two turns are kept: the server may have been killed between the heads' keeping and its own."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    plan = plan_of(fleet, by_heads(ALONE, fleet.groups))
    made = states(fleet, plan, first_state(plan))
    several = []
    for _ in range(turn + 3):
        several.append(next(made))
        kept_by_heads(Heads(fleet, plan, several[-1].hierarchical))
    for state in several[-1], several[-2]:
        again = backhaul(ALONE, CITY, PARTS, tmp_path)
        assert essence(ended(again, after=state)) == essence(straight())


def restarted(fleet: Backhaul, head: int, folder: Path) -> None:
    """The head is another process now, with what stands in the folder."""
    fleet.heads[head] = head_of(CITY, PARTS[head], folder)


def test_a_head_that_is_started_anew_goes_on_from_what_it_kept_and_says_so(tmp_path: Path) -> None:
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    plan = plan_of(fleet, by_heads(ALONE, fleet.groups))
    made = states(fleet, plan, first_state(plan))
    for turn in range(ROUNDS + 12):
        state = next(made)
        if turn == ROUNDS + 5:
            kept_by_heads(Heads(fleet, plan, state.hierarchical))
    restarted(fleet, 0, tmp_path / "head-0")
    *_, last = made
    assert last.hierarchical.horizontal.failures[f"{BEHIND}"] == 3
    assert last.hierarchical.horizontal.standing.top.count.all()


@pytest.mark.parametrize("turns", [3, ROUNDS + 5])
def test_a_head_that_has_lost_everything_begins_from_the_g_ndt(turns: int, tmp_path: Path) -> None:
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    plan = plan_of(fleet, by_heads(ALONE, fleet.groups))
    made = states(fleet, plan, first_state(plan))
    for _ in range(turns):
        next(made)
    restarted(fleet, 0, tmp_path / "empty")
    *_, last = made
    phase = last.hierarchical.vertical if turns < ROUNDS else last.hierarchical.horizontal
    missed = {reason: count for reason, count in phase.failures.items() if "head" in reason}
    assert missed.pop(BEHIND) == 3
    assert set(missed) <= {f"is under a head that {NOTHING_LEFT}"}
    assert last.hierarchical.horizontal.standing.cluster.count[[0, 3, 6]].all()


ONE = StationId("s0")


def test_a_head_is_held_to_what_it_may_answer(tmp_path: Path) -> None:
    """Each of these would spoil the run if it were taken in; each is one turn without that head."""
    fleet = backhaul(ALONE, CITY, PARTS, tmp_path)
    made = states_over(fleet)
    plan, run = plan_of(fleet, by_heads(ALONE, fleet.groups)), made[3].hierarchical
    heads, weights = Heads(fleet, plan, run), run.tree.top
    sums = np.zeros((5, 3))
    cases: list[tuple[Answer, str]] = [
        (ClusterRound(ONE, 1, 0.1, 1, 1, (), (), weights[:-1]), "shape"),
        (ClusterRound(ONE, 1, 0.1, 1, 1, (), (), weights * np.float32(np.nan)), "not finite"),
        (ClusterRound(ONE, 1, 0.1, 1, 1, (), (), weights.astype(np.float64)), "float64"),
        (ClusterRound(ONE, 1, 0.1, 1, 1, (), (), weights + np.float32(1e7)), "beyond"),
        (ClusterReport(ONE, weights, 3, 9, 200, 1.5, "stranger"), "stranger"),
        (ClusterReport(ONE, weights, 3, 0, 200, 1.5, "s0"), "-1, 1.5"),
        (ClusterReport(ONE, weights, 3, 9, 200, float("nan"), "s0"), "nan"),
        (ClusterStep(ONE, 1, 1, 0, float("inf"), 1, (), ()), "inf"),
        (ClusterRound(ONE, 1, float("nan"), 1, 1, (), (), weights), "nan"),
        (ClusterRound(ONE, -1, 0.1, 1, 1, (), (), weights), "-1, 0.1"),
        (ClusterScores(ONE, sums[:, :2], sums, 1, 1, weights), "errors of shape"),
        (ClusterScores(ONE, sums, sums * np.nan, 1, 1, weights), "not finite"),
    ]
    for answer, words in cases:
        assert words in heads.defect(answer, 0, (type(answer),)), answer
    assert heads.defect(cases[0][0], 0, (ClusterStep,)) == "is under a head that sent ClusterRound"
