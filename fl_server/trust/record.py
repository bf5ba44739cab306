"""What is remembered of trials: how much more than usual updates have erred, and what was dropped.

Axes: N stations, M trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fl_server.trust.settings import DefenceSettings

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]
FOUND = 0.5  # of whose updates more than this share was dropped is taken for an attacker


@dataclass(frozen=True)
class Record:
    """How the updates of each station have fared, or the twins of the cluster that it was in.

    A `ratio` is the error of the last one, in errors of the weights that it was made of; `excess` by which
    share the last ones erred more than usual, on average.
    """

    ratio: Doubles  # (N,) 0 before the first trial
    excess: Doubles  # (N,)
    tried: Counts  # (N,)
    dropped: Counts  # (N,)

    @property
    def found(self) -> Mask:
        """Those of whose updates more than half were dropped, (N,)."""
        return self.dropped > FOUND * self.tried


@dataclass(frozen=True)
class Trust:
    """What all trials of a run came to; `sendings` are the weights that went to witnesses."""

    stations: Record
    clusters: Record
    sendings: int = 0


def no_trust(stations: int) -> Trust:
    """The trust before any trial."""
    zero, none = np.zeros(stations), np.zeros(stations, np.int64)
    blank = Record(zero, zero, none, none)
    return Trust(blank, blank)


def usual_ratio(ratios: Doubles) -> float:
    """What most of the trials came to: the median; of two the better. NaN where there is none."""
    there = ratios[np.isfinite(ratios) & (ratios > 0)]
    if not len(there):
        return np.nan
    return float(there.min() if len(there) < 3 else np.median(there))


def judged(
    record: Record, groups: Sequence[Counts], ratios: Doubles, usual: float, settings: DefenceSettings
) -> tuple[Record, Mask]:
    """The record after trials with these `ratios` (M,), and which of them are dropped, (M,).

    `groups` are the places of the station of each, or of the stations of the cluster. What could not be
    tried, or held against anything, is not dropped and leaves no trace.
    """
    ratio, excess = record.ratio.copy(), record.excess.copy()
    tried, dropped = record.tried.copy(), record.dropped.copy()
    verdicts = np.zeros(len(ratios), bool)
    for number, (places, found) in enumerate(zip(groups, ratios, strict=True)):
        if not np.isfinite(found / usual):
            continue
        more = found / usual - 1
        lately = settings.memory * excess[places].mean() + (1 - settings.memory) * min(more, settings.gross)
        verdicts[number] = more > settings.gross or lately > settings.margin
        ratio[places], excess[places] = found, lately
        tried[places] += 1
        dropped[places] += verdicts[number]
    return replace(record, ratio=ratio, excess=excess, tried=tried, dropped=dropped), verdicts
