"""Resource blocks: rates as printed, and the assignment with the greatest sum, with the cloud or without."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hetnet.sync.blocks import (
    CLOUD,
    NOBODY,
    assigned_sums,
    cloud_blocks,
    path_gains,
    rate_sums,
    rates,
    served,
)
from hetnet.sync.settings import SyncSettings

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
PAPER = SyncSettings()


def best_sum(carried: Floats) -> float:
    """scipy's best assignment of users (rows) to blocks."""
    rows, columns = linear_sum_assignment(carried, maximize=True)
    return float(carried[rows, columns].sum())


def best_by_trying_all(carried: Floats) -> float:
    """Every way to give each user a block of its own; users or blocks that are worth nothing fill up."""
    side = max(carried.shape)
    square = np.zeros((side, side))
    square[: carried.shape[0], : carried.shape[1]] = carried
    return max(float(square[np.arange(side), list(way)].sum()) for way in permutations(range(side)))


def best_with_cloud(carried: Floats, fast: Mask) -> float:
    """The best of all blocks that the cloud may be given, the rest assigned by scipy."""
    given_up = [best_sum(np.delete(carried, block, axis=1)) for block in np.flatnonzero(fast)]
    return max(given_up, default=np.nan)


def test_gain_falls_with_the_square_of_the_distance_and_is_at_most_one() -> None:
    places = np.array([[6.0, 8.0], [0.3, 0.0], [0.0, -2.0]])
    assert path_gains(PAPER, places) == pytest.approx([0.01, 1, 0.25])


def test_the_printed_root_is_taken_a_second_time_when_asked_for() -> None:
    # d = sqrt(10), so that d^-2 is .1 where the distance is 10
    assert path_gains(replace(PAPER, distance="printed"), np.array([[6.0, 8.0]])) == pytest.approx([0.1])


def test_a_rate_is_that_of_equation_2() -> None:
    # at 10: .01 / (9e-5 + 1e-5) = 100, log2(101) = 6.658
    carried = rates(PAPER, path_gains(PAPER, np.array([[6.0, 8.0]])), np.array([9e-5]))
    assert carried == pytest.approx([6.6582], abs=1e-4)


def test_blocks_are_for_the_cloud_where_it_is_told_in_time() -> None:
    # the cloud at [20, 20]: h = 1 / 800; .1 / rate <= 2.5 where the rate is .04, interference .0445
    levels = np.array([1e-5, 0.044, 0.045, 1e-3]).reshape(1, 1, 4)
    world = replace(PAPER, blocks=4)
    assert cloud_blocks(world, levels, np.ones((1, 1, 1))).ravel().tolist() == [True, True, False, True]
    printed = cloud_blocks(replace(world, block_rule="printed"), levels, np.ones((1, 1, 1)))
    assert printed.ravel().tolist() == [False, True, False, False]


def test_as_printed_no_block_is_for_the_cloud_where_none_is_fast_enough() -> None:
    world = replace(PAPER, blocks=2, block_rule="printed", deadline=1e-6)
    assert not cloud_blocks(world, np.full((1, 1, 2), 1e-4), np.ones((1, 1, 1))).any()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000))
def test_an_assignment_is_the_best_of_all_there_are(users: int, blocks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    carried, fast = rng.exponential(1.0, (users, blocks)), rng.random(blocks) < 0.6
    free, shared = assigned_sums(carried[None, None], fast[None, None])[0, 0]
    assert free == pytest.approx(best_by_trying_all(carried))
    kept = [best_by_trying_all(np.delete(carried, block, axis=1)) for block in np.flatnonzero(fast)]
    assert shared == pytest.approx(max(kept, default=np.nan), nan_ok=True)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 14), st.integers(1, 9), st.integers(0, 10_000))
def test_an_assignment_is_as_good_as_that_of_scipy(users: int, blocks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    carried, fast = rng.exponential(1.0, (users, blocks)).round(1), rng.random(blocks) < 0.5  # with ties
    free, shared = assigned_sums(carried[None, None], fast[None, None])[0, 0]
    assert free == pytest.approx(best_sum(carried))
    assert shared == pytest.approx(best_with_cloud(carried, fast), nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000), st.floats(-3, 4))
