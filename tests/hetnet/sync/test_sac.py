"""Discrete soft actor-critic, its equations computed apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.progress import finished
from hetnet.sync.agents import Batch
from hetnet.sync.figures_learning import OUR_SAC, Arena
from hetnet.sync.lattice import lattice_settings, made_lattice, optimum
from hetnet.sync.sac import Sac, SacSettings
from hetnet.sync.training import LearningSettings, learning
from tests.hetnet.sync.toys import COLUMNS, best_return, toy


def _rngs(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


def _batch(seeds: int, samples: int = 16, features: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(7)
    seen = torch.randn(2, seeds, samples, features, generator=generator)
    rewards = torch.randn(seeds, samples, generator=generator)
    actions = torch.randint(0, 2, (seeds, samples), generator=generator)
    going = (torch.rand(seeds, samples, generator=generator) < 0.7).float()
    return Batch(seen[0], actions, rewards, seen[1], going)


def _printed(sac: Sac, batch: Batch, seed: int) -> tuple[float, float]:
    """J_Q summed over both critics and J_π of one seed, sample by sample as (13), (18), (20) have them."""
    seeds, settings = len(batch.rewards), sac.settings
    alpha = settings.temperature
    critic_loss = policy_loss = 0.0
    with torch.no_grad():
        policy, following = (
            sac.policy(each).softmax(-1).double().numpy()[seed]
            for each in (batch.observations, batch.following)
        )
        here = sac.critics(batch.observations.repeat(2, 1, 1)).double().numpy()[[seed, seeds + seed]]
        there = sac.targets(batch.following.repeat(2, 1, 1)).double().numpy()[[seed, seeds + seed]]
    samples = batch.rewards.shape[1]
    for sample in range(samples):
        value = 0.0
        for action in (0, 1):
            chance = following[sample, action]
            value += chance * (min(there[:, sample, action]) - alpha * np.log(chance))
            chance = policy[sample, action]
            policy_loss += chance * (alpha * np.log(chance) - min(here[:, sample, action])) / samples
        bracket = float(batch.rewards[seed, sample])
        bracket += settings.discount * float(batch.going[seed, sample]) * value
        for critic in (0, 1):
            done = here[critic, sample, int(batch.actions[seed, sample])]
            critic_loss += 0.5 * (done - bracket) ** 2 / samples
    return critic_loss, policy_loss


def _losses(sac: Sac, batch: Batch) -> tuple[list[float], list[float]]:
    """The two losses of every seed as the learner has them, which must fall along its own steps."""
    printed = [_printed(sac, batch, seed) for seed in range(len(batch.rewards))]
    return [each[0] for each in printed], [each[1] for each in printed]


def test_the_slopes_of_both_losses_are_those_of_the_printed_equations() -> None:
    settings = SacSettings(hidden=(6,), temperature=0.3, policy_rate=1e-3, value_rate=1e-3)
    sac, batch = Sac(settings, 4, _rngs(1, 2)), _batch(2)
    wanted = sac._wanted(batch)
    said = sac.critics(batch.observations.repeat(2, 1, 1))
    done = said.gather(-1, batch.actions.repeat(2, 1)[..., None])[..., 0]
    losses = 0.5 * (done - wanted.repeat(2, 1)).square().mean(-1)  # (2 S,)
    printed = [_printed(sac, batch, seed)[0] for seed in range(2)]
    np.testing.assert_allclose((losses[:2] + losses[2:]).detach(), printed, rtol=1e-5)


def test_one_update_lowers_the_losses_of_every_seed() -> None:
    settings = SacSettings(hidden=(16,), temperature=0.3, policy_rate=1e-3, value_rate=1e-3)
    sac, batch = Sac(settings, 4, _rngs(1, 2, 3)), _batch(3)
    before = _losses(sac, batch)
    for _ in range(20):
        sac.update(batch)
    after = _losses(sac, batch)
    assert all(new < old for new, old in zip(after[0], before[0], strict=True))


def test_with_fixed_values_the_policy_becomes_their_softmax_over_the_temperature() -> None:
    settings = SacSettings(hidden=(16,), temperature=0.5, policy_rate=1e-2)
    sac, batch = Sac(settings, 4, _rngs(1)), _batch(1)
    values = torch.tensor([0.3, 0.8]).expand(1, 16, 2)
    for _ in range(1000):
        sac._improve_policy(batch.observations, values)
    expected = (values / 0.5).softmax(-1)[..., 1]
    torch.testing.assert_close(sac.chances(batch.observations), expected, atol=5e-3, rtol=0)


def test_with_both_critics_the_smaller_value_is_believed_or_the_mean() -> None:
    said = torch.tensor([[[1.0, 5.0]], [[3.0, 2.0]]])  # two critics, one seed, one sample
    least, mean = (
        Sac(SacSettings(critic=critic), 4, _rngs(1))._believed(said) for critic in ("least", "mean")
    )
    assert least.tolist() == [[[1.0, 2.0]]]
    assert mean.tolist() == [[[2.0, 3.5]]]


def test_an_automatic_temperature_brings_the_entropy_to_its_aim() -> None:
    settings = SacSettings(
        hidden=(16,), temperature=0.05, entropy=0.5, policy_rate=3e-3, temperature_rate=1e-2
    )
    sac, batch = Sac(settings, 4, _rngs(1, 2)), _batch(2)
    values = torch.tensor([0.3, 0.8]).expand(2, 16, 2)
    for _ in range(3000):
        sac._adapt_temperature(sac._improve_policy(batch.observations, values))
    chance = sac.chances(batch.observations).double()
    entropy = -(chance * chance.log() + (1 - chance) * (1 - chance).log()).mean(1)
    np.testing.assert_allclose(entropy / np.log(2), 0.5, atol=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"discount": 1.5},
        {"temperature": 0.0},
        {"critic": "most"},
        {"hidden": (64, 0)},
        {"policy_rate": -1.0},
        {"temperature_rate": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        SacSettings(**wrong)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.long
def test_it_comes_within_two_percent_of_the_best_policy_of_a_small_world() -> None:
    method = replace(OUR_SAC, hidden=(32, 32), discount=1.0)
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
    settings = LearningSettings(method=OUR_SAC, epochs=200, places=1.0, judged=3000, judged_every=200)
    makers = [arena.maker()] * 3
    training = finished(learning(makers, settings, (1, 2, 3), columns=arena.columns()))
    assert (training.curve.surest[-1] > 0.98 * optimum(made_lattice(world)).value).all()
