from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.association import strongest_association
from hetnet.channel import ChannelSettings
from hetnet.network import in_range, rates, served, transmitted
from hetnet.scene import (
    HOME,
    SERVICES,
    WALKING,
    WORK,
    SceneSettings,
    at_work,
    equal_power,
    generator,
    made_scene,
    network_at,
    received,
    resized,
    started_walk,
    walked,
)


def share_on_small(variant: str, seeds: range) -> float:
    """The share of users whom a small station reaches more strongly than any macro station."""
    found = []
    for seed in seeds:
        channel = ChannelSettings(path_loss=variant)  # type: ignore[arg-type] # a plain str
        scene = made_scene(SceneSettings(seed=seed), channel)
        strongest = received(scene, scene.users.positions).argmax(axis=1)
        found.append((~scene.stations.macro[strongest]).mean())
    return float(np.mean(found))


def test_the_default_scene_is_the_papers() -> None:
    scene = made_scene(SceneSettings())
    assert (scene.stations.macro.sum(), (~scene.stations.macro).sum(), len(scene.users)) == (5, 20, 200)
    np.testing.assert_allclose(scene.stations.power[[0, -1]], [10, 0.0501], rtol=1e-3)
    assert np.abs(scene.users.positions).max() <= 600


def test_the_same_seed_makes_the_same_scene_and_another_makes_another() -> None:
    one, again, other = (made_scene(SceneSettings(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.users.positions, again.users.positions)
    np.testing.assert_array_equal(one.shadows.waves, again.shadows.waves)
    assert not np.array_equal(one.users.positions, other.users.positions)


def test_printed_path_loss_moves_half_of_the_users_to_small_stations() -> None:
    assert 0.1 < share_on_small("sound", range(10)) < 0.25
    assert 0.4 < share_on_small("literal", range(10)) < 0.65


def test_users_crowd_where_they_are_told_to() -> None:
    settings = SceneSettings(crowded=1.0, hotspots=3)
    scene = made_scene(settings, crowds=np.array([0.0, 1.0, 0.0]))
    apart = np.linalg.norm(scene.users.positions - scene.hotspots[1], axis=1)
    assert np.median(apart) < 2 * settings.hotspot_metres


def test_macro_stations_stand_apart_and_inside() -> None:
    places = made_scene(SceneSettings()).stations.positions[:5]
    assert np.abs(places).max() < 600
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(5)
    assert apart.min() > 300


def test_services_share_out_users_and_their_wishes() -> None:
    users = made_scene(SceneSettings(users=4000)).users
    shares = np.bincount(users.service, minlength=len(SERVICES)) / 4000
    np.testing.assert_allclose(shares, [each.share for each in SERVICES], atol=0.03)


@given(st.integers(0, 500), st.integers(0, 3))
def test_nobody_is_served_out_of_range_or_beyond_slots(seed: int, slots: int) -> None:
    rng = np.random.default_rng(seed)
    power, allowed = rng.random((12, 4)), rng.random((12, 4)) < 0.5
    serving = strongest_association(power, np.full(4, slots), allowed).serving
    to = np.flatnonzero(serving >= 0)
    assert allowed[to, serving[to]].all()
    taken = np.bincount(serving[to], minlength=4)
    assert (taken <= slots).all()
    left_out = np.flatnonzero(serving < 0)
    assert not (allowed[left_out] & (taken < slots)).any()


def test_with_slots_for_all_each_user_has_its_strongest_station() -> None:
    power = np.random.default_rng(0).random((9, 3))
    serving = strongest_association(power, np.full(3, 9), np.ones((9, 3), dtype=bool)).serving
    np.testing.assert_array_equal(serving, power.argmax(axis=1))


def test_equal_power_uses_all_of_a_station_that_serves_anyone() -> None:
    stations = made_scene(SceneSettings(macro=1, small=1)).stations
    np.testing.assert_allclose(equal_power(np.array([0, 0, -1]), stations), [5, 5, 0])


def test_a_network_of_the_scene_keeps_to_its_stations() -> None:
    scene = made_scene(SceneSettings())
    network = network_at(scene, scene.users.positions, generator(1, 9))
    assert (served(network) <= scene.stations.slots).all()
    assert (transmitted(network) <= scene.stations.power * (1 + 1e-9)).all()
    to = np.flatnonzero(network.serving >= 0)
    assert in_range(network.users, network.stations)[to, network.serving[to]].all()
    assert np.isfinite(rates(network)).all()


@pytest.mark.parametrize(
    "changes",
    [{"small": 0}, {"macro": 0}, {"users": 1}, {"macro_slots": 0, "small_slots": 0}, {"hotspots": 1}],
)
def test_scenes_at_the_edge_make_networks(changes: dict[str, int]) -> None:
    scene = made_scene(replace(SceneSettings(), **changes))
    network = network_at(scene, scene.users.positions, generator(1, 9))
    assert np.isfinite(rates(network)).all()


def test_a_resized_scene_is_as_dense() -> None:
    large = resized(SceneSettings(), 800)
    assert (large.users, large.macro, large.small, large.hotspots) == (800, 20, 80, 40)
    assert large.half_width == 1200


def test_nobody_walks_faster_than_one_walks_and_all_get_to_work_and_home() -> None:
    scene = made_scene(SceneSettings(users=40, commuting=1.0))
    rng = generator(1, 9)
    walks = [started_walk(scene, hour=8)]
    for minute in range(9 * 60, 11 * 60):
        walks.append(walked(scene, walks[-1], minute // 60, 60, rng))
    metres = [np.linalg.norm(after.positions - before.positions, axis=1) for before, after in pairwise(walks)]
    assert np.max(metres) <= WALKING * 60 * (1 + 1e-9)
    assert np.linalg.norm(walks[-1].positions - scene.places[WORK], axis=1).max() < 150
    assert np.ptp(walks[-1].positions, axis=0).max() > 100


def test_the_week_knows_when_people_work() -> None:
    assert at_work(9)
    assert not at_work(8)
    assert not at_work(18)
    assert not at_work(5 * 24 + 10)  # Saturday
    assert at_work(7 * 24 + 10)  # Monday again
    assert (HOME, WORK) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users": 0}, "users"),
        ({"macro": 0, "small": 0}, "station"),
        ({"half_width": 0.0}, "half_width"),
        ({"crowded": 1.5}, "crowded"),
        ({"small_slots": -1}, "small_slots"),
        ({"macro_dbm": float("inf")}, "macro_dbm"),
    ],
)
def test_settings_that_make_no_scene_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SceneSettings(**changes)  # type: ignore[arg-type] # bad on purpose


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users": 99999999}, "users: found 99,999,999, expected at most 20,000"),
        ({"small": 99999999}, "macro and small: found 100,000,004, expected at most 2,000"),
        ({"macro": 99999999}, "macro and small: found 100,000,019, expected at most 2,000"),
        ({"hotspots": 99999999}, "hotspots: found 99,999,999, expected at most 2,000"),
        (
            {"users": 20_000, "small": 295},
            "users: found 20,000, expected at most 13,333 beside 300 stations",
        ),
    ],
)
def test_what_fills_the_memory_is_refused_with_the_largest_there_may_be(
    changes: dict[str, int], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        replace(SceneSettings(), **changes)


def test_crowds_that_are_no_shares_are_refused() -> None:
    for crowds in (np.zeros(10), np.ones(3), np.full(10, np.nan)):
        with pytest.raises(InputError, match="crowds"):
            made_scene(SceneSettings(), crowds=crowds)
