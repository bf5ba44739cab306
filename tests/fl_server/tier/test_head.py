"""A cluster head by itself: what it answers, what it refuses, and that nothing is done twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError
from data.messages import (
    DescribeOrder,
    Description,
    EvaluateOrder,
    Failure,
    HeadAnswer,
    IntroduceOrder,
    Introduction,
    KeepOrder,
    Kept,
    Order,
    RefreshOrder,
    RoundOrder,
    StepOrder,
    TrainOrder,
)
from data.traffic import StationId
from data.wire import Answers, packed_orders, unpacked_answers
from fl_server.federation.fleet import setup_of
from fl_server.run import begun
from fl_server.tier.head import NO_REPORT, NO_TRAINING, NOTHING_LEFT, STANDS_HERE, Head, head_setup
from fl_server.tier.head_states import Stored, store, stored, stored_turns
from forecasting.networks import initial_weights
from forecasting.stations import start_rng
from tests.data.test_wire import bits
from tests.fl_server.test_lifecycle import CITY, SETTINGS, fleet_of, plan_of
from tests.fl_server.tier.backhauls import head_of

MINE = tuple(StationId(f"s{place}") for place in (0, 2, 5))
NAME = MINE[:1]
PLAN = plan_of(fleet_of())
WEIGHTS = initial_weights(PLAN.network, start_rng(1))


@pytest.fixture
def head(tmp_path: Path) -> Head:
    return head_of(CITY, [0, 2, 5], tmp_path)


def said(head: Head, *orders: Order, run: str = "one") -> Answers:
    setup = head_setup(replace(SETTINGS, single_level=False), run, 5.0)
    return unpacked_answers(head.answered(packed_orders(setup, orders)))


def round_order(after: int = 0, turn: int = 1) -> RoundOrder:
    return RoundOrder(NAME, after, turn, "vertical", turn - 1, 3, upwards=True, version=0)


def test_it_introduces_and_describes_its_stations(head: Head) -> None:
    answers = said(head, IntroduceOrder(), DescribeOrder(MINE)).answers
    known = [each.station for each in answers if isinstance(each, Introduction)]
    told = [each.station for each in answers if isinstance(each, Description)]
    assert (tuple(known), tuple(told)) == (MINE, MINE)


def test_from_its_description_on_a_run_has_the_same_stations(head: Head) -> None:
    said(head, DescribeOrder(MINE))
    other = said(head, DescribeOrder(MINE[:2]))
    assert other.refusal == "a cluster of 2 stations, expected those that it had before"


def test_stations_are_asked_for_sums_of_errors_and_never_for_their_updates(head: Head) -> None:
    said(head, DescribeOrder(MINE))
    sums = said(head, EvaluateOrder(MINE, WEIGHTS, 200, 230)).answers
    assert len(sums) == 3
    train = TrainOrder(MINE, WEIGHTS, "vertical", 0, 1, 192)
    assert said(head, train) == Answers((), NO_TRAINING)


def test_a_run_that_is_not_of_heads_is_refused_in_words(head: Head) -> None:
    packet = packed_orders(setup_of(SETTINGS), [IntroduceOrder()])
    assert unpacked_answers(head.answered(packet)) == Answers((), STANDS_HERE)
    assert "no packet" in unpacked_answers(head.answered(b"noise")).refusal


def test_an_order_that_comes_again_is_answered_again_and_followed_once(head: Head) -> None:
    one = said(head, round_order())
    (answer,) = one.answers
    assert isinstance(answer, HeadAnswer)
    again = said(head, round_order())
    assert [bits(each) for each in again.answers] == [bits(each) for each in one.answers]
    (other,) = said(head, round_order(0, 2)).answers
    assert bits(other) != bits(answer)


def test_another_run_begins_anew_and_the_one_before_is_over(head: Head) -> None:
    said(head, round_order())
    assert (head.run, head.step) != ("", None)
    (first,) = said(head, round_order(), run="two").answers
    assert head.run == "two"
    (later,) = said(head, round_order(1, 2)).answers
    assert later == Failure(NAME[0], NOTHING_LEFT)
    (again,) = said(head, round_order()).answers
    assert bits(again) == bits(first)


def test_a_g_ndt_that_answers_no_report_is_refused(head: Head) -> None:
    said(head, DescribeOrder(MINE))
    (answer,) = said(head, RefreshOrder(NAME, 4, 0, 1, WEIGHTS)).answers
    assert answer == Failure(NAME[0], NO_REPORT)


@pytest.mark.parametrize("order", [round_order(), StepOrder(NAME, 0, 1, 0, 0)])
def test_a_g_ndt_of_another_network_is_refused(head: Head, order: RoundOrder | StepOrder) -> None:
    (answer,) = said(head, replace(order, weights=WEIGHTS[:-1], version=3)).answers
    assert isinstance(answer, Failure)
    assert "a G-NDT of type and shape float32" in answer.reason


def test_what_is_kept_are_two_turns_and_none_that_the_server_came_back_from(tmp_path: Path) -> None:
    state = begun(PLAN, "hierarchical")
    kept = []
    for turn in (3, 7, 12, 9):
        store(tmp_path, "one", Stored({turn: state}, MINE))
        kept.append(sorted(stored_turns(tmp_path, "one")))
    assert kept == [[3], [3, 7], [7, 12], [7, 9]]
    assert stored(tmp_path, "one").stations == MINE
    assert stored(tmp_path, "other") == Stored({}, ())


def test_what_is_kept_and_damaged_is_refused_in_words(head: Head, tmp_path: Path) -> None:
    said(head, round_order())
    assert said(head, KeepOrder(NAME, 1)).answers == (Kept(NAME[0]),)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        stored(tmp_path, "one")
    assert "damaged" in said(head_of(CITY, [0, 2, 5], tmp_path), IntroduceOrder()).refusal


def test_a_turn_that_it_does_not_know_cannot_be_kept(head: Head) -> None:
    said(head, round_order())
    (answer,) = said(head, KeepOrder(NAME, 8)).answers
    assert answer == Failure(NAME[0], "knows nothing of turn 8, as after a restart")
