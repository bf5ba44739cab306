"""What learners of S seeds have in common: networks that are trained side by side, and what they remember.

Axes: S seeds, E copies of the world, B samples, F features, A = 2 actions, P parameters, R slots kept.

Seeds never meet: every product, every step of Adam and every drawn sample is of one seed, so that ten seeds
at once learn what each would learn alone, in a fifth of the time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import InputError
from hetnet.sync.rules import Layers
from hetnet.sync.settings import MOST_HIDDEN

Arrays = dict[str, NDArray[np.float32]]
ACTIONS = 2
MOMENTS, SMALL = (0.9, 0.999), 1e-8  # of Adam, as torch has them


def check_learner(name: str, hidden: Sequence[int], rates: Mapping[str, float]) -> None:
    """Refuse nets with empty layers and steps that lead nowhere or uphill."""
    if min(hidden, default=1) < 1 or max(hidden, default=1) > MOST_HIDDEN:
        raise InputError(f"{name}: hidden layers of {hidden} units, expected 1 to {MOST_HIDDEN:,} in each")
    for rate, value in rates.items():
        if not value > 0:
            raise InputError(f"{name}: {rate} is {value}, expected a positive number")


class Learner(Protocol):
    """S seeds of one learner. `chances` are those of refreshing while it explores."""

    def chances(self, observations: Tensor) -> Tensor:  # (S, E, F) -> (S, E)
        ...

    def update(self, batch: "Batch", pace: float = 1.0) -> None:
        """Learn from a batch, at all learning rates times `pace`."""

    def outputs(self) -> "Nets":
        """The nets whose larger output is the better action."""
        ...

    def arrays(self) -> Arrays: ...

    def restore(self, arrays: Mapping[str, NDArray[np.float32]]) -> None: ...


@dataclass(frozen=True)
class Batch:
    """What B slots of each seed brought."""

    observations: Tensor  # (S, B, F)
    actions: Tensor  # (S, B)
    rewards: Tensor  # (S, B)
    following: Tensor  # (S, B, F)
    going: Tensor  # (S, B) 1, or 0 where the episode ended: nothing follows


class Nets:
    """Perceptrons of one shape, all parameters in one array (S, P), with Adam's state beside them."""

    def __init__(self, sizes: Sequence[int], rngs: Sequence[np.random.Generator]) -> None:
        self.sizes = tuple(sizes)
        self.values = torch.from_numpy(np.stack([_initial(self.sizes, rng) for rng in rngs]))  # (S, P)
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.steps = 0
        self._layers = layers(self.values, self.sizes)
        self._leaves = [leaf.requires_grad_() for pair in self._layers for leaf in pair]

    def __call__(self, inputs: Tensor) -> Tensor:
        """The outputs (S, B, O) for `inputs` (S, B, F)."""
        *hidden, (weight, bias) = self._layers
        for inner_weight, inner_bias in hidden:
            inputs = torch.relu_(torch.baddbmm(inner_bias, inputs, inner_weight))
        return torch.baddbmm(bias, inputs, weight)

    def descend(self, loss: Tensor, rate: float) -> None:
        """One step of Adam down `loss`, a sum over seeds of losses of their own."""
        slopes = torch.cat([slope.flatten(1) for slope in torch.autograd.grad(loss, self._leaves)], dim=1)
        self.steps += 1
        with torch.no_grad():
            self.first.lerp_(slopes, 1 - MOMENTS[0])
            self.second.mul_(MOMENTS[1]).addcmul_(slopes, slopes, value=1 - MOMENTS[1])
            first_share, second_share = (1 - moment**self.steps for moment in MOMENTS)
            size = (self.second / second_share).sqrt_().add_(SMALL)
            self.values.addcdiv_(self.first, size, value=-rate / first_share)

    def follow(self, others: "Nets", share: float) -> None:
        """Come nearer to the parameters of `others` by this share of the way."""
        with torch.no_grad():
            self.values.lerp_(others.values, share)

    def arrays(self, name: str) -> Arrays:
        """All that these nets are, to be stored under names that begin with `name`."""
        parts = {"values": self.values, "first": self.first, "second": self.second}
        arrays = {f"{name}.{part}": tensor.numpy().copy() for part, tensor in parts.items()}
        return arrays | {f"{name}.steps": np.array([self.steps], np.float32)}

    def restore(self, name: str, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Become what was stored under `name`."""
        for part, tensor in (("values", self.values), ("first", self.first), ("second", self.second)):
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(np.array(arrays[f"{name}.{part}"])))
        self.steps = int(arrays[f"{name}.steps"][0])

    def of_seed(self, seed: int) -> Layers:
        """The layers of one of the nets, each a weight (in, out) and a bias (out,)."""
        mine = layers(self.values[seed : seed + 1], self.sizes)
        return tuple((weight[0].numpy().copy(), bias[0, 0].numpy().copy()) for weight, bias in mine)


def layers(values: Tensor, sizes: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Views of `values` (S, P): of each layer a weight (S, in, out) and a bias (S, 1, out)."""
    found, start = [], 0
    for inputs, outputs in pairwise(sizes):
        middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
        weight = values[:, start:middle].unflatten(1, (inputs, outputs))
        found.append((weight.detach(), values[:, None, middle:end].detach()))
        start = end
    return found


def _initial(sizes: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Parameters (P,) drawn as torch draws those of linear layers."""
    parts = [
        rng.uniform(-1, 1, (inputs + 1) * outputs) / np.sqrt(inputs) for inputs, outputs in pairwise(sizes)
    ]
    return np.concatenate(parts).astype(np.float32)


class Replay:
    """The last R slots that each seed saw in all its copies; the oldest makes room.

    What followed a slot stands in the next one, so nothing is kept twice. After an episode's last slot stands
    the first of the next episode, which `going` keeps out of every sum.
    """

    def __init__(self, slots: int, shape: tuple[int, int, int]) -> None:
        seeds, copies, _ = shape
        self.observations = torch.zeros(slots, *shape)  # (R, S, E, F)
        self.actions = torch.zeros(slots, seeds, copies, dtype=torch.int64)
        self.rewards = torch.zeros(slots, seeds, copies)
        self.going = torch.ones(slots, 1, 1)
        self.seen = 0  # slots ever kept

    def keep(self, observations: Tensor, actions: Tensor, rewards: Tensor, ended: bool) -> None:
        """Remember one slot: what was seen (S, E, F), done and earned (S, E)."""
        place = self.seen % len(self.observations)
        self.observations[place], self.actions[place], self.rewards[place] = observations, actions, rewards
        self.going[place] = 0.0 if ended else 1.0
        self.seen += 1

    def batch(self, chances: Tensor) -> Batch:
        """The samples that `chances` (S, B), even in [0, 1), point at; the newest slot is not among them."""
        slots, seeds, copies, features = self.observations.shape
        pointed = (chances * (min(self.seen, slots) - 1) * copies).long()  # (S, B)
        slot = (self.seen - 2 - pointed // copies) % slots
        inside = torch.arange(seeds)[:, None] * copies + pointed % copies
        place = (slot * seeds * copies + inside).flatten()
        later = ((slot + 1) % slots * seeds * copies + inside).flatten()
        seen = self.observations.view(-1, features)
        shape = chances.shape
        return Batch(
            seen.index_select(0, place).view(*shape, features),
            self.actions.view(-1).index_select(0, place).view(shape),
            self.rewards.view(-1).index_select(0, place).view(shape),
            seen.index_select(0, later).view(*shape, features),
            self.going.view(-1).index_select(0, slot.flatten()).view(shape),
        )

    def arrays(self) -> Arrays:
        """All that is remembered, to be stored."""
        stored = min(self.seen, len(self.observations))
        parts = {"observations": self.observations, "rewards": self.rewards, "going": self.going}
        arrays = {f"replay.{part}": tensor[:stored].numpy().copy() for part, tensor in parts.items()}
        actions = self.actions[:stored].numpy().astype(np.float32)
        return arrays | {"replay.actions": actions, "replay.seen": np.array([self.seen], np.float32)}

    def restore(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Remember what was stored."""
        self.seen = int(arrays["replay.seen"][0])
        stored = min(self.seen, len(self.observations))
        for part in ("observations", "actions", "rewards", "going"):
            getattr(self, part)[:stored] = torch.from_numpy(np.array(arrays[f"replay.{part}"]))
