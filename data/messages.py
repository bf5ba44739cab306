"""All that crosses the wire between the server, its stations, and cluster heads: orders and their answers.

An order may be for several stations at once, as a multicast; each of them gives an answer of its own. No
answer has room for a series: what leaves a station is weights, counts, and sums over many steps.

Axes: P parameters, F features.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.coding import Coded
from data.inputs import Layout
from data.traffic import StationId

Weights = NDArray[np.float32]
Array = NDArray[np.float64]
Octets = NDArray[np.uint8]
Phase = Literal["vertical", "settling", "horizontal", "personal"]
SumBy = Literal["nothing", "station", "window"]
LACKING = "does not have the weights that an order counts from"
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
class Crossing:
    """How the weights of a training cross: what goes down as a `change` of weights that stations have.

    `base` is the digest of those; without a change the order's own weights count. The update comes back as
    this `coding` writes it. What a station remembers between trainings is that of one `course` of a run.
    """

    coding: str
    course: str
    base: str = ""
    change: Coded | None = None


@dataclass(frozen=True)
class Masking:
    """The update is to come masked, in a sum of these members of a session; see bs_client/masking.py."""

    session: str
    members: tuple[StationId, ...]


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
    crossing: Crossing | None = None
    masking: Masking | None = None


@dataclass(frozen=True)
class Update:
    """What a station's training made of the weights it was sent."""

    station: StationId
    weights: Weights  # (P,)
    samples: int
    loss: float


@dataclass(frozen=True)
class CodedUpdate:
    """What a station's training changed in the weights that it began from, in fewer bytes."""

    station: StationId
    change: Coded
    samples: int
    loss: float


@dataclass(frozen=True)
class MaskedUpdate:
    """What a station adds to a sum, under masks: without those of the others it says nothing."""

    station: StationId
    values: NDArray[np.uint64]  # (P + 2,) see data/masks.py


@dataclass(frozen=True)
class KeysOrder:
    """Begin a session: a sum that only members of it can see the parts of."""

    stations: tuple[StationId, ...]
    session: str


@dataclass(frozen=True)
class Keys:
    """A station's public keys in a session: for what is sealed for it, and for masks."""

    station: StationId
    keys: Octets  # (2, 32)


@dataclass(frozen=True)
class SharesOrder:
    """Share your secrets among the members of a session; so many of the shares make them again."""

    stations: tuple[StationId, ...]
    session: str
    members: tuple[StationId, ...]
    keys: Octets  # (M, 2, 32)
    threshold: int


@dataclass(frozen=True)
class SealedShares:
    """A station's shares for the others, in the order of the members, each to be opened by that one alone."""

    station: StationId
    sealed: Octets  # (M, ·)


@dataclass(frozen=True)
class UnmaskOrder:
    """Open the shares that others sealed for you: of seeds of the survivors, of keys of the others."""

    stations: tuple[StationId, ...]  # one
    session: str
    survivors: tuple[StationId, ...]
    senders: tuple[StationId, ...]
    sealed: Octets  # (·, ·) of each sender


