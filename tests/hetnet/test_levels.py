"""Levels of attributes by cost and benefit. Axes: N users, K attributes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.levels import LevelSettings, attribute_levels, scaled_cost
from hetnet.network import Floats


def three_groups(users: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Entropies and benefits of a cheap and useful, a dear and useful, and a dear and useless attribute."""
    rng = np.random.default_rng(seed)
    noise = 0.05 * rng.standard_normal((2, users, 3))
    return np.array([0.3, 2.2, 2.4]) + noise[0], np.array([0.9, 0.8, 0.1]) + noise[1]


def test_levels_are_named_by_benefit_less_cost() -> None:
    found = attribute_levels(*three_groups(20))
    assert (found.level == [1, 2, 3]).all()
    assert found.selected.tolist() == [[True, True, False]] * 20
    worth = found.centres[:, 1] - found.centres[:, 0]
    assert (np.diff(worth) < 0).all()


def test_costs_are_scaled_from_the_lowest_to_the_highest() -> None:
    none = np.zeros((1, 3), bool)
    assert scaled_cost(np.array([[1.0, 2.0, 3.0]]), none).tolist() == [[0, 0.5, 1]]
    assert scaled_cost(np.array([[2.0, 2.0, 2.0]]), none).tolist() == [[0, 0, 0]]


def test_a_bound_on_an_entropy_does_not_stretch_the_scale() -> None:
    matchless = np.array([[False, False, True]])
    assert scaled_cost(np.array([[1.0, 2.0, 13.9]]), matchless).tolist() == [[0, 1, 1]]
    assert scaled_cost(np.array([[13.9]]), np.array([[True]])).tolist() == [[1]]


def test_unscaled_entropies_outweigh_benefits() -> None:
    rng = np.random.default_rng(1)
    entropy = rng.uniform(0.2, 4.0, (40, 5))
    benefit = rng.uniform(0, 1, (40, 5))
    literal = attribute_levels(entropy, benefit, LevelSettings(variant="literal"))
    sound = attribute_levels(entropy, benefit)
    spread = [np.ptp(each.centres[:, 1]) for each in (literal, sound)]
    assert spread[0] < spread[1]


def test_values_that_are_all_alike_are_of_level_1() -> None:
    found = attribute_levels(np.ones((3, 2)), np.full((3, 2), 0.5))
    assert (found.level == 1).all()
    assert len(found.centres) == 1


def test_two_different_values_make_two_levels() -> None:
    found = attribute_levels(np.array([[1.0, 2.0], [1.0, 2.0]]), np.full((2, 2), 0.5))
    assert found.level.tolist() == [[1, 2], [1, 2]]


def test_what_never_changes_is_of_the_last_level_and_moves_no_other() -> None:
    entropy, benefit = three_groups(20)
    constant = np.zeros(entropy.shape, bool)
    constant[:5, 0] = True
    still = np.where(constant, 0.0, entropy), np.where(constant, 0.0, benefit)
    found, whole = attribute_levels(*still, constant=constant), attribute_levels(entropy, benefit)
    assert (found.level[constant] == 3).all()
    assert (found.cost[constant] == 0).all()
    assert (found.level[~constant] == whole.level[~constant]).all()
    assert found.cost[5:] == pytest.approx(attribute_levels(entropy[5:], benefit[5:]).cost, abs=0.1)
    none = attribute_levels(np.zeros((2, 2)), np.zeros((2, 2)), constant=np.ones((2, 2), bool))
    assert (none.level == 3).all()
    assert none.centres.shape == (0, 2)
    assert not none.selected.any()


def test_nobody_has_no_levels() -> None:
    found = attribute_levels(np.zeros((0, 5)), np.zeros((0, 5)))
    assert found.level.shape == (0, 5)


@given(
    st.lists(st.tuples(st.floats(0, 14), st.floats(0, 1)), min_size=2, max_size=12),
    st.sampled_from([LevelSettings(), LevelSettings(variant="literal")]),
)
def test_levels_are_1_to_3_in_order_of_worth_whatever_the_values(
    values: list[tuple[float, float]], settings: LevelSettings
) -> None:
    entropy, benefit = np.array(values)[:, :1], np.array(values)[:, 1:]
    found = attribute_levels(entropy, benefit, settings)
    assert np.isfinite(found.cost).all()
    assert np.unique(found.level).tolist() == list(range(1, len(found.centres) + 1))
    worth = [(benefit - found.cost)[found.level == level].mean() for level in np.unique(found.level)]
    assert (np.diff(worth) <= 1e-9).all()


def test_values_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        attribute_levels(np.array([[np.nan]]), np.array([[0.5]]))
    with pytest.raises(InputError, match="of the shape"):
        attribute_levels(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="unknown variant"):
        LevelSettings(variant="odd")  # type: ignore[arg-type]  # what a person may type
