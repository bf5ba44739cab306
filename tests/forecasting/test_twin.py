"""A stored twin comes back as it was and forecasts the same; one that is not sound is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.artefacts import read_artefact, write_artefact
from data.errors import InputError
from data.inputs import INPUTS, Layout
from data.scaling import Scaler
from data.traffic import StationId
from forecasting.networks import NAMES, build_network, initial_weights
from forecasting.training import predict
from forecasting.twin import Lineage, Twin, load_twin, save_twin
from tests.forecasting.plain_loops import plain_module

LAYOUT = Layout(periodic=1, recent=24, extra=7)  # of the inputs "day"
LINEAGE = Lineage(
    data="0" * 64,
    set_name="city",
    strategy="vertical: mean, mean",
    seed=3,
    phase="vertical",
    round=12,
    parents=(("s0", 4), ("s1", 5)),
)


def some_twin(name: str = "mlp", hidden: tuple[int, ...] | None = None) -> Twin:
    """A cluster twin of two stations with random weights."""
    network = build_network(name, LAYOUT, hidden)
    return Twin(
        scope="cluster",
        name="cluster 3",
        network=network,
        inputs=INPUTS["day"],
        weights=initial_weights(network, np.random.default_rng(1)),
        stations=(StationId("s0"), StationId("s1")),
        scaler=Scaler(np.array([5.0, 1 / 3]), np.array([2.0, 0.1])),
        version=9,
        trained_until=np.datetime64("2013-11-24T00:00", "m"),
        lineage=LINEAGE,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_twin_comes_back_whole(tmp_path: Path, name: str) -> None:
    twin = some_twin(name)
    save_twin(tmp_path / "twin", twin)
    back = load_twin(tmp_path / "twin")
    assert back.weights.tobytes() == twin.weights.tobytes()
    assert back.scaler.mean.tobytes() == twin.scaler.mean.tobytes()
    assert back.scaler.scale.tobytes() == twin.scaler.scale.tobytes()
    assert replace(twin, weights=back.weights, scaler=back.scaler) == back  # everything else


def test_the_same_twin_is_stored_in_the_same_bytes(tmp_path: Path) -> None:
    save_twin(tmp_path / "one", some_twin())
    save_twin(tmp_path / "other", load_twin(tmp_path / "one"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_forecasts_any_stations_as_its_network_does_in_torch(tmp_path: Path, name: str) -> None:
    import torch

    twin = some_twin(name)
    save_twin(tmp_path / "twin", twin)
    inputs = np.random.default_rng(2).normal(size=(4, 5, LAYOUT.features)).astype(np.float32)
    again = load_twin(tmp_path / "twin")
    forecast = predict(again.network, np.tile(again.weights, (len(inputs), 1)), inputs)
    assert forecast.shape == (4, 5)
    with torch.inference_mode():
        module = plain_module(twin.network, twin.weights)
        expected = [module(torch.from_numpy(station)).numpy() for station in inputs]
    np.testing.assert_allclose(forecast, expected, atol=1e-5)


def test_the_age_is_counted_from_the_last_data_in_hours() -> None:
    twin = some_twin()  # trained until the 24th, 00:00
    assert twin.age_hours(np.datetime64("2013-11-25T01:30")) == 24 + 1.5
    assert twin.age_hours(np.datetime64("2013-11-24T00:00:00", "s")) == 0


@given(
    name=st.text(),
    version=st.integers(0, 2**62),
    parents=st.lists(st.tuples(st.text(), st.integers(0, 2**62))),
)
def test_any_name_and_lineage_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, version: int, parents: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "twin"
    lineage = replace(LINEAGE, strategy=name, parents=tuple(parents))
    twin = replace(some_twin("linear"), name=name, version=version, lineage=lineage)
    save_twin(path, twin)
    back = load_twin(path)
    assert (back.name, back.version, back.lineage) == (name, version, lineage)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": np.zeros(3, np.float32)}, "linear needs 33 weights of float32, got"),
        ({"weights": np.zeros(33)}, "of float64"),
        ({"weights": np.array([np.nan, np.inf] + [0.0] * 31, np.float32)}, "2 weights are not finite"),
        ({"scaler": Scaler(np.zeros(3), np.ones(3))}, "2 stations need as many means"),
        ({"scope": "planet"}, "unknown scope 'planet', expected one of local, cluster, global"),
    ],
)
def test_an_unsound_twin_cannot_be_made(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(some_twin("linear"), **change)


@pytest.mark.parametrize(
    ("header", "arrays", "found"),
    [
        ({}, {"weights": np.zeros(3, np.float32)}, "linear needs 33 weights"),
        ({}, {"mean": np.zeros(3)}, "2 stations need as many means"),
        ({"network": "oracle"}, {}, "unknown network 'oracle'"),
        ({"layout": {"periodic": 1}}, {}, "recent"),
        ({"trained_until": "yesterday"}, {}, "yesterday"),
    ],
)
def test_a_stored_twin_that_is_not_sound_is_refused(
    tmp_path: Path, header: dict[str, Any], arrays: dict[str, Any], found: str
) -> None:
    save_twin(tmp_path / "twin", some_twin("linear"))
    sound_header, sound_arrays = read_artefact(tmp_path / "twin", "twin")
    write_artefact(tmp_path / "twin", "twin", sound_header | header, sound_arrays | arrays)
    with pytest.raises(InputError, match=rf"twin: holds a twin that is not sound: .*{found}"):
        load_twin(tmp_path / "twin")


def test_a_stored_twin_without_a_field_is_refused(tmp_path: Path) -> None:
    save_twin(tmp_path / "twin", some_twin("linear"))
    header, arrays = read_artefact(tmp_path / "twin", "twin")
    del header["lineage"]
    write_artefact(tmp_path / "twin", "twin", header, arrays)
    with pytest.raises(InputError, match="not sound: the settings: lineage missing"):
        load_twin(tmp_path / "twin")
