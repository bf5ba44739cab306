"""Attentive rules against plain loops over layers and contributors."""

import math
from itertools import accumulate

import numpy as np
import pytest

from data.errors import InputError
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.aggregation.updates import State
from tests.fl_server.aggregation.cases import drawn_case, updates_of

LAYERS = (4, 1, 3)


def softmax(scores: list[float]) -> list[float]:
    """Without any care for large scores."""
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def slices() -> list[slice]:
    """Where each layer stands in the flat weights."""
    ends = list(accumulate(LAYERS))
    return [slice(end - size, end) for end, size in zip(ends, LAYERS, strict=True)]


def attended(twin: list[float], weights: list[list[float]]) -> list[float]:
    """Σ_k a_k·(w − w_k), layer by layer."""
    result = [0.0] * len(twin)
    for layer in slices():
        attention = softmax([math.dist(twin[layer], update[layer]) for update in weights])
        for share, update in zip(attention, weights, strict=True):
            for place in range(layer.start, layer.stop):
                result[place] += share * (twin[place] - update[place])
    return result


def test_fedatt_by_hand() -> None:
    """Layer 1: distances 0 and ln 3, attention 1/4 and 3/4. Layer 2: both at distance 1, a half each."""
    far = math.log(3)
    updates = updates_of([[0, 1], [far, -1]], layers=(1, 1))
    weights, _ = chosen_strategy("fedatt:rate=0.5")(np.zeros(2, dtype=np.float32), updates, {})
    np.testing.assert_allclose(weights, [0.5 * 0.75 * far, 0], rtol=1e-6, atol=1e-7)


def test_fedatt_is_its_formula() -> None:
    case = drawn_case(5, layers=LAYERS)
    twin = case.current.tolist()
    step = attended(twin, case.updates.weights.tolist())
    weights, _ = chosen_strategy("fedatt:rate=1.2")(case.current, case.updates, {})
    expected = [value - 1.2 * change for value, change in zip(twin, step, strict=True)]
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-6)


def test_fedda_is_its_formula_over_three_rounds() -> None:
    rate, rho, memory = 0.7, 0.4, 0.6
    strategy = chosen_strategy(f"fedda:rate={rate},rho={rho},memory={memory}")
    current = drawn_case(6, layers=LAYERS).current
    state: State = {}
    prior = current.tolist()
    for seed in range(3):
        updates = drawn_case(seed, layers=LAYERS).updates
        twin = current.tolist()
        prior = [memory * old + (1 - memory) * new for old, new in zip(prior, twin, strict=True)]
        step = attended(twin, updates.weights.tolist())
        over_layers = softmax([math.dist(twin[layer], prior[layer]) for layer in slices()])
        for share, layer in zip(over_layers, slices(), strict=True):
            for place in range(layer.start, layer.stop):
                step[place] += rho * share * (twin[place] - prior[place])
        current, state = strategy(current, updates, state)
        expected = [value - rate * change for value, change in zip(twin, step, strict=True)]
        np.testing.assert_allclose(current, expected, rtol=1e-5, atol=1e-6)


def test_fedda_begins_as_fedatt() -> None:
    case = drawn_case(7, layers=LAYERS)
    begun, _ = chosen_strategy("fedda")(case.current, case.updates, {})
    expected, _ = chosen_strategy("fedatt")(case.current, case.updates, {})
    np.testing.assert_array_equal(begun, expected)


@pytest.mark.parametrize("name", ["fedatt", "fedda"])
def test_a_single_update_is_reached_in_one_step(name: str) -> None:
    weights, _ = chosen_strategy(name)(np.zeros(2, dtype=np.float32), updates_of([[3, -4]]), {})
    np.testing.assert_array_equal(weights, [3, -4])


def test_large_distances_do_not_overflow() -> None:
    updates = updates_of([[1e6, 0], [0, 1]])
    weights, _ = chosen_strategy("fedatt")(np.zeros(2, dtype=np.float32), updates, {})
    np.testing.assert_array_equal(weights, [1e6, 0])  # the farther one has all attention


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("fedatt:rate=0", "fedatt: rate must be above 0, got 0.0"),
        ("fedda:rate=0", "fedda: rate must be above 0, got 0.0"),
        ("fedda:rho=-1", "fedda: rho must be 0 or more, got -1.0"),
        ("fedda:memory=1.5", r"fedda: memory must be in \[0, 1\], got 1.5"),
    ],
)
def test_impossible_settings_are_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        chosen_strategy(spec)
