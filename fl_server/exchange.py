"""What crosses between the tiers: messages and bytes, in both directions.

The bytes are those of the weights that a message carries, which is nearly all of it; headers, signatures and
error sums are not in it.
"""

from dataclasses import astuple, dataclass, replace
from typing import Literal, get_args

Tier = Literal["station_cluster", "cluster_network", "station_network"]


@dataclass(frozen=True)
class Flow:
    """Messages and bytes between two tiers; up is towards the network twin."""

    messages_up: int = 0
    messages_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def messages(self) -> int:
        """Messages in both directions."""
        return self.messages_up + self.messages_down

    @property
    def bytes(self) -> int:
        """Bytes in both directions."""
        return self.bytes_up + self.bytes_down


@dataclass(frozen=True)
class Exchange:
    """The flows of one phase: by way of cluster twins, or straight to the network twin (single-level)."""

    station_cluster: Flow = Flow()
    cluster_network: Flow = Flow()
    station_network: Flow = Flow()

    def counted(self, tier: Tier, *, up: int = 0, down: int = 0, size: int) -> "Exchange":
        """The same with `up` and `down` more messages of `size` bytes at a tier."""
        flow: Flow = getattr(self, tier)
        more = Flow(
            flow.messages_up + up,
            flow.messages_down + down,
            flow.bytes_up + up * size,
            flow.bytes_down + down * size,
        )
        return replace(self, **{tier: more})


def together(one: Exchange, other: Exchange) -> Exchange:
    """The flows of both."""
    return Exchange(*(_sum(getattr(one, tier), getattr(other, tier)) for tier in get_args(Tier)))


def without_clusters(exchange: Exchange) -> Exchange:
    """What was counted by way of one cluster, as that of stations which talk to the network twin itself."""
    return Exchange(station_network=exchange.station_cluster)


def _sum(one: Flow, other: Flow) -> Flow:
    return Flow(*(mine + theirs for mine, theirs in zip(astuple(one), astuple(other), strict=True)))
