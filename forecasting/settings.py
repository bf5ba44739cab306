"""How a network is trained: the settings, and the learning rate that they give each epoch."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from data.errors import InputError

Engine = Literal["auto", "compiled", "torch"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Mini-batch training, the same for every station.

    `weight_decay` is an L2 term in the gradient for "sgd" and "adam" and decoupled for "adamw", as in
    torch. `clip_norm` limits the 2-norm of a station's gradient; 0 leaves it alone. `proximal` pulls
    towards the weights the call started from, (ρ/2)‖x − x₀‖² (FedProx). `huber_delta` is used by the
    loss "huber" alone. The cosine schedule falls from `learning_rate` to 0 over `horizon` epochs, which
    may span several calls; 0 means the epochs of this call, and a call without a state begins at
    `first_epoch` of it. `threads` spreads stations, not products:
    one thread is fastest for a few small networks.
    """

    epochs: int = 1
    batch_size: int = 64
    shuffle: bool = True
    learning_rate: float = 0.01
    schedule: Literal["constant", "cosine"] = "constant"
    horizon: int = 0
    first_epoch: int = 0
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    momentum: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    proximal: float = 0.0
    clip_norm: float = 0.0
    loss: Literal["mse", "huber"] = "mse"
    huber_delta: float = 1.0
    engine: Engine = "auto"
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "epsilon", "huber_delta"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("momentum", "weight_decay", "proximal", "clip_norm", "horizon", "first_epoch"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must not be negative, got {getattr(self, name)}")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise InputError(f"unknown device {self.device!r}, expected auto, cpu, cuda or cuda:N")
        if self.device.startswith("cuda") and self.engine == "compiled":
            raise InputError("the compiled engine runs on the processor alone, expected engine torch or auto")

    @property
    def first_moment(self) -> bool:
        """Whether the optimizer carries a running mean of the gradient."""
        return self.optimizer != "sgd" or self.momentum > 0

    @property
    def second_moment(self) -> bool:
        """Whether the optimizer carries a running mean of the squared gradient."""
        return self.optimizer != "sgd"


def learning_rate(settings: TrainingSettings, epoch: int) -> float:
    """The learning rate of `epoch`, counted from 0 over all calls that carried the optimizer's state."""
    if settings.schedule == "constant":
        return settings.learning_rate
    part = min(epoch / (settings.horizon or settings.epochs), 1.0)
    return settings.learning_rate * (1 + math.cos(math.pi * part)) / 2
