from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from hetnet.lags import Floats, no_neighbours, pasts
from hetnet.narx import NARX_TRAINING, NarxSettings, scale_of, trained_nets

SMALL = NarxSettings(lags=(1, 2), neighbour_lags=(1,), training=replace(NARX_TRAINING, learning_rate=0.01))


def driven(seed: int, steps: int = 600) -> Floats:
    """A series of noise, and one that follows its square a step later."""
    driver = np.random.default_rng(seed).normal(size=steps)
    return np.stack([driver, np.r_[0, np.abs(driver[:-1])]])


def test_a_net_learns_a_series_that_no_line_can_follow() -> None:
    tent = np.empty(700)
    tent[0] = 0.3123
    for step in range(1, 700):
        tent[step] = 1 - 1.9 * abs(tent[step - 1] - 0.5)
    nets = trained_nets(tent[None, :600], no_neighbours(1), SMALL)
    origins = np.arange(599, 699)
    forecasts = nets.next_values(pasts(tent[None], origins, nets.reach))
    error = ((forecasts[0] - tent[origins + 1]) ** 2).mean() / tent.var()
    line = np.corrcoef(tent[:-1], tent[1:])[0, 1] ** 2
    assert line < 0.2
    assert error < 0.05


def test_a_neighbour_tells_what_a_series_of_its_own_does_not() -> None:
    series = driven(1)
    origins = np.arange(499, 599)
    errors = []
    for neighbours in (no_neighbours(2), np.array([[-1], [0]])):
        nets = trained_nets(series[:, :500], neighbours, SMALL)
        forecasts = nets.next_values(pasts(series, origins, nets.reach))
        errors.append(((forecasts[1] - series[1, origins + 1]) ** 2).mean() / series[1].var())
    alone, together = errors
    assert alone > 0.8
    assert together < 0.2


def test_a_net_does_not_depend_on_the_series_beside_it() -> None:
    series = np.random.default_rng(2).normal(size=(3, 200))
    both = trained_nets(series, no_neighbours(3), SMALL)
    first = trained_nets(series[:1], no_neighbours(1), SMALL)
    assert np.array_equal(both.weights[:1], first.weights)


def test_the_seed_alone_decides_the_nets() -> None:
    series = np.random.default_rng(3).normal(size=(1, 200))
    nets = [trained_nets(series, no_neighbours(1), replace(SMALL, seed=seed)) for seed in (1, 1, 2)]
    assert np.array_equal(nets[0].weights, nets[1].weights)
    assert not np.array_equal(nets[0].weights, nets[2].weights)


def test_the_unit_of_a_series_does_not_matter() -> None:
    series = np.random.default_rng(4).normal(size=(1, 200))
    past = pasts(series, np.array([150, 199]), 2)
    one = trained_nets(series, no_neighbours(1), SMALL).next_values(past)
    other = trained_nets(5e6 * series + 1e7, no_neighbours(1), SMALL).next_values(5e6 * past + 1e7)
    np.testing.assert_allclose(other, 5e6 * one + 1e7, rtol=1e-3)


def test_a_constant_series_is_forecast_as_about_itself() -> None:
    series = np.full((1, 100), 7.0)
    nets = trained_nets(series, no_neighbours(1), SMALL)
    assert nets.next_values(pasts(series, np.array([99]), 2))[0, 0] == pytest.approx(7, abs=0.5)


def test_a_constant_has_the_deviation_1_however_large_it_is() -> None:
    assert scale_of(np.array([[0.1 + 0.2, 0.3, 0.3], [0, 0, 0], [1, 2, 3]])).deviation.tolist() == [
        1,
        1,
        pytest.approx(np.sqrt(2 / 3)),
    ]


def test_a_history_without_a_sample_is_refused() -> None:
    with pytest.raises(InputError, match="series of 10 steps, expected more than the longest lag of 10"):
        trained_nets(np.zeros((1, 10)), no_neighbours(1), NarxSettings())


@pytest.mark.parametrize("wrong", [{"lags": ()}, {"lags": (0,)}, {"hidden": 0}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        NarxSettings(**wrong)  # type: ignore[arg-type]  # settings that the types refuse, too
