"""Server optimisers against torch and plain recurrences."""

import math

import numpy as np
import pytest
import torch

from data.errors import InputError
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.aggregation.updates import Floats, State
from tests.fl_server.aggregation.cases import drawn_case, updates_of

ROUNDS = 5


def walked(spec: str) -> list[Floats]:
    """The twin after each round of ever new updates."""
    strategy = chosen_strategy(spec)
    twin = drawn_case(0).current
    twins = []
    remembered: State = {}
    for seed in range(ROUNDS):
        twin, remembered = strategy(twin, drawn_case(seed).updates, remembered)
        twins.append(twin)
    return twins


def test_momentum_is_torch_s_sgd_on_the_negative_change() -> None:
    twin = torch.tensor(drawn_case(0).current, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([twin], lr=0.3, momentum=0.8)
    for seed, found in enumerate(walked("momentum:rate=0.3,beta=0.8")):
        mean = torch.tensor(drawn_case(seed).updates.weights, dtype=torch.float64).mean(dim=0)
        twin.grad = twin.detach() - mean
        optimizer.step()
        np.testing.assert_allclose(found, twin.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_without_momentum_a_rate_of_one_is_the_mean() -> None:
    case = drawn_case(2)
    weights, _ = chosen_strategy("momentum:beta=0")(case.current, case.updates, {})
    expected, _ = chosen_strategy("mean")(case.current, case.updates, {})
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-6)


def test_the_second_step_of_momentum_by_hand() -> None:
    strategy = chosen_strategy("momentum:rate=0.5,beta=0.5")
    updates = updates_of([[4.0], [8.0]])  # mean 6
    first, state = strategy(np.array([2.0], dtype=np.float32), updates, {})
    second, _ = strategy(first, updates, state)
    assert first[0] == 4  # v = 4, 2 + .5·4
    assert second[0] == 6  # v = .5·4 + 2 = 4, 4 + .5·4


@pytest.mark.parametrize("name", ["fedadam", "fedyogi"])
def test_adaptive_steps_follow_algorithm_2_of_their_paper(name: str) -> None:
    rate, beta1, beta2, tau = 0.1, 0.8, 0.95, 0.01
    found = walked(f"{name}:rate={rate},beta1={beta1},beta2={beta2},tau={tau}")
    for place in range(len(found[0])):
        x, m, v = float(drawn_case(0).current[place]), 0.0, tau**2
        for seed in range(ROUNDS):
            column = drawn_case(seed).updates.weights[:, place].tolist()
            delta = sum(column) / len(column) - x
            m = beta1 * m + (1 - beta1) * delta
            if name == "fedadam":
                v = beta2 * v + (1 - beta2) * delta**2
            else:
                v = v - (1 - beta2) * delta**2 * math.copysign(1, v - delta**2)
            x = x + rate * m / (math.sqrt(v) + tau)
            assert found[seed][place] == pytest.approx(x, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("momentum:rate=0", "momentum: rate must be above 0, got 0.0"),
        ("momentum:beta=1", r"momentum: beta must be in \[0, 1\), got 1.0"),
        ("fedadam:rate=-1", "fedadam: rate must be above 0, got -1.0"),
        ("fedadam:beta1=1", r"fedadam: beta1 must be in \[0, 1\), got 1.0"),
        ("fedyogi:beta2=2", r"fedyogi: beta2 must be in \[0, 1\), got 2.0"),
        ("fedyogi:tau=0", "fedyogi: tau must be above 0, got 0.0"),
    ],
)
def test_impossible_settings_are_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        chosen_strategy(spec)
