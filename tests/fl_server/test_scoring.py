"""The errors of twins in force are summed by station, over as many spans as it takes."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.messages import Errors, EvaluateOrder, Single
from data.traffic import StationId
from fl_server.scoring import Span, cluster_orders, evaluated, no_standing
from forecasting.metrics import Tally, empty_tally, tally_scores
from forecasting.networks import initial_weights
from forecasting.stations import Floats
from tests.cities import wavy_traffic
from tests.fleets import Trouble, TroubledFleet, failing, missing, small_fleet, with_nan

CITY = wavy_traffic(stations=5, days=14)
FLEET = small_fleet(traffic=CITY)
PLACE = {station: place for place, station in enumerate(CITY.stations)}
BEGIN, END = 7 * 24, 14 * 24
NOTHING = empty_tally(5)


def some_weights(count: int = 3) -> Floats:
    rng = np.random.default_rng(5)
    return np.stack([initial_weights(FLEET.hosts[0].network, rng) for _ in range(count)])


def order(first: int, last: int, weights: Floats | None = None) -> EvaluateOrder:
    return EvaluateOrder(CITY.stations, some_weights()[0] if weights is None else weights, first, last)


def assert_close(one: Tally, other: Tally) -> None:
    for mine, theirs in zip(astuple(one), astuple(other), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_nothing_was_forecast_at_first() -> None:
    for sums in astuple(no_standing(2)):
        assert sums[0].tolist() == [0, 0]


@given(st.integers(BEGIN, END), st.integers(BEGIN, END))
def test_the_sums_of_the_parts_are_those_of_the_whole(one: int, other: int) -> None:
    middle, late = sorted((one, other))
    parts = NOTHING
    for first, last in ((BEGIN, middle), (middle, late), (late, END)):
        parts = evaluated(FLEET, parts, [order(first, last)], PLACE)
    whole = evaluated(FLEET, NOTHING, [order(BEGIN, END)], PLACE)
    assert (parts.spread <= whole.spread).all()  # that of less than a day is not told
    assert_close(replace(parts, spread=whole.spread), whole)


def test_the_range_of_less_than_a_day_is_not_told() -> None:
    """Over one step it would be the load itself."""
    assert not evaluated(FLEET, NOTHING, [order(BEGIN, BEGIN + 23)], PLACE).spread.any()
    assert evaluated(FLEET, NOTHING, [order(BEGIN, BEGIN + 24)], PLACE).spread.all()


def test_the_mse_is_that_of_all_errors_together() -> None:
    """Zero weights forecast the mean, so that the errors are the z-scored truth itself."""
    sums = evaluated(FLEET, NOTHING, [order(BEGIN, END, np.zeros_like(some_weights()[0]))], PLACE)
    past = CITY.load[:BEGIN].astype(np.float64)
    truth = (CITY.load[BEGIN:] - past.mean(axis=0)) / past.std(axis=0)
    assert tally_scores(sums).mse == pytest.approx((truth**2).mean(), rel=1e-5)
    assert tally_scores(sums).mae == pytest.approx(np.abs(truth).mean(), rel=1e-5)
    np.testing.assert_allclose(sums.spread, np.ptp(truth, axis=0), rtol=1e-5)


def test_every_cluster_has_its_own_weights_and_span() -> None:
    cluster_of, weights = np.array([0, 1, 0, 2, 1]), some_weights()
    spans = {0: Span(BEGIN, BEGIN + 10), 2: Span(BEGIN + 5, BEGIN + 9)}
    orders = cluster_orders(CITY.stations, cluster_of, weights, spans, personal=True)
    told = [(each.stations, each.first, each.last, each.personal, each.linear) for each in orders]
    assert told == [
        (("s0", "s2"), BEGIN, BEGIN + 10, True, False),
        (("s3",), BEGIN + 5, BEGIN + 9, True, False),
    ]
    assert [each.weights.tolist() for each in orders] == [weights[0].tolist(), weights[2].tolist()]
    sums = evaluated(FLEET, NOTHING, cluster_orders(CITY.stations, cluster_of, weights, spans), PLACE)
    assert sums.count.tolist() == [10, 0, 10, 4, 0]
    alone = evaluated(FLEET, NOTHING, [order(BEGIN, BEGIN + 10, weights[0])], PLACE)
    assert sums.squared[[0, 2]].tolist() == alone.squared[[0, 2]].tolist()
    assert sums.spread[1] == 0


def test_empty_spans_are_not_asked_for() -> None:
    fleet = TroubledFleet(FLEET, {})
    before = evaluated(FLEET, NOTHING, [order(BEGIN, BEGIN + 3)], PLACE)
    empty = [order(BEGIN, BEGIN), EvaluateOrder((), some_weights()[0], BEGIN, END)]
    assert evaluated(fleet, before, empty, PLACE) is before
    assert fleet.orders == []


@pytest.mark.parametrize("trouble", [failing, missing, with_nan])
def test_a_station_that_cannot_answer_is_not_counted(trouble: Trouble) -> None:
    fleet = TroubledFleet(FLEET, {StationId("s1"): trouble})
    sums = evaluated(fleet, NOTHING, [order(BEGIN, END)], PLACE)
    whole = evaluated(FLEET, NOTHING, [order(BEGIN, END)], PLACE)
    assert (sums.count[1], sums.squared[1], sums.spread[1]) == (0, 0.0, 0.0)
    others = np.array([True, False, True, True, True])
    assert_close(sums.part(others), whole.part(others))


def with_an_afterthought(answer: Single) -> list[Single]:
    """Answers, and then again with better figures."""
    return [answer, replace(answer, squared=0.0) if isinstance(answer, Errors) else answer]


def test_of_two_answers_the_first_counts() -> None:
    fleet = TroubledFleet(FLEET, {StationId("s1"): with_an_afterthought})
    assert_close(
        evaluated(fleet, NOTHING, [order(BEGIN, END)], PLACE),
        evaluated(FLEET, NOTHING, [order(BEGIN, END)], PLACE),
    )


def test_answers_of_strangers_are_not_counted() -> None:
    four = dict(list(PLACE.items())[:4])
    sums = evaluated(FLEET, empty_tally(4), [order(BEGIN, END)], four)
    assert sums.count.tolist() == [END - BEGIN] * 4
