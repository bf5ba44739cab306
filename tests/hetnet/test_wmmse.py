"""Powers for a sum of rates: every round raises it, within the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Interference
from hetnet.power import Cells, equal_power, sinr_of, totals
from hetnet.wmmse import rate_power
from tests.hetnet.radio import cells, targets

Floats = NDArray[np.float64]


def rate_sum(case: Cells, weights: Floats, sent: Floats) -> float:
    return float(weights @ np.log2(1 + sinr_of(case, sent)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["sound", "own-cell"]))
def test_each_round_of_wmmse_raises_the_sum_of_rates_within_the_limits(
    seed: int, interference: Interference
) -> None:
    case = cells(seed, 20, 5, interference)
    weights = targets(seed, 20, 1.0)
    before = rate_sum(case, weights, equal_power(case))
    for rounds in (1, 2, 5, 20):
        sent = rate_power(case, weights, rounds=rounds, tolerance=0.0)
        assert (totals(case, sent) <= case.limits * (1 + 1e-9)).all()
        after = rate_sum(case, weights, sent)
        assert after >= before * (1 - 1e-9)
        before = after


def test_wmmse_finds_the_best_of_a_grid_of_powers() -> None:
    """Two cells of one user each: the sum of rates is at least that of any of 40,000 pairs of powers."""
    lacking = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        gain = rng.exponential(1, (2, 2)) * np.array([[1, 0.2], [0.2, 1]])
        case = Cells(gain, np.array([0, 1]), np.ones(2), np.zeros(2), 0.05)
        grid = np.linspace(0, 1, 41)
        best = max(rate_sum(case, np.ones(2), np.array([one, two])) for one in grid for two in grid)
        found = rate_sum(case, np.ones(2), rate_power(case, np.ones(2), rounds=500, tolerance=1e-8))
        lacking.append(1 - found / best)
    assert np.median(lacking) < 1e-4
    assert max(lacking) < 0.25  # a local maximum


def test_a_user_without_station_or_weight_gets_nothing() -> None:
    case = cells(1, 8, 3)
    weights = np.ones(8)
    weights[0] = 0
    sent = rate_power(case, weights)
    assert sent[0] == 0
    assert sent[-1] == 0  # no station serves it
    assert np.isfinite(sent).all()


def test_a_station_that_may_send_nothing_sends_nothing() -> None:
    case = Cells(np.ones((2, 2)), np.array([0, 1]), np.array([0.0, 1.0]), np.zeros(2), 0.1)
    assert rate_power(case, np.ones(2)).tolist() == [0, pytest.approx(1)]


def test_weights_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="expected \\(8,\\) of 0 or more"):
        rate_power(cells(1, 8, 3), np.full(8, -1.0))
