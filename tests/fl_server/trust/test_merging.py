"""Two twins made one, worked by hand, and the command on two runs of one city."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.inputs import INPUTS, Layout
from data.scaling import Scaler
from data.traffic import StationId
from fl_server.cli.main import main
from fl_server.trust.merging import fitted_share, merged, mixed_weights, share_by_stations
from forecasting.networks import build_network
from forecasting.twin import Lineage, Twin, load_twin
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set
from tests.fl_server.trust.test_quality import SMALL

LAYOUT = Layout(2, 1, 0)


def twin(names: str, weight: float, day: int) -> Twin:
    network = build_network("linear", LAYOUT)
    stations = tuple(StationId(name) for name in names)
    return Twin(
        scope="global",
        name="network",
        network=network,
        inputs=INPUTS["paper"],
        weights=np.full(network.parameters, weight, np.float32),
        stations=stations,
        scaler=Scaler(np.full(len(stations), weight), np.ones(len(stations))),
        version=day,
        trained_until=np.datetime64(f"2024-01-{day:02}", "m"),
        lineage=Lineage(data="", set_name="city", strategy="mean", seed=1, phase="vertical", round=1),
    )


def test_a_twin_counts_by_its_stations_and_half_after_each_half_life() -> None:
    young, old = twin("ab", 1, 11), twin("bcde", 4, 1)
    assert share_by_stations(young, old, half_life_days=10) == 0.5  # 2 to 4 / 2
    assert share_by_stations(old, young, half_life_days=10) == 0.5
    assert share_by_stations(young, old, half_life_days=1e9) == pytest.approx(1 / 3)


def test_the_merged_twin_stands_for_the_stations_of_both() -> None:
    made = merged(twin("bcde", 4, 1), twin("ab", 1, 11), "both", 0.25)
    assert made.weights.tolist() == [1.75] * len(made.weights)  # 4 / 4 + 1 · 3 / 4
    assert made.stations == ("a", "b", "c", "d", "e")
    assert made.scaler.mean.tolist() == [1, 1, 4, 4, 4]  # the newer one's where both have it
    assert made.trained_until == np.datetime64("2024-01-11")
    assert made.lineage.parents == (("network", 1), ("network", 11))
    assert made.version == 12


def test_the_share_is_fitted_where_the_mixture_errs_least() -> None:
    one, other = twin("a", 0, 1), twin("b", 1, 1)
    assert fitted_share(one, other, 0.4, lambda weights: abs(float(weights[0]) - 0.26)) == 0.75
    assert fitted_share(one, other, 0.4, lambda weights: abs(float(weights[0]) - 0.6)) == 0.4
    assert fitted_share(one, other, 0.4, lambda _: 1.0) == 0.4
    assert mixed_weights(one, other, 0.75)[0] == 0.25


def test_different_networks_and_inputs_are_refused() -> None:
    one = twin("a", 0, 1)
    network = build_network("mlp", LAYOUT, (3,))
    wide = replace(one, network=network, weights=np.zeros(network.parameters, np.float32))
    with pytest.raises(InputError, match="weights of different networks have no mean"):
        merged(one, wide, "both", 0.5)
    with pytest.raises(InputError, match="see different inputs"):
        merged(one, replace(one, inputs=INPUTS["profile"]), "both", 0.5)


def test_the_command_merges_runs_of_overlapping_areas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = written_set(tmp_path, wavy_traffic(stations=7, days=10))
    runs = [str(tmp_path / "first"), str(tmp_path / "second")]
    for folder, few in zip(runs, ("7", "5"), strict=True):
        short = ("--epochs", "3", "--stream-epochs", "2", "--stations", few)
        assert main(["twin", str(city), "--out", folder, *SMALL, *short]) == 0
    capsys.readouterr()
    out = tmp_path / "both.twin"
    assert main(["twins", "merge", *runs, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stations"] == 7
    for errors in told["errors"].values():
        alone = [errors[run]["mse"] for run in runs]
        assert errors["merged"]["mse"] < 1.1 * max(alone)
    assert load_twin(out).stations == tuple(f"s{number}" for number in range(7))
    assert main(["twins", "merge", *runs, "--out", str(out)]) == 3  # is there already
    bad = ("--half-life-days", "0", "--overwrite")
    assert main(["twins", "merge", *runs, "--out", str(out), *bad]) == 3
