"""Who serves whom: the assignment is the best there is, and says whom it leaves out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from data.errors import InputError
from hetnet.association import Association, best_association, random_association, strongest_association

Floats = NDArray[np.float64]
Case = tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]


def case(seed: int, users: int, stations: int) -> Case:
    """Awards, slots (some stations have none) and ranges (some users have none)."""
    rng = np.random.default_rng(seed)
    reachable = rng.random((users, stations)) < 0.6
    reachable[0] = False
    return rng.random((users, stations)), rng.integers(0, 3, stations), reachable


def total(found: Association, award: Floats) -> float:
    return float(award[found.served, found.serving[found.served]].sum())


def best_by_trying_all(award: Floats, slots: NDArray[np.int64], reachable: NDArray[np.bool_]) -> float:
    best = 0.0
    for choice in product(range(-1, len(slots)), repeat=len(award)):
        rows = [user for user, station in enumerate(choice) if station >= 0]
        picked = [choice[user] for user in rows]
        if (np.bincount(picked, minlength=len(slots)) <= slots).all() and reachable[rows, picked].all():
            best = max(best, float(award[rows, picked].sum()))
    return best


def best_with_virtual_users_and_stations(
    award: Floats, slots: NDArray[np.int64], reachable: NDArray[np.bool_]
) -> float:
    """The paper's way: a square table, in which virtual users and stations are worth nothing."""
    columns = np.repeat(np.where(reachable, award, 0.0), slots, axis=1)
    side = max(columns.shape)
    square = np.zeros((side, side))
    square[: columns.shape[0], : columns.shape[1]] = columns
    rows, picked = linear_sum_assignment(square, maximize=True)
    return float(square[rows, picked].sum())


@pytest.mark.parametrize("seed", range(20))
def test_no_association_has_a_greater_award(seed: int) -> None:
    award, slots, reachable = case(seed, 5, 3)
    found = best_association(award, slots, reachable)
    assert total(found, award) == pytest.approx(best_by_trying_all(award, slots, reachable))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12))
def test_a_rectangular_table_is_worth_what_virtual_users_and_stations_are(
    seed: int, users: int, stations: int
) -> None:
    award, slots, reachable = case(seed, users, stations)
    found = best_association(award, slots, reachable)
    square = best_with_virtual_users_and_stations(award, slots, reachable)
    assert total(found, award) == pytest.approx(square)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12))
def test_every_association_keeps_slots_and_ranges_and_accounts_for_every_user(
    seed: int, users: int, stations: int
) -> None:
    award, slots, reachable = case(seed, users, stations)
    for found in (
        best_association(award, slots, reachable),
        strongest_association(award, slots, reachable),
        random_association(slots, reachable, np.random.default_rng(seed)),
    ):
        served = found.served
        assert (np.bincount(found.serving[served], minlength=stations) <= slots).all()
        assert reachable[served, found.serving[served]].all()
        everyone = np.concatenate([served, found.out_of_range, found.without_slot])
        assert sorted(everyone) == list(range(users))
        assert total(found, award) <= total(best_association(award, slots, reachable), award) + 1e-6


def test_of_equal_awards_the_one_that_serves_more_users_is_taken() -> None:
    award = np.array([[0.0, 0.0], [0.0, 0.0]])
    found = best_association(award, np.array([1, 1]), np.array([[True, True], [True, False]]))
    assert found.serving.tolist() == [1, 0]


def test_users_compete_for_a_slot_by_how_well_they_hear_the_station() -> None:
    received = np.array([[3.0, 1.0], [5.0, 0.5]])
    found = strongest_association(received, np.array([1, 1]), np.ones((2, 2), bool))
    assert found.serving.tolist() == [1, 0]


def test_users_that_no_station_reaches_are_told_from_those_without_a_slot() -> None:
    reachable = np.array([[False, True], [True, True], [True, False], [False, False]])
    found = best_association(np.ones((4, 2)), np.array([1, 0]), reachable)
    assert found.out_of_range.tolist() == [3]
    assert found.without_slot.tolist() == [0, 2]  # user 0 is in range of a station that has no slots
    assert found.explained() == (
        "out of range of every station: 1 user (3); no free slot at any station in range: 2 users (0, 2)"
    )


def test_a_network_without_users_or_slots_is_associated_with_nobody() -> None:
    none = best_association(np.zeros((0, 3)), np.array([1, 1, 1]), np.zeros((0, 3), bool))
    assert none.serving.shape == (0,)
    closed = best_association(np.ones((2, 2)), np.array([0, 0]), np.ones((2, 2), bool))
    assert closed.serving.tolist() == [-1, -1]
    assert closed.out_of_range.tolist() == []
    assert closed.without_slot.tolist() == [0, 1]
    assert random_association(np.array([0]), np.ones((1, 1), bool), np.random.default_rng(1)).serving[0] == -1


def test_random_association_is_that_of_its_seed() -> None:
    _, slots, reachable = case(1, 30, 10)
    found = [random_association(slots, reachable, np.random.default_rng(seed)).serving for seed in (1, 1, 2)]
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


@pytest.mark.parametrize(
    ("award", "slots", "message"),
    [
        (np.full((2, 1), np.nan), [1], "negative or not finite"),
        (np.full((2, 1), -1.0), [1], "negative or not finite"),
        (np.ones((2, 1)), [-1], "station 0 has -1 slots, expected 0 or more"),
        (np.ones((2, 1)), [1, 1], "expected \\(users, stations\\)"),
    ],
)
def test_what_no_association_can_be_made_of_is_refused(award: Floats, slots: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        best_association(award, np.array(slots), np.ones(award.shape, bool))


def test_what_is_refused_is_called_by_its_name() -> None:
    reachable = np.ones((2, 1), bool)
    with pytest.raises(InputError, match=r"found awards \(1, 1\) and ranges \(2, 1\)"):
        best_association(np.ones((1, 1)), np.array([1]), reachable)
    with pytest.raises(InputError, match=r"found received powers \(1, 1\) and ranges \(2, 1\)"):
        strongest_association(np.ones((1, 1)), np.array([1]), reachable)
    with pytest.raises(InputError, match="found received powers that are negative"):
        strongest_association(np.full((2, 1), -1.0), np.array([1]), reachable)


@pytest.mark.parametrize(
    ("slots", "reachable", "message"),
    [
        ([-1], np.ones((2, 1), bool), "station 0 has -1 slots, expected 0 or more"),
        ([1, 1], np.ones((2, 1), bool), r"found ranges \(2, 1\) and slots \(2,\)"),
        ([1], np.ones(1, bool), r"found ranges \(1,\) and slots \(1,\)"),
    ],
)
def test_slots_and_ranges_that_do_not_fit_are_refused_by_chance_too(
    slots: list[int], reachable: NDArray[np.bool_], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        random_association(np.array(slots), reachable, np.random.default_rng(1))
