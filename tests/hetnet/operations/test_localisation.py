"""Which station is the cause."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from hetnet.operations.detection import WatchSettings, detected
from hetnet.operations.localisation import explained
from tests.hetnet.operations.worlds import changed, followed_world

CHAIN = np.array([[1, 2], [0, 2], [1, 3], [2, 4], [3, 2]])
EVEN = np.ones(CHAIN.shape)


def test_the_station_whose_loss_explains_the_gains_around_it_is_the_cause() -> None:
    """Station 2 loses 100; its neighbours 1 and 3 gain 50 each, which is far more unusual for them."""
    residual, usual = np.array([0.0, 50, -100, 50, 0]), np.array([10.0, 5, 40, 5, 10])
    gains = explained(range(5), residual, usual, CHAIN, EVEN)
    assert int(gains.argmax()) == 2
    assert int((np.abs(residual) / usual).argmax()) != 2


def test_a_gain_without_a_loss_is_its_stations_own() -> None:
    gains = explained(range(5), np.array([0.0, 0, 0, 80, 0]), np.full(5, 10.0), CHAIN, EVEN)
    assert int(gains.argmax()) == 3


def test_a_loss_that_nobody_takes_over_is_explained_whole() -> None:
    residual = np.array([0.0, 0, -60, 0, 0])
    gains = explained([2], residual, np.full(5, 10.0), CHAIN, EVEN)
    np.testing.assert_allclose(gains, [36.0])


@given(some.lists(some.floats(-100, 100), min_size=5, max_size=5))
def test_nothing_explains_more_than_there_is(values: list[float]) -> None:
    residual = np.array(values)
    gains = explained(range(5), residual, np.full(5, 10.0), CHAIN, EVEN)
    assert (gains <= (residual / 10) ** 2 @ np.ones(5) + 1e-9).all()
    assert (gains >= 0).all()


def test_an_alert_at_a_neighbour_suspects_the_station_that_lost() -> None:
    calm = followed_world(stations=9)
    hours = slice(calm.first + 40, calm.first + 46)
    world = changed(calm, 4, slice(40, 46), 0.0)
    for heir in (2, 3, 5):
        world = changed(world, heir, slice(40, 46), 1 + 0.3 * calm.usual[hours, 4] / calm.usual[hours, heir])
    alerts, _ = detected(world, WatchSettings())
    around = [each for each in alerts if each.kind in ("surge", "outage")]
    assert {station for each in around for station in each.stations} >= {"s2", "s4"}
    assert {each.suspects[0].station for each in around} == {"s4"}
