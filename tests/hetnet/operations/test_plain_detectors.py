"""The two detectors without twins."""

import numpy as np

from hetnet.operations.plain_detectors import forest_scores, seasonal_scores, threshold_alerts
from tests.hetnet.operations.worlds import changed, followed_world

CALM = followed_world()


def test_both_find_a_station_that_carries_nothing_at_noon() -> None:
    world = changed(CALM, 4, slice(36, 40), 0.0)
    for scores in (seasonal_scores(world), forest_scores(world, 0)):
        low = np.argwhere(scores == scores[world.first :].min())[0]
        assert low[1] == 4
        assert world.first + 36 <= low[0] < world.first + 40


def test_a_run_of_values_is_an_alert_of_each_kind_that_its_direction_allows() -> None:
    scores = np.zeros(CALM.seen.shape)
    scores[CALM.first + 5 : CALM.first + 8, 2] = -4
    alerts = threshold_alerts(CALM, scores, 3)
    assert {each.stations for each in alerts} == {("s2",)}
    assert {"outage", "missing"} <= {each.kind for each in alerts}
    assert "surge" not in {each.kind for each in alerts}
    assert {(each.raised, each.end) for each in alerts} == {
        (CALM.clock[CALM.first + 5], CALM.clock[CALM.first + 8])
    }


def test_what_came_before_the_watched_steps_raises_nothing() -> None:
    scores = np.zeros(CALM.seen.shape)
    scores[: CALM.first] = 9
    assert threshold_alerts(CALM, scores, 3) == []
