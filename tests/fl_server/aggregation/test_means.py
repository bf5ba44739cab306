"""Averages against plain sums."""

import numpy as np
import pytest
from hypothesis import given

from data.errors import InputError
from fl_server.aggregation.strategies import NAMES, chosen_strategy, proximal_of
from tests.fl_server.aggregation.cases import Case, cases, updates_of

ZERO = np.zeros(2, dtype=np.float32)


def test_the_mean_counts_each_contributor_once() -> None:
    weights, _ = chosen_strategy("mean")(ZERO, updates_of([[1, 2], [3, 6]], samples=[9, 1]), {})
    np.testing.assert_array_equal(weights, [2, 4])  # (1 + 3)/2, (2 + 6)/2


def test_the_weighted_mean_counts_samples() -> None:
    weights, _ = chosen_strategy("weighted-mean")(ZERO, updates_of([[1, 2], [3, 6]], samples=[3, 1]), {})
    np.testing.assert_array_equal(weights, [1.5, 3])  # (3·1 + 1·3)/4, (3·2 + 1·6)/4


def test_without_any_samples_the_weighted_mean_is_the_mean() -> None:
    weights, _ = chosen_strategy("weighted-mean")(ZERO, updates_of([[1, 2], [3, 6]], samples=[0, 0]), {})
    np.testing.assert_array_equal(weights, [2, 4])


@given(case=cases())
def test_the_weighted_mean_is_the_mean_of_repeated_updates(case: Case) -> None:
    repeated = np.repeat(case.updates.weights, case.updates.samples, axis=0)
    if not len(repeated):
        return
    weights, _ = chosen_strategy("weighted-mean")(case.current, case.updates, {})
    expected = [float(sum(column)) / len(repeated) for column in repeated.T.tolist()]
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-6)


def test_sums_run_in_double_precision() -> None:
    large = 2.0**24  # float32 has no 2**24 + 1
    weights, _ = chosen_strategy("mean")(ZERO[:1], updates_of([[large], [1], [1], [-large]]), {})
    assert weights[0] == 0.5  # (2**24 + 1 + 1 − 2**24)/4


def test_fedprox_is_the_mean_and_names_the_stations_term() -> None:
    weights, _ = chosen_strategy("fedprox:mu=0.3")(ZERO, updates_of([[1, 2], [3, 6]]), {})
    np.testing.assert_array_equal(weights, [2, 4])
    assert proximal_of("fedprox:mu=0.3") == 0.3
    assert proximal_of("fedprox") == 0.01


@pytest.mark.parametrize("spec", [name for name in NAMES if name != "fedprox"])
def test_only_fedprox_has_a_proximal_term(spec: str) -> None:
    assert proximal_of(spec) == 0


def test_a_negative_proximal_term_is_refused() -> None:
    with pytest.raises(InputError, match=r"^fedprox: mu must be 0 or more, got -1.0$"):
        proximal_of("fedprox:mu=-1")
