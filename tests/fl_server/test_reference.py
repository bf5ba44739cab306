"""The federated ridge is the pooled one."""

from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from data.inputs import INPUTS
from data.messages import EvaluateOrder, Introduction, MomentsAnswer, MomentsOrder, Single
from data.traffic import StationId, Traffic
from data.windows import SplitSettings, forecast_task
from fl_server.fleet import Fleet
from fl_server.reference import federated_ridge
from fl_server.run import Plan, planned
from fl_server.settings import TwinSettings
from forecasting.baselines import ridge
from forecasting.metrics import scores, tally_scores
from forecasting.recipe import Recipe
from tests.cities import wavy_traffic
from tests.fleets import SMALL_RECIPE, TroubledFleet, failing, missing, small_fleet

CITY = wavy_traffic(stations=5, days=21)


def plan_of(fleet: Fleet, recipe: Recipe = SMALL_RECIPE) -> Plan:
    return planned(fleet, TwinSettings(recipe=recipe))


@pytest.mark.parametrize("inputs", ["paper", "profile"])
def test_the_ridge_of_exchanged_sums_is_the_ridge_of_pooled_windows(inputs: str) -> None:
    recipe = Recipe(model="mlp", hidden=(4,), inputs=inputs)
    fleet = small_fleet(traffic=CITY, recipe=recipe)
    found = tally_scores(federated_ridge(fleet, plan_of(fleet, recipe=recipe)))
    task = forecast_task(CITY, INPUTS[inputs], SplitSettings())
    pooled = scores(task, ridge(task)[:, task.calibration_steps :])
    assert (found.mse, found.mae) == pytest.approx((pooled.mse, pooled.mae), rel=1e-5)
    assert (found.nrmse, found.raw_mae) == pytest.approx((pooled.nrmse, pooled.raw_mae), rel=1e-5)


def test_two_orders_for_sums_and_one_evaluation_are_all_it_takes() -> None:
    fleet = TroubledFleet(small_fleet(traffic=CITY), {})
    plan = plan_of(fleet)
    fleet.orders.clear()
    federated_ridge(fleet, plan)
    early, late, evaluation = fleet.orders
    history = 14 * 24
    assert isinstance(early, MomentsOrder)
    assert isinstance(late, MomentsOrder)
    assert (early.first, early.until) == (72, 72 + (history - 72) * 3 // 4)
    assert (late.first, late.until) == (early.until, history)
    assert isinstance(evaluation, EvaluateOrder)
    assert (evaluation.first, evaluation.last, evaluation.linear) == (history, 21 * 24, True)


def test_a_station_without_sums_is_left_out_of_the_fit_and_of_the_errors() -> None:
    inner = small_fleet(traffic=CITY)
    plan = plan_of(inner)
    sums = federated_ridge(TroubledFleet(inner, {StationId("s2"): failing}), plan)
    assert sums.count.tolist() == [168, 168, 0, 168, 168]
    four = np.array([0, 1, 3, 4])
    without = Traffic(
        load=CITY.load[:, four],
        stations=tuple(CITY.stations[place] for place in four),
        positions=CITY.positions[four],
        start=CITY.start,
        step_minutes=60,
    )
    fleet = small_fleet(traffic=without)
    expected = federated_ridge(fleet, plan_of(fleet))
    np.testing.assert_allclose(sums.squared[four], expected.squared, rtol=1e-5)


def with_sums_of_other_inputs(answer: Single) -> list[Single]:
    """Sends sums over a column less."""
    if isinstance(answer, MomentsAnswer):
        few = replace(answer.moments, gram=answer.moments.gram[1:, 1:], moment=answer.moments.moment[1:])
        return [replace(answer, moments=few)]
    return [answer]


def test_sums_over_other_inputs_are_left_out_of_the_fit() -> None:
    inner = small_fleet(traffic=CITY)
    plan = plan_of(inner)
    odd = federated_ridge(TroubledFleet(inner, {StationId("s2"): with_sums_of_other_inputs}), plan)
    lost = federated_ridge(TroubledFleet(inner, {StationId("s2"): failing}), plan)
    others = np.array([0, 1, 3, 4])
    assert odd.squared[others].tolist() == lost.squared[others].tolist()


def test_no_sums_at_all_are_refused() -> None:
    inner = small_fleet(traffic=CITY)
    plan = plan_of(inner)
    with pytest.raises(InputError, match=r"^no station sent the sums for a ridge regression$"):
        federated_ridge(TroubledFleet(inner, dict.fromkeys(CITY.stations, missing)), plan)


def with_sums_beyond_any(answer: Single) -> list[Single]:
    """Sends finite sums that no z-scored series has."""
    if isinstance(answer, MomentsAnswer):
        return [replace(answer, moments=replace(answer.moments, gram=answer.moments.gram * 1e200))]
    return [answer]


def test_sums_that_no_series_has_are_left_out_of_the_fit() -> None:
    inner = small_fleet(traffic=CITY)
    plan = plan_of(inner)
    odd = federated_ridge(TroubledFleet(inner, {StationId("s2"): with_sums_beyond_any}), plan)
    lost = federated_ridge(TroubledFleet(inner, {StationId("s2"): failing}), plan)
    others = np.array([0, 1, 3, 4])
    assert odd.squared[others].tolist() == lost.squared[others].tolist()


def on_no_globe(answer: Single) -> list[Single]:
    """Says that it stands where no station can."""
    return [replace(answer, latitude=1e308)] if isinstance(answer, Introduction) else [answer]


def test_a_station_that_stands_nowhere_is_named() -> None:
    fleet = TroubledFleet(small_fleet(traffic=CITY), {StationId("s2"): on_no_globe})
    with pytest.raises(InputError, match=r"^station s2 stands at 9.*, 1e\+308, expected a longitude of -180"):
        plan_of(fleet)
