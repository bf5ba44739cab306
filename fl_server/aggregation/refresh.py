"""The rules by which the G-NDT is refreshed in H-twinning, when a C-NDT arrives.

Axes: P parameters.
"""

# ruff: noqa: ARG002 - every rule takes the same arguments, and some need few of them

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from data.errors import InputError
from fl_server.aggregation.specs import demand, nearest, settings_of, split_spec
from fl_server.aggregation.strategies import result_of
from fl_server.aggregation.updates import Floats, State, Strategy, Updates, as_floats

Fading = Literal["constant", "polynomial", "hinge"]
REFRESHES: dict[str, str] = {
    "cluster-mean": "merge all clusters' latest C-NDTs by the global tier's strategy (Algorithm 3, line 6)",
    "mix": "move towards the C-NDT that arrived (Eq. 3; rate=0.6, staleness=polynomial, power=0.5)",
    "buffered": "sum up the changes of some arrivals first (FedBuff; size=5, rate=1, staleness=polynomial)",
}


@dataclass(frozen=True)
class Arrival:
    """A C-NDT that reached the global tier.

    It evolved from `start`, the G-NDT that its cluster had last seen; `staleness` G-NDT versions were made
    since then.
    """

    cluster: int
    weights: Floats  # (P,)
    start: Floats  # (P,)
    staleness: int
    samples: int


class Refresh(Protocol):
    """Makes the new G-NDT when a C-NDT arrives.

    `known` holds the latest C-NDT of each cluster that ever sent one, the arriving one included, in the
    order of clusters: one that is late or has vanished counts by its last word.
    """

    def __call__(
        self, current: Floats, arrival: Arrival, known: Updates, state: State
    ) -> tuple[Floats | None, State]:
        """The new G-NDT, None where it stays as it is, and what to remember for the next arrival."""
        ...


@dataclass(frozen=True, kw_only=True)
class Staleness:
    """Trust s in an arrival that is Δ versions old (FedAsync, Xie et al. 2019), 1 for a fresh one.

    constant 1; polynomial (Δ + 1)^−power; hinge 1 up to Δ = hinge, then 1 / (slope·(Δ − hinge) + 1).
    The defaults are theirs; power = .5 is also FedBuff's 1/√(1 + Δ).
    """

    staleness: Fading = "polynomial"
    power: float = 0.5
    hinge: float = 4.0
    slope: float = 10.0

    def __post_init__(self) -> None:
        for name in ("power", "hinge", "slope"):
            value = getattr(self, name)
            demand(value >= 0, f"staleness: {name} must be 0 or more, got {value}")

    def trust(self, age: int) -> float:
        """s(age), in (0, 1]."""
        match self.staleness:
            case "constant":
                return 1.0
            case "polynomial":
                return float((age + 1) ** -self.power)
            case "hinge":
                return 1.0 if age <= self.hinge else 1 / (self.slope * (age - self.hinge) + 1)


@dataclass(frozen=True)
class ClusterMean:
    """The global tier's strategy over the latest C-NDTs of all clusters (Algorithm 3, line 6)."""

    strategy: Strategy

    def __call__(
        self,
        current: Floats,
        arrival: Arrival,
        known: Updates,
        state: State,
    ) -> tuple[Floats | None, State]:
        """The merged C-NDTs; the state is the strategy's."""
        return result_of(self.strategy, current, known, state)


@dataclass(frozen=True, kw_only=True)
class Mix(Staleness):
    """α ← α + rate·s·(α_c − α) (Eq. 3, with FedAsync's staleness s)."""

    rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(0 < self.rate <= 1, f"mix: rate must be in (0, 1], got {self.rate}")

    def __call__(
        self,
        current: Floats,
        arrival: Arrival,
        known: Updates,
        state: State,
    ) -> tuple[Floats | None, State]:
        """The G-NDT moved towards the C-NDT that arrived."""
        share = self.rate * self.trust(arrival.staleness)
        return as_floats((1 - share) * current.astype(np.float64) + share * arrival.weights), state


@dataclass(frozen=True, kw_only=True)
class Buffered(Staleness):
    """α ← α + (rate/size)·Σ s·(α_c − start) after every `size` arrivals (FedBuff, Nguyen et al. 2022).

    Each change is counted from the G-NDT that its cluster started from, not from the present one. A cluster
    that reports twice within one buffer counts twice.
    """

    size: int = 5
    rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(self.size >= 1, f"buffered: size must be 1 or more, got {self.size}")
        demand(self.rate > 0, f"buffered: rate must be above 0, got {self.rate}")

    def __call__(
        self,
        current: Floats,
        arrival: Arrival,
        known: Updates,
        state: State,
    ) -> tuple[Floats | None, State]:
        """The refreshed G-NDT when the buffer is full, None before."""
        change = self.trust(arrival.staleness) * (arrival.weights.astype(np.float64) - arrival.start)
        total = state["total"] + change if state else change
        count = int(state["count"]) + 1 if state else 1
        if count < self.size:
            return None, {"total": total, "count": np.array(count)}
        return as_floats(current + self.rate / self.size * total), {}


def chosen_refresh(spec: str, strategy: Strategy) -> Refresh:
    """The refresh rule that `spec` names, as in `mix:rate=0.5,staleness=hinge`.

    `strategy` is the global tier's, for cluster-mean.
    """
    name, texts = split_spec(spec)
    match name:
        case "cluster-mean":
            demand(not texts, f"cluster-mean has no settings, got {', '.join(texts)}")
            return ClusterMean(strategy)
        case "mix":
            return Mix(**settings_of(Mix, texts, name, arguments=0))  # type: ignore[arg-type]  # read by type
        case "buffered":
            return Buffered(**settings_of(Buffered, texts, name, arguments=0))  # type: ignore[arg-type]  # same
    raise InputError(
        f"unknown refresh rule {name!r}, expected one of {', '.join(REFRESHES)}{nearest(name, REFRESHES)}"
    )
