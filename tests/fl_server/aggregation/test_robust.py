"""Robust rules against their definitions, scipy, and geometry."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import trim_mean

from data.errors import InputError
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.aggregation.updates import Floats, Updates
from tests.fl_server.aggregation.cases import Case, cases, drawn_case, updates_of


def merged(spec: str, updates: Updates) -> Floats:
    """The result of `spec`, whose rule does not look at the twin before."""
    return chosen_strategy(spec)(np.zeros(updates.weights.shape[1], dtype=np.float32), updates, {})[0]


@given(case=cases())
def test_the_median_is_that_of_numpy(case: Case) -> None:
    np.testing.assert_array_equal(merged("median", case.updates), np.median(case.updates.weights, axis=0))


@pytest.mark.parametrize(("contributors", "share"), [(10, 0.1), (10, 0.3), (50, 0.14), (8, 0.25)])
def test_the_trimmed_mean_is_scipy_s_where_whole_numbers_are_cut(contributors: int, share: float) -> None:
    updates = drawn_case(1, contributors).updates
    expected = trim_mean(updates.weights.astype(np.float64), share, axis=0)
    np.testing.assert_allclose(merged(f"trimmed-mean:share={share}", updates), expected, rtol=1e-6)


def test_the_trimmed_mean_rounds_the_cut_up() -> None:
    updates = updates_of([[100], [1], [2], [-50], [6]])
    assert merged("trimmed-mean:share=0.1", updates)[0] == 3  # without −50 and 100: (1 + 2 + 6)/3
    assert merged("trimmed-mean:share=0.4", updates)[0] == 2  # two go on each side


@pytest.mark.parametrize(("values", "expected"), [([4], 4), ([4, 8], 6), ([4, 100, 5], 5)])
def test_few_values_leave_the_trimmed_mean_one_or_two(values: list[float], expected: float) -> None:
    assert merged("trimmed-mean:share=0.49", updates_of([[value] for value in values]))[0] == expected


def test_without_a_share_the_trimmed_mean_is_the_mean() -> None:
    assert merged("trimmed-mean:share=0", updates_of([[1], [2], [9]]))[0] == 4


def scores_by_definition(weights: NDArray[np.float32], faulty: int) -> list[float]:
    """Each update's sum of squared distances to its K − faulty − 2 nearest others."""
    rows = weights.astype(np.float64).tolist()
    scores = []
    for place, row in enumerate(rows):
        squared = sorted(math.dist(row, other) ** 2 for index, other in enumerate(rows) if index != place)
        scores.append(sum(squared[: len(rows) - faulty - 2]))
    return scores


@pytest.mark.parametrize(("contributors", "faulty"), [(5, 1), (7, 0), (7, 2), (12, 3)])
def test_krum_is_the_update_with_the_lowest_score(contributors: int, faulty: int) -> None:
    updates = drawn_case(contributors, contributors).updates
    best = int(np.argmin(scores_by_definition(updates.weights, faulty)))
    np.testing.assert_array_equal(merged(f"krum:faulty={faulty}", updates), updates.weights[best])


@pytest.mark.parametrize(("faulty", "kept"), [(1, 2), (2, 3), (0, 5)])
def test_multi_krum_is_the_mean_of_the_lowest_scores(faulty: int, kept: int) -> None:
    updates = drawn_case(3, 9).updates
    best = np.argsort(scores_by_definition(updates.weights, faulty))[:kept]
    expected = updates.weights[best].mean(axis=0, dtype=np.float64)
    found = merged(f"multi-krum:faulty={faulty},kept={kept}", updates)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_multi_krum_keeps_by_default_and_at_most_what_the_paper_proves() -> None:
    updates = drawn_case(3, 9).updates
    best = np.argsort(scores_by_definition(updates.weights, 2))[: 9 - 2 - 2]
    expected = updates.weights[best].mean(axis=0, dtype=np.float64)
    for spec in ("multi-krum:faulty=2", "multi-krum:faulty=2,kept=9"):
        np.testing.assert_allclose(merged(spec, updates), expected, rtol=1e-6)


@pytest.mark.parametrize("rule", ["krum", "multi-krum"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [([4], 4), ([4, 8], 6), ([0, 10, 11], 10.5), ([0, 10, 11, 11.5], 11)],
    ids=["itself", "both", "the two nearest", "no fault allowed"],
)
def test_krum_is_defined_for_few_updates(rule: str, values: list[float], expected: float) -> None:
    """Of four, faulty falls to 0 and two neighbours count: 10 → 1 + 2.25, 11 → .25 + 1, 11.5 → .25 + 2.25."""
    kept = ":kept=1" if rule == "multi-krum" else ""
    assert merged(f"{rule}{kept}", updates_of([[value] for value in values]))[0] == expected


def test_too_many_faulty_are_lowered_to_what_the_updates_allow() -> None:
    updates = drawn_case(4, 7).updates
    np.testing.assert_array_equal(merged("krum:faulty=50", updates), merged("krum:faulty=2", updates))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[7, 1]], [7, 1]),
        ([[0, 0], [4, 2]], [2, 1]),
        ([[0, 0], [1, 0], [10, 0]], [1, 0]),
        ([[0, 0], [4, 4], [4, 0], [0, 4]], [2, 2]),
        ([[0, 0], [8, 0], [6, 6], [2, 6]], [4, 4]),
        ([[3, 3], [3, 3], [99, -7]], [3, 3]),
    ],
    ids=["itself", "midpoint", "middle of a line", "square", "where diagonals cross", "a majority"],
)
def test_the_geometric_median_is_known_of_these(points: list[list[float]], expected: list[float]) -> None:
    np.testing.assert_allclose(merged("geometric-median", updates_of(points)), expected, atol=1e-4)


@given(seed=st.integers(0, 50), contributors=st.integers(3, 8))
def test_no_search_finds_a_smaller_sum_of_distances(seed: int, contributors: int) -> None:
    weights = drawn_case(seed, contributors, (3,)).updates.weights.astype(np.float64)

    def total(point: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(weights - point, axis=1).sum())

    found = total(merged("geometric-median", drawn_case(seed, contributors, (3,)).updates).astype(np.float64))
    searched = minimize(
        total, weights.mean(axis=0), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}
    )
    assert found <= searched.fun + 1e-4


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("trimmed-mean:share=0.5", r"trimmed-mean: share must be in \[0, 0.5\), got 0.5"),
        ("trimmed-mean:share=-0.1", r"trimmed-mean: share must be in \[0, 0.5\), got -0.1"),
        ("krum:faulty=-1", "krum: faulty must be 0 or more, got -1"),
        ("multi-krum:faulty=-1", "multi-krum: faulty must be 0 or more, got -1"),
        ("multi-krum:kept=0", "multi-krum: kept must be 1 or more, got 0"),
        ("geometric-median:smoothing=0", "geometric-median: smoothing must be above 0, got 0.0"),
        ("geometric-median:iterations=0", "geometric-median: iterations must be 1 or more, got 0"),
    ],
)
def test_impossible_settings_are_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        chosen_strategy(spec)
