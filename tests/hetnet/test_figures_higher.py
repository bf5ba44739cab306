"""What the panels of Fig. 4 claim, in numbers."""

from dataclasses import replace

import numpy as np
import pytest

from hetnet.attributes import HistorySettings
from hetnet.figures_higher import area_figures, crossing, in_the_denser_half, target_figures
from hetnet.higher import HigherTwin, higher_twin
from hetnet.scene import SceneSettings
from hetnet.situation import Situation, made_situation

SCENE = SceneSettings(users=60, macro=2, small=6, hotspots=4, half_width=350, seed=2)
Looked = tuple[Situation, HigherTwin]


@pytest.fixture(scope="module")
def looked() -> Looked:
    now = made_situation(SCENE, HistorySettings(days=9, seed=2))
    return now, higher_twin(now.network, now.history, now.satisfaction)


def test_weight_that_crosses_segments_by_hand() -> None:
    """Of 1 + 2 + 3 + 4 the links from user 0 to station 1 and from user 1 to station 0 cross: 5 of 10."""
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert crossing(weights, np.array([0, 1]), np.array([0, 1])) == 0.5
    assert crossing(weights, np.array([0, 0]), np.array([0, 0])) == 0


def test_users_in_a_crowd_are_the_denser_half() -> None:
    """Three users within 100 m of each other, one 60 m from the next, and two alone."""
    positions = np.array([[0, 0], [50, 0], [0, 50], [1000, 0], [1060, 0], [5000, 0], [9000, 0]])
    assert in_the_denser_half(positions.astype(float)).tolist() == [True] * 3 + [False] * 4


def test_every_figure_is_a_number_and_shares_are_shares(looked: Looked) -> None:
    figures = area_figures(*looked)
    assert np.isfinite(list(figures.values())).all()
    assert all(0 <= value <= 1 for name, value in figures.items() if name.endswith("share"))
    assert figures["traffic across segments, share"] < figures["the same at random"]


def test_who_belongs_to_target_areas_is_counted(looked: Looked) -> None:
    found = looked[1]
    figures = target_figures(found)
    inside = found.areas.selected | found.areas.companions
    assert figures["other users in target areas, share"] == inside[found.gain > 0].mean()
    assert figures["satisfied users in target areas, share"] == inside[found.gain == 0].mean()


def test_what_there_is_nobody_for_is_left_out(looked: Looked) -> None:
    now, found = looked
    unloaded = replace(found, supply=replace(found.supply, loaded=np.zeros(8, bool)), gain=np.ones(60))
    figures = area_figures(now, unloaded)
    assert "loaded stations in target areas, share" not in figures
    assert "satisfied users in target areas, share" not in figures
    assert figures["other stations in target areas, share"] == found.areas.stations.mean()
