"""The twins that a run ends with say truly what they are and where they come from."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from data.messages import TrainOrder, Update
from data.traffic import StationId
from fl_server.run import Plan, Run
from fl_server.settings import HorizontalSettings
from fl_server.twins import Source, cluster_name, ended_twins, local_twins
from forecasting.networks import build_network
from forecasting.twin import Twin, load_twin, save_twin
from tests import fleets
from tests.fl_server.test_lifecycle import (
    CITY,
    HISTORY,
    SETTINGS,
    STEPS,
    all_states,
    fleet_of,
    plan_of,
    usual,
)
from tests.fleets import TroubledFleet

PLAN = plan_of(fleet_of())
SOURCE = Source("city", "abc")
RUN = usual()[-1].hierarchical


def ended(run: Run = RUN, plan: Plan = PLAN) -> list[Twin]:
    return ended_twins(run, plan, SOURCE)


def hours_after_start(twin: Twin) -> float:
    return float((twin.trained_until - CITY.start) / np.timedelta64(1, "h"))


def test_there_is_one_of_the_network_and_one_of_each_cluster() -> None:
    clusters = len(RUN.tree.clusters)
    assert [(twin.scope, twin.name) for twin in ended()] == [
        ("global", "network"),
        *[("cluster", f"cluster-{number}") for number in range(1, clusters + 1)],
    ]


def test_each_has_its_weights_its_stations_and_their_scalers() -> None:
    network, *clusters = ended()
    assert network.weights.tolist() == RUN.tree.top.tolist()
    assert network.stations == CITY.stations
    past = CITY.load[:HISTORY].astype(np.float64)
    np.testing.assert_allclose(network.scaler.mean, past.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(network.scaler.scale, past.std(axis=0), rtol=1e-6)
    for number, twin in enumerate(clusters):
        assert twin.weights.tolist() == RUN.tree.clusters[number].tolist()
        places = np.flatnonzero(RUN.tree.cluster_of == number)
        assert twin.stations == tuple(CITY.stations[place] for place in places)
        np.testing.assert_allclose(twin.scaler.mean, past.mean(axis=0)[places], rtol=1e-6)


def test_versions_count_how_often_a_twin_was_made_and_name_what_it_is_made_of() -> None:
    network, *clusters = ended()
    assert network.version == RUN.tree.top_version
    assert network.lineage.parents == tuple((twin.name, twin.version) for twin in clusters)
    assert [twin.version for twin in clusters] == RUN.tree.cluster_versions.tolist()


def test_the_lineage_tells_set_strategies_seed_and_phase() -> None:
    lineage = ended()[0].lineage
    assert (lineage.data, lineage.set_name, lineage.seed) == ("abc", "city", 1)
    assert (lineage.strategy, lineage.phase, lineage.round) == ("mean mean cluster-mean", "horizontal", STEPS)


def test_without_h_twinning_a_twin_has_learned_from_the_history() -> None:
    settings = replace(SETTINGS, horizontal=HorizontalSettings(epochs=0), single_level=False)
    run = all_states(settings)[-1].hierarchical
    for twin in ended(run, plan_of(fleet_of(settings), settings)):
        assert hours_after_start(twin) == HISTORY
        assert (twin.lineage.phase, twin.lineage.round) == ("vertical", 5)


def test_a_twin_claims_no_data_that_never_reached_it() -> None:
    """Behind a closed gate the G-NDT knows the history alone, while the C-NDTs go on learning."""
    settings = replace(SETTINGS, horizontal=HorizontalSettings(epochs=6, psi=1e9), single_level=False)
    run = all_states(settings)[-1].hierarchical
    network, *clusters = ended(run, plan_of(fleet_of(settings), settings))
    assert hours_after_start(network) == HISTORY
    assert all(HISTORY < hours_after_start(twin) < HISTORY + STEPS for twin in clusters)


def test_what_is_stored_is_what_is_read(tmp_path: Path) -> None:
    for twin in ended():
        save_twin(tmp_path / "one.twin", twin)
        again = load_twin(tmp_path / "one.twin")
        assert again.weights.tobytes() == twin.weights.tobytes()
        assert (again.lineage, again.version, again.stations) == (twin.lineage, twin.version, twin.stations)


def personal_plan() -> Plan:
    settings = replace(SETTINGS, recipe=replace(SETTINGS.recipe, personal="steps"))
    return plan_of(fleet_of(settings), settings)


def test_stations_make_twins_of_their_own_out_of_their_clusters() -> None:
    plan = personal_plan()
    fleet = fleet_of(plan.settings)
    made = list(local_twins(fleet, RUN, plan, SOURCE))
    assert [(twin.scope, twin.name, twin.stations) for twin in made] == [
        ("local", station, (station,)) for station in CITY.stations
    ]
    cluster = int(RUN.tree.cluster_of[3])
    order = TrainOrder(("s3",), RUN.tree.clusters[cluster], "personal", 0, 1, HISTORY + STEPS)  # type: ignore[arg-type]  # a text will do
    (alone,) = fleet.ask([order])
    assert isinstance(alone, Update)
    assert made[3].weights.tolist() == alone.weights.tolist()
    assert made[3].lineage.parents == ((cluster_name(cluster), int(RUN.tree.cluster_versions[cluster])),)
    assert {hours_after_start(twin) for twin in made} == {HISTORY + STEPS}
    assert made[0].network == build_network("mlp", plan.network.layout, (6,))


def test_a_station_that_fails_to_make_its_own_has_none() -> None:
    plan = personal_plan()
    fleet = TroubledFleet(fleet_of(plan.settings), {StationId("s2"): fleets.failing})
    names = [twin.name for twin in local_twins(fleet, RUN, plan, SOURCE)]
    assert names == [station for station in CITY.stations if station != "s2"]
