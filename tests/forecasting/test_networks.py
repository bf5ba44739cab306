"""The networks' parameters: their order, their start and their exchange with plain torch modules."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.inputs import Layout
from forecasting.networks import NAMES, build_network, initial_weights, unpacked
from forecasting.training import predict
from tests.forecasting.plain_loops import MODULES, plain_module

LAYOUT = Layout(periodic=3, recent=4, extra=2)


@pytest.mark.parametrize("name", NAMES)
def test_parts_stand_in_the_order_of_the_torch_module(name: str) -> None:
    network = build_network(name, LAYOUT)
    module = MODULES[name](network)
    assert [(part.name, part.shape) for part in network.parts] == [
        (parameter, tuple(values.shape)) for parameter, values in module.named_parameters()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_fill_the_range_that_torch_draws_from(name: str) -> None:
    network = build_network(name, LAYOUT)
    ours = unpacked(network, initial_weights(network, np.random.default_rng(3)))
    for part, (_, theirs) in zip(network.parts, MODULES[name](network).named_parameters(), strict=True):
        assert np.abs(ours[part.name]).max() <= part.bound
        assert float(theirs.detach().abs().max()) <= part.bound
        if part.size > 500:
            assert np.abs(ours[part.name]).max() > 0.97 * part.bound
            assert float(theirs.detach().abs().max()) > 0.97 * part.bound


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "layout", [LAYOUT, Layout(periodic=1, recent=1, extra=0), Layout(periodic=2, recent=9, extra=5)]
)
def test_forecasts_equal_those_of_the_torch_module(name: str, layout: Layout) -> None:
    network, rng = build_network(name, layout), np.random.default_rng(5)
    weights = np.stack([initial_weights(network, rng) for _ in range(3)])
    inputs = rng.normal(size=(3, 70, layout.features)).astype(np.float32)
    forecasts = predict(network, weights, inputs, "torch")
    for station in range(3):
        with torch.inference_mode():
            plain = plain_module(network, weights[station])(torch.from_numpy(inputs[station])).numpy()
        np.testing.assert_allclose(forecasts[station], plain, atol=1e-6, rtol=0)


def test_a_linear_network_is_a_weighted_sum() -> None:
    network = build_network("linear", Layout(periodic=0, recent=2, extra=0))
    weights = np.array([[2.0, -1.0, 0.5]], np.float32)  # 2a - b + 0.5
    inputs = np.array([[[3.0, 4.0], [0.0, 1.0]]], np.float32)
    assert predict(network, weights, inputs, "torch").tolist() == [[2.5, -0.5]]


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_small_by_default(name: str) -> None:
    limit = 101_000 if name == "two-branch-lstm" else 20_000
    assert build_network(name, LAYOUT).parameters < limit


@given(periodic=st.integers(0, 5), recent=st.integers(1, 5), extra=st.integers(0, 5), width=st.integers(1, 9))
def test_unpacked_parts_hold_every_weight_once(periodic: int, recent: int, extra: int, width: int) -> None:
    network = build_network("gru", Layout(periodic, recent, extra), (width,))
    weights = np.arange(network.parameters, dtype=np.float32)
    pieces = unpacked(network, weights)
    assert np.concatenate([piece.ravel() for piece in pieces.values()]).tolist() == weights.tolist()


@pytest.mark.parametrize(
    ("name", "layout", "hidden", "words"),
    [
        ("transformer", LAYOUT, None, "expected one of linear, mlp"),
        ("mlp", LAYOUT, (), "at least one hidden layer"),
        ("mlp", LAYOUT, (8, 0), "at least 1"),
        ("linear", LAYOUT, (8,), "no hidden layers"),
        ("lstm", Layout(0, 0, 4), None, "needs a sequence"),
        ("two-branch-lstm", Layout(0, 4, 0), None, "needs recent and periodic values"),
    ],
)
def test_an_impossible_network_is_refused(
    name: str, layout: Layout, hidden: tuple[int, ...] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        build_network(name, layout, hidden)
