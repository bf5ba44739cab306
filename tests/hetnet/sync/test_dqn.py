"""Deep Q-learning in the same frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from data.errors import InputError
from data.progress import finished
from hetnet.sync.agents import Batch
from hetnet.sync.dqn import Dqn, DqnSettings
from hetnet.sync.evaluation import Maker, compared
from hetnet.sync.figures_learning import OUR_DQN, Arena
from hetnet.sync.gym import SyncEnv
from hetnet.sync.lattice import lattice_settings, made_lattice, optimum
from hetnet.sync.rules import Policy
from hetnet.sync.training import LearningSettings, learning
from tests.hetnet.sync.toys import COLUMNS, best_return, toy


def _batch(seeds: int) -> Batch:
    generator = torch.Generator().manual_seed(7)
    seen = torch.randn(2, seeds, 16, 4, generator=generator)
    going = torch.ones(seeds, 16)
    going[:, ::3] = 0
    actions = torch.randint(0, 2, (seeds, 16), generator=generator)
    return Batch(seen[0], actions, torch.randn(seeds, 16, generator=generator), seen[1], going)


def _dqn(**settings: float) -> Dqn:
    return Dqn(DqnSettings(hidden=(8,), **settings), 4, [np.random.default_rng(each) for each in (1, 2)])  # type: ignore[arg-type]  # numbers of several kinds


@pytest.mark.parametrize("double", [False, True])
def test_the_target_is_the_reward_and_the_best_of_what_follows(double: bool) -> None:
    dqn, batch = _dqn(discount=0.9, double=double), _batch(2)
    dqn.values.descend(dqn.values(batch.observations).square().sum(), 0.1)  # now unlike its slow copy
    wanted = dqn._wanted(batch)
    for seed in range(2):
        for sample in range(16):
            slow, fast = (nets(batch.following)[seed, sample].tolist() for nets in (dqn.targets, dqn.values))
            best = slow[int(np.argmax(fast))] if double else max(slow)
            going = float(batch.going[seed, sample])
            expected = float(batch.rewards[seed, sample]) + 0.9 * going * best
            assert float(wanted[seed, sample]) == pytest.approx(expected, abs=1e-5)


def test_it_explores_less_and_less_down_to_its_floor() -> None:
    dqn, batch = _dqn(exploring=10, exploration=0.2), _batch(2)
    assert (dqn.chances(batch.observations) == 0.5).all()
    drawn = []
    for _ in range(12):
        dqn.update(batch)
        chances = dqn.chances(batch.observations)
        drawn.append(float(torch.minimum(chances, 1 - chances).max()) * 2)
    np.testing.assert_allclose(drawn[:8], 1 - np.arange(1, 9) / 10, atol=1e-6)
    np.testing.assert_allclose(drawn[8:], 0.2, atol=1e-6)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="discount"):
        DqnSettings(discount=2.0)


@pytest.mark.long
def test_it_comes_within_two_percent_of_the_best_policy_of_a_small_world() -> None:
    method = replace(OUR_DQN, hidden=(32, 32), discount=1.0)
    settings = LearningSettings(method=method, epochs=150, copies=32)
    training = finished(learning([toy] * 3, settings, (1, 2, 3), columns=COLUMNS))
    loss, most = best_return() - training.curve.surest[-1], best_return() - training.curve.surest[0]
    assert (loss < 0.02 * best_return()).all()
    assert (loss < 0.2 * most.max()).all()


@pytest.mark.long
@pytest.mark.parametrize("users", [1, 2])
def test_it_comes_within_two_percent_of_the_optimum_on_a_lattice(users: int) -> None:
    world = lattice_settings(users)
    arena = Arena(world, None)
    settings = LearningSettings(method=OUR_DQN, epochs=200, places=1.0, judged=3000, judged_every=200)
    makers = [arena.maker()] * 3
    training = finished(learning(makers, settings, (1, 2, 3), columns=arena.columns()))
    assert (training.curve.surest[-1] > 0.98 * optimum(made_lattice(world)).value).all()


@pytest.mark.long
@pytest.mark.oracle
def test_it_earns_what_the_dqn_of_stable_baselines_earns_on_the_same_environment() -> None:
    """Both have few samples of a lattice world; ours may not be the worse by more than 3 % of the optimum."""
    library = pytest.importorskip("stable_baselines3")
    world = lattice_settings(1)
    theirs = library.DQN(
        "MlpPolicy",
        SyncEnv(world),
        learning_rate=1e-3,
        buffer_size=40_000,
        learning_starts=1000,
        batch_size=256,
        tau=0.005,
        target_update_interval=1,
        gamma=0.95,
        train_freq=16,
        gradient_steps=4,
        exploration_fraction=0.3,
        policy_kwargs={"net_arch": [64, 64]},
        seed=1,
        device="cpu",
    )
    theirs.learn(40_000)
    arena = Arena(world, None)
    settings = LearningSettings(method=OUR_DQN, epochs=63, judged_every=63)  # 40,000 slots of 64 copies
    training = finished(learning([arena.maker()], settings, (1,), columns=arena.columns()))

    def chosen(observations: NDArray[np.float32]) -> NDArray[np.int64]:
        actions: NDArray[np.int64] = theirs.predict(observations, deterministic=True)[0]
        return actions

    ours = training.policies()[0]
    policies: dict[str, tuple[Maker, Policy]] = {
        "theirs": (arena.maker(), chosen),
        "ours": (arena.maker(), ours),
    }
    found = compared(policies, 3000, np.random.SeedSequence(3))
    best = optimum(made_lattice(world)).value
    assert found["theirs"].returns.mean() > 0.8 * best  # else it says nothing
    assert found["ours"].returns.mean() > found["theirs"].returns.mean() - 0.03 * best
