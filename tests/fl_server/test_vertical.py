"""V-twinning is Algorithm 2: here by plain loops, and with stations that fail in every way they can."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from data.messages import Failure, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Behaviour
from fl_server.exchange import Exchange, Flow
from fl_server.fleet import Fleet
from fl_server.inbox import counted
from fl_server.settings import BehaviourSettings
from fl_server.tree import Tree, regrouped, seedling
from fl_server.vertical import Outcome, Rules, Turn, train_orders, vertical_round
from forecasting.networks import initial_weights
from forecasting.settings import TrainingSettings
from forecasting.stations import Floats, station_number, station_rngs
from tests import fleets
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE, Trouble, TroubledFleet, drawn_part, small_fleet
from tests.forecasting.plain_loops import plain_training

SGD = TrainingSettings(learning_rate=0.05, batch_size=32, momentum=0.9)
RECIPE = replace(SMALL_RECIPE, vertical=SGD, settling=SGD)
CITY = wavy_traffic(stations=6, days=14)
FLEET = small_fleet(traffic=CITY, recipe=RECIPE)
NETWORK = FLEET.hosts[0].network
START = initial_weights(NETWORK, np.random.default_rng(2))
CLUSTER_OF = np.array([0, 1, 0, 1, 1, 2])
HISTORY, FIRST = 7 * 24, 72
MEAN = Rules(cluster=chosen_strategy("mean"), top=chosen_strategy("mean"), layers=())
EVERYONE = np.ones(6, bool)


def planted() -> Tree:
    """Three clusters of two, three and one station, all with the same weights."""
    return regrouped(seedling(6, START), CLUSTER_OF)


def turn(number: int = 0, *, upwards: bool = True) -> Turn:
    return Turn("vertical", number, 4, HISTORY, upwards)


def one_round(
    fleet: Fleet = FLEET,
    *,
    tree: Tree | None = None,
    taking_part: NDArray[np.bool_] = EVERYONE,
    rules: Rules = MEAN,
    what: Turn | None = None,
) -> Outcome:
    return vertical_round(fleet, tree or planted(), what or turn(), taking_part, rules)


def update_of(station: int, weights: Floats, number: int = 0) -> Update:
    """What a station makes of `weights` when it is asked all alone."""
    order = TrainOrder((CITY.stations[station],), weights, "vertical", number, 4, HISTORY)
    (answer,) = FLEET.ask([order])
    assert isinstance(answer, Update)
    return answer


def loops(start: Floats, clusters: list[list[int]], number: int = 0) -> tuple[list[Floats], Floats]:
    """Algorithm 2: the mean of the stations of each cluster, then the mean of the clusters."""
    twins = []
    for stations in clusters:
        total = np.zeros(len(start))
        for station in stations:
            total += update_of(station, start, number).weights
        twins.append((total / len(stations)).astype(np.float32))
    return twins, np.array(twins, np.float64).mean(axis=0).astype(np.float32)


def test_rounds_are_algorithm_2_with_a_plain_torch_loop_at_each_station() -> None:
    """Three rounds of six stations, windows and training made here from the load alone."""
    past = CITY.load[:HISTORY].astype(np.float64)
    scaled = ((CITY.load - past.mean(axis=0)) / past.std(axis=0)).astype(np.float32)
    steps = range(FIRST, HISTORY)
    inputs = np.array(
        [[scaled[step - back] for back in (72, 48, 24, 3, 2, 1)] for step in steps]
    )  # (S, F, N)
    tree, top = planted(), START
    for number in range(3):
        tree = one_round(tree=tree, what=turn(number)).tree
        made: list[Floats] = []
        for station in range(6):
            rng = station_rngs(1, [station_number(f"s{station}")], 0, number)[0]
            own = np.ascontiguousarray(inputs[:, :, station]), scaled[FIRST:HISTORY, station]
            made.append(plain_training(NETWORK, top, *own, SGD, rng)[0])
        twins = np.stack([(made[0] + made[2]) / 2, (made[1] + made[3] + made[4]) / 3, made[5]])
        top = twins.mean(axis=0)
        np.testing.assert_allclose(tree.clusters, twins, atol=1e-5)
        np.testing.assert_allclose(tree.top, top, atol=1e-5)
    assert tree.starts.tolist() == [tree.top.tolist()] * 3
    assert (tree.top_version, tree.cluster_versions.tolist()) == (3, [3, 3, 3])


def test_each_cluster_counts_once_however_many_stations_it_has() -> None:
    made = one_round()
    twins, top = loops(START, [[0, 2], [1, 3, 4], [5]])
    np.testing.assert_allclose(made.tree.clusters, twins, rtol=1e-6)
    np.testing.assert_allclose(made.tree.top, top, rtol=1e-6)
    losses = [update_of(station, START).loss for station in range(6)]
    assert made.loss == pytest.approx(np.mean(losses))
    assert made.exchange == Exchange(
        station_cluster=Flow(6, 6, 6 * START.nbytes, 6 * START.nbytes),
        cluster_network=Flow(3, 3, 3 * START.nbytes, 3 * START.nbytes),
    )


def test_those_that_take_part_are_asked_and_averaged() -> None:
    """A share of 40 % of two, three and one station is one of each; the others are not troubled."""
    chosen = drawn_part(CLUSTER_OF, 0.4, 1, 0, 0)
    fleet = TroubledFleet(FLEET, {})
    made = one_round(fleet, taking_part=chosen)
    asked = [station for order in fleet.orders if isinstance(order, TrainOrder) for station in order.stations]
    places = np.flatnonzero(chosen).tolist()
    assert sorted(asked) == [f"s{place}" for place in places]
    assert len(places) == 3
    twins, top = loops(START, [[place] for place in sorted(places, key=lambda place: CLUSTER_OF[place])])
    np.testing.assert_allclose(made.tree.clusters, twins, rtol=1e-6)
    np.testing.assert_allclose(made.tree.top, top, rtol=1e-6)
    assert made.exchange.station_cluster.messages == 6


def test_stragglers_are_not_waited_for() -> None:
    hours = np.array([1.0, 1.0, 9.0, 1.0, 1.0, 9.0])
    in_time = Behaviour(hours, np.ones((6, 1), bool), np.zeros(6)).in_time(
        BehaviourSettings(training_hours=1.0, deadline=2.0)
    )
    made = one_round(taking_part=in_time)
    twins, top = loops(START, [[0], [1, 3, 4]])
    np.testing.assert_allclose(made.tree.clusters[:2], twins, rtol=1e-6)
    np.testing.assert_allclose(made.tree.top, top, rtol=1e-6)
    assert made.tree.clusters[2].tolist() == START.tolist()
    assert made.failures == ()


TROUBLES: list[tuple[Trouble, str]] = [
    (fleets.failing, "lost its power"),
    (fleets.missing, "did not answer"),
    (fleets.with_nan, "sent weights that are not finite"),
    (fleets.with_nan_loss, "sent a loss that is not finite"),
    (fleets.diverging, "sent weights beyond 1e+06: its training diverged"),
    (fleets.of_wrong_shape, f"sent weights of shape ({len(START) - 1},), expected ({len(START)},)"),
    (fleets.of_wrong_type, "sent weights of type float64, expected float32"),
    (fleets.without_windows, "trained on 0 windows, expected 1 to 1,000,000,000"),
]


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES)
def test_the_round_goes_on_without_a_bad_answer_and_counts_it(trouble: Trouble, reason: str) -> None:
    made = one_round(TroubledFleet(FLEET, {StationId("s3"): trouble}))
    twins, top = loops(START, [[0, 2], [1, 4], [5]])
    np.testing.assert_allclose(made.tree.clusters, twins, rtol=1e-6)
    np.testing.assert_allclose(made.tree.top, top, rtol=1e-6)
    assert made.failures == (Failure(StationId("s3"), reason),)
    assert counted(made.failures, {}) == {reason: 1}
    assert made.loss is not None
    assert np.isfinite(made.loss)


def test_a_station_that_answers_twice_counts_once() -> None:
    made = one_round(TroubledFleet(FLEET, {StationId("s3"): fleets.twice}))
    assert made.tree.top.tolist() == one_round().tree.top.tolist()
    assert made.failures == (Failure(StationId("s3"), "answered twice"),)


def test_an_answer_under_a_strangers_name_is_left_out() -> None:
    made = one_round(TroubledFleet(FLEET, {StationId("s3"): fleets.as_somebody_else}))
    np.testing.assert_allclose(made.tree.top, loops(START, [[0, 2], [1, 4], [5]])[1], rtol=1e-6)
    assert set(made.failures) == {
        Failure(StationId("stranger"), "was not asked"),
        Failure(StationId("s3"), "did not answer"),
    }


def test_a_cluster_without_any_answer_keeps_its_twin_and_still_receives_the_new_one() -> None:
    made = one_round(TroubledFleet(FLEET, {StationId("s5"): fleets.missing}))
    assert made.tree.clusters[2].tolist() == START.tolist()
    assert made.tree.cluster_versions.tolist() == [1, 1, 0]
    np.testing.assert_allclose(made.tree.top, loops(START, [[0, 2], [1, 3, 4]])[1], rtol=1e-6)
    assert made.tree.starts[2].tolist() == made.tree.top.tolist()
    assert (made.exchange.cluster_network.messages_up, made.exchange.cluster_network.messages_down) == (2, 3)


@pytest.mark.parametrize(("least", "fresh"), [(1, [1, 1, 1]), (2, [0, 1, 1]), (3, [0, 0, 1]), (9, [0, 0, 1])])
def test_a_cluster_with_too_few_answers_keeps_its_twin(least: int, fresh: list[int]) -> None:
    """Of s0, s2 one is lost, of s1, s3, s4 one; s5 is all of its cluster and enough of any number."""
    fleet = TroubledFleet(FLEET, {StationId("s0"): fleets.failing, StationId("s4"): fleets.missing})
    made = one_round(fleet, rules=replace(MEAN, least_answers=least))
    assert made.tree.cluster_versions.tolist() == fresh
    clusters = [stations for stations, is_fresh in zip([[2], [1, 3], [5]], fresh, strict=True) if is_fresh]
    np.testing.assert_allclose(made.tree.top, loops(START, clusters)[1], rtol=1e-6)


def test_when_no_cluster_has_enough_answers_all_stays_as_it_was() -> None:
    fleet = TroubledFleet(FLEET, {StationId(f"s{place}"): fleets.missing for place in (0, 1, 5)})
    made = one_round(fleet, rules=replace(MEAN, least_answers=3))
    assert made.tree.top.tolist() == START.tolist()
    assert (made.tree.top_version, made.tree.cluster_versions.tolist()) == (0, [0, 0, 0])
    assert made.exchange.cluster_network == Flow()


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES)
def test_a_round_without_any_usable_update_changes_no_twin(trouble: Trouble, reason: str) -> None:
    made = one_round(TroubledFleet(FLEET, dict.fromkeys(CITY.stations, trouble)))
    assert made.loss is None
    assert [failure.reason for failure in made.failures] == [reason] * 6
    assert made.tree.top.tolist() == START.tolist()
    assert made.exchange.cluster_network == Flow()


def test_a_round_in_which_nobody_takes_part_has_no_loss() -> None:
    made = one_round(taking_part=~EVERYONE)
    assert (made.loss, made.failures, made.exchange) == (None, (), Exchange())


def test_when_clusters_keep_to_themselves_nothing_goes_up_or_comes_down() -> None:
    first = one_round().tree
    apart = one_round(tree=first, what=turn(1, upwards=False))
    assert apart.tree.starts.tolist() == apart.tree.clusters.tolist()
    assert (apart.tree.top.tolist(), apart.tree.top_version) == (first.top.tolist(), 1)
    assert apart.exchange.cluster_network == Flow()
    again = one_round(tree=apart.tree, what=turn(2, upwards=False)).tree
    by_hand = [update_of(station, apart.tree.clusters[0], 2).weights.astype(float) for station in (0, 2)]
    np.testing.assert_allclose(again.clusters[0], np.mean(by_hand, axis=0), rtol=1e-6)


def test_every_cluster_is_sent_its_own_start_in_one_order() -> None:
    tree = replace(planted(), starts=np.stack([START, START + 1, START + 2]))
    orders = train_orders(CITY.stations, tree, turn(3), np.array([1, 0, 1, 1, 0, 0], bool))
    assert [(order.stations, float(order.weights[0] - START[0])) for order in orders] == [
        (("s0", "s2"), 0.0),
        (("s3",), pytest.approx(1.0)),
    ]
    told = {(order.phase, order.turn, order.turns, order.until) for order in orders}
    assert told == {("vertical", 3, 4, HISTORY)}


def with_other_samples(samples: int) -> Trouble:
    """Tells of more windows than there were."""
    tell: Callable[[Update], Update] = lambda update: replace(update, samples=samples)  # noqa: E731
    return lambda answer: [tell(answer) if isinstance(answer, Update) else answer]


def test_strategies_see_the_windows_behind_each_update_and_each_cluster() -> None:
    """s0 tells of three times the windows W of each other station: weights 3:1 there, 4W:3W:W above."""
    windows = HISTORY - FIRST
    fleet = TroubledFleet(FLEET, {StationId("s0"): with_other_samples(3 * windows)})
    weighted = chosen_strategy("weighted-mean")
    made = one_round(fleet, rules=replace(MEAN, cluster=weighted, top=weighted)).tree
    sent = [update_of(station, START).weights.astype(np.float64) for station in range(6)]
    twins = [(3 * sent[0] + sent[2]) / 4, (sent[1] + sent[3] + sent[4]) / 3, sent[5]]
    np.testing.assert_allclose(made.clusters, twins, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(made.top, (4 * twins[0] + 3 * twins[1] + twins[2]) / 8, rtol=1e-5, atol=1e-7)


def test_strategies_remember_from_round_to_round_at_each_tier() -> None:
    """Momentum with β = ½ and rate 1: v ← v/2 + (w - mean), w ← w - v; here of the network tier."""
    rules = replace(MEAN, top=chosen_strategy("momentum:rate=1,beta=0.5"))
    tree, top, pace = planted(), START.astype(np.float64), np.zeros(len(START))
    for number in range(3):
        tree = one_round(tree=tree, rules=rules, what=turn(number)).tree
        before = top.astype(np.float32)
        pace = pace / 2 + (top - loops(before, [[0, 2], [1, 3, 4], [5]], number)[1])
        top = top - pace
        np.testing.assert_allclose(tree.top, top, rtol=1e-4, atol=1e-5)
    assert tree.top_state
    assert tree.cluster_states == ({}, {}, {})


def test_a_clusters_strategy_goes_from_what_its_stations_started_from() -> None:
    """A server step of rate ½ without momentum ends half-way between the start and the mean."""
    tree = replace(planted(), starts=np.stack([START, START + 0.125, START]))
    rules = replace(MEAN, cluster=chosen_strategy("momentum:rate=0.5,beta=0"))
    made = one_round(tree=tree, rules=rules, what=turn(upwards=False)).tree
    sent = [update_of(station, START + np.float32(0.125)).weights.astype(np.float64) for station in (1, 3, 4)]
    halfway = (START + 0.125 + np.mean(sent, axis=0)) / 2
    np.testing.assert_allclose(made.clusters[1], halfway, rtol=1e-5, atol=1e-6)


def test_the_tree_that_came_in_is_not_changed() -> None:
    tree = planted()
    one_round(tree=tree)
    assert tree.clusters.tolist() == planted().clusters.tolist()
    assert tree.top_version == 0
