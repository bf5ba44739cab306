"""The world of the twin-synchronisation paper: what it prints, and what it leaves open.

Printed: users, blocks, side, slots, memory, weight, station and cloud, size, deadline, power, noise,
bandwidth, fading. Left open, and set here: how far a step goes, how users differ in how they walk, what
happens at the border, the interference, whether fading varies, what the station observes.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from data.errors import InputError

MOST_HIDDEN = 10_000  # units of a layer of a net
MOST_NUMBERS = 200_000_000  # drawn for an episode of all copies: 1.6 GB

Border = Literal["reflect", "stay", "open"]
Redrawn = Literal["world", "episode", "slot"]
Fading = Literal["none", "users", "blocks"]
Counted = Literal["once", "users"]
Distance = Literal["norm", "printed"]
BlockRule = Literal["joint", "printed"]
Foresight = Literal["hold", "drift", "gru"]
Observed = Literal["full", "paper"]
Starts = Literal["anywhere", "lattice"]


@dataclass(frozen=True, kw_only=True)
class SyncSettings:
    """One station, its users, its blocks, and a twin in the cloud.

    `step` is Δl, and `stay` the range within which each user's probability to stay is drawn: the paper gives
    neither. With steps of 4 a refresh pays in about one slot of five; with 1 or less hardly ever, with 10 in
    most. What is left of it is shared among the four directions, evenly for `bias` 0, all to one of them
    for 1. `interference` is the range of I_n, drawn evenly in decibels, per world, episode or slot.
    `fading` o_u is 1 as printed, or drawn with mean 1 per user and slot, or per user, block and slot.
    With `error_counted` by "users" the error stands within the sum over users of (5) as printed, U times
    that of (15). `distance` "printed" takes the root in d_ut a second time. `block_rule` "printed" gives the
    cloud the slowest block that is fast enough, "joint" the one that costs the users least.
    `foresight` is what the twin predicts by when it is not refreshed. `starts` on a "lattice" of multiples
    of a step keep a small world countable, so that its best policy can be computed (`lattice.py`).
    """

    users: int = 10
    blocks: int = 6
    side: float = 100.0
    slots: int = 30
    memory: int = 5
    step: float = 4.0
    stay: tuple[float, float] = (0.0, 1.0)
    bias: float = 0.5
    border: Border = "reflect"
    interference: tuple[float, float] = (1e-5, 1e-3)
    redrawn: Redrawn = "episode"
    fading: Fading = "none"
    weight: float = 0.987
    error_counted: Counted = "once"
    distance: Distance = "norm"
    block_rule: BlockRule = "joint"
    foresight: Foresight = "gru"
    observed: Observed = "full"
    starts: Starts = "anywhere"
    station: tuple[float, float] = (0.0, 0.0)
    cloud: tuple[float, float] = (20.0, 20.0)
    size: float = 0.1
    deadline: float = 2.5
    power: float = 1.0
    noise: float = 1e-5
    bandwidth: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("users", "blocks", "slots", "memory"):
            if getattr(self, name) < 1:
                raise InputError(f"sync: {name} is {getattr(self, name)}, expected 1 or more")
        for name in ("side", "size", "deadline", "power", "noise", "bandwidth"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise InputError(f"sync: {name} is {value}, expected a positive number")
        if not 0 <= self.step <= self.side:
            raise InputError(f"sync: step is {self.step}, expected 0 to the side of the area, {self.side:g}")
        if self.starts == "lattice" and self.step == 0:
            raise InputError(
                "sync: step is 0, expected more, of which the lattice that users start on is made"
            )
        for name in ("weight", "bias"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"sync: {name} is {value}, expected 0 to 1")
        low, high = self.stay
        if not 0 <= low <= high <= 1:
            raise InputError(f"sync: stay is {low} to {high}, expected a range within 0 to 1")
        low, high = self.interference
        if not 0 < low <= high < np.inf:
            raise InputError(f"sync: interference is {low} to {high}, expected a range of positive numbers")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"sync: {name} is {getattr(self, name)!r}, expected {' or '.join(known)}")


def refuse_too_many(settings: SyncSettings, copies: int, what: str) -> None:
    """Refuse so many copies of the world at a time that an episode of them would fill the memory."""
    faded = settings.users * settings.blocks if settings.fading == "blocks" else settings.users
    each = (settings.slots + settings.memory) * (2 * settings.users + settings.blocks + faded)
    if copies * each > MOST_NUMBERS:
        raise InputError(
            f"sync: {copies:,} {what} of {settings.users:,} users, {settings.blocks:,} blocks and "
            f"{settings.slots:,} slots, expected at most {MOST_NUMBERS // each:,} of that size"
        )


CHOICES: dict[str, tuple[str, ...]] = {
    "border": get_args(Border),
    "redrawn": get_args(Redrawn),
    "fading": get_args(Fading),
    "error_counted": get_args(Counted),
    "distance": get_args(Distance),
    "block_rule": get_args(BlockRule),
    "foresight": get_args(Foresight),
    "observed": get_args(Observed),
    "starts": get_args(Starts),
}
