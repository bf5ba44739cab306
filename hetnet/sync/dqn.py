"""Deep Q-learning, the paper's baseline, in the frame of `sac.py`: S seeds at once.

Axes: S seeds, B samples, F features, A = 2 actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import InputError
from hetnet.sync.agents import ACTIONS, Arrays, Batch, Nets, check_learner


@dataclass(frozen=True, kw_only=True)
class DqnSettings:
    """The paper says that its baseline's parameters are like its own method's.

    At first every action is drawn, after `exploring` updates still one in 1 / `exploration`. The `double`
    variant chooses by the net and judges by its slow copy.
    """

    hidden: tuple[int, ...] = (64, 64)
    discount: float = 0.8
    value_rate: float = 1e-3
    target_share: float = 0.005
    exploration: float = 0.05
    exploring: int = 2000
    double: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1 or not 0 <= self.exploration <= 1 or not 0 < self.target_share <= 1:
            raise InputError(
                f"DQN: discount {self.discount}, exploration {self.exploration} and target_share "
                f"{self.target_share} are shares, expected 0 to 1"
            )
        check_learner("DQN", self.hidden, {"value_rate": self.value_rate})
        if self.exploring < 1:
            raise InputError(f"DQN: exploring is {self.exploring}, expected 1 or more updates")


class Dqn:
    """S seeds of deep Q-learning: a net of values and its slow copy each."""

    def __init__(self, settings: DqnSettings, features: int, rngs: Sequence[np.random.Generator]) -> None:
        self.settings = settings
        sizes = (features, *settings.hidden, ACTIONS)
        self.values, self.targets = Nets(sizes, rngs), Nets(sizes, rngs)
        self.targets.follow(self.values, 1.0)

    def chances(self, observations: Tensor) -> Tensor:
        """How probable a refresh is, (S, E): the better action, but for what is drawn to explore."""
        with torch.no_grad():
            values = self.values(observations)
        drawn = max(1 - self.values.steps / self.settings.exploring, self.settings.exploration)
        return drawn / ACTIONS + (1 - drawn) * (values[..., 1] > values[..., 0]).float()

    def update(self, batch: Batch, pace: float = 1.0) -> None:
        """One step towards r + β max Q(s', a); the slow copy follows."""
        wanted = self._wanted(batch)
        of_done = self.values(batch.observations).gather(-1, batch.actions[..., None])[..., 0]  # (S, B)
        self.values.descend(0.5 * (of_done - wanted).square().mean(-1).sum(), pace * self.settings.value_rate)
        self.targets.follow(self.values, self.settings.target_share)

    def _wanted(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            values = self.targets(batch.following)  # (S, B, A)
            if self.settings.double:
                best = self.values(batch.following).argmax(-1, keepdim=True)
                following = values.gather(-1, best)[..., 0]
            else:
                following = values.amax(-1)
            return batch.rewards + self.settings.discount * batch.going * following

    def outputs(self) -> Nets:
        """The values: the larger is that of the better action."""
        return self.values

    def arrays(self) -> Arrays:
        """All that was learned, to be stored."""
        return self.values.arrays("values") | self.targets.arrays("targets")

    def restore(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Become what was stored."""
        self.values.restore("values", arrays)
        self.targets.restore("targets", arrays)
