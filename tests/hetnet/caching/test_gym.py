"""The world as environments of Gymnasium. Axes: E copies, D of an observation."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import hetnet.caching.gym as caching
from data.errors import InputError
from hetnet.caching.stations import HIT, STATION, copied, served
from hetnet.caching.systems import RELIABLE_TWIN, first_parameters, policy_of
from tests.hetnet.caching.worlds import small_world


def single(steps: int = 300, *, safe: bool = False) -> caching.CacheEnv:
    return caching.CacheEnv(world=small_world(), steps=steps, safe=safe)


def test_gymnasium_finds_no_fault() -> None:
    env = gymnasium.make(caching.NAME, world=small_world(), steps=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_a_policy_does_in_the_environment_what_compiled_stations_do() -> None:
    env = single()
    parameters = first_parameters(RELIABLE_TWIN) + np.linspace(-0.3, 0.3, 15)
    policy = policy_of(RELIABLE_TWIN, parameters)
    seen, _ = env.reset(seed=3)
    begin = env._place
    start = int(np.flatnonzero(env.episodes.begins == begin)[0])
    span = (begin, begin + 300)
    wanted = served(env.episodes.course, copied(env.episodes.heard[start]), policy, env.episodes.rules, span)
    found, ended = [], False
    while not ended:
        seen, _, _, ended, told = env.step(np.int64(caching.action_of(policy, seen, env.episodes.rules)))
        found.append((told["hit"], told["station"]))
    assert np.array_equal(np.array(found), wanted[:, [HIT, STATION]])
    assert wanted[:, HIT].sum() > 30


def test_copies_are_those_that_single_environments_would_be() -> None:
    many = caching.CacheVectorEnv(3, world=small_world(), steps=40)
    seen, _ = many.reset(seed=1)
    alone = single(40)
    alone._state = copied(
        alone.episodes.heard[int(np.flatnonzero(alone.episodes.begins == many._places[1])[0])]
    )
    alone._place, alone._last = int(many._places[1]), int(many._places[1]) + 40
    assert np.array_equal(seen[1], alone._observed())
    rng = np.random.default_rng(0)
    for _ in range(39):
        actions = rng.integers(0, 2 * 61, 3)
        seen, rewards, *_ = many.step(actions)
        mine, reward, *_ = alone.step(actions[1])
        assert np.array_equal(seen[1], mine)
        assert rewards[1] == reward


def test_episodes_end_and_begin_again() -> None:
    many = caching.CacheVectorEnv(2, world=small_world(), steps=3)
    many.reset(seed=1)
    cut = [bool(many.step(np.zeros(2, np.int64))[3].all()) for _ in range(7)]
    assert cut == [False, False, True, False, False, False, True]


def test_safe_environments_take_away_for_uneven_loads() -> None:
    env = single(300, safe=True)
    env.reset(seed=0)
    rewards = [env.step(np.int64(60))[1] for _ in range(300)]  # every client at home, nothing is kept
    assert min(rewards) < 0


def test_episodes_longer_than_the_history_are_refused() -> None:
    with pytest.raises(InputError, match="episodes of 1000000 requests"):
        single(1_000_000)
