"""Nets of many seeds, and what learners remember."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hetnet.sync.agents import Nets, Replay
from hetnet.sync.rules import Perceptron


def _rngs(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


def _as_torch(nets: Nets, seed: int) -> torch.nn.Sequential:
    parts: list[torch.nn.Module] = []
    for weight, bias in nets.of_seed(seed):
        linear = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        parts += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


def test_each_seed_computes_what_torch_computes_with_its_layers() -> None:
    nets = Nets((5, 8, 7, 2), _rngs(1, 2, 3))
    inputs = torch.randn(3, 11, 5, generator=torch.Generator().manual_seed(0))
    for seed in range(3):
        torch.testing.assert_close(nets(inputs)[seed], _as_torch(nets, seed)(inputs[seed]))


def test_each_seed_descends_as_it_would_alone_under_torchs_adam() -> None:
    nets = Nets((5, 8, 2), _rngs(1, 2))
    alone = [_as_torch(nets, seed) for seed in range(2)]
    optimizers = [torch.optim.Adam(each.parameters(), 0.01) for each in alone]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        inputs = torch.randn(2, 11, 5, generator=generator)
        nets.descend((nets(inputs) - 1).square().mean((1, 2)).sum(), 0.01)
        for each, optimizer, mine in zip(alone, optimizers, inputs, strict=True):
            optimizer.zero_grad()
            (each(mine) - 1).square().mean().backward()
            optimizer.step()
    inputs = torch.randn(2, 11, 5, generator=generator)
    for seed in range(2):
        torch.testing.assert_close(nets(inputs)[seed], alone[seed](inputs[seed]), rtol=1e-4, atol=1e-5)


def test_a_seeds_first_weights_do_not_depend_on_the_other_seeds() -> None:
    several, alone = Nets((5, 8, 2), _rngs(1, 2)), Nets((5, 8, 2), _rngs(2))
    assert torch.equal(several.values[1], alone.values[0])


def test_a_perceptron_of_numpy_leads_as_the_net_does() -> None:
    nets = Nets((5, 8, 2), _rngs(4))
    inputs = np.random.default_rng(0).normal(size=(1, 50, 5)).astype(np.float32)
    outputs = nets(torch.from_numpy(inputs)).detach().numpy()[0]
    policy = Perceptron(nets.of_seed(0))
    np.testing.assert_allclose(policy.lead(inputs[0]), outputs[:, 1] - outputs[:, 0], atol=1e-6)
    np.testing.assert_array_equal(policy(inputs[0]), outputs.argmax(1))


def _told(replay: Replay, slots: int, every: int) -> None:
    """Keep slots whose observations, actions and rewards tell when and where they were."""
    _, seeds, copies, _ = replay.observations.shape
    place = torch.arange(seeds * copies).view(seeds, copies)
    for slot in range(slots):
        told = torch.stack([torch.full_like(place, slot), place], dim=-1).float()
        replay.keep(told, (place + slot) % 2, told[..., 0] * 100 + told[..., 1], (slot + 1) % every == 0)


@given(st.integers(3, 12), st.integers(2, 40), st.integers(1, 6))
def test_a_sample_is_followed_by_the_next_slot_of_the_same_copy(kept: int, slots: int, every: int) -> None:
    replay = Replay(kept, (2, 3, 2))
    _told(replay, slots, every)
    batch = replay.batch(torch.linspace(0, 1 - 1e-6, 200).repeat(2, 1))
    slot, place = batch.observations.unbind(-1)
    later, same = batch.following.unbind(-1)
    assert torch.equal(later, slot + 1)
    assert torch.equal(same, place)
    assert torch.equal(batch.rewards, slot * 100 + place)
    assert torch.equal(batch.actions, (place + slot).long() % 2)
    assert torch.equal(batch.going, 1 - ((slot + 1) % every == 0).float())
    assert (place[0] < 3).all()  # the first seed's copies
    assert (place[1] >= 3).all()


@given(st.integers(3, 12), st.integers(2, 40))
def test_all_kept_slots_but_the_newest_are_drawn(kept: int, slots: int) -> None:
    replay = Replay(kept, (1, 2, 2))
    _told(replay, slots, 5)
    batch = replay.batch(torch.linspace(0, 1 - 1e-6, 500)[None])
    assert set(batch.observations[0, :, 0].tolist()) == set(range(max(0, slots - kept), slots - 1))
