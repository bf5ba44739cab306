"""Target areas, held to trying every choice. Axes: N users, M stations, Q metrics, C segments."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from data.errors import InputError
from hetnet.areas import (
    AreaSettings,
    Choice,
    Need,
    Supply,
    exact_choice,
    expected_gain,
    greedy_choice,
    segment_room,
    target_areas,
    updated_ties,
)
from hetnet.network import Counts, Mask
from hetnet.segments import Segments

EVERY = AreaSettings(rule="every")


def drawn_choice(users: int, seed: int, segments: int = 2) -> Choice:
    """Candidates of all sorts, with a budget and rooms that do not do for all."""
    rng = np.random.default_rng(seed)
    benefit = np.where(rng.random(users) < 0.2, 0.0, rng.uniform(0, 1, users))
    cost, demand = rng.uniform(0.2, 3, users), rng.uniform(1, 5, users)
    segment = rng.integers(0, segments, users)
    room = np.bincount(segment, demand, minlength=segments) * rng.uniform(0.3, 1.2, segments)
    return Choice(benefit, cost, demand, segment, float(cost.sum() * rng.uniform(0.2, 0.8)), room)


def is_allowed(choice: Choice, taken: Mask) -> bool:
    used = np.bincount(choice.segment[taken], choice.demand[taken], minlength=len(choice.room))
    affordable = choice.cost[taken].sum() <= choice.budget * (1 + 1e-8)
    return bool(affordable and (used <= choice.room * (1 + 1e-8)).all())


def best_of_all(choice: Choice) -> float:
    """The best sum of benefits among all choices, tried one by one."""
    every = (np.array(each, bool) for each in product([False, True], repeat=len(choice.benefit)))
    return max(float(choice.benefit[taken].sum()) for taken in every if is_allowed(choice, taken))


@pytest.mark.parametrize("seed", range(8))
def test_the_exact_choice_is_the_best_of_all(seed: int) -> None:
    choice = drawn_choice(10, seed)
    taken = exact_choice(choice)
    assert is_allowed(choice, taken)
    assert choice.benefit[taken].sum() == pytest.approx(best_of_all(choice))


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 3))
def test_the_greedy_choice_is_allowed_and_leaves_nobody_who_fits(seed: int, users: int, parts: int) -> None:
    choice = drawn_choice(users, seed, parts)
    taken = greedy_choice(choice)
    assert is_allowed(choice, taken)
    assert not (taken & (choice.benefit == 0)).any()
    for user in np.flatnonzero(~taken & (choice.benefit > 0)):
        more = taken.copy()
        more[user] = True
        used = np.bincount(choice.segment[more], choice.demand[more], minlength=parts)
        assert choice.cost[more].sum() > choice.budget or (used > choice.room).any()


def test_the_greedy_choice_is_close_to_the_exact_one() -> None:
    gaps = []
    for seed in range(20):
        choice = drawn_choice(60, seed, 4)
        best = choice.benefit[exact_choice(choice)].sum()
        gaps.append(1 - choice.benefit[greedy_choice(choice)].sum() / best)
    assert min(gaps) > -1e-9
    assert np.mean(gaps) < 0.01
    assert max(gaps) < 0.03


def test_the_greedy_choice_takes_one_great_gain_before_many_cheap_small_ones() -> None:
    # by ratio, the first (.1 / .01) is taken and the second (1 / 1) is not affordable any more
    choice = Choice(
        np.array([0.1, 1.0]), np.array([0.01, 1.0]), np.zeros(2), np.zeros(2, int), 1.0, np.ones(1)
    )
    assert greedy_choice(choice).tolist() == [False, True]


def parts(users: list[int], stations: list[int]) -> Segments:
    none = np.zeros(0, bool)
    return Segments(np.array(users), np.array(stations), np.zeros(0), 0.0, none, none)


def need(satisfaction: list[float], cost: list[float] | None = None, demand: float = 1.0) -> Need:
    """Users with one metric."""
    users = len(satisfaction)
    return Need(
        satisfaction=np.array(satisfaction)[:, None],
        weights=np.ones((users, 1)),
        cost=np.array(cost or [1.0] * users),
        demand=np.full(users, demand),
    )


def supply(available: ArrayLike, loaded: list[bool], capacity: float = 10.0) -> Supply:
    stations = len(loaded)
    full = np.full(stations, capacity)
    return Supply(full, full * np.array(loaded), np.array(loaded), np.asarray(available, bool))


def test_a_gain_is_the_weighted_lack_and_abundance_makes_up_for_nothing() -> None:
    satisfaction = np.array([[0.4, 5.0, 1.0], [1.0, 1.2, 9.0]])
    assert expected_gain(satisfaction, np.full((2, 3), [0.5, 0.3, 0.2])) == pytest.approx([0.3, 0])


def test_a_segments_room_counts_stations_by_the_candidates_in_their_range() -> None:
    available = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
    candidates = np.array([True, True, True])
    cut = parts([0, 0, 1], [0, 0, 1])
    capacity = np.array([8.0, 6.0, 4.0])
    # segment 0: both users reach station 0 and half of them station 1: 8 + 3
    assert segment_room(capacity, available, candidates, cut).tolist() == [11, 4]
    assert segment_room(capacity, available, candidates, cut, "literal").tolist() == [5.5, 4]


def test_the_needy_are_selected_and_the_unloaded_stations_in_their_range() -> None:
    found = target_areas(
        need([0.2, 1.5, 0.9]),
        supply([[1, 1], [1, 1], [0, 1]], [False, True]),
        parts([0, 0, 0], [0, 0]),
        np.full((3, 2), 0.5),
        EVERY,
    )
    assert found.selected.tolist() == [True, False, True]
    assert found.stations.tolist() == [True, False]
    assert found.stranded.tolist() == [False, False, True]


def test_users_with_strong_ties_to_an_area_are_in_it_too() -> None:
    weights = np.array([[0.5], [0.9], [0.01]])
    found = target_areas(
        need([0.5, 2.0, 2.0]), supply(np.ones((3, 1)), [False]), parts([0, 0, 0], [0]), weights, EVERY
    )
    assert found.selected.tolist() == [True, False, False]
    assert found.companions.tolist() == [False, True, False]


def test_an_area_does_not_reach_into_another_segment() -> None:
    found = target_areas(
        need([0.5, 2.0]), supply(np.ones((2, 2)), [False] * 2), parts([0, 1], [0, 1]), np.ones((2, 2)), EVERY
    )
    assert found.stations.tolist() == [True, False]
    assert not found.companions.any()


def test_those_left_out_are_named_with_the_reason() -> None:
    settings = AreaSettings(budget=0.25)
    network = supply([[1, 0], [1, 0], [0, 1], [0, 0]], [False, False], capacity=1.5)
    found = target_areas(
        need([0.1, 0.2, 0.3, 0.4]), network, parts([0, 0, 1, 1], [0, 1]), np.ones((4, 2)), settings
    )
    assert found.selected.tolist() == [True, False, False, False]
    assert found.no_room.tolist() == [False, True, False, False]  # 1 + 1 beside room for 1.5
    assert found.too_dear.tolist() == [False, False, True, False]
    assert found.out_of_range.tolist() == [False, False, False, True]


def test_the_ratio_as_printed_selects_one_user_of_each_segment() -> None:
    users = 6
    lack, cost = [0.1, 0.5, 0.3, 0.9, 0.8, 0.7], [1.0, 1.0, 0.2, 3.0, 1.0, 1.0]
    found = target_areas(
        need([1 - each for each in lack], cost),
        supply(np.ones((users, 2)), [False, False], 100.0),
        parts([0, 0, 0, 1, 1, 1], [0, 1]),
        np.ones((users, 2)),
        AreaSettings(rule="literal"),
    )
    assert np.flatnonzero(found.selected).tolist() == [2, 4]
    for first in (0, 3):  # no set of users of a segment has a better ratio
        sets = list(product([False, True], repeat=3))[1:]
        ratios = [
            sum(np.array(lack[first : first + 3])[list(each)])
            / sum(np.array(cost[first : first + 3])[list(each)])
            for each in sets
        ]
        assert sets[int(np.argmax(ratios))] == tuple(found.selected[first : first + 3].tolist())


def test_no_user_lacking_anything_selects_nobody() -> None:
    for rule in ("budget", "every", "literal"):
        for solver in ("greedy", "exact"):
            found = target_areas(
                need([1.0, 3.0]),
                supply(np.ones((2, 1)), [False]),
                parts([0, 0], [0]),
                np.ones((2, 1)),
                AreaSettings(rule=rule, solver=solver),
            )
            assert not found.selected.any()
            assert not found.stations.any()
            assert not found.companions.any()


def test_ties_rise_where_need_meets_spare_capacity() -> None:
    weights = np.array([[0.4, 0.4], [0.4, 0.0]])
    available = np.array([[True, True], [True, False]])
    found = updated_ties(weights, np.array([0.5, 0.0]), np.array([0.8, 0.0]), available, 0.5)
    assert found == pytest.approx(np.array([[0.5 * 0.4 + 0.5 * 0.4, 0.2], [0.2, 0.0]]))


@given(
    st.integers(0, 10**6),
    st.integers(1, 15),
    st.integers(1, 5),
    st.sampled_from(["budget", "every", "literal"]),
    st.sampled_from(["sound", "literal"]),
)
def test_every_user_in_need_is_selected_or_named(
    seed: int, users: int, stations: int, rule: str, capacity: str
) -> None:
    rng = np.random.default_rng(seed)
    counts: Counts = rng.integers(0, 2, users)
    wants = need(rng.uniform(0, 2, users).tolist(), rng.uniform(0, 1, users).tolist(), 2.0)
    has = Supply(
        rng.choice([0.0, 20.0], stations),
        rng.uniform(0, 20, stations),
        rng.random(stations) < 0.3,
        rng.random((users, stations)) < 0.6,
    )
    cut = parts(counts.tolist(), rng.integers(0, 2, stations).tolist())
    settings = AreaSettings(rule=rule, capacity=capacity)  # type: ignore[arg-type]  # drawn as text
    found = target_areas(wants, has, cut, rng.random((users, stations)), settings)
    kinds = np.stack([found.selected, found.too_dear, found.no_room, found.out_of_range])
    assert kinds.sum(axis=0).tolist() == (wants.satisfaction[:, 0] < 1).astype(int).tolist()
    assert np.isfinite(found.ties).all()
    assert not (found.stations & has.loaded).any()
    assert not (found.companions & found.selected).any()


def test_what_does_not_fit_together_is_refused() -> None:
    cut = parts([0], [0])
    with pytest.raises(InputError, match="found available of the shape"):
        target_areas(need([0.5]), supply(np.ones((2, 1)), [False]), cut, np.ones((1, 1)))
    with pytest.raises(InputError, match="negative or not finite"):
        target_areas(need([np.nan]), supply(np.ones((1, 1)), [False]), cut, np.ones((1, 1)))
    with pytest.raises(InputError, match="unknown rule"):
        AreaSettings(rule="odd")  # type: ignore[arg-type]  # what a person may type
    with pytest.raises(InputError, match="a share from 0 to 1"):
        AreaSettings(budget=2)
