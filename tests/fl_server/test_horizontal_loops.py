"""H-twinning beside a simulation of its events by plain loops, over worlds drawn at random."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from math import ceil
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data.messages import Answer, Order, Single, TrainOrder, Update
from data.traffic import StationId
from fl_server.aggregation.refresh import chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.behaviour import Behaviour
from fl_server.exchange import Flow
from fl_server.settings import HorizontalSettings
from fl_server.stream import Sendings, Stream, World, regrouped_stream, stream_begun
from fl_server.tree import Clusters, Floats, regrouped, seedling
from fl_server.vertical import Rules
from forecasting.stations import station_number
from hetnet.sync.gates import opens
from tests.fl_server.test_horizontal import Passage, assert_same, go_on, mean

labels = st.lists(st.integers(0, 3), min_size=6, max_size=6).map(
    lambda drawn: np.unique(drawn, return_inverse=True)[1].astype(np.int64)
)


def some_stream(clusters: int) -> Stream:
    rng = np.random.default_rng(clusters)
    return Stream(
        step=5,
        trained_until=np.arange(6),
        open=(),
        waiting=(),
        seen=rng.normal(size=(clusters, 3)).astype(np.float32),
        seen_versions=rng.integers(0, 9, clusters),
        known=rng.normal(size=(clusters, 3)).astype(np.float32),
        known_samples=rng.integers(1, 9, clusters),
        known_until=rng.integers(0, 9, clusters),
        cluster_until=rng.integers(0, 9, clusters),
        top_until=9,
        refresh_state={},
        sendings=Sendings(rng.integers(0, 5, clusters), rng.uniform(size=clusters), np.arange(clusters)),
    )


@given(labels, labels)
def test_every_station_brings_what_its_old_cluster_had(before: Clusters, after: Clusters) -> None:
    stream = some_stream(before.max() + 1)
    made = regrouped_stream(stream, before, after)
    for cluster in range(after.max() + 1):
        old = before[after == cluster]
        for name in ("seen", "known"):
            brought = getattr(stream, name)[old].astype(np.float64)
            np.testing.assert_allclose(getattr(made, name)[cluster], brought.mean(axis=0), atol=1e-6)
        assert made.seen_versions[cluster] == min(stream.seen_versions[old])
        assert made.sendings.step[cluster] == min(stream.sendings.step[old])
        assert made.sendings.reports[cluster] == max(stream.sendings.reports[old])
        assert made.sendings.loss[cluster] == pytest.approx(stream.sendings.loss[old].mean())
        assert made.known_until[cluster] == max(stream.known_until[old])
        assert made.cluster_until[cluster] == max(stream.cluster_until[old])
        sizes = Counter(before.tolist())
        part = sum(stream.known_samples[each] / sizes[each] for each in old.tolist())
        assert abs(made.known_samples[cluster] - part) <= 0.5 + 1e-9


@given(labels)
def test_nothing_changes_when_no_station_moves(cluster_of: Clusters) -> None:
    stream = some_stream(cluster_of.max() + 1)
    made = regrouped_stream(stream, cluster_of, cluster_of.copy())
    for name in ("seen", "seen_versions", "known", "known_samples", "known_until", "cluster_until"):
        assert getattr(made, name).tobytes() == getattr(stream, name).tobytes()
    assert made.waiting == stream.waiting


@dataclass
class EchoFleet:
    """Stations that do not train: each adds a change of its own, at each turn another, to what it is sent."""

    stations: tuple[StationId, ...]
    answers: dict[StationId, Update] = field(default_factory=dict)
    left_out: dict[StationId, str] = field(default_factory=dict)

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        raise AssertionError("H-twinning posts")

    def post(self, orders: Sequence[TrainOrder]) -> None:
        for order in orders:
            for station in order.stations:
                made = order.weights + change(station, order.turn)
                self.answers[station] = Update(station, made, 1 + len(station), 0.5)

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        return [self.answers.pop(station) for station in stations]


def change(station: str, turn: int) -> Floats:
    rng = np.random.default_rng((station_number(station), turn))
    made: Floats = rng.normal(size=3).astype(np.float32)
    return made


@dataclass(frozen=True)
class Case:
    """A small world drawn at random, of at most 30 steps."""

    cluster_of: Clusters
    behaviour: Behaviour
    batch: int
    settings: HorizontalSettings

    @property
    def stations(self) -> tuple[StationId, ...]:
        return tuple(StationId(f"s{place}") for place in range(len(self.cluster_of)))

    def run(self, order: Sequence[int]) -> Passage:
        """The stream to its end, with the stations in this order."""
        places = list(order)
        behaviour = self.behaviour
        steps = behaviour.reachable.shape[1]
        average = chosen_strategy("mean")
        where = World(
            settings=self.settings,
            rules=Rules(average, average, (3,)),
            refresh=chosen_refresh("cluster-mean", average),
            behaviour=Behaviour(
                behaviour.hours[places], behaviour.reachable[places], behaviour.head_start[places]
            ),
            train_steps=100,
            step_hours=0.5,
            batch=self.batch,
            windows=1,
            gate=partial(opens, self.settings.gate, self.settings.psi),
            busy=np.zeros((len(places), 24)),
            hours=np.arange(steps) % 24,
        )
        fleet = EchoFleet(tuple(self.stations[place] for place in places))
        tree = regrouped(seedling(len(places), np.ones(3, np.float32)), self.cluster_of[places])
        return go_on(Passage(tree, stream_begun(tree, where)), where, steps, fleet)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stations, steps = draw(st.integers(1, 7)), draw(st.integers(1, 30))
    clusters = np.unique(rng.integers(0, 3, stations), return_inverse=True)[1]
    reachable = rng.uniform(size=(stations, steps)) < draw(st.sampled_from([0.4, 0.8, 1.0]))
    hours = rng.lognormal(0, 1, stations)
    settings = HorizontalSettings(
        psi=draw(st.sampled_from([1e-9, 0.5, 3.0, 1e9])),
        distance=draw(st.sampled_from(["mean", "squared"])),
        ready=draw(st.sampled_from([0.3, 0.6, 1.0])),
        patience_hours=draw(st.sampled_from([0.4, 2.0, 100.0])),
    )
    behaviour = Behaviour(hours, reachable, rng.uniform(size=stations))
    return Case(clusters.astype(np.int64), behaviour, draw(st.integers(1, 6)), settings)


@dataclass
class Simulated:
    """Algorithm 3 by plain loops over events, with one average per cluster and no arrays of clusters."""

    top: Floats
    twins: list[Floats]
    starts: list[Floats]
    seen: list[Floats]
    known: list[Floats]
    inboxes: list[dict[int, tuple[float, Floats]]]
    sent: int = 0
    spared: int = 0
    asked: int = 0
    answered: int = 0


def simulated(case: Case) -> Simulated:
    one, clusters = np.ones(3, np.float32), case.cluster_of.max() + 1
    world = Simulated(
        top=one,
        twins=[one] * clusters,
        starts=[one] * clusters,
        seen=[one] * clusters,
        known=[one] * clusters,
        inboxes=[{} for _ in range(clusters)],
    )
    stations, steps = case.behaviour.reachable.shape
    gathered = [int(case.behaviour.head_start[place] * case.batch) for place in range(stations)]
    busy, coming = set[int](), list[tuple[float, int, Floats]]()
    for step in range(steps):
        for place in range(stations):
            if gathered[place] >= case.batch and place not in busy and case.behaviour.reachable[place, step]:
                made = world.starts[case.cluster_of[place]] + change(f"s{place}", step)
                gathered[place] = 0
                busy.add(place)
                world.asked += 1
                heappush(coming, (answer_time(case, place, step), place, made))
            gathered[place] += 1
        while coming and coming[0][0] < step + 1:
            when, place, made = heappop(coming)
            busy.remove(place)
            world.answered += 1
            cluster = int(case.cluster_of[place])
            inbox = world.inboxes[cluster]
            inbox[place] = (inbox.get(place, (when, made))[0], made)
            if len(inbox) >= ceil(case.settings.ready * (case.cluster_of == cluster).sum()):
                report(world, cluster, case.settings)
        for cluster, inbox in enumerate(world.inboxes):
            first = min((since for since, _ in inbox.values()), default=np.inf)
            if (step + 1 - first) * 0.5 >= case.settings.patience_hours:
                report(world, cluster, case.settings)
    return world


def answer_time(case: Case, place: int, step: int) -> float:
    when = step + case.behaviour.hours[place] / 0.5
    steps = case.behaviour.reachable.shape[1]
    while when < steps and not case.behaviour.reachable[place, int(when)]:
        when = float(int(when) + 1)
    return float(when)


def report(world: Simulated, cluster: int, settings: HorizontalSettings) -> None:
    twin = mean(*(weights for _, weights in world.inboxes[cluster].values()))
    world.inboxes[cluster].clear()
    world.twins[cluster] = world.starts[cluster] = twin
    squares = (twin.astype(np.float64) - world.seen[cluster]) ** 2
    if (squares.mean() if settings.distance == "mean" else squares.sum()) <= settings.psi:
        world.spared += 1
        return
    world.sent += 1
    world.known[cluster] = twin
    world.top = world.starts[cluster] = world.seen[cluster] = mean(*world.known)


@given(cases())
@hypothesis_settings(max_examples=150)
def test_any_stream_is_what_plain_loops_over_its_events_make(case: Case) -> None:
    made, expected = case.run(range(len(case.cluster_of))), simulated(case)
    assert (made.stream.sent, made.stream.spared) == (expected.sent, expected.spared)
    assert_same(made.tree.top, expected.top)
    assert_same(made.tree.clusters, np.stack(expected.twins))
    assert_same(made.tree.starts, np.stack(expected.starts))
    assert_same(made.stream.seen, np.stack(expected.seen))
    assert len(made.stream.waiting) == sum(map(len, expected.inboxes))
    between = made.exchange.station_cluster
    assert (between.messages_down, between.messages_up) == (expected.asked, expected.answered)


@given(cases())
def test_what_is_sent_and_what_is_spared_are_all_reports(case: Case) -> None:
    made = case.run(range(len(case.cluster_of)))
    assert made.stream.sent + made.stream.spared == made.tree.cluster_versions.sum()
    assert made.exchange.cluster_network == Flow(*[made.stream.sent] * 2, *[made.stream.sent * 12] * 2)
    assert made.tree.top_version == made.stream.sent
    if case.settings.psi == 1e9:
        assert made.stream.sent == 0
    if case.settings.psi == 1e-9:
        assert made.stream.spared == 0


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_stations_is_irrelevant(case: Case, random: Random) -> None:
    places = list(range(len(case.cluster_of)))
    made = case.run(places)
    random.shuffle(places)
    other = case.run(places)
    assert (other.stream.sent, other.stream.spared) == (made.stream.sent, made.stream.spared)
    assert_same(other.tree.top, made.tree.top)
