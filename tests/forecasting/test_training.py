"""Training many stations at once is training each of them alone, as a plain torch loop would."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.inputs import Layout
from forecasting.engine_compiled import NETWORKS as COMPILED_NETWORKS
from forecasting.kernels import train_epoch
from forecasting.networks import NAMES, Network, build_network, initial_weights
from forecasting.settings import Engine, TrainingSettings, learning_rate
from forecasting.stations import Floats, Samples, Trained, full_samples, station_rngs
from forecasting.training import predict, train, train_once, training
from tests.forecasting.plain_loops import plain_training

LAYOUT = Layout(periodic=3, recent=3, extra=2)
CASES: list[tuple[str, Engine]] = [(name, "torch") for name in NAMES]
CASES += [(name, "compiled") for name in COMPILED_NETWORKS]
ENGINES: list[Engine] = ["torch", "compiled"]

# A float32 rounding error of a gradient near 0 passes through Adam's division by that gradient's size, so
# Adam's rounding errors grow with the learning rate; .0005 keeps them below 1e-6, as SGD's are at .05.
RULES: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.05},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"optimizer": "adam", "learning_rate": 0.0005},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.0005, "weight_decay": 0.1},
}


def some_samples(stations: int, count: int = 200, seed: int = 0) -> Samples:
    """Noisy weighted sums, each station with its own weights; the last mini-batch is not full."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(stations, count, LAYOUT.features))
    targets = np.einsum("ksf,kf->ks", inputs, rng.normal(size=(stations, LAYOUT.features)) * 0.3)
    return full_samples(
        inputs.astype(np.float32), (targets + 0.1 * rng.normal(size=targets.shape)).astype(np.float32)
    )


def some_weights(network: Network, stations: int) -> Floats:
    return np.stack(
        [initial_weights(network, np.random.default_rng([1, station])) for station in range(stations)]
    )


def trained(network: Network, samples: Samples, stations: list[int], options: TrainingSettings) -> Trained:
    """Train the listed ones of 7 stations together."""
    chosen = Samples(samples.inputs[stations], samples.targets[stations], samples.counts[stations])
    return train(network, some_weights(network, 7)[stations], chosen, options, station_rngs(4, stations))


