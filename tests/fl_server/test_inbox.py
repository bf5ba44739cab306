"""Answers are sorted out before anything is made of them; each bad one is told apart in words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exact_sums import LARGEST
from data.messages import Answer, Errors, Failure, Summed, Update
from data.traffic import StationId
from fl_server.inbox import counted, received, stacked
from tests import fleets
from tests.fleets import Trouble

PARAMETERS = 4
ONE, TWO, THREE = map(StationId, ("one", "two", "three"))


def good(station: StationId, value: float = 0.5) -> Update:
    return Update(station, np.full(PARAMETERS, value, np.float32), samples=12, loss=0.25)


def test_good_updates_are_kept_by_station() -> None:
    came = received([ONE, TWO], [good(TWO), good(ONE)], PARAMETERS)
    assert dict(came.updates) == {TWO: came.updates[TWO], ONE: came.updates[ONE]}
    assert came.updates[ONE].station == ONE
    assert came.failures == ()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (fleets.failing, "lost its power"),
        (fleets.missing, "did not answer"),
        (fleets.with_nan, "sent weights that are not finite"),
        (fleets.with_nan_loss, "sent a loss that is not finite"),
        (fleets.diverging, "sent weights beyond 1e+06: its training diverged"),
        (fleets.of_wrong_shape, "sent weights of shape (3,), expected (4,)"),
        (fleets.of_wrong_type, "sent weights of type float64, expected float32"),
        (fleets.without_windows, "trained on 0 windows, expected 1 to 1,000,000,000"),
    ],
)
def test_a_bad_answer_is_left_out_with_its_reason(trouble: Trouble, reason: str) -> None:
    came = received([ONE, TWO], [*trouble(good(ONE)), good(TWO)], PARAMETERS)
    assert list(came.updates) == [TWO]
    assert came.failures == (Failure(ONE, reason),)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([0.5] * PARAMETERS, "sent weights of type list, expected float32"),
        (np.full((1, PARAMETERS), 0.5, np.float32), "sent weights of shape (1, 4), expected (4,)"),
        (np.full(PARAMETERS, np.inf, np.float32), "sent weights that are not finite"),
        (np.full(PARAMETERS, -2 * LARGEST, np.float32), "sent weights beyond 1e+06: its training diverged"),
        (np.full(PARAMETERS, 1, np.int32), "sent weights of type int32, expected float32"),
    ],
)
def test_weights_of_every_wrong_kind_are_told_apart(weights: object, reason: str) -> None:
    bad = replace(good(ONE), weights=weights)  # type: ignore[arg-type]  # what the test is about
    assert received([ONE], [bad], PARAMETERS).failures == (Failure(ONE, reason),)


SUM = Summed((ONE, TWO), np.zeros((2, PARAMETERS)), (3, 4), (0.5, 0.25))


def test_a_sum_counts_for_each_of_its_stations() -> None:
    came = received([ONE, TWO, THREE], [SUM, good(THREE)], PARAMETERS)
    assert (came.sums, came.failures, came.arrived) == ((SUM,), (), 3)
    assert came.losses == {ONE: 0.5, TWO: 0.25, THREE: 0.25}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (replace(SUM, sums=np.zeros((2, 3))), "is in a sum of odd shape or type"),
        (replace(SUM, sums=np.zeros((2, PARAMETERS), np.float32)), "is in a sum of odd shape or type"),
        (replace(SUM, sums=np.full((2, PARAMETERS), np.nan)), "is in a sum that is not finite"),
        (replace(SUM, losses=(0.5, np.inf)), "is in a sum that is not finite"),
        (replace(SUM, samples=(3, 0)), "is in a sum without the samples and the loss of each"),
        (replace(SUM, losses=(0.5,)), "is in a sum without the samples and the loss of each"),
        (replace(SUM, stations=(ONE, StationId("four"))), "was not asked"),
        (replace(SUM, stations=(ONE, ONE)), "answered twice"),
    ],
)
def test_a_bad_sum_is_left_out_with_its_reason_for_each_of_its_stations(bad: Summed, reason: str) -> None:
    came = received([ONE, TWO], [bad], PARAMETERS)
    assert not came.sums
    assert [each.station for each in came.failures[: len(bad.stations)]] == list(bad.stations)
    assert all(each.reason.startswith(reason) for each in came.failures[: len(bad.stations)])


def test_a_station_that_is_in_two_sums_counts_once() -> None:
    came = received([ONE, TWO, THREE], [SUM, replace(SUM, stations=(TWO, THREE))], PARAMETERS)
    assert came.sums == (SUM,)
    assert {(each.station, each.reason) for each in came.failures} == {
        (TWO, "answered twice"),
        (THREE, "answered twice"),
    }


def test_another_kind_of_answer_is_no_update() -> None:
    errors = Errors(ONE, 1, 0.0, 0.0, 0.0, 0.0)
    came = received([ONE], [errors], PARAMETERS)
    assert came.failures == (Failure(ONE, "sent Errors in the place of an update"),)


def test_a_failure_without_a_reason_is_one_all_the_same() -> None:
    assert received([ONE], [Failure(ONE, "")], PARAMETERS).failures == (
        Failure(ONE, "failed without a reason"),
    )


def test_the_largest_weight_that_is_allowed_is_let_through() -> None:
    assert received([ONE], [good(ONE, LARGEST)], PARAMETERS).updates


def test_of_two_answers_the_first_counts() -> None:
    came = received([ONE], [good(ONE, 1.0), good(ONE, 2.0)], PARAMETERS)
    assert came.updates[ONE].weights[0] == 1.0
    assert came.failures == (Failure(ONE, "answered twice"),)


def test_a_second_answer_does_not_make_good_the_first() -> None:
    """Or a station could try until something passes; that it failed is what is told."""
    came = received([ONE], [*fleets.with_nan(good(ONE)), good(ONE)], PARAMETERS)
    assert not came.updates
    assert [failure.reason for failure in came.failures] == [
        "sent weights that are not finite",
        "answered twice",
    ]


def test_the_answer_of_a_stranger_changes_nothing_but_is_told() -> None:
    came = received([ONE], [good(THREE), good(ONE)], PARAMETERS)
    assert list(came.updates) == [ONE]
    assert came.failures == (Failure(THREE, "was not asked"),)


@given(st.permutations([ONE, TWO, THREE]), st.permutations([ONE, TWO, THREE]))
def test_the_order_of_the_answers_is_irrelevant(asked: list[StationId], order: list[StationId]) -> None:
    troubles: dict[StationId, Trouble] = {TWO: fleets.failing}
    answers: Sequence[Answer] = [
        made for each in order for made in troubles.get(each, fleets.as_it_is)(good(each))
    ]
    came = received(asked, answers, PARAMETERS)
    assert set(came.updates) == {ONE, THREE}
    assert came.failures == (Failure(TWO, "lost its power"),)


def test_several_updates_are_stacked_in_their_order() -> None:
    stack = stacked([good(TWO, 2.0), replace(good(ONE, 1.0), samples=5)], (3, 1))
    assert stack.weights.tolist() == [[2.0] * PARAMETERS, [1.0] * PARAMETERS]
    assert (stack.samples.tolist(), stack.layers) == ([12, 5], (3, 1))


def test_reasons_are_counted_over_rounds() -> None:
    first = counted([Failure(ONE, "slept"), Failure(TWO, "slept")], {})
    assert counted([Failure(ONE, "slept"), Failure(ONE, "failed")], first) == {"slept": 3, "failed": 1}
