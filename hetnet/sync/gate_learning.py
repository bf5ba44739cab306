"""A gate that is learned: soft actor-critic on the reports of clusters, stream after stream.

A report is a step of a cluster: it sees what `Sighting` holds, sends its twin up or not, and pays: 1 for a
sending, and ε / unit for a twin that it keeps from the network. So `unit` is the price of a sending, as a
distance that the network's knowledge of the cluster may be off for one report.

Axes: B samples, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.sync.agents import Batch
from hetnet.sync.gates import FEATURES, LearnedGate, Sighting, features, learned_gate
from hetnet.sync.sac import Sac, SacSettings

Floats32 = NDArray[np.float32]
GATE_SAC = SacSettings(
    hidden=(16,), discount=0.9, temperature=0.05, policy_rate=3e-3, value_rate=3e-3, target_share=0.02
)


@dataclass(frozen=True, kw_only=True)
class GateLearningSettings:
    """How a gate is learned; `worst` bounds what one report can cost, in sendings."""

    unit: float = 1e-6
    streams: int = 30
    updates: int = 100  # after each stream
    batch: int = 128
    worst: float = 10.0
    seed: int = 0
    sac: SacSettings = GATE_SAC

    def __post_init__(self) -> None:
        for name in ("streams", "updates", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"learning a gate: {name} is {getattr(self, name)}, expected 1 or more")
        for name in ("unit", "worst"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(
                    f"learning a gate: {name} is {getattr(self, name)}, expected a positive number"
                )
        if len(self.sac.hidden) != 1:
            raise InputError(f"learning a gate: {len(self.sac.hidden)} hidden layers, expected one")


@dataclass(frozen=True)
class Move:
    """A report, what was done about it, and what that cost."""

    seen: Sighting
    sent: bool

    def cost(self, unit: float, worst: float = np.inf) -> float:
        """What it cost, in sendings."""
        return 1.0 if self.sent else min(self.seen.distance / unit, worst)


@dataclass
class GateLearner:
    """Decides as its policy says, remembers what came of it, and learns after each stream."""

    settings: GateLearningSettings
    _moves: list[Move] = field(default_factory=list)
    _memory: list[tuple[Floats32, int, float, Floats32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        draws = np.random.SeedSequence(self.settings.seed).spawn(3)
        self._rng, self._samples, weights = (np.random.default_rng(each) for each in draws)
        self._sac = Sac(self.settings.sac, len(FEATURES), [weights])

    def decide(self, seen: Sighting) -> bool:
        """Whether to send, drawn as the policy says."""
        chance = self._sac.chances(torch.from_numpy(self._features(seen)[None, None]))
        sent = bool(self._rng.uniform() < float(chance[0, 0]))
        self._moves.append(Move(seen, sent))
        return sent

    def learn(self) -> list[Move]:
        """Learn from the stream that has ended; what was done in it."""
        moves, self._moves = self._moves, []
        for cluster in sorted({each.seen.cluster for each in moves}):
            self._remember([each for each in moves if each.seen.cluster == cluster])
        if self._memory:
            for _ in range(self.settings.updates):
                self._sac.update(self._batch())
        return moves

    def learned(self) -> LearnedGate:
        """The gate as it is now."""
        (first, first_bias), (second, second_bias) = self._sac.outputs().of_seed(0)
        return learned_gate([first, second, first_bias, second_bias], self.settings.unit)

    def _features(self, seen: Sighting) -> Floats32:
        return features(seen, self.settings.unit).astype(np.float32)

    def _remember(self, moves: Sequence[Move]) -> None:
        """The moves of a cluster with what followed each; nothing is known to follow the last."""
        for move, after in pairwise(moves):
            reward = -move.cost(self.settings.unit, self.settings.worst)
            then = self._features(after.seen)
            self._memory.append((self._features(move.seen), int(move.sent), reward, then))

    def _batch(self) -> Batch:
        drawn = self._samples.integers(len(self._memory), size=self.settings.batch)
        seen, done, earned, following = zip(*(self._memory[place] for place in drawn), strict=True)
        return Batch(
            torch.from_numpy(np.stack(seen)[None]),
            torch.tensor(done)[None],
            torch.tensor(earned, dtype=torch.float32)[None],
            torch.from_numpy(np.stack(following)[None]),
            torch.ones(1, len(drawn)),
        )
