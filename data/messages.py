"""All that crosses the wire between the server and its stations: orders and their answers.

An order may be for several stations at once, as a multicast; each of them gives an answer of its own. No
answer has room for a series: what leaves a station is weights, counts, and sums over many steps.

Axes: P parameters, F features.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.inputs import Layout
from data.traffic import StationId

Weights = NDArray[np.float32]
Array = NDArray[np.float64]
Phase = Literal["vertical", "settling", "horizontal", "personal"]
SumBy = Literal["nothing", "station", "window"]
PHASES: tuple[Phase, ...] = get_args(Phase)  # a station draws other random numbers in each


@dataclass(frozen=True)
class Timeline:
    """The steps of a station: those before `train_steps` are history, the others its stream."""

    start: np.datetime64
    step_minutes: int
    first_step: int  # that has its whole past, so that it can be forecast
    train_steps: int
    steps: int


@dataclass(frozen=True)
class DescribeOrder:
    """Tell what you are like, from all that happened before step `until`; None is the end of the history."""

    stations: tuple[StationId, ...]
    until: int | None = None


@dataclass(frozen=True)
class Description:
    """What a station reveals of itself: a signature, its z-score, its steps, what its windows look like."""

    station: StationId
    day: Array  # (24,)
    week: Array  # (168,)
    mean: float
    scale: float
    timeline: Timeline
    layout: Layout


@dataclass(frozen=True)
class TrainOrder:
    """Train `weights` on what happened before step `until`; this is turn `turn` of `turns` of a phase.

    A host with several of the stations may answer with the sum of their weights: each station's counts once,
    or once for each of its windows. By `nothing`, every station answers for itself.
    """

    stations: tuple[StationId, ...]
    weights: Weights  # (P,)
    phase: Phase
    turn: int
    turns: int
    until: int
    sum_by: SumBy = "nothing"


@dataclass(frozen=True)
class Update:
    """What a station's training made of the weights it was sent."""

    station: StationId
    weights: Weights  # (P,)
    samples: int
    loss: float


@dataclass(frozen=True)
class Summed:
    """What the trainings of several stations of one host made of the weights they were sent, added up."""

    stations: tuple[StationId, ...]
    sums: Array  # (2, P) see data/exact_sums.py
    samples: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class EvaluateOrder:
    """Say how well `weights` forecast the steps from `first` to `last`, `last` not among them.

    With `personal` the station first adapts the weights to itself, on what happened before `first`; `linear`
    weights are those of a linear forecaster, whatever the run's own is.
    """

    stations: tuple[StationId, ...]
    weights: Weights  # (P,)
    first: int
    last: int
    personal: bool = False
    linear: bool = False


@dataclass(frozen=True)
class Errors:
    """Sums over the steps of an evaluation whose truth was measured.

    The range of the truth is told over a day or more only: over one step it would be the load itself.
    """

    station: StationId
    count: int
    squared: float
    absolute: float
    raw_absolute: float  # in the unit of the load
    spread: float  # of the truth, z-scored; 0 where it is not told


@dataclass(frozen=True)
class MomentsOrder:
    """Send the statistics from which a ridge regression on your history before `until` can be had."""

    stations: tuple[StationId, ...]
    first: int
    until: int


@dataclass(frozen=True)
class Moments:
    """Sums over samples x (the features, then a 1 for the intercept) with targets y: all a ridge needs."""

    gram: Array  # (F + 1, F + 1) Σ x xᵀ
    moment: Array  # (F + 1,) Σ x y
    squares: float  # Σ y²
    count: int


@dataclass(frozen=True)
class MomentsAnswer:
    """The moments of a station's windows."""

    station: StationId
    moments: Moments


@dataclass(frozen=True)
class IntroduceOrder:
    """Say who you are; every station that can take part in the run answers."""


@dataclass(frozen=True)
class Introduction:
    """Who a station is, and what kind of series it holds.

    The time zone is that of its wall clock, the fingerprint a SHA-256 of the series. A station that cannot
    take part says why it is `unfit`.
    """

    station: StationId
    longitude: float
    latitude: float
    channel: str
    step_minutes: int
    timezone: str | None
    filled: int  # values that stand for a gap
    fingerprint: str
    unfit: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a station gives no other answer."""

    station: StationId
    reason: str


Order = IntroduceOrder | DescribeOrder | TrainOrder | EvaluateOrder | MomentsOrder
Single = Introduction | Description | Update | Errors | MomentsAnswer | Failure
Answer = Single | Summed
