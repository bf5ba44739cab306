"""Weights that cross in fewer bytes: the same twins wherever stations are, and whatever is stopped."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from data.coding import decoded
from data.errors import InputError
from data.messages import LACKING, CodedUpdate, Crossing, Failure, KeepOrder, TrainOrder, Update
from data.sets.tables import ReadSettings
from fl_server import local
from fl_server.crossing.coded import CodedFleet
from fl_server.crossing.settings import CrossingSettings
from fl_server.local import LocalFleet, remembering
from fl_server.run_folder import Record, keep, kept_state, new_run
from fl_server.running import State, states
from fl_server.settings import TwinSettings
from tests.fl_server.test_lifecycle import (
    HISTORY,
    SETTINGS,
    all_states,
    fleet_of,
    plan_of,
    twins,
)
from tests.fl_server.test_local import some_weights

SPARSE = CrossingSettings(up="top-k=0.1+int8", down="top-k=0.3+float16")
CODED = replace(SETTINGS, crossing=SPARSE)


@cache
def usual() -> tuple[State, ...]:
    return tuple(all_states(CODED))


def end_of(state: State) -> list[bytes]:
    return [twins(run) for run in (state.hierarchical, state.single_level) if run is not None]


def test_twins_are_other_ones_than_those_of_whole_updates() -> None:
    assert end_of(usual()[-1]) != end_of(all_states()[-1])


@pytest.mark.parametrize("stations_a_host", [1, 3])
def test_the_number_of_hosts_changes_nothing(monkeypatch: pytest.MonkeyPatch, stations_a_host: int) -> None:
    monkeypatch.setattr(local, "STATIONS_A_HOST", stations_a_host)
    assert end_of(all_states(CODED)[-1]) == end_of(usual()[-1])


@pytest.mark.parametrize("killed_between", [False, True])
def test_from_every_state_that_was_kept_the_rest_is_the_same(tmp_path: Path, killed_between: bool) -> None:
    """Also if stations had kept what belongs to a later state, and the server did not come to keep that."""
    folder = begun(tmp_path)
    fleet = fleet_of(CODED)
    remembering(fleet, folder / "memory")
    plan = plan_of(fleet, CODED)
    tried = 0
    for number, state in enumerate(states(fleet, plan, usual()[0])):
        if number % 5 == 0:
            fleet.ask([KeepOrder(plan.stations, 0)])
            if not killed_between or number % 10 == 0:
                keep(folder, state)
        if number % 10 == 8:
            tried += 1
            assert end_of(resumed(folder)) == end_of(usual()[-1])
    assert tried >= 6


def begun(tmp_path: Path, settings: TwinSettings = CODED) -> Path:
    """The folder of a run before its first state."""
    folder = tmp_path / "run"
    new_run(folder, Record("0", "city", "", ReadSettings(), settings), overwrite=False)
    return folder


def resumed(folder: Path, settings: TwinSettings = CODED) -> State:
    """The end of the run that goes on from what is kept, with stations that know no more than that."""
    fleet = fleet_of(settings)
    remembering(fleet, folder / "memory")
    state = kept_state(folder)
    assert state is not None
    return [state, *states(fleet, plan_of(fleet, settings), state)][-1]


def test_without_what_was_left_out_the_rest_would_be_another(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    keep(folder, usual()[4])
    assert end_of(resumed(folder)) != end_of(usual()[-1])


class Forgetful(LocalFleet):
    """Stations whose processes are started anew before every order: they lack what orders count from."""

    def ask(self, orders):  # type: ignore[no-untyped-def]  # as in the fleet
        for each in self.hosts if any(_counts(order) for order in orders) else ():
            each.memory._sent.clear()
        return super().ask(orders)


def _counts(order: object) -> bool:
    return isinstance(order, TrainOrder) and order.crossing is not None and order.crossing.change is not None


def test_stations_that_lost_their_weights_are_sent_them_whole_and_nothing_else_changes() -> None:
    inner = fleet_of(CODED)
    ended = all_states(CODED, fleet=Forgetful(inner.stations, inner.hosts))[-1]
    assert end_of(ended) == end_of(usual()[-1])
    flow = ended.hierarchical.vertical.exchange.station_cluster
    assert flow.bytes_down > 1.5 * usual()[-1].hierarchical.vertical.exchange.station_cluster.bytes_down


def test_what_is_left_out_goes_with_the_next_update() -> None:
    """Once everything was sent, what came of two trainings is what they changed, to rounding."""
    fleet = fleet_of(CODED)
    start, station = some_weights(), fleet.stations[:1]
    orders = [
        TrainOrder(station, start, "vertical", turn, 3, HISTORY, crossing=Crossing(spec, "hierarchical"))
        for turn, spec in enumerate(("top-k=0.1", "top-k=0.1", "top-k=0.999"))
    ]
    sent = np.zeros_like(start)
    for order in orders:
        (answer,) = fleet.ask([order])
        assert isinstance(answer, CodedUpdate)
        sent += decoded(answer.change, len(start))
    plain = [fleet.ask([replace(order, crossing=None)]) for order in orders]
    changes = [each.weights - start for (each,) in plain if isinstance(each, Update)]
    np.testing.assert_allclose(sent, np.sum(changes, axis=0), atol=2e-4)


def test_a_station_says_so_when_it_lacks_the_weights_that_are_meant() -> None:
    fleet = fleet_of(CODED)
    coded_fleet = CodedFleet(fleet, SPARSE, "hierarchical")
    order = TrainOrder(fleet.stations[:2], some_weights(), "vertical", 0, 3, HISTORY)
    assert [type(each) for each in coded_fleet.ask([order])] == [Update, Update]
    (part,) = coded_fleet._written([order])
    for each in fleet.hosts:
        each.memory._sent.clear()
    assert set(fleet.ask([part])) == {Failure(station, LACKING) for station in fleet.stations[:2]}


def test_bytes_are_those_that_cross() -> None:
    """Seven stations and 5 rounds: each is sent its weights whole once, and then changes."""
    flow = usual()[5].hierarchical.vertical.exchange.station_cluster
    size = usual()[-1].hierarchical.tree.size
    parameters = size // 4
    up = round(0.1 * parameters) + 4 + -(-parameters // 8)  # a bit a parameter is the shorter list
    assert flow.messages_up == 35
    assert flow.bytes_up <= 35 * up
    assert flow.bytes_up > 35 * (up - parameters // 8)
    assert 7 * size < flow.bytes_down < 7 * size + 28 * size // 3


def test_codings_and_the_gate_go_together() -> None:
    """The gate spares reports of clusters whatever the bytes of an update are."""
    stream = usual()[53].hierarchical.stream
    assert stream is not None
    assert stream.spared > 0
    assert stream.sent > 0


def test_heads_of_their_own_take_no_codings() -> None:
    how = replace(SETTINGS.segment.how, method="heads")
    with pytest.raises(InputError, match="heads on machines of their own take updates and twins as they are"):
        TwinSettings(segment=replace(SETTINGS.segment, how=how), crossing=SPARSE)


def test_no_setting_is_taken_that_is_no_coding() -> None:
    with pytest.raises(InputError, match="is no coding"):
        CrossingSettings(up="gzip")
