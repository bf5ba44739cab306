"""Discrete soft actor-critic (twin-synchronisation paper, III-C and III-D), S seeds at once.

Axes: S seeds, B samples, F features, A = 2 actions (0 keep the twin's own prediction, 1 refresh it), K = 2
critics, stacked as 2 S nets: first critics first.

Where we depart from the paper: steps are Adam's, not plain SGD's; the square of (20) covers the whole
bracket, as the printed parentheses do not; both critics have the same target, from the smaller of the two (or
their mean), which is what the paper says two critics are for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import InputError
from hetnet.sync.agents import ACTIONS, Arrays, Batch, Nets, check_learner

Critic = Literal["least", "mean"]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SacSettings:
    """Constants of the paper's Table I where it has them; `target_share` and `hidden` it leaves open.

    `entropy`, as a share of ln 2, is what an automatic temperature aims at; 0 keeps `temperature` (α) fixed.
    `critic` is which of two critics is believed; `soft_values` whether V counts entropy, as (13) prints.
    """

    hidden: tuple[int, ...] = (64, 64)
    discount: float = 0.8
    temperature: float = 0.05
    entropy: float = 0.0
    policy_rate: float = 1e-4
    value_rate: float = 1e-3
    temperature_rate: float = 1e-3
    target_share: float = 0.005
    critic: Critic = "least"
    soft_values: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1 or not 0 <= self.entropy < 1 or not 0 < self.target_share <= 1:
            raise InputError(
                f"SAC: discount {self.discount}, entropy {self.entropy} and target_share {self.target_share} "
                "are shares, expected 0 to 1"
            )
        names = ("temperature", "policy_rate", "value_rate", "temperature_rate")
        check_learner("SAC", self.hidden, {name: getattr(self, name) for name in names})
        if self.critic not in get_args(Critic):
            raise InputError(f"SAC: critic is {self.critic!r}, expected least or mean")


class Sac:
    """S seeds of soft actor-critic: a policy, two critics and their slow copies each."""

    def __init__(self, settings: SacSettings, features: int, rngs: Sequence[np.random.Generator]) -> None:
        self.settings = settings
        sizes = (features, *settings.hidden, ACTIONS)
        self.policy = Nets(sizes, rngs)  # (S, ...)
        self.critics = Nets(sizes, [*rngs, *rngs])  # (2 S, ...) of their own: a generator goes on drawing
        self.targets = Nets(sizes, [*rngs, *rngs])
        self.targets.follow(self.critics, 1.0)
        self.heat = torch.full((len(rngs), 1), np.log(settings.temperature))  # (S, 1) ln α
        self.heat_moments = torch.zeros(2, len(rngs), 1)

    def chances(self, observations: Tensor) -> Tensor:
        """How probable the policy makes a refresh, (S, E)."""
        with torch.no_grad():
            chances: Tensor = self.policy(observations).softmax(-1)[..., 1]
        return chances

    def update(self, batch: Batch, pace: float = 1.0) -> None:
        """One step of critics (21), policy (19) and, if it is automatic, temperature; the targets follow."""
        values = self._improve_critics(batch, self._wanted(batch), pace)
        logs = self._improve_policy(batch.observations, values, pace)
        if self.settings.entropy > 0:
            self._adapt_temperature(logs)
        self.targets.follow(self.critics, self.settings.target_share)

    def _wanted(self, batch: Batch) -> Tensor:
        """What the critics should say of what was done: r + β V(s'), with V of (13), (S, B)."""
        with torch.no_grad():
            logs = self.policy(batch.following).log_softmax(-1)  # (S, B, A)
            values = self._believed(self.targets(batch.following.repeat(2, 1, 1)))  # (S, B, A)
            if self.settings.soft_values:
                values = values - self.heat.exp()[..., None] * logs
            expected = (logs.exp() * values).sum(-1)  # exact: over both actions, nothing is drawn
            return batch.rewards + self.settings.discount * batch.going * expected

    def _improve_critics(self, batch: Batch, wanted: Tensor, pace: float = 1.0) -> Tensor:
        """A step down (20) for both critics; what they said of the batch before it, (S, B, A)."""
        said = self.critics(batch.observations.repeat(2, 1, 1))  # (2 S, B, A)
        of_done = said.gather(-1, batch.actions.repeat(2, 1)[..., None])[..., 0]  # (2 S, B)
        loss = 0.5 * (of_done - wanted.repeat(2, 1)).square().mean(-1).sum()
        self.critics.descend(loss, pace * self.settings.value_rate)
        return self._believed(said.detach())

    def _improve_policy(self, observations: Tensor, values: Tensor, pace: float = 1.0) -> Tensor:
        """A step down (18), both actions weighed exactly; the policy's ln π before it, (S, B, A)."""
        logs = self.policy(observations).log_softmax(-1)
        regret = logs.exp() * (self.heat.exp()[..., None] * logs - values)
        self.policy.descend(regret.sum(-1).mean(-1).sum(), pace * self.settings.policy_rate)
        return logs.detach()

    def _adapt_temperature(self, logs: Tensor) -> None:
        """Warm up where the policy is surer than `entropy` asks, cool down where it is less."""
        entropy = -(logs.exp() * logs).sum(-1).mean(-1, keepdim=True)  # (S, 1)
        slope = entropy - self.settings.entropy * np.log(ACTIONS)
        self.heat_moments[0].lerp_(slope, 0.1)
        self.heat_moments[1].lerp_(slope.square(), 0.001)
        share = 1 - 0.9**self.policy.steps, 1 - 0.999**self.policy.steps
        step = (self.heat_moments[0] / share[0]) / ((self.heat_moments[1] / share[1]).sqrt() + 1e-8)
        self.heat -= self.settings.temperature_rate * step

    def _believed(self, said: Tensor) -> Tensor:
        """What two critics (2 S, B, A) come to, (S, B, A)."""
        first, second = said.chunk(2)
        return torch.minimum(first, second) if self.settings.critic == "least" else (first + second) / 2

    def outputs(self) -> Nets:
        """The policy: the larger of its outputs is the more probable action."""
        return self.policy

    def arrays(self) -> Arrays:
        """All that was learned, to be stored."""
        nets = {"policy": self.policy, "critics": self.critics, "targets": self.targets}
        arrays = {name: array for part, each in nets.items() for name, array in each.arrays(part).items()}
        heat = {"heat": self.heat.numpy().copy(), "heat_moments": self.heat_moments.numpy().copy()}
        return arrays | heat

    def restore(self, arrays: Mapping[str, Floats32]) -> None:
        """Become what was stored."""
        for name, nets in (("policy", self.policy), ("critics", self.critics), ("targets", self.targets)):
            nets.restore(name, arrays)
        self.heat = torch.from_numpy(np.array(arrays["heat"]))
        self.heat_moments = torch.from_numpy(np.array(arrays["heat_moments"]))
