"""How weights cross between the tiers."""

from dataclasses import dataclass

from data.coding import Coding, coding_named
from data.errors import InputError

NONE = "none"
# Of updates up, of twins down, and of those between clusters and network, for who names none: see README.md.
COMPRESSED = ("top-k=0.05+int8", "top-k=0.1+int8", "int8")


@dataclass(frozen=True, kw_only=True)
class CrossingSettings:
    """How weights are written: updates `up`, twins `down` to stations; none is as they are.

    See data/coding.py for the names. What goes down is counted from what a station has, so that nothing is
    lost for good; what goes up leaves out what the station adds to its next update. Between `clusters` and
    network twins are counted from what the other side has, both ways. With `secure_sum` the server sees sums
    of updates alone.
    """

    up: str = NONE
    down: str = NONE
    clusters: str = NONE
    secure_sum: bool = False

    def __post_init__(self) -> None:
        for spec in (self.up, self.down, self.clusters):
            if spec != NONE:
                coding_named(spec)
        if self.secure_sum and self.coded:
            raise InputError(
                "secure sum: numbers under masks look like any others, so they cannot be written in fewer "
                "bytes; expected no compress beside it"
            )

    @property
    def coded(self) -> bool:
        """Whether anything crosses in fewer bytes than it has between stations and clusters."""
        return (self.up, self.down) != (NONE, NONE)

    @property
    def between_clusters(self) -> Coding | None:
        """How twins are written between clusters and network, if not as they are."""
        return None if self.clusters == NONE else coding_named(self.clusters)

    @property
    def remembers(self) -> bool:
        """Whether stations must remember what their updates left out."""
        return self.up != NONE and coding_named(self.up).forgets

    @property
    def plain(self) -> bool:
        """Whether weights cross as they are between stations and clusters."""
        return not (self.coded or self.secure_sum)
