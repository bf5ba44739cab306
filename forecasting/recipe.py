"""What all stations of a run do alike: which forecaster, what it sees, how it is trained."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from data.errors import InputError
from data.inputs import INPUTS
from data.windows import SplitSettings
from forecasting.networks import NAMES
from forecasting.private import PrivacySettings
from forecasting.settings import TrainingSettings

Personal = Literal["none", "head", "steps"]

# Chosen on the training days of the real set milan25, never on its test days: see README.md.
VERTICAL_TRAINING = TrainingSettings(
    batch_size=64,
    learning_rate=0.02,
    schedule="cosine",
    optimizer="adamw",
    weight_decay=0.1,
    loss="huber",
)
SETTLING_TRAINING = replace(VERTICAL_TRAINING, learning_rate=1e-3)
HORIZONTAL_TRAINING = replace(VERTICAL_TRAINING, learning_rate=1e-3, schedule="constant")
PERSONAL_TRAINING = replace(HORIZONTAL_TRAINING, epochs=2)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A forecaster and its training in each phase; a schedule spans all turns of its phase.

    `settling` is that of the last rounds of V-twinning, in which clusters keep to themselves. In the
    horizontal phase a station trains on its latest `memory_days`; 0 means on its whole history. `personal`
    says how a station makes a twin of its own out of the one it is sent: it fits the head alone, pulled to
    the shared one by `head_strength`, or makes `personal_training`. `privacy` bounds what it tells of itself.
    """

    model: str = "mlp"
    hidden: tuple[int, ...] | None = None
    inputs: str = "profile"
    native_step: bool = False
    split: SplitSettings = field(default_factory=SplitSettings)
    vertical: TrainingSettings = VERTICAL_TRAINING
    settling: TrainingSettings = SETTLING_TRAINING
    horizontal: TrainingSettings = HORIZONTAL_TRAINING
    memory_days: float = 28
    personal: Personal = "none"
    head_strength: float = 100.0
    personal_training: TrainingSettings = PERSONAL_TRAINING
    seed: int = 1
    privacy: PrivacySettings = field(default_factory=PrivacySettings)

    def __post_init__(self) -> None:
        if self.model not in NAMES:
            raise InputError(f"unknown network {self.model!r}, expected one of {', '.join(NAMES)}")
        if self.inputs not in INPUTS:
            raise InputError(f"unknown inputs {self.inputs!r}, expected one of {', '.join(INPUTS)}")
        if not 0 <= self.memory_days < np.inf:
            raise InputError(f"memory_days must not be negative, got {self.memory_days}")
        if not 0 < self.head_strength < np.inf:
            raise InputError(f"head_strength must be positive, got {self.head_strength}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")