def test_without_fading_of_blocks_the_strongest_belong_on_the_quietest(
    users: int, blocks: int, seed: int, high: float
) -> None:
    """Ranks against assignment, both through the settings; up to where few blocks are fast enough."""
    rng = np.random.default_rng(seed)
    world = replace(PAPER, users=users, blocks=blocks)
    positions = rng.uniform(-50, 50, (3, 4, users, 2))
    levels = 10 ** rng.uniform(-5, high, (3, 1, blocks))
    fading = rng.standard_exponential((3, 4, users + 1, 1))
    ranked = rate_sums(world, positions, levels, fading)
    assigned = rate_sums(world, positions, levels, np.repeat(fading, max(blocks, 2), axis=3)[..., :blocks])
    assert ranked == pytest.approx(assigned, nan_ok=True)
    assert np.isnan(ranked[..., 0]).sum() == 0


@pytest.mark.parametrize("fading", ["none", "blocks"])
def test_the_sums_of_a_world_are_those_of_scipy(fading: str) -> None:
    rng = np.random.default_rng(1)
    positions, levels = rng.uniform(-50, 50, (6, 5, 10, 2)), 10 ** rng.uniform(-5, -1.5, (6, 5, 6))
    shape = (6, 5, 11, 6)
    faded = rng.standard_exponential(shape) if fading == "blocks" else np.ones((1, 1, 11, 1))
    found = rate_sums(PAPER, positions, levels, faded)
    every = np.broadcast_to(faded, shape)
    distances = np.maximum(np.linalg.norm(positions, axis=-1), 1)
    for copy in range(6):
        for slot in range(5):
            level = levels[copy, slot] + 1e-5
            carried = np.log2(1 + every[copy, slot, :10] * distances[copy, slot][:, None] ** -2 / level)
            fast = 0.1 / np.log2(1 + every[copy, slot, 10] / 800 / level) <= 2.5
            assert found[copy, slot, 0] == pytest.approx(best_sum(carried))
            assert found[copy, slot, 1] == pytest.approx(best_with_cloud(carried, fast), nan_ok=True)


def printed_losses(fading: bool, cases: int = 2000) -> Floats:
    """By how much the printed choice of the cloud's block falls behind the best."""
    rng = np.random.default_rng(2)
    positions = rng.uniform(-50, 50, (cases, 1, 10, 2))
    levels = 10 ** rng.uniform(-5, -3, (cases, 1, 6))
    faded = rng.standard_exponential((cases, 1, 11, 6 if fading else 1))
    sums = [
        rate_sums(replace(PAPER, block_rule=rule), positions, levels, faded)[:, 0, 1]
        for rule in ("joint", "printed")
    ]
    return sums[0] - sums[1]


def test_the_slowest_block_that_is_fast_enough_is_best_without_fading_of_blocks() -> None:
    assert np.nanmax(np.abs(printed_losses(False))) < 1e-9


def test_with_fading_of_blocks_the_printed_choice_is_often_not_the_best() -> None:
    losses = printed_losses(True)
    assert losses.min() > -1e-9
    assert 0.3 < (losses > 1e-9).mean() < 0.95


def check_served(carried: Floats, fast: Mask, *, refresh: bool) -> None:
    users = carried.shape[0]
    found = served(carried, fast, refresh)
    blocks = np.flatnonzero(found >= 0)
    assert len(set(found[blocks])) == len(blocks)  # nobody has two
    cloud = np.flatnonzero(found == CLOUD)
    assert len(cloud) == (1 if refresh and fast.any() else 0)
    assert fast[cloud].all()
    assert (found == NOBODY).sum() == max(0, carried.shape[1] - users - len(cloud))
    wanted = assigned_sums(carried[None, None], fast[None, None])[0, 0, int(refresh and bool(fast.any()))]
    assert carried[found[blocks], blocks].sum() == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(30))
def test_whom_blocks_serve_makes_up_the_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    users, blocks = (int(each) for each in rng.integers(1, 9, 2))
    carried, fast = rng.exponential(1.0, (users, blocks)), rng.random(blocks) < 0.5
    for refresh in (False, True):
        check_served(carried, fast, refresh=refresh)
