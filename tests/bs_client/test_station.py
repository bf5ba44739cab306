"""What a station answers rests on its own past alone, whoever else is hosted beside it."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bs_client.station import answers
from data.inputs import Layout
from data.messages import (
    PHASES,
    Answer,
    DescribeOrder,
    Description,
    EvaluateOrder,
    Moments,
    MomentsOrder,
    Order,
    Timeline,
    TrainOrder,
)
from data.traffic import StationId, of_columns
from forecasting.recipe import Recipe
from tests.bs_client.stations import (
    CITY,
    FIRST,
    HISTORY,
    SGD,
    STEPS,
    bits,
    every_order,
    hosted,
    linear_weights,
    only,
    single,
    some_weights,
)
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE


def test_every_named_station_gives_one_answer_to_each_order() -> None:
    home = hosted()
    named = ("s3", "s1")
    for order in every_order([StationId(each) for each in named], some_weights(home)):
        assert sorted(answer.station for answer in single(answers(home, [order]))) == ["s1", "s3"]


def test_stations_of_other_hosts_are_left_to_them() -> None:
    home = hosted()
    for order in every_order([StationId("elsewhere")], some_weights(home)):
        assert answers(home, [order]) == []


@pytest.mark.parametrize(
    "recipe",
    [
        SMALL_RECIPE,
        replace(SMALL_RECIPE, personal="head"),
        replace(SMALL_RECIPE, memory_days=2),
        replace(SMALL_RECIPE, model="lstm", hidden=(3,)),
    ],
    ids=["mlp", "personal head", "memory", "lstm"],
)
@pytest.mark.parametrize("columns", [[2], [2, 4], [4, 3, 2, 1, 0]], ids=["alone", "two", "turned round"])
def test_an_answer_does_not_depend_on_who_else_is_hosted(recipe: Recipe, columns: list[int]) -> None:
    """To the last bit, or a run in many processes would not end with the twins of a run in one."""
    everyone, few = hosted(recipe), hosted(recipe, of_columns(CITY, columns))
    for all_of_them, some in zip(
        every_order(CITY.stations, some_weights(everyone)),
        every_order([CITY.stations[column] for column in columns], some_weights(few)),
        strict=True,
    ):
        among_all = {answer.station: bits(answer) for answer in single(answers(everyone, [all_of_them]))}
        for answer in single(answers(few, [some])):
            assert bits(answer) == among_all[answer.station], type(some).__name__


def test_an_answer_does_not_depend_on_the_other_orders_of_a_batch() -> None:
    home = hosted()
    orders = every_order(CITY.stations, some_weights(home))
    alone = [answer for order in orders for answer in answers(home, [order])]
    assert sorted(map(str, map(bits, answers(home, orders)))) == sorted(map(str, map(bits, alone)))


def test_clusters_that_train_in_one_turn_start_from_their_own_weights() -> None:
    home = hosted()
    orders = [
        TrainOrder(CITY.stations[:2], some_weights(home, 1), "vertical", 0, 4, HISTORY),
        TrainOrder(CITY.stations[2:], some_weights(home, 2), "vertical", 0, 4, HISTORY),
    ]
    alone = [answer for order in orders for answer in answers(home, [order])]
    assert [bits(each) for each in answers(home, orders)] == [bits(each) for each in alone]


@given(st.integers(HISTORY + 24, STEPS - 1), st.integers(0, 4))
def test_what_happens_later_changes_nothing_of_what_is_answered_now(step: int, column: int) -> None:
    """Leak-free: whatever the load becomes from `step` on, orders about the time before give the same."""
    load = CITY.load.copy()
    load[step:, column] = 7 * load[step:, column][::-1] + 100
    later = hosted(traffic=replace(CITY, load=load))
    now, weights = hosted(), some_weights(hosted())
    named = (CITY.stations[column],)
    orders: list[Order] = [
        DescribeOrder(named),
        DescribeOrder(named, step),
        *(TrainOrder(named, weights, phase, 0, 4, step) for phase in PHASES),
        EvaluateOrder(named, weights, HISTORY, step),
        EvaluateOrder(named, weights, HISTORY, step, personal=True),
        EvaluateOrder(named, linear_weights(), HISTORY, step, linear=True),
        MomentsOrder(named, FIRST, step),
    ]
    for order in orders:
        same = [
            bits(one) == bits(other)
            for one, other in zip(answers(now, [order]), answers(later, [order]), strict=True)
        ]
        assert same == [True], order


def test_what_happens_just_before_does_change_it() -> None:
    """So that the test above would see a leak if there were one."""
    step = HISTORY + 24
    load = CITY.load.copy()
    load[step - 3 : step] *= 3
    later, now, weights = hosted(traffic=replace(CITY, load=load)), hosted(), some_weights(hosted())
    orders: list[Order] = [
        DescribeOrder(CITY.stations, step),
        *(TrainOrder(CITY.stations, weights, phase, 0, 4, step) for phase in PHASES),
        EvaluateOrder(CITY.stations, weights, HISTORY, step),
        MomentsOrder(CITY.stations, FIRST, step),
    ]
    for order in orders:
        pairs = zip(answers(now, [order]), answers(later, [order]), strict=True)
        assert all(bits(one) != bits(other) for one, other in pairs), order


def test_a_personal_twin_is_not_made_of_what_it_is_scored_on() -> None:
    """A level that only begins with the scored steps moves their truth, but not the adapted weights."""
    recipe = replace(SMALL_RECIPE, personal="head", personal_training=replace(SGD, epochs=2))
    load = CITY.load.copy()
    load[-24:] += 50
    for kind in (recipe, replace(recipe, personal="steps")):
        made = [
            only(
                answers(
                    hosted(kind, each),
                    [TrainOrder(CITY.stations[:1], some_weights(hosted(kind)), "personal", 0, 1, STEPS - 24)],
                )
            )
            for each in (CITY, replace(CITY, load=load))
        ]
        assert bits(made[0]) == bits(made[1])


def test_no_answer_has_room_for_a_series() -> None:
    """However long the history, an answer has the same few numbers, and they are those it declares."""
    long = wavy_traffic(stations=1, days=56)
    sizes = []
    for traffic in (of_columns(CITY, [0]), long):
        home = hosted(traffic=traffic)
        given = [only(answers(home, [order])) for order in every_order(traffic.stations, some_weights(home))]
        sizes.append([numbers_in(each) for each in given])
    assert sizes[0] == sizes[1]
    parameters = hosted().network.parameters
    description, *updates = sizes[0][: 1 + len(PHASES)]
    timeline, layout = 5, 3
    assert description == 24 + 168 + 2 + timeline + layout
    assert updates == [parameters + 2] * len(PHASES)
    assert sizes[0][-1] == 7 * 7 + 7 + 2


def numbers_in(value: object) -> int:
    """How many numbers an answer carries, its station's name apart."""
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, str):
        return 0
    if isinstance(value, Answer | Moments | Timeline | Layout):
        return sum(numbers_in(getattr(value, field.name)) for field in fields(value))
    return 1


