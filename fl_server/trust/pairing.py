"""A twin is paired with its physical counterpart before it is taken in (digital network twins, III).

Stations that are drawn as witnesses hold each update against their own latest readings, which stay with
them. What most of them find far worse than what is usual is dropped, at once or if it persists; the twin
that it would have gone into keeps its previous state.

Axes: N stations, C clusters, M trials, W witnesses, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.messages import PHASES, Failure, Update
from data.traffic import StationId
from fl_server.fleet import Fleet
from fl_server.tree import Floats, Tree
from fl_server.trust.record import Counts, Doubles, Mask, Record, Trust, judged, no_trust, usual_ratio
from fl_server.trust.settings import DefenceSettings
from fl_server.trust.witnesses import Panel, drawn_panel, errors_at

DROPPED = "sent an update that witnesses found far worse than others, or again and again worse"
CLUSTER_DROPPED = "is in a cluster whose twin witnesses found far worse than others"
STATIONS, CLUSTERS = 0, 1  # what is tried


@dataclass(frozen=True)
class Pairing:
    """How updates are tried in a run."""

    settings: DefenceSettings
    seed: int
    step_hours: float

    def hearing(self, fleet: Fleet, until: int, occasion: tuple[int, ...]) -> "Hearing":
        """The trials of an occasion, on readings from before step `until`."""
        first = max(0, until - max(1, round(self.settings.hours / self.step_hours)))
        panel = drawn_panel(fleet.stations, self.settings.witnesses, self.seed, occasion, (first, until))
        return Hearing(fleet, panel, self.settings, occasion[0] == PHASES.index("horizontal"))


@dataclass(frozen=True)
class Hearing:
    """Trials before the same witnesses.

    In the stream, where few updates come at a time, what is usual is told by the last trials of all.
    """

    fleet: Fleet
    panel: Panel
    settings: DefenceSettings
    in_stream: bool


@dataclass(frozen=True)
class Trial:
    """Weights that are tried, beside those that they were made of; the author is no witness of its own."""

    weights: Floats
    start: Floats
    author: StationId | None = None


def ratios(hearing: Hearing, trials: Sequence[Trial]) -> tuple[Doubles, int]:
    """Errors of what is tried, in those of its start, by the median witness, (M,); what was sent for it."""
    fleet, panel = hearing.fleet, hearing.panel
    starts: dict[bytes, Doubles] = {}
    made = np.full(len(trials), np.nan)
    for number, trial in enumerate(trials):
        key = trial.start.tobytes()
        if key not in starts:
            starts[key] = errors_at(fleet, trial.start, panel)
        others = np.array([witness != trial.author for witness in panel.witnesses])
        with np.errstate(divide="ignore", invalid="ignore"):
            each = (errors_at(fleet, trial.weights, panel) / starts[key])[others]
        if np.isfinite(each).any():
            made[number] = np.median(each[np.isfinite(each)])
    return made, (len(trials) + len(starts)) * len(panel.witnesses)


def stations_tried(hearing: Hearing, tree: Tree, updates: Sequence[Update]) -> tuple[Tree, Mask]:
    """The tree with what it remembers of these trials, and which of the updates are dropped."""
    trust, place = _trust(tree), {station: place for place, station in enumerate(hearing.fleet.stations)}
    places = np.array([place[update.station] for update in updates])
    starts = tree.starts[tree.cluster_of[places]]
    trials = [
        Trial(update.weights, start, update.station) for update, start in zip(updates, starts, strict=True)
    ]
    found, sendings = ratios(hearing, trials)
    record, dropped = _judged(hearing, trust.stations, [places[[each]] for each in range(len(places))], found)
    trust = replace(trust, stations=record, sendings=trust.sendings + sendings)
    return replace(tree, trust=trust), dropped


def clusters_tried(hearing: Hearing, tree: Tree, chosen: Counts) -> tuple[Tree, Mask]:
    """The same for the twins of the `chosen` clusters, as the network has them, beside its own."""
    trust = _trust(tree)
    found, sendings = ratios(hearing, [Trial(tree.heard[each], tree.top) for each in chosen])
    groups = [np.flatnonzero(tree.cluster_of == each) for each in chosen]
    record, dropped = _judged(hearing, trust.clusters, groups, found)
    trust = replace(trust, clusters=record, sendings=trust.sendings + sendings)
    return replace(tree, trust=trust), dropped


def _judged(
    hearing: Hearing, record: Record, groups: Sequence[Counts], found: Doubles
) -> tuple[Record, Mask]:
    known = record.ratio.copy()
    for places, ratio in zip(groups, found, strict=True):
        known[places] = np.nan_to_num(ratio)
    return judged(record, groups, found, usual_ratio(known if hearing.in_stream else found), hearing.settings)


def distrusted(tree: Tree, settings: DefenceSettings) -> NDArray[np.bool_]:
    """Stations whose updates have lately erred so much more than usual that nobody waits for them, (N,)."""
    return _trust(tree).stations.excess > settings.margin


def failures_of(stations: Sequence[StationId], dropped: Mask, reason: str) -> tuple[Failure, ...]:
    """A failure for each of the stations that are dropped."""
    return tuple(Failure(station, reason) for station, its in zip(stations, dropped, strict=True) if its)


def refuse_too_few(stations: int, settings: DefenceSettings) -> None:
    """Refuse a network too small for witnesses to outvote one of them."""
    if settings.kind == "pairing" and stations < 4:
        raise InputError(
            f"defence pairing: {stations} stations, expected at least 4: three witnesses beside the station "
            "whose update they try"
        )


def _trust(tree: Tree) -> Trust:
    return tree.trust or no_trust(len(tree.cluster_of))
