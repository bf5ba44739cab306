"""What decides who attacks a run, and how it is defended; see README.md."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import InputError

AttackKind = Literal[
    "none",
    "random",
    "scaled",
    "sign-flip",
    "label-shift",
    "a-little",
    "min-max",
    "colluding",
    "replay",
    "adaptive",
]
ATTACKS: dict[str, tuple[float, str]] = {  # its usual strength, and what it does
    "random": (10.0, "noise, so many times as long as an honest change"),
    "scaled": (10.0, "the honest change, so many times as long"),
    "sign-flip": (3.0, "the honest change turned round, so many times as long"),
    "label-shift": (2.0, "trained on readings raised by so many standard deviations"),
    "a-little": (1.5, "the honest mean less so many standard deviations (Baruch et al. 2019)"),
    "min-max": (1.0, "as far off as honest updates lie apart, so many times (Shejwalkar, Houmansadr 2021)"),
    "colluding": (3.0, "neighbours that all send the honest mean turned round, so many times as long"),
    "replay": (1.0, "the first update sent again and again"),
    "adaptive": (0.9, "as far off as this part of what the defence lets through"),
}
WITHOUT_STRENGTH = "replay"
MOST = 0.5  # no rule tells a majority of attackers from the honest


@dataclass(frozen=True, kw_only=True)
class AttackSettings:
    """Which share of the stations attacks, drawn by the seed, and how; a strength of 0 is the usual one."""

    kind: AttackKind = "none"
    share: float = 0.2
    strength: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= MOST:
            raise InputError(
                f"the share of attackers must lie in (0, {MOST}], got {self.share}: "
                "where they are more than half, they are what the rest is held against"
            )
        if not 0 <= self.strength < np.inf:
            raise InputError(
                f"the strength of an attack must be positive, or 0 for the usual one, got {self.strength}"
            )
        if self.strength and self.kind == WITHOUT_STRENGTH:
            raise InputError(f"the attack {self.kind} has no strength, expected none, got {self.strength}")

    @property
    def power(self) -> float:
        """Its strength."""
        return self.strength or ATTACKS[self.kind][0]


@dataclass(frozen=True, kw_only=True)
class DefenceSettings:
    """How twins are paired with their physical counterparts.

    Each update is tried by `witnesses`, drawn anew each time, on their readings of the last `hours`. One
    that errs more than usual by the share `gross` is dropped; so is one whose station has erred more by
    `margin` over its last updates, each counting `memory` times as much as the next. Likewise the twins
    of clusters, before they go into that of the network.
    """

    kind: Literal["none", "pairing"] = "none"
    witnesses: int = 7
    hours: float = 48.0
    gross: float = 0.5
    margin: float = 0.12
    memory: float = 0.8

    def __post_init__(self) -> None:
        if self.witnesses < 3:
            raise InputError(f"witnesses must be at least 3, so that one cannot decide, got {self.witnesses}")
        if not 0 < self.hours < np.inf:
            raise InputError(f"hours must be positive, got {self.hours}")
        if not 0 < self.margin <= self.gross < np.inf:
            raise InputError(f"margin must be positive and at most gross, got {self.margin} and {self.gross}")
        if not 0 <= self.memory < 1:
            raise InputError(f"memory must be in [0, 1), got {self.memory}")