def test_a_description_has_neither_amounts_nor_their_spread_in_its_profiles() -> None:
    """The z-score is told apart from them; a station ten times as busy has the same signature."""
    busier = replace(CITY, load=CITY.load * 10)
    for one, other in zip(
        answers(hosted(), [DescribeOrder(CITY.stations)]),
        answers(hosted(traffic=busier), [DescribeOrder(CITY.stations)]),
        strict=True,
    ):
        assert isinstance(one, Description)
        assert isinstance(other, Description)
        np.testing.assert_allclose(one.day, other.day, atol=1e-5)
        np.testing.assert_allclose(one.week, other.week, atol=1e-5)
        assert other.scale == pytest.approx(10 * one.scale, rel=1e-5)


def test_a_description_is_that_of_the_history() -> None:
    """Against plain means of one station's first week."""
    answer = only(answers(hosted(), [DescribeOrder((CITY.stations[1],))]))
    assert isinstance(answer, Description)
    past = CITY.load[:HISTORY, 1].astype(np.float64)
    day = past.reshape(7, 24).mean(axis=0)
    np.testing.assert_allclose(answer.day, (day - day.mean()) / day.std(), atol=1e-9)
    np.testing.assert_allclose(answer.week, (past - past.mean()) / past.std(), atol=1e-9)
    assert (answer.mean, answer.scale) == pytest.approx((past.mean(), past.std()))
    assert answer.timeline == Timeline(CITY.start, 60, FIRST, HISTORY, STEPS)
    assert answer.layout == Layout(periodic=3, recent=3, extra=0)


def test_stations_that_never_vary_are_not_hosted() -> None:
    load = CITY.load.copy()
    load[:, 2] = 4.0
    home = hosted(traffic=replace(CITY, load=load))
    assert list(home.place) == ["s0", "s1", "s3", "s4"]
    assert answers(home, [DescribeOrder((CITY.stations[2],))]) == []
