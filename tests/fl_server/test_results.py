"""The figures of a run, beside those that follow from its states by hand."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from fl_server.exchange import Exchange
from fl_server.results import figures, station_columns
from fl_server.settings import HorizontalSettings
from forecasting.metrics import tally_scores
from tests.fl_server.test_lifecycle import SETTINGS, STEPS, all_states, fleet_of, plan_of, usual

PLAN = plan_of(fleet_of())
ENDED = usual()[-1]
RUN = ENDED.hierarchical
FIGURES = figures(ENDED, PLAN)
SIZE = RUN.tree.top.nbytes


def test_the_errors_are_those_of_the_g_ndt_and_below_it_of_the_c_ndts() -> None:
    for letter, phase in (("v", RUN.vertical), ("h", RUN.horizontal)):
        top = asdict(tally_scores(phase.standing.top))
        assert {name: FIGURES[letter][name] for name in top} == top
        assert FIGURES[letter]["cluster"] == asdict(tally_scores(phase.standing.cluster))
        assert "personal" not in FIGURES[letter]


def test_updates_and_bytes_are_those_between_clusters_and_network_in_the_stream() -> None:
    assert RUN.stream is not None
    assert FIGURES["updates"] == RUN.stream.sent > 0
    assert FIGURES["spared"] == RUN.stream.spared > 0
    assert FIGURES["bytes"] == RUN.stream.sent * 2 * SIZE


def test_messages_of_v_twinning_are_those_of_its_rounds() -> None:
    """Five rounds of 7 stations; four of them go up, from each cluster that there was, and come down."""
    flows = FIGURES["phases"]["v"]["exchange"]
    clusters = sum(row.clusters for row in RUN.history[:5] if row.turn != 4)
    assert flows["station_cluster"] == flow(35)
    assert flows["cluster_network"] == flow(clusters)
    assert "station_network" not in flows


def test_without_clusters_stations_talk_to_the_network_itself() -> None:
    flows = FIGURES["single_level"]["phases"]["v"]["exchange"]
    assert flows == {"station_network": flow(35)}
    assert list(FIGURES["single_level"]["phases"]["h"]["exchange"]) == ["station_network"]


def flow(messages: int) -> dict[str, int]:
    size = messages * SIZE
    return {"messages_up": messages, "messages_down": messages, "bytes_up": size, "bytes_down": size}


def test_the_clusters_errors_weighted_by_their_values_make_the_networks() -> None:
    rows = FIGURES["by_cluster"]
    assert [row["cluster"] for row in rows] == list(range(1, FIGURES["clusters"] + 1))
    stations = np.array([row["stations"] for row in rows])
    assert stations.tolist() == np.bincount(RUN.tree.cluster_of).tolist()
    for letter in ("v", "h"):
        for key, twin in (("g", FIGURES[letter]), ("c", FIGURES[letter]["cluster"])):
            errors = np.array([row[f"{letter}_{key}"]["mse"] for row in rows])
            assert stations @ errors / 7 == pytest.approx(twin["mse"])


def test_each_station_has_its_cluster_and_its_errors() -> None:
    columns = station_columns(RUN, PLAN)
    assert list(columns)[:4] == ["station", "longitude", "latitude", "cluster"]
    assert columns["cluster"].tolist() == (RUN.tree.cluster_of + 1).tolist()
    assert columns["longitude"].tolist() == PLAN.land.positions[:, 0].tolist()
    for letter, phase in (("v", RUN.vertical), ("h", RUN.horizontal)):
        errors = phase.standing.top.squared / STEPS
        np.testing.assert_allclose(columns[f"{letter}_mse_g"], errors)
        assert columns[f"{letter}_mse_c"].mean() == pytest.approx(FIGURES[letter]["cluster"]["mse"])


def test_without_h_twinning_its_errors_are_none_and_nothing_was_sent() -> None:
    ended = all_states(replace(SETTINGS, horizontal=HorizontalSettings(epochs=0), single_level=False))[-1]
    made = figures(ended, PLAN)
    assert (made["h"], made["updates"], made["spared"], made["bytes"]) == (None, 0, 0, 0)
    assert made["single_level"] is None
    assert made["phases"]["h"]["exchange"] == {}
    assert [row["h_g"] for row in made["by_cluster"]] == [None] * made["clusters"]
    assert np.isnan(station_columns(ended.hierarchical, PLAN)["h_mse_g"]).all()


def test_failures_are_counted_by_reason() -> None:
    phase = replace(RUN.vertical, failures={"lost its power": 3}, exchange=Exchange())
    made = figures(replace(ENDED, hierarchical=replace(RUN, vertical=phase)), PLAN)
    assert made["phases"]["v"]["failures"] == {"lost its power": 3}


def test_json_can_hold_them() -> None:
    assert json.loads(json.dumps(FIGURES, allow_nan=False)) == FIGURES
