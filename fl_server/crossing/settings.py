"""How weights cross between the tiers."""

from dataclasses import dataclass

from data.coding import coding_named
from data.errors import InputError

NONE = "none"
COMPRESSED = ("top-k=0.05+int8", "top-k=0.1+int8")  # up and down, for who names none: see README.md


@dataclass(frozen=True, kw_only=True)
class CrossingSettings:
    """How the weights of trainings are written: updates `up`, twins `down`; none is as they are.

    See data/coding.py for the names. What goes down is counted from what a station has, so that nothing is
    lost for good; what goes up leaves out what the station adds to its next update. With `secure_sum` the
    server sees sums of updates alone.
    """

    up: str = NONE
    down: str = NONE
    secure_sum: bool = False

    def __post_init__(self) -> None:
        for spec in (self.up, self.down):
            if spec != NONE:
                coding_named(spec)
        if self.secure_sum and self.coded:
            raise InputError(
                "secure sum: numbers under masks look like any others, so they cannot be written in fewer "
                "bytes; expected no compress beside it"
            )

    @property
    def coded(self) -> bool:
        """Whether anything crosses in fewer bytes than it has."""
        return (self.up, self.down) != (NONE, NONE)

    @property
    def remembers(self) -> bool:
        """Whether stations must remember what their updates left out."""
        return self.up != NONE and coding_named(self.up).forgets

    @property
    def plain(self) -> bool:
        """Whether weights cross as they are."""
        return not (self.coded or self.secure_sum)
