"""Where H-twinning stands, and what it goes by: the state that its two sides, clusters and network, share.

Axes: N stations, C clusters, S steps, P parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.messages import Failure, TrainOrder, Update
from fl_server.aggregation.refresh import Refresh
from fl_server.aggregation.updates import State
from fl_server.behaviour import Behaviour
from fl_server.exchange import Exchange
from fl_server.settings import HorizontalSettings
from fl_server.tree import Clusters, Floats, Tree, mixed, origins
from fl_server.vertical import Rules
from hetnet.sync.gates import Sighting

Counts = NDArray[np.int64]
Floats64 = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class Open:
    """A posted order whose answers have not all come."""

    order: TrainOrder
    places: Counts  # (·,) of its stations among the N
    due: NDArray[np.float64]  # (·,) when each will have answered, in steps of the stream


@dataclass(frozen=True)
class Waiting:
    """An update that has arrived and is not in a C-NDT yet.

    `since` is when the station first answered after its cluster's last twin was made, `until` the step up to
    which this update has learned.
    """

    place: int
    since: float
    until: int
    update: Update


Inbox = dict[int, Waiting]  # what waits in a cluster by its station's place, in the order of `since`


@dataclass(frozen=True)
class Sendings:
    """When each cluster last sent its twin up, with what loss behind it, and how often it reported since."""

    step: Counts  # (C,)
    loss: Floats64  # (C,) 0 before the first report
    reports: Counts  # (C,)


@dataclass(frozen=True)
class Stream:
    """Where H-twinning stands, beside the twins: `step` steps have passed.

    `seen` is the last G-NDT as each cluster received it, `known` the last C-NDT of each as it came up. The
    `until` of a twin is the step up to which it has learned.
    """

    step: int
    trained_until: Counts  # (N,) the step up to which each station's values have gone into a training
    open: tuple[Open, ...]
    waiting: tuple[Waiting, ...]
    seen: Floats  # (C, P)
    seen_versions: Counts  # (C,)
    known: Floats  # (C, P)
    known_samples: Counts  # (C,)
    known_until: Counts  # (C,)
    cluster_until: Counts  # (C,)
    top_until: int
    refresh_state: State
    sendings: Sendings
    sent: int = 0
    spared: int = 0


@dataclass(frozen=True)
class World:
    """What H-twinning goes by and does not change.

    `batch` new values make a station train; `windows` are behind its update before the stream begins. `gate`
    decides whether a cluster sends its twin up; `busy` is how busy a station is in each hour of a day.
    """

    settings: HorizontalSettings
    rules: Rules
    refresh: Refresh
    behaviour: Behaviour
    train_steps: int
    step_hours: float
    batch: int
    windows: int
    gate: Callable[[Sighting], bool]
    busy: Floats64  # (N, 24)
    hours: Counts  # (S,) of the day, at each step of the stream


@dataclass(frozen=True)
class Passed:
    """What a step of the stream led to."""

    tree: Tree
    stream: Stream
    exchange: Exchange
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Report:
    """A C-NDT that its gate has let through.

    Reports count in the order of `when` and `place`: when the last of its stations answered, and which that
    was; of a cluster that was impatient, the end of the step and its own number.
    """

    cluster: int
    samples: int
    when: float
    place: int


def stream_begun(tree: Tree, world: World) -> Stream:
    """The stream before its first step: every cluster has seen the G-NDT, and it knows their twins."""
    gathered = np.floor(world.behaviour.head_start * world.batch).astype(np.int64)
    clusters = len(tree.clusters)
    until = np.full(clusters, world.train_steps)
    return Stream(
        step=0,
        trained_until=world.train_steps - gathered,
        open=(),
        waiting=(),
        seen=tree.received,
        seen_versions=np.full(clusters, tree.top_version),
        known=tree.heard,
        known_samples=np.bincount(tree.cluster_of) * world.windows,
        known_until=until,
        cluster_until=until,
        top_until=world.train_steps,
        refresh_state={},
        sendings=no_sendings(clusters),
    )


def no_sendings(clusters: int) -> Sendings:
    """Those of clusters that have sent nothing yet."""
    return Sendings(np.zeros(clusters, np.int64), np.zeros(clusters), np.zeros(clusters, np.int64))


def regrouped_stream(stream: Stream, before: Clusters, after: Clusters) -> Stream:
    """The same stream after stations moved between clusters; waiting updates go with their stations."""
    shares = origins(before, after)
    oldest = [stream.seen_versions[share > 0].min() for share in shares]
    return replace(
        stream,
        seen=mixed(shares, stream.seen),
        seen_versions=np.array(oldest),
        known_until=_newest(shares, stream.known_until),
        cluster_until=_newest(shares, stream.cluster_until),
        known=mixed(shares, stream.known),
        known_samples=_shared_out(stream.known_samples, before, after),
        sendings=_regrouped_sendings(stream.sendings, shares),
    )


def _regrouped_sendings(before: Sendings, shares: Floats64) -> Sendings:
    """What new clusters have of the sendings of those that their stations come from."""
    return Sendings(
        step=np.array([before.step[share > 0].min() for share in shares]),
        loss=shares @ before.loss,
        reports=np.array([before.reports[share > 0].max() for share in shares]),
    )


def _shared_out(samples: Counts, before: Clusters, after: Clusters) -> Counts:
    """The samples behind each new cluster: every station brings its part of those of its old one."""
    part = samples / np.bincount(before)  # (C before,)
    shared: Counts = np.rint(np.bincount(after, weights=part[before])).astype(np.int64)
    return shared


def _newest(shares: NDArray[np.float64], until: Counts) -> Counts:
    return np.array([until[share > 0].max() for share in shares])


def with_value(array: NDArray[Kind], cluster: int, value: ArrayLike) -> NDArray[Kind]:
    """A copy of `array` (C, ...) with this value for a cluster."""
    made = array.copy()
    made[cluster] = value
    return made
