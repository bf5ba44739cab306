import numpy as np
import pytest

from data.errors import InputError
from hetnet.demand import (
    FULLEST,
    area_shares,
    background_use,
    city_loads,
    crowds,
    hotspot_demand,
    rhythm,
    station_demand,
)
from tests.hetnet.networks import some_stations


def test_the_city_has_a_load_for_every_hour_and_area() -> None:
    loads = city_loads(areas=6, days=7, seed=1)
    assert loads.shape == (168, 6)
    assert np.isfinite(loads).all()
    day = loads.sum(axis=1).reshape(7, 24)
    assert (day[:, 12:20].mean(axis=1) > day[:, 2:5].mean(axis=1)).all()
    np.testing.assert_array_equal(loads, city_loads(areas=6, days=7, seed=1))


def test_hotspots_take_the_busiest_areas_and_repeat_when_areas_run_out() -> None:
    loads = np.array([[1.0, 5.0, 3.0], [1.0, 7.0, 3.0]])
    np.testing.assert_allclose(hotspot_demand(loads, 2), np.array([[5, 3], [7, 3]]) / 4.5)
    np.testing.assert_allclose(hotspot_demand(loads, 4)[:, 3], hotspot_demand(loads, 4)[:, 0])


def test_forecasts_below_zero_count_as_no_demand() -> None:
    assert (hotspot_demand(np.array([[-1.0, 2.0]]), 2) >= 0).all()


def test_four_times_the_demand_is_twice_the_people() -> None:
    np.testing.assert_allclose(crowds(np.array([[4.0, 1.0]])), [2, 1])


def test_a_station_asks_what_the_hotspots_near_it_ask() -> None:
    stations = some_stations(2)  # at 0 and at 100 metres, both of 150 metres' reach
    hotspots = np.array([[0.0, 0.0], [5000.0, 0.0]])
    np.testing.assert_allclose(area_shares(stations, hotspots), [[1, 0], [1, 0]], atol=1e-9)
    demand = np.array([[2.0, 8.0], [4.0, 8.0]])
    np.testing.assert_allclose(station_demand(demand, stations, hotspots), [[2, 2], [4, 4]], atol=1e-6)


def test_background_is_as_busy_as_told_and_never_fills_a_station() -> None:
    demand = np.random.default_rng(0).gamma(4.0, size=(2000, 3))
    use = background_use(demand, 0.5)
    np.testing.assert_allclose(np.quantile(use, 0.95, axis=0), 0.5, rtol=1e-6)
    assert use.max() <= FULLEST
    assert not background_use(np.zeros((5, 2)), 0.5).any()


def test_the_rhythm_of_no_demand_is_even() -> None:
    np.testing.assert_allclose(rhythm(np.array([[0.0, 1.0], [0.0, 3.0]])), [[1, 0.5], [1, 1.5]])


def test_forecasts_that_are_none_are_refused() -> None:
    for loads, words in (
        (np.zeros((4, 2)), "no area has any load"),
        (np.full((4, 2), np.nan), "8 are not finite"),
        (np.ones(4), "shape"),
        (np.ones((0, 2)), "shape"),
    ):
        with pytest.raises(InputError, match=words):
            hotspot_demand(loads, 2)
    with pytest.raises(InputError, match="busy"):
        background_use(np.ones((2, 2)), 1.0)