@pytest.mark.parametrize(("name", "engine"), CASES)
@pytest.mark.parametrize("rule", RULES)
def test_one_station_equals_a_plain_torch_loop(name: str, engine: Engine, rule: str) -> None:
    network, samples = build_network(name, LAYOUT), some_samples(1)
    options = TrainingSettings(epochs=3, engine=engine, **RULES[rule])
    result = trained(network, samples, [0], options)
    weights, losses = plain_training(
        network,
        some_weights(network, 1)[0],
        samples.inputs[0],
        samples.targets[0],
        options,
        station_rngs(4, [0])[0],
    )
    np.testing.assert_allclose(result.weights[0], weights, atol=1e-6, rtol=0)
    np.testing.assert_allclose(result.losses[0], losses, atol=1e-6, rtol=0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "option",
    [
        {"loss": "huber", "huber_delta": 0.3},
        {"clip_norm": 0.1},
        {"proximal": 0.5},
        {"batch_size": 130},
        {"shuffle": False},
    ],
)
def test_options_mean_what_they_mean_in_a_plain_torch_loop(engine: Engine, option: dict[str, Any]) -> None:
    network, samples = build_network("mlp", LAYOUT), some_samples(1)
    options = TrainingSettings(epochs=3, learning_rate=0.05, engine=engine, **option)
    result = trained(network, samples, [0], options)
    start, rng = some_weights(network, 1)[0], station_rngs(4, [0])[0]
    weights, losses = plain_training(network, start, samples.inputs[0], samples.targets[0], options, rng)
    np.testing.assert_allclose(result.weights[0], weights, atol=1e-6, rtol=0)
    np.testing.assert_allclose(result.losses[0], losses, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", RULES)
def test_in_double_precision_nothing_but_rounding_is_left(name: str, rule: str) -> None:
    network, single = build_network(name, LAYOUT), some_samples(1)
    exact: Any = np.float64  # in place of the usual float32
    samples = Samples(single.inputs.astype(exact), single.targets.astype(exact), single.counts)
    start: Floats = some_weights(network, 1).astype(exact)
    options = TrainingSettings(epochs=3, engine="torch", **(RULES[rule] | {"learning_rate": 0.01}))
    result = train(network, start, samples, options, station_rngs(4, [0]))
    weights, _ = plain_training(
        network,
        start[0],
        samples.inputs[0],
        samples.targets[0],
        options,
        station_rngs(4, [0])[0],
    )
    np.testing.assert_allclose(result.weights[0], weights, atol=1e-12, rtol=0)


def distance_to_exact(name: str, engine: Engine, seed: int, *, relative_error: float = 0) -> float:
    """Root mean square, over all weights, of float32 training (of wrong inputs) less float64 training."""
    network, single = build_network(name, LAYOUT), some_samples(1, seed=seed)
    options = TrainingSettings(epochs=3, optimizer="adam", learning_rate=0.01, engine=engine)
    start, inputs, targets = some_weights(network, 1)[0], single.inputs[0], single.targets[0]
    exact, _ = plain_training(
        network,
        start.astype(np.float64),
        inputs.astype(np.float64),
        targets.astype(np.float64),
        options,
        station_rngs(4, [0])[0],
    )
    wrong = replace(single, inputs=single.inputs * np.float32(1 + relative_error))
    if engine == "compiled":
        weights = trained(network, wrong, [0], options).weights[0]
    else:
        weights, _ = plain_training(
            network, start, wrong.inputs[0], targets, options, station_rngs(4, [0])[0]
        )
    return float(np.sqrt(np.mean((weights - exact) ** 2)))


@pytest.mark.parametrize("name", COMPILED_NETWORKS)
def test_compiled_training_is_as_near_to_exact_arithmetic_as_torch(name: str) -> None:
    # Adam makes of equal rounding errors distances that differ threefold by chance, so eight seeds are
    # averaged, by their logarithms. A relative error of 1e-4 makes the distance a hundred times as large.
    def distance(engine: Engine, relative_error: float = 0) -> float:
        each = [distance_to_exact(name, engine, seed, relative_error=relative_error) for seed in range(8)]
        return float(np.exp(np.log(each).mean()))

    torch_distance = distance("torch")
    assert distance("compiled") < 4 * torch_distance
    assert distance("compiled", relative_error=1e-4) > 40 * torch_distance


@pytest.mark.parametrize(("name", "engine"), CASES)
def test_a_station_does_not_notice_the_others(name: str, engine: Engine) -> None:
    network, samples = build_network(name, LAYOUT), some_samples(7)
    counts = np.array([200, 64, 130, 1, 0, 199, 128])
    samples = replace(samples, counts=counts)
    options = TrainingSettings(epochs=2, optimizer="adam", learning_rate=0.0005, engine=engine)
    together = trained(network, samples, list(range(7)), options)
    for station in range(7):
        alone = trained(network, samples, [station], options)
        distance = np.abs(together.weights[station] - alone.weights[0]).max()
        assert distance == 0 if engine == "compiled" else distance <= 1e-6
        assert together.optimizer.steps[station] == alone.optimizer.steps[0] == 2 * -(-counts[station] // 64)


@pytest.mark.parametrize("engine", ENGINES)
def test_samples_beyond_a_stations_count_are_never_looked_at(engine: Engine) -> None:
    network, samples = build_network("mlp", LAYOUT), replace(some_samples(2), counts=np.array([100, 200]))
    options = TrainingSettings(epochs=2, engine=engine)
    before = trained(network, samples, [0, 1], options)
    samples.inputs[0, 100:] = 1e6
    samples.targets[0, 100:] = -1e6
    np.testing.assert_array_equal(before.weights, trained(network, samples, [0, 1], options).weights)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_station_without_samples_keeps_its_weights(engine: Engine) -> None:
    network, samples = build_network("mlp", LAYOUT), replace(some_samples(2), counts=np.array([0, 10]))
    options = TrainingSettings(optimizer="adamw", weight_decay=0.1, engine=engine)
    result = trained(network, samples, [0, 1], options)
    np.testing.assert_array_equal(result.weights[0], some_weights(network, 1)[0])
    assert result.losses[0].tolist() == [0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_training_can_be_continued_where_it_stopped(engine: Engine, rule: str) -> None:
    network, samples, rngs = build_network("mlp", LAYOUT), some_samples(3), station_rngs(4, range(3))
    options = TrainingSettings(epochs=4, schedule="cosine", horizon=4, engine=engine, **RULES[rule])
    whole = train(network, some_weights(network, 3), samples, options, station_rngs(4, range(3)))
    half = replace(options, epochs=2)
    first = train(network, some_weights(network, 3), samples, half, rngs)
    second = train(network, first.weights, samples, half, rngs, first.optimizer)
    np.testing.assert_array_equal(second.weights, whole.weights)
    np.testing.assert_array_equal(second.optimizer.second, whole.optimizer.second)


@pytest.mark.parametrize(("name", "engine"), CASES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("epochs", [1, 2])
def test_training_once_makes_the_same_weights(name: str, engine: Engine, rule: str, epochs: int) -> None:
    network, samples = build_network(name, LAYOUT), some_samples(3)
    options = TrainingSettings(epochs=epochs, engine=engine, **RULES[rule])
    weights = some_weights(network, 3)
    whole = train(network, weights, samples, options, station_rngs(4, range(3)))
    once = train_once(network, weights, samples, options, station_rngs(4, range(3)))
    assert np.array_equal(once.weights, whole.weights)
    assert np.array_equal(once.losses, whole.losses)


@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_left_as_they_were(engine: Engine) -> None:
    network, samples, weights = (
        build_network("mlp", LAYOUT),
        some_samples(2),
        some_weights(build_network("mlp", LAYOUT), 2),
    )
    options = TrainingSettings(optimizer="adam", engine=engine)
    first = train(network, weights, samples, options, station_rngs(4, range(2)))
    kept = first.optimizer.first.copy()
    train(network, first.weights, samples, options, station_rngs(4, range(2)), first.optimizer)
    np.testing.assert_array_equal(weights, some_weights(network, 2))
    np.testing.assert_array_equal(first.optimizer.first, kept)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_step_by_hand(engine: Engine) -> None:
    """Forecast 2·3 + 1 = 7 for the target 5: error 2, slopes 2·2·3 = 12 and 2·2 = 4, a tenth of each off."""
    network = build_network("linear", Layout(periodic=0, recent=1, extra=0))
    samples = full_samples(np.array([[[3.0]]], np.float32), np.array([[5.0]], np.float32))
    options = TrainingSettings(learning_rate=0.1, engine=engine)
    result = train(network, np.array([[2.0, 1.0]], np.float32), samples, options, station_rngs(0, [0]))
    np.testing.assert_allclose(result.weights, [[0.8, 0.6]], rtol=1e-6)
    assert result.losses.tolist() == [[4.0]]


def test_threads_change_nothing_but_the_time() -> None:
    network, samples = build_network("lstm", LAYOUT, (16,)), some_samples(7)
    options = TrainingSettings(epochs=2, momentum=0.9, engine="compiled")
    one = trained(network, samples, list(range(7)), options)
    three = trained(network, samples, list(range(7)), replace(options, threads=3))
    np.testing.assert_array_equal(one.weights, three.weights)
    np.testing.assert_array_equal(one.losses, three.losses)


@settings(max_examples=20, deadline=None)
@given(
    layout=st.builds(Layout, st.integers(1, 5), st.integers(1, 5), st.integers(0, 4)),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    name=st.sampled_from(COMPILED_NETWORKS[1:]),
    count=st.integers(1, 150),
)
def test_both_engines_agree_whatever_the_sizes(
    layout: Layout, widths: list[int], name: str, count: int
) -> None:
    rng, network = np.random.default_rng(count), build_network(name, layout, tuple(widths))
    weights = np.stack([initial_weights(network, rng) for _ in range(2)])
    inputs = rng.normal(size=(2, count, layout.features)).astype(np.float32)
    samples = full_samples(inputs, inputs.sum(axis=2))
    options = TrainingSettings(batch_size=50, momentum=0.9)
    ours, reference = (
        train(network, weights, samples, replace(options, engine=engine), station_rngs(0, range(2)))
        for engine in ("compiled", "torch")
    )
    np.testing.assert_allclose(ours.weights, reference.weights, atol=2e-6)
    compiled, plain = (predict(network, weights, inputs, engine) for engine in ENGINES)
    np.testing.assert_allclose(compiled, plain, atol=1e-6, rtol=1e-6)


def test_unusual_arrays_are_not_compiled_for_again() -> None:
    network, samples = build_network("mlp", LAYOUT), some_samples(2)
    options = TrainingSettings(engine="compiled")
    usual = trained(network, samples, [0, 1], options)
    compiled: Any = train_epoch  # of numba, which has no types
    kinds = len(compiled.signatures)
    turned = Samples(np.asfortranarray(samples.inputs), samples.targets, samples.counts)
    turned.targets.flags.writeable = False
    weights = np.asfortranarray(some_weights(network, 2))
    result = train(network, weights, turned, options, station_rngs(4, range(2)))
    np.testing.assert_array_equal(result.weights, usual.weights)
    assert len(compiled.signatures) == kinds


def test_diverged_weights_stay_visible() -> None:
    network, samples = build_network("lstm", LAYOUT), some_samples(2)
    weights = some_weights(network, 2)
    weights[0, 5] = np.nan
    result = train(network, weights, samples, TrainingSettings(engine="compiled"), station_rngs(0, range(2)))
    assert np.isnan(result.losses[0]).all()
    assert np.isfinite(result.losses[1]).all()
    assert np.isfinite(result.weights[1]).all()


def test_each_epoch_is_reported() -> None:
    network, samples = build_network("linear", LAYOUT), some_samples(3)
    work = training(
        network, some_weights(network, 3), samples, TrainingSettings(epochs=2), station_rngs(0, range(3))
    )
    steps = list(work)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total


def test_the_cosine_schedule_falls_to_zero() -> None:
    options = TrainingSettings(epochs=4, learning_rate=0.1, schedule="cosine")
    rates = [learning_rate(options, epoch) for epoch in range(5)]
    np.testing.assert_allclose(rates, [0.1, 0.0853553, 0.05, 0.0146447, 0], atol=1e-7)  # .05 (1 + cos(πe/4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics device")
@pytest.mark.parametrize("name", NAMES)
def test_a_graphics_device_gives_the_same_stations(name: str) -> None:
    network, samples = build_network(name, LAYOUT), some_samples(7)
    options = TrainingSettings(epochs=2, learning_rate=0.05, engine="torch", device="cpu")
    here = trained(network, samples, list(range(7)), options)
    there = trained(network, samples, list(range(7)), replace(options, device="cuda"))
    np.testing.assert_allclose(there.weights, here.weights, atol=1e-5)


def test_the_compiled_engine_names_the_networks_it_knows() -> None:
    network, samples = build_network("tcn", LAYOUT), some_samples(1)
    with pytest.raises(InputError, match="no kernels for tcn, only for linear"):
        trained(network, samples, [0], TrainingSettings(engine="compiled"))


def test_automatic_training_of_a_network_without_kernels_uses_torch() -> None:
    network, samples = build_network("tcn", LAYOUT, (4,)), some_samples(1, count=20)
    automatic = trained(network, samples, [0], TrainingSettings())
    explicit = trained(network, samples, [0], TrainingSettings(engine="torch"))
    np.testing.assert_array_equal(automatic.weights, explicit.weights)


@pytest.mark.parametrize(
    "option", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"momentum": -1}, {"threads": 0}]
)
def test_impossible_settings_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        TrainingSettings(**option)


def test_weights_of_another_shape_are_refused() -> None:
    network, samples = build_network("linear", LAYOUT), some_samples(2)
    with pytest.raises(ValueError, match="2 stations of 9 parameters"):
        train(network, np.zeros((2, 8), np.float32), samples, TrainingSettings(), station_rngs(0, range(2)))
