"""A whole run in small: its order of turns, its scores, and that the future changes nothing before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import pytest

from bs_client.host import host
from clustering.drift import DriftSettings
from clustering.segmentation import SegmentationSettings
from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import Answer, Order, Single, TrainOrder, Update
from data.plain import Arrays, plain
from data.traffic import StationId, Traffic, of_columns
from data.windows import SplitSettings
from fl_server.fleet import Fleet
from fl_server.local import LocalFleet, local_fleet
from fl_server.run import Plan, Run, planned
from fl_server.running import State, first_state, states
from fl_server.settings import (
    BehaviourSettings,
    HorizontalSettings,
    SegmentSettings,
    Strategies,
    TwinSettings,
    VerticalSettings,
)
from fl_server.vertical import TOO_FEW
from forecasting.metrics import Scores, Tally, scores, tally_scores
from forecasting.networks import initial_weights
from forecasting.settings import TrainingSettings
from forecasting.stations import Floats, start_rng
from forecasting.training import predict
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE, TroubledFleet, drawn_part, small_fleet

CITY = wavy_traffic(stations=7, days=10)
HISTORY, STEPS = 8 * 24, 48
SGD = TrainingSettings(learning_rate=0.05, batch_size=32, momentum=0.9)
SETTINGS = TwinSettings(
    recipe=replace(
        SMALL_RECIPE, split=SplitSettings(test_days=2), vertical=SGD, settling=SGD, horizontal=SGD
    ),
    segment=SegmentSettings(
        topology="regular",
        degree=4,
        drift=DriftSettings(backhaul=2.0, traffic=2.0, memory=0),  # so that stations move between clusters
        every_vertical=2,
        every_horizontal=1,
    ),
    vertical=VerticalSettings(epochs=5, settling=0.4),
    horizontal=HorizontalSettings(epochs=6, patience_hours=3, psi=4e-4),
    behaviour=BehaviourSettings(training_hours=2.0, sleepers=0.3, dropouts=2.0, speed_spread=1.0),
)
STILL = DriftSettings(backhaul=0, traffic=0)


def fleet_of(settings: TwinSettings = SETTINGS, traffic: Traffic = CITY) -> LocalFleet:
    return small_fleet(traffic=traffic, recipe=settings.station_recipe)


def plan_of(fleet: Fleet, settings: TwinSettings = SETTINGS) -> Plan:
    return planned(fleet, settings)


def all_states(
    settings: TwinSettings = SETTINGS, traffic: Traffic = CITY, fleet: Fleet | None = None
) -> list[State]:
    """Every state of a run, the first among them."""
    fleet = fleet or fleet_of(settings, traffic)
    plan = plan_of(fleet, settings)
    first = first_state(plan)
    return [first, *states(fleet, plan, first)]


@cache
def usual() -> tuple[State, ...]:
    return tuple(all_states())


def bits(value: object) -> dict[str, object]:
    """All that a state holds but the seconds it took, arrays as their bytes."""
    arrays: Arrays = {}
    lines = dict(_lines(plain(value, arrays), ""))
    lines |= {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}
    return {name: each for name, each in lines.items() if not name.endswith("seconds")}


def _lines(value: object, path: str) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [line for name, part in value.items() for line in _lines(part, f"{path}.{name}")]
    if isinstance(value, list):
        return [line for place, part in enumerate(value) for line in _lines(part, f"{path}.{place}")]
    return [(path, value)]


def twins(run: Run) -> bytes:
    return run.tree.top.tobytes() + run.tree.clusters.tobytes()


def test_the_turns_are_rounds_then_steps_then_the_same_without_clusters() -> None:
    stages = [(state.hierarchical.stage, state.hierarchical.turn) for state in usual()]
    ours = [("vertical", turn) for turn in range(5)] + [("horizontal", turn) for turn in range(STEPS)]
    assert stages[:54] == [*ours, ("done", 0)]
    singles = [state.single_level for state in usual()[53:]]
    assert [(run.stage, run.turn) for run in singles if run] == [
        *[("vertical", turn) for turn in range(5)],
        *[("horizontal", turn) for turn in range(6)],
        ("done", 0),
    ]
    assert [state.finished for state in usual()] == [False] * (len(usual()) - 1) + [True]


def test_the_network_is_segmented_on_schedule() -> None:
    """Before the rounds 1, 3 and 5; in the stream before every epoch of 8 steps but the first."""
    counts = [state.hierarchical.segmentations for state in usual()[:54]]
    again = [turn for turn in range(1, 54) if counts[turn] > counts[turn - 1]]
    assert again == [1, 3, 5, *(5 + epoch * 8 + 1 for epoch in range(1, 6))]
    run = usual()[-1].hierarchical
    told = [row.turn for row in run.history if row.stability is not None]
    assert told == [3, 5, 9, 17, 25, 33, 41]
    never = replace(SETTINGS.segment, every_vertical=0, every_horizontal=0)
    ended = all_states(replace(SETTINGS, segment=never, single_level=False))[-1]
    assert ended.hierarchical.segmentations == 1


def test_in_the_last_rounds_clusters_keep_to_themselves_until_the_very_last() -> None:
    """Of five rounds the share .4 is two: rounds 1, 2, 3 and 5 make a new G-NDT."""
    runs = [state.hierarchical for state in usual()[:6]]
    assert [run.tree.top_version for run in runs] == [0, 1, 2, 3, 3, 4]
    single = [state.single_level for state in usual()[53:59]]
    assert [run.tree.top_version for run in single if run] == [0, 1, 2, 3, 4, 5]


def forecasts(weights: Floats) -> Floats:
    """What each station of its own weights (N, P) would forecast at each step of the stream, (N, S)."""
    hosted = fleet_of().hosts[0]
    return predict(hosted.network, weights, hosted.task.test.inputs)


def clusters_brought(run: Run, following: Run) -> Floats:
    """The C-NDT (N, P) by which each station's next step is forecast, as it stands in the following turn.

    When stations moved at the start of that turn, a cluster has the mean of what its stations bring.
    """
    own = run.tree.clusters[run.tree.cluster_of].astype(np.float64)  # (N, P)
    moved = following.tree.cluster_of
    mean = np.stack([own[moved == cluster].mean(axis=0) for cluster in range(moved.max() + 1)])
    return mean[moved].astype(np.float32)


def assert_close(found: Tally, expected: Scores) -> None:
    made = tally_scores(found)
    for each in fields(Scores):
        assert getattr(made, each.name) == pytest.approx(getattr(expected, each.name), rel=1e-6)


def test_the_stream_is_scored_by_the_twins_that_were_in_force_at_each_step() -> None:
    runs = [state.hierarchical for state in usual()[5:54]]  # before the stream and after each of its steps
    top, cluster = np.empty((7, STEPS), np.float32), np.empty((7, STEPS), np.float32)
    for step in range(STEPS):
        before, after = runs[step], runs[step + 1]
        top[:, step] = forecasts(np.tile(before.tree.top, (7, 1)))[:, step]
        cluster[:, step] = forecasts(clusters_brought(before, after))[:, step]
    task = fleet_of().hosts[0].task
    assert_close(runs[-1].horizontal.standing.top, scores(task, top))
    assert_close(runs[-1].horizontal.standing.cluster, scores(task, cluster))
    assert len({run.tree.top.tobytes() for run in runs}) > 5
    assert any((runs[0].tree.cluster_of != run.tree.cluster_of).any() for run in runs)


def test_v_twinning_is_scored_on_the_whole_stream_by_its_last_twins() -> None:
    run = usual()[5].hierarchical
    task = fleet_of().hosts[0].task
    assert_close(run.vertical.standing.top, scores(task, forecasts(np.tile(run.tree.top, (7, 1)))))
    own = run.tree.clusters[run.tree.cluster_of]
    assert_close(run.vertical.standing.cluster, scores(task, forecasts(own)))


@pytest.mark.parametrize("step", [0, 8, 17, 32])
def test_what_comes_from_a_step_of_the_stream_on_changes_nothing_before_it(step: int) -> None:
    load = CITY.load.copy()
    load[HISTORY + step :] *= np.random.default_rng(0).uniform(0.2, 5, load[HISTORY + step :].shape)
    changed = all_states(SETTINGS, replace(CITY, load=load.astype(np.float32)))
    for before, after in zip(usual()[: 6 + step], changed[: 6 + step], strict=True):
        first, second = bits(before.hierarchical), bits(after.hierarchical)
        whole = (
            "vertical.standing",
            ".spread",
        )  # what is made of the whole stream: V's scores, NRMSE's range
        known = [name for name in first if not any(part in name for part in whole)]
        assert [name for name in known if first[name] != second[name]] == []
    # What is decided in the step itself is decided without it, which is only scored in it.
    one, other = (several[6 + step].hierarchical for several in (usual(), changed))
    assert bits(one.tree) == bits(other.tree)
    assert bits(one.stream) == bits(other.stream)
    assert bits(one.quality) == bits(other.quality)
    assert twins(usual()[53].hierarchical) != twins(changed[53].hierarchical)


def test_the_compared_single_level_run_is_plain_fedavg() -> None:
    """Five rounds of all stations; then six epochs of 8 steps, at the end of each all who are there train."""
    fleet = fleet_of()
    plan, ended = plan_of(fleet), usual()[-1].single_level
    assert ended is not None
    top = initial_weights(plan.network, start_rng(1))
    for number in range(5):
        top = fedavg(fleet, top, range(7), TrainOrder((), top, "vertical", number, 5, HISTORY))
    cluster = np.empty((7, STEPS), np.float32)
    messages = 0
    for epoch in range(6):
        last = 8 * (epoch + 1)
        cluster[:, 8 * epoch : last] = forecasts(np.tile(top, (7, 1)))[:, 8 * epoch : last]
        there = np.flatnonzero(plan.behaviour.reachable[:, last - 1]).tolist()
        messages += len(there)
        order = TrainOrder((), top, "horizontal", last - 1, STEPS, HISTORY + last)
        top = fedavg(fleet, top, there, order)
    np.testing.assert_allclose(ended.tree.top, top, rtol=1e-5, atol=1e-7)
    assert_close(ended.horizontal.standing.top, scores(fleet.hosts[0].task, cluster))
    assert ended.vertical.exchange.station_cluster.messages == 2 * 5 * 7
    assert ended.horizontal.exchange.station_cluster.messages == 2 * messages
    assert messages < 6 * 7  # some were away


def fedavg(fleet: Fleet, top: Floats, places: Sequence[int], order: TrainOrder) -> Floats:
    """The mean of what each station makes of `top` when it is asked all alone."""
    total = np.zeros(len(top))
    for place in places:
        (answer,) = fleet.ask([replace(order, stations=(CITY.stations[place],), weights=top)])
        assert isinstance(answer, Update)
        total += answer.weights
    return (total / len(places)).astype(np.float32)


def test_a_share_of_each_cluster_takes_part_in_every_turn() -> None:
    """The clusters stay as they are, so that the draws can be made again here."""
    settings = replace(
        SETTINGS,
        segment=replace(SETTINGS.segment, every_vertical=0, every_horizontal=0),
        vertical=VerticalSettings(epochs=5, participation=0.4),
        horizontal=HorizontalSettings(epochs=6, participation=0.4),
    )
    ended = all_states(settings)[-1]
    cluster_of = ended.hierarchical.tree.cluster_of
    drawn = sum(int(drawn_part(cluster_of, 0.4, 1, 0, turn).sum()) for turn in range(5))
    assert ended.hierarchical.vertical.exchange.station_cluster.messages_down == drawn < 5 * 7
    assert ended.single_level is not None
    alone = sum(int(drawn_part(np.zeros(7, np.int64), 0.4, 1, 0, turn).sum()) for turn in range(5))
    assert ended.single_level.vertical.exchange.station_cluster.messages_down == alone == 15
    everyone = usual()[-1].hierarchical.horizontal.exchange.station_cluster.messages_down
    assert ended.hierarchical.horizontal.exchange.station_cluster.messages_down < 0.7 * everyone


@dataclass
class Shuffled:
    """A fleet whose answers come in another order every time."""

    inner: Fleet
    rng: np.random.Generator

    @property
    def stations(self) -> tuple[StationId, ...]:
        return self.inner.stations

    @property
    def left_out(self) -> Mapping[StationId, str]:
        return self.inner.left_out

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        given = self.inner.ask(orders)
        return [given[place] for place in self.rng.permutation(len(given))]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        self.inner.post(orders)

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        given = self.inner.collect(stations)
        return [given[place] for place in self.rng.permutation(len(given))]


def test_the_order_in_which_answers_come_changes_no_byte() -> None:
    shuffled = all_states(fleet=Shuffled(fleet_of(), np.random.default_rng(4)))
    assert bits(shuffled[-1]) == bits(usual()[-1])


@pytest.mark.parametrize("parts", [[[0, 1, 2, 3], [4, 5, 6]], [[each] for each in range(7)]])
def test_how_stations_are_spread_over_hosts_changes_no_byte(parts: list[list[int]]) -> None:
    hosts = [host(of_columns(CITY, part), SETTINGS.recipe, SignatureSettings()) for part in parts]
    ended = all_states(fleet=LocalFleet(CITY.stations, hosts, 1))[-1]
    assert bits(ended) == bits(usual()[-1])


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_threads_change_no_byte(threads: int) -> None:
    fleet = local_fleet(CITY, SETTINGS.station_recipe, SETTINGS.segment.signature, threads)
    assert bits(all_states(fleet=fleet)[-1]) == bits(usual()[-1])


def test_the_order_of_the_stations_in_the_set_changes_nothing() -> None:
    turned = of_columns(CITY, [4, 2, 0, 6, 5, 1, 3])
    assert bits(all_states(traffic=turned)[-1]) == bits(usual()[-1])


@pytest.mark.parametrize("cluster", ["mean", "weighted-mean", "fedprox:mu=0.1"])
def test_hosts_that_add_up_make_the_twins_of_stations_that_do_not(cluster: str) -> None:
    """Three hosts and one, and stations that each answer for themselves: to the bit."""
    settings = replace(SETTINGS, strategies=Strategies(cluster=cluster))
    alone = all_states(settings, fleet=TroubledFleet(fleet_of(settings), {}))
    recipe, signature = settings.station_recipe, settings.segment.signature
    for threads in (1, 3):
        hosts = local_fleet(CITY, recipe, signature, threads)
        assert bits(all_states(settings, fleet=hosts)[-1]) == bits(alone[-1])


def test_stations_that_are_too_slow_count_as_asked_so_that_too_few_answers_can_be_told() -> None:
    """Whoever is slower than usual is late; where that leaves fewer than it takes, the cluster waits."""
    behaviour = replace(SETTINGS.behaviour, deadline=1.0)
    settings = replace(SETTINGS, behaviour=behaviour, single_level=False)
    plan = plan_of(fleet_of(settings), settings)
    late = int(np.count_nonzero(~plan.behaviour.in_time(behaviour)))
    assert 0 < late < len(CITY.stations)
    vertical = all_states(settings)[-1].hierarchical.vertical
    epochs = settings.vertical.epochs
    assert vertical.exchange.station_cluster.messages_down == epochs * len(CITY.stations)
    assert vertical.exchange.station_cluster.messages_up == epochs * (len(CITY.stations) - late)
    whole = replace(settings, vertical=replace(settings.vertical, least_answers=len(CITY.stations)))
    kept = [name for name in all_states(whole)[-1].hierarchical.vertical.failures if "too few" in name]
    assert kept == [TOO_FEW]


def test_rounds_end_early_when_the_loss_falls_no_longer_and_settling_follows() -> None:
    """Without a rate nothing is learned: after the first round two more go by, then the last two settle."""
    still = TrainingSettings(learning_rate=1e-12, epochs=1)
    recipe = replace(SETTINGS.recipe, vertical=still)
    vertical = VerticalSettings(epochs=20, settling=0.1, stop_after=2)
    settings = replace(SETTINGS, recipe=recipe, vertical=vertical, single_level=False)
    turns = [row.turn for row in all_states(settings)[-1].hierarchical.history if row.stage == "vertical"]
    assert turns == [1, 2, 3, 19, 20]
    never = replace(settings, vertical=replace(vertical, stop_after=0))
    history = all_states(never)[-1].hierarchical.history
    assert [row.turn for row in history if row.stage == "vertical"] == list(range(1, 21))


def test_a_seed_makes_the_same_run_and_another_seed_another() -> None:
    assert bits(all_states()[-1]) == bits(usual()[-1])
    other = all_states(replace(SETTINGS, recipe=replace(SETTINGS.recipe, seed=2)))[-1]
    assert twins(other.hierarchical) != twins(usual()[-1].hierarchical)


def test_without_rounds_the_stream_begins_with_twins_that_know_nothing() -> None:
    settings = replace(SETTINGS, vertical=VerticalSettings(epochs=0), single_level=False)
    several = all_states(settings)
    begun, ended = several[1].hierarchical, several[-1].hierarchical
    assert (begun.stage, begun.segmentations, begun.tree.top_version) == ("horizontal", 1, 0)
    first, last = (tally_scores(phase.standing.top).mse for phase in (ended.vertical, ended.horizontal))
    assert last < first


def test_without_epochs_of_the_stream_there_is_no_h_twinning() -> None:
    ended = all_states(replace(SETTINGS, horizontal=HorizontalSettings(epochs=0)))[-1]
    assert ended.single_level is not None
    for run in (ended.hierarchical, ended.single_level):
        assert (run.stage, run.stream, run.horizontal.standing.top.count.sum()) == ("done", None, 0)
        assert run.vertical.standing.top.count.sum() == 7 * STEPS


def test_more_epochs_than_steps_are_as_many_as_there_are_steps() -> None:
    ended = all_states(replace(SETTINGS, horizontal=HorizontalSettings(epochs=1000)))[-1]
    assert ended.single_level is not None
    assert ended.single_level.tree.top_version == 5 + STEPS


def test_hours_that_nobody_measured_are_forecast_and_not_scored() -> None:
    """The first epoch of the stream is a gap of all stations."""
    gaps = np.zeros(CITY.load.shape, bool)
    gaps[HISTORY : HISTORY + 9] = True
    ended = all_states(SETTINGS, replace(CITY, gaps=gaps))[-1]
    assert ended.single_level is not None
    for run in (ended.hierarchical, ended.single_level):
        assert run.horizontal.standing.top.count.tolist() == [STEPS - 9] * 7
        assert next(row.error for row in run.history if row.stage == "horizontal") is None
        assert run.history[-1].error is not None


def test_personal_twins_are_scored_beside_those_they_are_made_of() -> None:
    recipe = replace(SETTINGS.recipe, personal="head")
    ended = all_states(replace(SETTINGS, recipe=recipe))[-1]
    assert ended.single_level is not None
    for run in (ended.hierarchical, ended.single_level):
        for phase in (run.vertical, run.horizontal):
            assert phase.standing.personal.count.tolist() == [STEPS] * 7
            assert tally_scores(phase.standing.personal).mse != tally_scores(phase.standing.cluster).mse


@pytest.mark.parametrize(
    ("segment", "sentence"),
    [
        (SegmentSettings(how=SegmentationSettings(method="girvan-newman", clusters=8)), "7 stations cannot"),
        (SegmentSettings(topology="regular", degree=3), "7 stations"),
        (SegmentSettings(topology="nearest", degree=7), "7"),
        (SegmentSettings(topology="rings"), "unknown topology 'rings'"),
    ],
)
def test_what_cannot_be_segmented_is_refused_before_the_run(segment: SegmentSettings, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        plan_of(fleet_of(), replace(SETTINGS, segment=segment))
