import numpy as np
import pytest

from data.errors import InputError
from hetnet.lags import iterated, lagged, no_neighbours, of_neighbours, pasts

SERIES = np.array([[0.0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15]])


def test_a_past_ends_with_its_origin() -> None:
    assert pasts(SERIES, np.array([2, 5]), 3).tolist() == [
        [[0, 1, 2], [3, 4, 5]],
        [[10, 11, 12], [13, 14, 15]],
    ]


@pytest.mark.parametrize("origins", [[1], [6]])
def test_an_origin_without_its_past_or_beyond_the_end_is_refused(origins: list[int]) -> None:
    with pytest.raises(InputError, match=r"expected origins from 2 on, .* up to 5"):
        pasts(SERIES, np.array(origins), 3)


def test_the_first_lag_is_the_latest_value() -> None:
    assert lagged(pasts(SERIES, np.array([4]), 5), (1, 4)).tolist() == [[[4, 1]], [[14, 11]]]


def test_neighbours_give_their_lagged_values_and_a_missing_one_gives_0() -> None:
    past = pasts(SERIES, np.array([4, 5]), 2)
    neighbours = np.array([[1, -1], [0, 1]])
    assert of_neighbours(past, neighbours, (1, 2)).tolist() == [
        [[14, 13, 0, 0], [15, 14, 0, 0]],
        [[4, 3, 14, 13], [5, 4, 15, 14]],
    ]


def test_without_neighbours_there_are_no_columns() -> None:
    assert of_neighbours(pasts(SERIES, np.array([4]), 2), no_neighbours(2), (1, 2)).shape == (2, 1, 0)


def test_a_forecast_some_steps_ahead_is_made_of_those_before_it() -> None:
    # each next value is the sum of the two before: 4 + 5 = 9, 5 + 9 = 14, 9 + 14 = 23
    ahead = iterated(lambda past: past.sum(axis=2), pasts(SERIES[:1], np.array([5]), 2), 3)
    assert ahead.tolist() == [[[9, 14, 23]]]
