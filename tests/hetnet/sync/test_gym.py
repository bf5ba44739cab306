"""The environments of Gymnasium: they pass its own check, are the same world, and can be looked at."""

from dataclasses import replace
from itertools import product
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from hetnet.sync.gym import (
    DEFAULT,
    ERROR,
    INK,
    NAME,
    PIXELS,
    REFRESH,
    REFUSED,
    STRIP,
    TWIN,
    SyncEnv,
    SyncVectorEnv,
    drawn_area,
    drawn_slots,
)
from hetnet.sync.predictors import Hold
from hetnet.sync.settings import SyncSettings
from hetnet.sync.world import Copies


def test_the_registered_environment_passes_gymnasiums_check() -> None:
    check_env(gymnasium.make(NAME, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize(
    "change",
    [
        {"observed": "paper"},
        {"border": "open"},
        {"foresight": "hold", "fading": "blocks"},
        {"users": 1, "blocks": 2},
    ],
)
def test_every_kind_of_world_passes_it_too(change: dict[str, Any]) -> None:
    check_env(SyncEnv(replace(DEFAULT, **change)), skip_render_check=True)


def test_a_world_with_a_predictor_passes_it() -> None:
    check_env(SyncEnv(SyncSettings(), Hold()), skip_render_check=True)


def test_one_environment_is_one_copy_of_the_world() -> None:
    made, _ = gymnasium.make(NAME), None
    seen, _told = made.reset(seed=5)
    env = made.unwrapped
    assert isinstance(env, SyncEnv)
    copies = Copies(DEFAULT, 1, np.random.Generator(np.random.PCG64(5)))
    assert (seen == copies.reset()[0]).all()
    ended = False
    for slot in range(DEFAULT.slots):
        seen, reward, ended, cut, told = made.step(np.int64(slot % 3 == 0))
        came = copies.step(np.array([slot % 3 == 0]))
        assert (seen == came.observations[0]).all()
        assert reward == came.rewards[0]
        assert (told["synced"], told["error"], cut) == (came.synced[0], came.errors[0], False)
    assert ended


def test_many_environments_are_stepped_at_once_and_begin_anew_by_themselves() -> None:
    made = gymnasium.make_vec(NAME, num_envs=64)
    assert isinstance(made, SyncVectorEnv)
    seen, _ = made.reset(seed=6)
    copies = Copies(DEFAULT, 64, np.random.Generator(np.random.PCG64(6)))
    assert (seen == copies.reset()).all()
    assert seen in made.observation_space
    for slot in range(DEFAULT.slots):
        chosen = np.full(64, slot % 2)
        seen, rewards, ended, _cut, _ = made.step(chosen)
        came = copies.step(chosen)
        assert (rewards == came.rewards).all()
        assert (ended == (slot == DEFAULT.slots - 1)).all()
    seen, rewards, ended, _cut, _ = made.step(chosen)
    assert (seen == copies.reset()).all()
    assert not rewards.any()
    assert not ended.any()


@pytest.mark.parametrize(
    ("border", "foresight"), list(product(["reflect", "stay", "open"], ["hold", "drift"]))
)
def test_what_is_seen_is_within_the_space_that_is_told(border: Any, foresight: Any) -> None:
    env = SyncEnv(replace(DEFAULT, border=border, foresight=foresight, step=20.0))
    seen, _ = env.reset(seed=7)
    assert seen in env.observation_space
    for _ in range(DEFAULT.slots):
        assert env.step(np.int64(0))[0] in env.observation_space


def test_a_picture_is_drawn_of_users_twins_and_slots() -> None:
    env = SyncEnv(render_mode="rgb_array")
    env.reset(seed=8)
    for slot in range(10):
        env.step(np.int64(slot == 4))
    image = env.render()
    assert image is not None
    assert image.shape == (PIXELS + STRIP, PIXELS, 3)
    assert {INK, TWIN, REFRESH, ERROR} <= {tuple(map(int, colour)) for colour in image.reshape(-1, 3)}


def test_without_a_render_mode_there_is_no_picture() -> None:
    env = SyncEnv()
    env.reset(seed=8)
    assert env.render() is None


def test_users_are_painted_where_they_are() -> None:
    settings = replace(DEFAULT, users=2)
    true, twin = np.array([[-50.0, 50.0], [25.0, -25.0]]), np.array([[-50.0, 50.0], [25.0, 25.0]])
    image = drawn_area(settings, true, twin)
    assert tuple(image[0, 0]) == INK  # the upper left corner
    last = PIXELS - 1
    assert tuple(image[round(0.75 * last), round(0.75 * last)]) == INK
    assert tuple(image[round(0.25 * last), round(0.75 * last)]) == TWIN
    assert tuple(image[round(0.5 * last), round(0.75 * last)]) == ERROR  # on the way from one to the other


def test_slots_are_bars_of_the_error_or_a_refresh() -> None:
    strip = drawn_slots([(1.0, False, False), (0.0, True, False), (4.0, False, True)], 30)
    assert [tuple(strip[-1, 8 + 16 * slot]) for slot in range(3)] == [ERROR, REFRESH, REFUSED]
    heights = [(strip[1:, 8 + 16 * slot] != 255).any(axis=-1).sum() for slot in range(3)]
    assert heights[2] == STRIP - 4
    assert heights[0] == round((STRIP - 4) / 4)
