import numpy as np

from hetnet.attributes import HistorySettings
from hetnet.channel import ChannelSettings
from hetnet.scene import WORK, SceneSettings
from hetnet.situation import made_situation

SMALL = SceneSettings(users=40, macro=2, small=4, hotspots=3, half_width=300)
FORTNIGHT = HistorySettings(days=14)


def test_a_situation_holds_all_that_figure_4_draws() -> None:
    found = made_situation(SMALL, FORTNIGHT)
    assert found.history.attributes.shape == (40, 5, 336)
    assert found.conditions.shape == found.satisfaction.shape == (40, 3)
    assert found.satisfied.shape == found.offered.shape == (40,)
    assert found.use.shape == (6,)
    assert found.reachable.shape == (40, 6)
    for values in (found.conditions, found.satisfaction, found.use, found.network.gain):
        assert np.isfinite(values).all()
    assert 0 < found.satisfied.mean() < 1


def test_a_situation_follows_the_forecasts_of_twins() -> None:
    hours = np.arange(24 * 14)
    loads = np.stack([2 + np.sin(2 * np.pi * hours / 24), np.full(len(hours), 0.1)], axis=1)
    found = made_situation(SMALL, FORTNIGHT, loads=loads)
    use = found.history.use.mean(axis=1)
    assert np.corrcoef(use, loads[:, 0])[0, 1] > 0.5


def test_the_hour_after_a_history_decides_where_users_are() -> None:
    loads = np.ones((10, 1))  # until Monday at 10
    found = made_situation(SMALL, FORTNIGHT, loads=loads)
    np.testing.assert_array_equal(found.network.users.positions, found.scene.places[WORK])


def test_the_channel_of_a_situation_may_be_chosen() -> None:
    channel = ChannelSettings(noise="printed", rayleigh=False)
    assert made_situation(SMALL, FORTNIGHT, channel).scene.channel == channel
