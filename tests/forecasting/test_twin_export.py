"""An exported twin is what other libraries take it for: the same tensors, and all else as one text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from data.errors import InputError
from forecasting.networks import NAMES, unpacked
from forecasting.training import predict
from forecasting.twin import Twin
from forecasting.twin_export import FORMATS, export_twin
from tests.forecasting.plain_loops import plain_module
from tests.forecasting.test_twin import LAYOUT, some_twin


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors and the header of an exported twin, by the library that its ending names."""
    match path.suffix:
        case ".npz":
            arrays = dict(np.load(path, allow_pickle=False))
            return arrays, json.loads(str(arrays.pop("twin")))
        case ".safetensors":
            with safe_open(path, "numpy") as file:
                return load_file(path), json.loads(file.metadata()["twin"])
    content = torch.load(path, weights_only=True)
    return content["state_dict"], json.loads(content["twin"])


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_the_tensors_and_all_else_come_back(tmp_path: Path, name: str, ending: str) -> None:
    twin = some_twin(name)
    export_twin(tmp_path / f"twin{ending}", twin)
    tensors, header = read(tmp_path / f"twin{ending}")
    expected = unpacked(twin.network, twin.weights)
    assert list(map(str, sorted(tensors))) == sorted(expected)
    for part, values in expected.items():
        np.testing.assert_array_equal(np.asarray(tensors[part]), values)
    assert header["mean"] == [5.0, 1 / 3]
    assert header["scale"] == [2.0, 0.1]
    assert header["stations"] == ["s0", "s1"]
    assert header["lineage"]["parents"] == [["s0", 4], ["s1", 5]]
    assert [path.name for path in tmp_path.iterdir()] == [f"twin{ending}"]


def forecast_of(path: Path, twin: Twin, inputs: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    """What the torch module makes of `inputs` (S, F) with the exported weights."""
    module = plain_module(twin.network, np.zeros_like(twin.weights))
    module.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    with torch.inference_mode():
        return module(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_the_torch_module_takes_the_state_and_forecasts_the_same(tmp_path: Path, name: str) -> None:
    twin = some_twin(name)
    export_twin(tmp_path / "twin.pt", twin)
    inputs = np.random.default_rng(4).normal(size=(7, LAYOUT.features)).astype(np.float32)
    found = forecast_of(tmp_path / "twin.pt", twin, inputs)
    np.testing.assert_allclose(found, predict(twin.network, twin.weights[None], inputs[None])[0], atol=1e-5)


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_twin_makes_the_same_bytes(tmp_path: Path, ending: str) -> None:
    for name in ("one", "other"):
        export_twin(tmp_path / f"{name}{ending}", some_twin())
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"other{ending}").read_bytes()


def test_an_unknown_ending_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown ending '\.onnx', expected one of \.npz, \.safetensors"):
        export_twin(tmp_path / "twin.onnx", some_twin())
    assert list(tmp_path.iterdir()) == []
