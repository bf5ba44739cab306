"""Users who walk: as (1) says, within the border, and where they are expected next."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.sync.settings import Border, SyncSettings
from hetnet.sync.walk import (
    MOVES,
    Mobility,
    drawn_mobility,
    drawn_starts,
    expected_next,
    lattice_line,
    walked,
)

Floats = NDArray[np.float64]
WORLD = SyncSettings(users=3, side=8.0, step=1.0)


def only(move: int, border: Border = "open", step: float = 1.0) -> Mobility:
    """One user who makes the same move in every slot, in an area of 4 by 4."""
    return Mobility(np.eye(1, 5, move), step, 4.0, border)


def tracks(mobility: Mobility, start: tuple[float, float], slots: int = 5) -> list[tuple[float, float]]:
    found = walked(mobility, np.array([[start]]), np.random.default_rng(0), slots)[0, :, 0]
    return [(float(x), float(y)) for x, y in found]


def test_the_moves_are_those_of_the_paper_in_its_order() -> None:
    ends = [tracks(only(move), (0, 0), 3)[-1] for move in range(5)]
    assert ends == [(0, 0), (0, 2), (0, -2), (-2, 0), (2, 0)]


def test_a_step_over_the_border_comes_back_as_from_a_mirror() -> None:
    # from 1.5 by 1 to 2.5, the border at 2: .5 too far, so back to 1.5, and so on
    assert tracks(only(4, "reflect"), (1.5, 0), 3) == [(1.5, 0), (1.5, 0), (1.5, 0)]
    assert tracks(only(4, "reflect"), (0.75, 0), 4) == [(0.75, 0), (1.75, 0), (1.25, 0), (1.75, 0)]
    assert tracks(only(2, "reflect", 2.0), (0, -1.5), 2) == [(0, -1.5), (0, -0.5)]  # to -3.5, back by 3


def test_a_step_over_the_border_is_not_taken() -> None:
    assert tracks(only(1, "stay"), (0, 0.5), 4) == [(0, 0.5), (0, 1.5), (0, 1.5), (0, 1.5)]


def test_without_a_border_users_leave_the_area() -> None:
    assert tracks(only(3), (-1, 0), 4)[-1] == (-4, 0)


def test_users_move_as_often_as_their_probabilities_say() -> None:
    mobility = Mobility(np.array([[0.4, 0.3, 0.1, 0.15, 0.05], [0.0, 0.25, 0.25, 0.25, 0.25]]), border="open")
    paths = walked(mobility, np.zeros((500, 2, 2)), np.random.default_rng(1), 41)
    steps = np.diff(paths, axis=1)  # (E, T, U, 2)
    for user, move in product(range(2), range(5)):
        made = (steps[:, :, user] == MOVES[move]).all(axis=-1)
        assert made.mean() == pytest.approx(mobility.probabilities[user, move], abs=0.015)  # 4 deviations


@pytest.mark.parametrize("border", ["reflect", "stay"])
@given(seed=st.integers(0, 10_000), step=st.floats(0.01, 6.0))
@settings(max_examples=30, deadline=None)
def test_users_never_leave_an_area_with_a_border(border: Border, seed: int, step: float) -> None:
    world = replace(WORLD, border=border, step=step, seed=seed)
    rng = np.random.default_rng(seed)
    paths = walked(drawn_mobility(world), drawn_starts(world, 4, rng), rng, 30)
    assert np.abs(paths).max() <= 4.0


def test_the_first_slot_is_the_start_and_a_seed_gives_the_same_walks() -> None:
    mobility, starts = drawn_mobility(WORLD), drawn_starts(WORLD, 7, np.random.default_rng(2))
    paths = walked(mobility, starts, np.random.default_rng(3), 30)
    assert paths.shape == (7, 30, 3, 2)
    assert (paths[:, 0] == starts).all()
    assert (paths == walked(mobility, starts, np.random.default_rng(3), 30)).all()


def test_users_are_drawn_from_the_seed_of_the_settings_alone() -> None:
    found = drawn_mobility(SyncSettings(seed=4)).probabilities
    assert (found == drawn_mobility(SyncSettings(seed=4, slots=10)).probabilities).all()
    assert not np.allclose(found, drawn_mobility(SyncSettings(seed=5)).probabilities)


def test_users_without_bias_go_anywhere_and_with_full_bias_one_way() -> None:
    even = drawn_mobility(SyncSettings(bias=0.0)).probabilities
    assert np.allclose(even[:, 1:], even[:, 1:2])
    one_way = drawn_mobility(SyncSettings(bias=1.0, stay=(0.2, 0.3))).probabilities
    assert ((one_way[:, 1:] > 0).sum(axis=1) == 1).all()
    assert ((one_way[:, 0] >= 0.2) & (one_way[:, 0] <= 0.3)).all()


def brute_mean(mobility: Mobility, place: Floats, user: int) -> Floats:
    """The mean of the five places where (1) and the border can take a user."""
    half, total = mobility.side / 2, np.zeros(2)
    for chance, move in zip(mobility.probabilities[user], mobility.step * MOVES, strict=True):
        there = place + move
        beyond = np.abs(there) > half
        if mobility.border == "reflect":
            there = np.where(beyond, np.sign(there) * 2 * half - there, there)
        elif mobility.border == "stay":
            there = np.where(beyond, place, there)
        total += chance * there
    return total


@pytest.mark.parametrize("border", ["reflect", "stay", "open"])
def test_the_expected_place_is_the_mean_of_five(border: Border) -> None:
    mobility = drawn_mobility(replace(WORLD, border=border, step=1.5))
    places = drawn_starts(WORLD, 50, np.random.default_rng(5))
    places[0, 0] = (4.0, -4.0)  # in a corner
    expected = expected_next(mobility, places)
    for copy, user in product(range(50), range(3)):
        assert expected[copy, user] == pytest.approx(brute_mean(mobility, places[copy, user], user))


def test_away_from_the_border_users_are_expected_a_mean_step_further() -> None:
    mobility = drawn_mobility(SyncSettings(step=2.0))
    places = np.random.default_rng(6).uniform(-40, 40, (20, 10, 2))
    assert np.allclose(expected_next(mobility, places), places + mobility.drift)


def test_mean_and_scatter_of_a_step_are_those_of_many_walks() -> None:
    mobility = drawn_mobility(SyncSettings(step=3.0, border="open"))
    ends = walked(mobility, np.zeros((40_000, 10, 2)), np.random.default_rng(7), 2)[:, 1]
    assert np.allclose(ends.mean(axis=0), mobility.drift, atol=0.06)  # 4 deviations of a mean
    assert np.allclose(ends.var(axis=0).sum(axis=1), mobility.variances, atol=0.15)


def test_starts_on_the_lattice_are_multiples_of_a_step_and_walks_stay_on_it() -> None:
    world = SyncSettings(users=2, side=5.0, step=1.0, starts="lattice", border="stay")
    assert lattice_line(world).tolist() == [-2, -1, 0, 1, 2]
    rng = np.random.default_rng(8)
    starts = drawn_starts(world, 300, rng)
    assert set(starts.ravel()) == {-2, -1, 0, 1, 2}
    assert set(walked(drawn_mobility(world), starts, rng, 30).ravel()) == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize(
    "wrong",
    [np.full((2, 4), 0.25), np.array([0.2] * 5), np.full((1, 5), 0.3), np.array([[-1, 2, 0, 0, 0.0]])],
)
def test_probabilities_that_are_none_are_refused(wrong: Floats) -> None:
    with pytest.raises(InputError, match="walks"):
        Mobility(wrong)


def test_a_lattice_of_starts_needs_steps() -> None:
    with pytest.raises(InputError, match="lattice"):
        SyncSettings(step=0.0, starts="lattice")
