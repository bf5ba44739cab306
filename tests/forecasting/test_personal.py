"""Personal heads against numpy's least squares on what torch modules hand to their heads."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.inputs import Layout
from forecasting.networks import NAMES, Network, build_network, initial_weights
from forecasting.personal import personal_heads
from forecasting.stations import Floats, Samples
from forecasting.training import predict
from tests.forecasting.plain_loops import plain_module

LAYOUT = Layout(periodic=3, recent=3, extra=2)
HIDDEN = {"linear": (), "mlp": (8, 5), "gru": (5,), "lstm": (5,), "two-branch-lstm": (5,), "tcn": (4, 4)}
COUNTS = (150, 90, 0, 40)


def some_network(name: str) -> Network:
    return build_network(name, LAYOUT, HIDDEN[name])


def some_weights(network: Network, stations: int = len(COUNTS), seed: int = 1) -> Floats:
    """A body and a head of its own for each station, as after a few rounds in several clusters."""
    rng = np.random.default_rng(seed)
    return np.stack([initial_weights(network, rng) for _ in range(stations)])


def some_samples(counts: tuple[int, ...] = COUNTS, seed: int = 0) -> Samples:
    """Noisy weighted sums, each station with weights of its own; what does not count is NaN."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(len(counts), max(counts), LAYOUT.features))
    targets = np.einsum("ksf,kf->ks", inputs, rng.normal(size=(len(counts), LAYOUT.features)))
    targets += rng.normal(size=targets.shape)
    for station, count in enumerate(counts):
        inputs[station, count:] = np.nan
        targets[station, count:] = np.nan
    return Samples(inputs.astype(np.float32), targets.astype(np.float32), np.array(counts))


def head_size(network: Network) -> int:
    return network.parts[-2].size + network.parts[-1].size


def columns_of(network: Network, weights: Floats, inputs: Floats) -> np.ndarray:
    """What a torch module hands to its last layer, and a column of ones."""
    seen: list[torch.Tensor] = []
    module = plain_module(network, weights)
    last = [each for each in module.modules() if isinstance(each, torch.nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        module(torch.from_numpy(inputs))
    return np.column_stack([seen[0].numpy(), np.ones(len(inputs))]).astype(np.float64)


@pytest.mark.parametrize("strength", [0.0, 0.5, 30.0])
@pytest.mark.parametrize("name", NAMES)
def test_a_personal_head_is_the_least_squares_one(name: str, strength: float) -> None:
    network, samples = some_network(name), some_samples()
    weights = some_weights(network)
    personal = personal_heads(network, weights, samples, strength)
    size = head_size(network)
    np.testing.assert_array_equal(personal[:, :-size], weights[:, :-size])  # the bodies
    for station, count in enumerate(samples.counts):
        columns = columns_of(network, weights[station], samples.inputs[station, :count])
        shared = weights[station, -size:].astype(np.float64)
        # The penalty is √strength more samples per weight, which ask for the shared head.
        rows = np.concatenate([columns, np.sqrt(strength) * np.eye(size)])
        missed = np.concatenate([samples.targets[station, :count] - columns @ shared, np.zeros(size)])
        expected = shared + np.linalg.lstsq(rows, missed, rcond=1e-6)[0]
        np.testing.assert_allclose(personal[station, -size:], expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_no_other_head_does_better_on_the_samples(name: str) -> None:
    network, samples = some_network(name), some_samples((200, 200))
    personal = personal_heads(network, some_weights(network, 2), samples, 0.0)

    def error(weights: Floats) -> np.ndarray:
        squares: np.ndarray = ((predict(network, weights, samples.inputs) - samples.targets) ** 2).mean(
            axis=1
        )
        return squares

    best, rng = error(personal), np.random.default_rng(0)
    for _ in range(10):
        moved = personal.copy()
        moved[:, -head_size(network) :] += rng.normal(scale=0.05, size=(2, head_size(network)))
        assert (error(moved) > best).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_great_strength_leaves_the_shared_head(name: str) -> None:
    network = some_network(name)
    weights = some_weights(network)
    personal = personal_heads(network, weights, some_samples(), 1e12)
    np.testing.assert_allclose(personal, weights, rtol=0, atol=1e-7)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_station_without_samples_keeps_the_shared_head(strength: float) -> None:
    network = some_network("mlp")
    weights = some_weights(network)
    personal = personal_heads(network, weights, some_samples(), strength)
    np.testing.assert_array_equal(personal[2], weights[2])
    assert (personal[[0, 1, 3]] != weights[[0, 1, 3]]).any(axis=1).all()


@settings(max_examples=20)
@given(order=st.permutations(range(len(COUNTS))), kept=st.integers(1, len(COUNTS)))
def test_which_other_stations_are_there_is_irrelevant(order: list[int], kept: int) -> None:
    network, samples, chosen = some_network("mlp"), some_samples(), order[:kept]
    weights = some_weights(network)
    together = personal_heads(network, weights, samples, 1.0)
    some = Samples(samples.inputs[chosen], samples.targets[chosen], samples.counts[chosen])
    np.testing.assert_array_equal(personal_heads(network, weights[chosen], some, 1.0), together[chosen])


def test_a_unit_that_never_fires_keeps_its_weight() -> None:
    network, samples = some_network("mlp"), some_samples()
    weights = some_weights(network)
    bias = sum(part.size for part in network.parts[:4]) - network.parts[3].size  # of the last hidden layer
    weights[:, bias] = -1e3
    for strength in (0.0, 1.0):
        personal = personal_heads(network, weights, samples, strength)
        np.testing.assert_allclose(personal[:, -6], weights[:, -6], atol=1e-7)  # 5 weights, then the bias


def test_the_callers_weights_and_samples_stay_as_they_were() -> None:
    network, samples = some_network("mlp"), some_samples()
    weights = some_weights(network)
    before, inputs = weights.copy(), samples.inputs.copy()
    personal_heads(network, weights, samples, 1.0)
    np.testing.assert_array_equal(weights, before)
    np.testing.assert_array_equal(samples.inputs, inputs)


@pytest.mark.parametrize("strength", [-1.0, np.inf, np.nan])
def test_an_impossible_strength_is_refused(strength: float) -> None:
    network = some_network("linear")
    with pytest.raises(InputError, match="strength of personal heads"):
        personal_heads(network, some_weights(network), some_samples(), strength)


def test_a_personal_head_forgives_a_level_that_the_shared_head_misses() -> None:
    network = some_network("mlp")
    weights = some_weights(network, 1)
    samples = some_samples((100,))
    level = replace(samples, targets=predict(network, weights, samples.inputs) + 3)
    personal = personal_heads(network, weights, level, 0.0)
    np.testing.assert_allclose(predict(network, personal, level.inputs), level.targets, atol=1e-4)
