"""Whose traffic can be served by whom, beside a radio network in which that is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.plane import degrees, pair_distances
from hetnet.network import Floats
from hetnet.operations.coverage import REACH, classes_of, reaches
from hetnet.operations.rerouting import nearest, problem_of, routes_of
from hetnet.scene import SceneSettings, made_scene, received

STATIONS = 30


def true_shares(seed: int, crowded: float) -> tuple[Floats, Floats]:
    """Stations' places, and whom the users of each hear next best, (M, M): where they go when it is off."""
    scene = made_scene(
        SceneSettings(
            users=4000, macro=STATIONS, small=0, half_width=1000, hotspots=40, crowded=crowded, seed=seed
        )
    )
    order = np.argsort(-received(scene, scene.users.positions), axis=1)
    moved = np.zeros((STATIONS, STATIONS))
    np.add.at(moved, (order[:, 0], order[:, 1]), 1.0)
    return degrees(scene.stations.positions / 1000, (9.0, 45.0)), moved


def foretold_shares(positions: Floats, times_spacing: float) -> Floats:
    """Where the traffic of each station goes when it alone is off, (M, M), by coverage."""
    found = np.zeros((STATIONS, STATIONS))
    for station in range(STATIONS):
        classes = classes_of(positions, reaches(positions, times_spacing), np.array([station]))
        silent = np.arange(STATIONS)[None] == station
        problem = problem_of(
            classes, np.ones((1, STATIONS)), silent, np.zeros_like(silent), np.ones(STATIONS)
        )
        routes = routes_of(problem, nearest(problem))
        found[station, routes.target] = routes.share[0]
    return found


def off_by(shares: Floats, moved: Floats) -> float:
    """The share of the traffic of stations that goes elsewhere than `shares` say."""
    users = moved.sum(axis=1)
    there = users > 0
    truth = moved[there] / users[there, None]
    apart = 1 - np.minimum(shares[there], truth).sum(axis=1)
    return float((apart * users[there]).sum() / users.sum())


@pytest.mark.parametrize("crowded", [0.0, 0.8])
def test_coverage_foretells_where_users_go_better_than_the_nearest_alone(crowded: float) -> None:
    ours, simple = [], []
    for seed in range(1, 6):
        positions, moved = true_shares(seed, crowded)
        apart = pair_distances(positions) + np.where(np.eye(STATIONS) > 0, np.inf, 0.0)
        ours.append(off_by(foretold_shares(positions, REACH), moved))
        simple.append(off_by((apart == apart.min(axis=1, keepdims=True)).astype(np.float64), moved))
    assert np.mean(ours) < 0.6 * np.mean(simple)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0.3, 4))
def test_shares_are_a_whole_and_nobody_takes_over_from_itself(seed: int, times_spacing: float) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 0.05, (12, 2)) + np.array([9.0, 45.0])
    classes = classes_of(positions, reaches(positions, times_spacing), np.arange(12))
    assert np.bincount(classes.station, weights=classes.share) == pytest.approx(np.ones(12))
    assert not (classes.candidates == classes.station[:, None]).any()


def test_a_station_between_two_others_gives_half_to_each() -> None:
    positions = np.array([[9.0, 45.0], [9.01, 45.0], [9.02, 45.0]])
    classes = classes_of(positions, np.full(3, 2.0), np.array([1]))
    first = np.bincount(classes.candidates[:, 0], weights=classes.share, minlength=3)
    assert first[[0, 2]] == pytest.approx([0.5, 0.5], abs=0.06)
