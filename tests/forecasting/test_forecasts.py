"""The whole comparison: honest, seeded, complete."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.progress import finished
from data.sets.tables import ReadSettings, read_set
from data.windows import SplitSettings
from forecasting.baselines import BASELINES
from forecasting.forecasts import Comparison, ForecastSettings, comparison
from forecasting.networks import NAMES
from forecasting.settings import TrainingSettings
from tests.cities import real_set, wavy_traffic

QUICK = TrainingSettings(epochs=1, optimizer="adam", learning_rate=0.003)


def quick(**changes: Any) -> ForecastSettings:
    return replace(  # Any: a change is of the type of its field
        ForecastSettings(central_training=QUICK, station_training=QUICK, inputs="paper"), **changes
    )


def compared(settings: ForecastSettings) -> Comparison:
    return finished(comparison(wavy_traffic(days=21), settings))


@pytest.mark.parametrize("scope", ["central", "station"])
@pytest.mark.parametrize("model", NAMES)
def test_no_network_forecast_or_interval_moves_with_its_future(model: str, scope: str) -> None:
    traffic, step = wavy_traffic(days=21), 40
    changed = traffic.load.copy()
    changed[14 * 24 + step :] *= 3
    settings = quick(model=model, scope=scope, baselines=())
    before, after = (
        finished(comparison(each, settings)).predictors[0]
        for each in (traffic, replace(traffic, load=changed))
    )
    assert np.array_equal(before.forecast[:, : step + 1], after.forecast[:, : step + 1])
    assert np.array_equal(before.intervals.upper[:, : step + 1], after.intervals.upper[:, : step + 1])
    assert not np.array_equal(before.forecast[:, step + 1 :], after.forecast[:, step + 1 :])


def test_every_baseline_stands_beside_the_network() -> None:
    found = compared(quick())
    names = [predictor.name for predictor in found.predictors]
    assert names == ["mlp, one for all", *BASELINES, "mlp, one per station"]
    assert found.left_out == {}
    assert all(predictor.forecast.shape == (3, 168) for predictor in found.predictors)


def test_a_baseline_without_its_past_is_left_out_and_said() -> None:
    found = compared(quick(split=SplitSettings(test_days=14)))
    assert "same hour last week" in found.left_out
    assert "same hour yesterday" in [predictor.name for predictor in found.predictors]


def test_the_same_seed_gives_the_same_forecast_and_another_seed_another() -> None:
    first, again, other = (compared(quick(baselines=(), seed=seed)).predictors[0] for seed in (1, 1, 2))
    assert np.array_equal(first.forecast, again.forecast)
    assert not np.array_equal(first.forecast, other.forecast)


def test_scores_of_several_seeds_are_their_mean() -> None:
    both = compared(quick(baselines=(), seeds=2)).predictors[0]
    each = [compared(quick(baselines=(), seed=seed)).predictors[0].scores.mse for seed in (1, 2)]
    assert both.scores.mse == pytest.approx(np.mean(each))
    assert both.mse_spread == pytest.approx(np.std(each))


def test_one_network_per_station_learns_from_its_own_station_alone() -> None:
    traffic = wavy_traffic(days=21)
    changed = traffic.load.copy()
    changed[:, 1] = changed[::-1, 1]
    settings = quick(scope="station", baselines=())
    before, after = (
        finished(comparison(each, settings)).predictors[0].forecast
        for each in (traffic, replace(traffic, load=changed))
    )
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert not np.array_equal(before[1], after[1])


def test_a_level_shift_is_measured_before_and_after() -> None:
    found = compared(quick(level_shift=3.0, baselines=("last value",)))
    for predictor in found.predictors:
        assert predictor.coverage_around_shift is not None
        before, _, later = predictor.coverage_around_shift
        assert abs(before - 0.9) < 0.1
        assert abs(later - 0.9) < 0.1


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="unknown inputs 'week', expected one of paper, day,"):
        ForecastSettings(inputs="week")
    with pytest.raises(InputError, match="unknown baseline 'oracle'"):
        ForecastSettings(baselines=("oracle",))
    with pytest.raises(InputError, match="seeds"):
        ForecastSettings(seeds=0)


def test_training_pays_on_real_traffic() -> None:
    traffic = read_set(real_set("milan25"), ReadSettings())
    found = finished(comparison(traffic, ForecastSettings(baselines=("last value", "ridge"))))
    network, last, ridge = (predictor.scores.mse for predictor in found.predictors)
    assert last == pytest.approx(0.257, abs=0.001)  # the figure measured beside the set
    assert ridge < 0.175
    assert network < 0.175