@dataclass(frozen=True)
class Shares:
    """The shares that a station has opened."""

    station: StationId
    senders: tuple[StationId, ...]
    shares: Octets  # (·, ·)


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
    weights are those of a linear forecaster, whatever the run's own is. In a `trial` the station is a witness
    for weights that another has sent, and tells the squared errors alone.
    """

    stations: tuple[StationId, ...]
    weights: Weights  # (P,)
    first: int
    last: int
    personal: bool = False
    linear: bool = False
    trial: bool = False


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
class RoundOrder:
    """To a cluster head: let your stations train in a round of V-twinning, and make your twin of that.

    A head is called by the first of its stations. What it comes to by this order is its turn `turn`, and it
    begins where its turn `after` ended, or before all turns: turns in between are as if they had not been.
    The round starts from the G-NDT in `weights`, which is its `version`; without, from the head's own twin.
    """

    stations: tuple[StationId, ...]
    after: int
    turn: int
    phase: Phase
    number: int
    numbers: int
    upwards: bool  # whether the twin is wanted
    version: int
    weights: Weights | None = None  # (P,)


@dataclass(frozen=True)
class ClusterRound:
    """What a round came to under a cluster head; `windows` are 0 if nothing could be used."""

    station: StationId
    windows: int
    loss: float  # the sum over the stations that were heard
    heard: int
    arrived: int
    failures: tuple["Failure", ...]
    lost: tuple[StationId, ...]  # the stations whose node is not there
    weights: Weights | None = None  # (P,)


@dataclass(frozen=True)
class StepOrder:
    """To a cluster head: let a step of the stream pass, up to the first C-NDT that your gate lets through.

    `weights` are the G-NDT in force if it is one that the head has not received.
    """

    stations: tuple[StationId, ...]
    after: int
    turn: int
    step: int
    version: int
    weights: Weights | None = None  # (P,)


@dataclass(frozen=True)
class ClusterReport:
    """A C-NDT that the gate of its head let through, in the midst of a step; see fl_server/stream.py."""

    station: StationId
    weights: Weights  # (P,)
    version: int
    samples: int
    until: int
    when: float
    answered: str  # the station that answered last; none where the cluster was impatient


@dataclass(frozen=True)
class RefreshOrder:
    """To a cluster head: this G-NDT came of your report `number` of the turn, counted from 0; go on."""

    stations: tuple[StationId, ...]
    turn: int
    number: int
    version: int
    weights: Weights  # (P,)


@dataclass(frozen=True)
class ClusterStep:
    """A step of the stream has passed under a cluster head; errors are those of the stream so far."""

    station: StationId
    asked: int
    arrived: int
    spared: int  # reports in all
    squared: float
    count: int
    failures: tuple["Failure", ...]
    lost: tuple[StationId, ...]


@dataclass(frozen=True)
class ScoreOrder:
    """To a cluster head: say how well the twins of a phase have forecast at your stations."""

    stations: tuple[StationId, ...]
    after: int
    phase: Phase
    version: int
    weights: Weights | None = None  # (P,) the G-NDT, if it is one that the head has not received


@dataclass(frozen=True)
class ClusterScores:
    """Sums of errors of the head's stations, in their order; after the stream also the twin that it has."""

    station: StationId
    network: Array  # (5, n) see forecasting/metrics.py
    cluster: Array  # (5, n)
    version: int
    until: int
    weights: Weights | None = None  # (P,)


@dataclass(frozen=True)
class KeepOrder:
    """Keep what you had come to by turn `after`, for the server may come back to it.

    To a cluster head, or to stations that remember something from one training to the next.
    """

    stations: tuple[StationId, ...]
    after: int


@dataclass(frozen=True)
class Kept:
    """It is kept: a cluster head has it on its disk, and so has a station that was given a place."""

    station: StationId


@dataclass(frozen=True)
class SpentOrder:
    """Say how much of your privacy budget you have spent."""

    stations: tuple[StationId, ...]


@dataclass(frozen=True)
class Spent:
    """How many releases a station has made, of those that it may make in the run."""

    station: StationId
    releases: int


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


HeadOrder = RoundOrder | StepOrder | RefreshOrder | ScoreOrder | KeepOrder
HeadAnswer = ClusterRound | ClusterReport | ClusterStep | ClusterScores | Kept
MaskOrder = KeysOrder | SharesOrder | UnmaskOrder
MaskAnswer = Keys | SealedShares | MaskedUpdate | Shares
Order = (
    IntroduceOrder
    | DescribeOrder
    | MaskOrder
    | TrainOrder
    | EvaluateOrder
    | MomentsOrder
    | SpentOrder
    | HeadOrder
)
Single = (
    Introduction
    | Description
    | Update
    | CodedUpdate
    | Errors
    | MomentsAnswer
    | Spent
    | Failure
    | HeadAnswer
    | MaskAnswer
)
Answer = Single | Summed
