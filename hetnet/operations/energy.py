"""What stations draw from the mains, by the linear model of the EARTH project.

    N · (P0 + Δp · P)   while it serves, P being what it radiates; asleep N · Psleep

(Auer and others, How much energy is needed to run a wireless network?, IEEE Wireless Communications 18(5),
2011, the power model and its table; the defaults are its macro station of 2010.) What is radiated is taken to
grow with the load, up to the most at full load.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.operations.play_kernels import Power


@dataclass(frozen=True, kw_only=True)
class PowerModel:
    """The constants of one kind of station."""

    transceivers: int = 6
    idle: float = 130.0  # W of each transceiver at no load, P0
    slope: float = 4.7  # Δp
    radiated: float = 20.0  # W of each transceiver at full load
    asleep: float = 75.0  # W of each transceiver

    def __post_init__(self) -> None:
        if self.transceivers < 1:
            raise InputError(f"energy: transceivers {self.transceivers}, expected at least 1")
        for name in ("idle", "slope", "radiated", "asleep"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise InputError(f"energy: {name} {value}, expected a number of at least 0")
        if self.asleep > self.idle:
            raise InputError(f"energy: asleep {self.asleep} W, expected at most idle {self.idle} W")


def drawn_watts(model: PowerModel) -> Power:
    """What a station draws at no load, how much more at full load, and asleep."""
    count = float(model.transceivers)
    return Power(count * model.idle, count * model.slope * model.radiated, count * model.asleep)
