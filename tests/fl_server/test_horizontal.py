"""H-twinning is Algorithm 3 on a clock, here worked by hand with four stations in two clusters."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from data.messages import Failure, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.refresh import chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Behaviour
from fl_server.cluster_stream import distance
from fl_server.exchange import Exchange, Flow, together
from fl_server.fleet import Fleet
from fl_server.horizontal import reposted, step_passed
from fl_server.settings import Distance, HorizontalSettings
from fl_server.stream import Passed, Stream, World, regrouped_stream, stream_begun
from fl_server.tree import Floats, Tree, regrouped, seedling
from fl_server.vertical import Mask, Rules
from forecasting.networks import initial_weights
from hetnet.sync.gates import opens
from tests import fleets
from tests.cities import wavy_traffic
from tests.fleets import Trouble, TroubledFleet, small_fleet

CITY = wavy_traffic(stations=4, days=14)
FLEET = small_fleet(traffic=CITY)
START = initial_weights(FLEET.hosts[0].network, np.random.default_rng(2))
HISTORY = STEPS = 7 * 24
CLUSTER_OF = np.array([0, 0, 1, 1])
BATCH = 4
# Stations have gathered 3, 2, 0 and 1 of 4 values before the stream, so they first train in the steps 1, 2,
# 4 and 3, and from then on every 4 steps.
HEAD_START = np.array([0.75, 0.5, 0.0, 0.25])
HOURS = np.array([0.5, 2.5, 0.25, 0.75])
PATIENT = HorizontalSettings(psi=1e-12, patience_hours=1000)


def world(
    settings: HorizontalSettings = PATIENT,
    *,
    refresh: str = "cluster-mean",
    away: Sequence[tuple[int, int, int]] = (),
    hours: NDArray[np.float64] = HOURS,
    batch: int = BATCH,
    cluster: str = "mean",
) -> World:
    """The world of the example; stations named in `away` are not there from one step to another."""
    reachable = np.ones((4, STEPS), bool)
    for place, first, last in away:
        reachable[place, first:last] = False
    mean = chosen_strategy("mean")
    return World(
        settings=settings,
        rules=Rules(chosen_strategy(cluster), mean, (len(START),)),
        refresh=chosen_refresh(refresh, mean),
        behaviour=Behaviour(hours, reachable, HEAD_START),
        train_steps=HISTORY,
        step_hours=1.0,
        batch=batch,
        windows=1,
        gate=partial(opens, settings.gate, settings.psi),
        busy=np.zeros((4, 24)),
        hours=np.arange(STEPS) % 24,
    )


def planted() -> Tree:
    return regrouped(seedling(4, START), CLUSTER_OF)


@dataclass
class Passage:
    """Where a stream stands after some steps, and what it led to in all of them."""

    tree: Tree
    stream: Stream
    exchange: Exchange = field(default_factory=Exchange)
    failures: list[Failure] = field(default_factory=list)


def passage(where: World, fleet: Fleet = FLEET, tree: Tree | None = None) -> Passage:
    tree = tree or planted()
    return Passage(tree, stream_begun(tree, where))


def go_on(
    passage: Passage, where: World, steps: int, fleet: Fleet = FLEET, taking_part: Mask | None = None
) -> Passage:
    for _ in range(steps):
        mask = np.ones(len(fleet.stations), bool) if taking_part is None else taking_part
        passed: Passed = step_passed(fleet, passage.tree, passage.stream, where, mask)
        passage = Passage(
            passed.tree,
            passed.stream,
            together(passage.exchange, passed.exchange),
            [*passage.failures, *passed.failures],
        )
    return passage


def after(steps: int, where: World, fleet: Fleet = FLEET, taking_part: Mask | None = None) -> Passage:
    return go_on(passage(where), where, steps, fleet, taking_part)


def trained(station: int, weights: Floats, step: int) -> Floats:
    """What a station makes of `weights` at a step of the stream when it is asked all alone."""
    order = TrainOrder((CITY.stations[station],), weights, "horizontal", step, STEPS, HISTORY + step)
    (answer,) = FLEET.ask([order])
    assert isinstance(answer, Update)
    return answer.weights


def mean(*weights: Floats) -> Floats:
    made: Floats = np.stack(weights).mean(axis=0, dtype=np.float64).astype(np.float32)
    return made


def posted(fleet: TroubledFleet) -> list[tuple[int, str]]:
    """The step of each training that was asked for, with its station."""
    orders = [order for order in fleet.orders if isinstance(order, TrainOrder)]
    return [(order.turn, station) for order in orders for station in order.stations]


def assert_same(found: Floats, expected: NDArray[np.floating]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


# s0 begins in step 1 and answers at 1.5, s1 in 2 at 4.5, s3 in 3 at 3.75, s2 in 4 at 4.25: cluster 1 is
# ready at 4.25, cluster 0 at 4.5. Then s0 begins in 5, s1 in 6, s3 in 7, s2 in 8; cluster 1 is ready at 8.25
# and cluster 0 at 8.5.


def test_the_events_come_in_the_order_of_the_streams_time() -> None:
    fleet = TroubledFleet(FLEET, {})
    where = world()
    begun = passage(where)
    assert go_on(begun, where, 4, fleet).stream.sent == 0
    assert go_on(begun, where, 5, fleet).stream.sent == 2
    fleet.orders.clear()
    made = go_on(begun, where, 9, fleet)
    assert posted(fleet) == [
        (1, "s0"), (2, "s1"), (3, "s3"), (4, "s2"), (5, "s0"), (6, "s1"), (7, "s3"), (8, "s2")
    ]  # fmt: skip
    assert (made.stream.sent, made.stream.spared, made.stream.step) == (4, 0, 9)
    assert made.tree.cluster_versions.tolist() == [2, 2]
    assert made.tree.top_version == 4
    assert made.stream.seen_versions.tolist() == [4, 3]


def test_nine_steps_are_algorithm_3_worked_by_hand() -> None:
    made = after(9, world())
    second = mean(trained(3, START, 3), trained(2, START, 4))
    top = mean(START, second)  # of cluster 0 the start is the last that is known
    first = mean(trained(0, START, 1), trained(1, START, 2))
    seen_by_second, top = top, mean(first, second)
    second = mean(trained(3, seen_by_second, 7), trained(2, seen_by_second, 8))
    seen_by_second, seen_by_first = mean(first, second), top
    first = mean(trained(0, seen_by_first, 5), trained(1, seen_by_first, 6))
    top = mean(first, second)
    assert_same(made.tree.clusters, np.stack([first, second]))
    assert_same(made.tree.top, top)
    assert_same(made.stream.seen, np.stack([top, seen_by_second]))
    assert_same(made.tree.starts, made.stream.seen)
    assert made.stream.known.tolist() == made.tree.clusters.tolist()
    counts = [HISTORY + step - 72 for step in (5, 6, 7, 8)]  # windows that are whole by the steps of training
    assert made.stream.known_samples.tolist() == [sum(counts[:2]), sum(counts[2:])]


def test_messages_and_bytes_are_those_counted_by_hand() -> None:
    """Eight trainings, each asked for and answered; four C-NDTs up, and after each the G-NDT down."""
    size = START.nbytes
    assert after(9, world()).exchange == Exchange(
        station_cluster=Flow(8, 8, 8 * size, 8 * size),
        cluster_network=Flow(4, 4, 4 * size, 4 * size),
    )


def first_report() -> Floats:
    return mean(trained(3, START, 3), trained(2, START, 4))


def test_the_distance_is_a_mean_a_sum_or_what_the_paper_prints() -> None:
    one, other = np.array([3.0, 0.0], np.float32), np.array([1.0, 2.0], np.float32)
    kinds: tuple[Distance, ...] = ("mean", "squared", "printed")
    found = [distance(one, other, HorizontalSettings(distance=kind)) for kind in kinds]
    assert found == [4, 8, 20]


@pytest.mark.parametrize("norm", ["mean", "squared"])
def test_the_gate_opens_above_its_threshold_alone(norm: Distance) -> None:
    """ε = (C-NDT - G-NDT)², its mean or its sum; a report of ε = ψ is spared, as is one below."""
    squares = (first_report().astype(np.float64) - START) ** 2
    epsilon = float(squares.mean() if norm == "mean" else squares.sum())
    cluster_1 = np.array([False, False, True, True])
    for psi, sent in ((epsilon * (1 - 1e-9), 1), (epsilon * (1 + 1e-9), 0)):
        where = world(replace(PATIENT, psi=psi, distance=norm))
        made = after(5, where, taking_part=cluster_1)
        assert (made.stream.sent, made.stream.spared) == (sent, 1 - sent)
        assert made.exchange.cluster_network.messages == 2 * sent
    exact = distance(after(5, world(), taking_part=cluster_1).tree.clusters[1], START, where.settings)
    assert exact == pytest.approx(epsilon)
    assert after(5, world(replace(PATIENT, psi=exact, distance=norm)), taking_part=cluster_1).stream.sent == 0


def test_behind_a_closed_gate_the_g_ndt_stays_and_clusters_go_on_by_themselves() -> None:
    made = after(9, world(replace(PATIENT, psi=1e9)))
    assert (made.stream.sent, made.stream.spared) == (0, 4)
    assert made.tree.top.tolist() == START.tolist()
    assert made.tree.top_version == 0
    assert made.exchange.cluster_network == Flow()
    second = first_report()
    second = mean(trained(3, second, 7), trained(2, second, 8))
    assert_same(made.tree.clusters[1], second)
    assert_same(made.tree.starts[1], second)
    assert made.stream.seen.tolist() == [START.tolist()] * 2


def test_mixing_moves_the_g_ndt_towards_each_arrival_less_when_it_is_stale() -> None:
    """Ages 0, 1, 1, 1: by the second report the first has made a version that cluster 0 has not seen."""
    made = after(9, world(refresh="mix:rate=0.5,staleness=polynomial,power=0.5"))
    second = first_report()
    tops = [START, 0.5 * START + 0.5 * second]
    share = 0.5 * 2**-0.5
    first = mean(trained(0, START, 1), trained(1, START, 2))
    tops.append((1 - share) * tops[-1] + share * first)
    second = mean(*(trained(place, tops[1].astype(np.float32), step) for place, step in ((3, 7), (2, 8))))
    tops.append((1 - share) * tops[-1] + share * second)
    first = mean(*(trained(place, tops[2].astype(np.float32), step) for place, step in ((0, 5), (1, 6))))
    tops.append((1 - share) * tops[-1] + share * first)
    assert_same(made.tree.top, tops[-1])


def test_a_buffer_of_two_refreshes_at_every_second_arrival() -> None:
    """Cluster 1 has nothing new to begin from after the first arrival; its next change counts from START."""
    where = world(refresh="buffered:size=2,rate=1,staleness=polynomial,power=0.5")
    five = after(5, where)
    second = first_report().astype(np.float64)
    first = mean(trained(0, START, 1), trained(1, START, 2)).astype(np.float64)
    top = START + ((second - START) + (first - START)) / 2
    assert_same(five.tree.top, top)
    assert (five.tree.top_version, five.stream.seen_versions.tolist()) == (1, [1, 0])
    nine = go_on(five, where, 4)
    second = mean(trained(3, START, 7), trained(2, START, 8)).astype(np.float64)
    seen = top.astype(np.float32)
    first = mean(trained(0, seen, 5), trained(1, seen, 6)).astype(np.float64)
    assert_same(nine.tree.top, top + (2**-0.5 * (second - START) + (first - seen)) / 2)
    assert (nine.stream.sent, nine.tree.top_version) == (4, 2)


def test_a_cluster_reports_without_those_that_keep_it_waiting() -> None:
    """s1 never answers. s0 has at 1.5; 2.5 hours later, at the end of step 3, its cluster reports."""
    where = world(replace(PATIENT, patience_hours=2.5), away=[(1, 0, STEPS)])
    three = after(3, where)
    assert three.tree.cluster_versions.tolist() == [0, 0]
    four = go_on(three, where, 1)
    assert four.tree.cluster_versions.tolist() == [1, 0]
    assert_same(four.tree.clusters[0], trained(0, START, 1))
    assert four.stream.waiting[0].place == 3


def test_an_answer_that_comes_again_and_again_does_not_put_patience_off() -> None:
    """s0 answers at 1.5, 2.5, …; three hours after the first, by the end of step 4, its newest one counts."""
    where = world(replace(PATIENT, patience_hours=3), away=[(1, 0, STEPS)], batch=1)
    four = after(4, where)
    longest = four.stream.waiting[0]
    assert (longest.place, longest.since, longest.until) == (0, 1.5, HISTORY + 3)
    five = go_on(four, where, 1)
    assert five.tree.cluster_versions[0] == 1
    assert_same(five.tree.clusters[0], trained(0, START, 4))


def test_who_answers_twice_while_others_are_awaited_counts_once_with_the_newer() -> None:
    """With a batch of one value s0 begins in the steps 1, 2, 3 and s1 in 1, which it answers at 3.75."""
    where = world(batch=1, hours=np.array([0.5, 2.75, 0.25, 0.75]))
    three = after(3, where)
    assert [each.place for each in three.stream.waiting if each.place < 2] == [0]
    four = go_on(three, where, 1)
    assert_same(four.tree.clusters[0], mean(trained(0, START, 3), trained(1, START, 1)))
    assert four.stream.known_samples[0] == (HISTORY + 3 - 72) + (HISTORY + 1 - 72)


@pytest.mark.parametrize(("ready", "reports"), [(0.5, 2), (0.51, 1), (1.0, 1)])
def test_a_cluster_is_ready_when_the_wanted_share_of_its_stations_has_answered(
    ready: float, reports: int
) -> None:
    made = after(5, world(replace(PATIENT, ready=ready)))
    assert made.tree.cluster_versions.tolist() == [reports, reports]


def test_waiting_answers_go_with_their_stations_to_new_clusters() -> None:
    """After step 1, s0 waits. Then s0 and s2 make a cluster, s1 and s3 the other: ready at 4.25 and 4.5."""
    where = world()
    two = after(2, where)
    moved = np.array([0, 1, 0, 1])
    tree, stream = regrouped(two.tree, moved), regrouped_stream(two.stream, CLUSTER_OF, moved)
    four = go_on(Passage(tree, stream), where, 3)
    assert_same(four.tree.clusters[0], mean(trained(0, START, 1), trained(2, START, 4)))
    assert_same(four.tree.clusters[1], mean(trained(1, START, 2), trained(3, START, 3)))
    assert four.stream.sent == 2


TROUBLES: list[tuple[Trouble, str]] = [
    (fleets.failing, "lost its power"),
    (fleets.missing, "did not answer"),
    (fleets.with_nan, "not finite"),
    (fleets.diverging, "diverged"),
    (fleets.of_wrong_shape, "shape"),
    (fleets.of_wrong_type, "float64"),
]


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES)
def test_a_station_in_trouble_is_counted_asked_again_and_waited_for_no_longer(
    trouble: Trouble, reason: str
) -> None:
    """s1 would answer at 4.5 and 8.5. Its cluster reports by s0 alone, five hours after 1.5 and 9.5."""
    fleet = TroubledFleet(FLEET, {StationId("s1"): trouble})
    made = after(9, world(replace(PATIENT, patience_hours=5)), fleet)
    assert [(each.station, reason in each.reason) for each in made.failures] == [("s1", True)] * 2
    assert [step for step, station in posted(fleet) if station == "s1"] == [2, 6]
    assert_same(made.tree.clusters[0], trained(0, START, 5))
    assert made.tree.cluster_versions.tolist() == [1, 2]
    assert made.exchange.station_cluster.messages_down == 8
    assert made.exchange.station_cluster.messages_up == 6


def test_who_is_away_is_asked_for_nothing() -> None:
    fleet = TroubledFleet(FLEET, {})
    after(9, world(away=[(0, 1, 6)]), fleet)
    assert [step for step, station in posted(fleet) if station == "s0"] == [6]


def test_who_goes_while_it_trains_answers_once_it_is_back() -> None:
    """s1 begins in step 2 and is away from 4 on: what was due at 4.5 comes at 7.0, at the start of step 7."""
    where = world(away=[(1, 4, 7)])
    seven = after(7, where)
    assert seven.exchange.station_cluster.messages_up == 4  # s0, s3, s2, and s0 again
    assert seven.tree.cluster_versions.tolist() == [0, 1]
    assert_same(go_on(seven, where, 1).tree.clusters[0], mean(trained(0, START, 5), trained(1, START, 2)))


def test_who_never_returns_never_answers() -> None:
    where = world(away=[(1, 4, STEPS)])
    made = after(40, where)
    assert made.tree.cluster_versions[0] == 0
    assert [each.order.stations for each in made.stream.open if "s1" in each.order.stations] == [("s1",)]
    assert not made.failures


def test_those_who_do_not_take_part_are_asked_for_nothing() -> None:
    fleet = TroubledFleet(FLEET, {})
    made = after(9, world(), fleet, taking_part=np.array([True, False, False, True]))
    assert posted(fleet) == [(1, "s0"), (3, "s3"), (5, "s0"), (7, "s3")]
    assert made.stream.trained_until.tolist() == [HISTORY + 5, HISTORY - 2, HISTORY, HISTORY + 7]


def test_what_was_open_is_posted_again_without_those_who_have_answered() -> None:
    """After step 2, s0 has answered and s1 has not; both were asked for in orders of their own."""
    three = after(3, world())
    again = TroubledFleet(small_fleet(traffic=CITY), {})
    reposted(again, three.stream)
    assert posted(again) == [(2, "s1")]
    other = go_on(three, world(), 6, again)
    straight = after(9, world())
    assert other.tree.top.tobytes() == straight.tree.top.tobytes()
    assert other.tree.clusters.tobytes() == straight.tree.clusters.tobytes()


def test_a_twin_tells_until_when_it_has_learned_and_no_later() -> None:
    """In step 4 cluster 1 reports what s3 learned before step 3 and s2 before 4, and so on as above."""
    where = world()
    untils = []
    for steps in (4, 5, 9):
        stream = after(steps, where).stream
        untils.append((stream.cluster_until - HISTORY, stream.top_until - HISTORY))
    assert [(clusters.tolist(), top) for clusters, top in untils] == [([0, 0], 0), ([2, 4], 4), ([6, 8], 8)]
    closed = after(9, world(replace(PATIENT, psi=1e9))).stream
    assert (closed.cluster_until - HISTORY).tolist() == [6, 8]
    assert closed.top_until == HISTORY


def test_what_came_in_is_not_changed() -> None:
    tree, where = planted(), world()
    begun = stream_begun(tree, where)
    go_on(Passage(tree, begun), where, 9)
    assert tree.clusters.tolist() == planted().clusters.tolist()
    assert (begun.known_until.tolist(), begun.cluster_until.tolist()) == ([HISTORY] * 2, [HISTORY] * 2)
    assert begun.seen.tolist() == [START.tolist()] * 2


def test_a_strategy_remembers_from_report_to_report() -> None:
    """Momentum with β = ½ and rate 1: v ← v/2 + (start - mean), twin ← start - v, in each cluster."""
    where = world(replace(PATIENT, psi=1e9), cluster="momentum:rate=1,beta=0.5")
    made = after(9, where)
    pace = START - first_report().astype(np.float64)
    twin = (START - pace).astype(np.float32)
    change = twin - mean(trained(3, twin, 7), trained(2, twin, 8)).astype(np.float64)
    np.testing.assert_allclose(made.tree.clusters[1], twin - (pace / 2 + change), rtol=1e-4, atol=1e-6)
