"""How well alerts tell of faults that were put in: precision, recall, delay, and who was suspected first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from data.traffic import StationId
from hetnet.operations.alerts import KINDS, Alert, Kind
from hetnet.operations.faults import ANSWERS, Fault

ANY = "any"  # of all kinds, by an alert of whatever kind
Z95 = 1.959964
AFTER = 2  # steps after a fault's end in which an alert still belongs to it
Each = TypeVar("Each")
Excused = Callable[[Alert], bool]


@dataclass(frozen=True)
class Judgement:
    """Of one kind of fault: `delays` are in samples, 1 for an alert by the first one that is affected.

    `within` counts faults found by the second sample; `wrong` are alerts of the kinds that say what it is,
    at stations without any fault; `excused` ones of these belong to what the set itself is known to hold.
    Ranks are those of the faulty station among the suspects, from 1; 0 is none.
    """

    kind: str
    faults: int
    found: int
    within: int
    wrong: int
    excused: int
    delays: tuple[int, ...]
    ranks: tuple[int, ...]

    @property
    def recall(self) -> float:
        """The share of the faults that were found."""
        return self.found / self.faults if self.faults else float("nan")

    @property
    def recall_within(self) -> float:
        """The share of the faults that were found by their second sample."""
        return self.within / self.faults if self.faults else float("nan")

    @property
    def precision(self) -> float:
        """Faults found over these and wrong alerts; those that are excused do not count."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else float("nan")

    @property
    def strict_precision(self) -> float:
        """The same, nothing excused."""
        total = self.found + self.wrong + self.excused
        return self.found / total if total else float("nan")

    @property
    def score(self) -> float:
        """The harmonic mean of precision and recall, F1."""
        precision = 0.0 if np.isnan(self.precision) else self.precision
        total = precision + self.recall
        return 2 * precision * self.recall / total if total else 0.0

    @property
    def delay(self) -> float:
        """The median delay of those found, in samples."""
        return float(np.median(self.delays)) if self.delays else float("nan")

    def localised(self, among: int) -> float:
        """The share of the faults that were found whose station is among the first so many suspects."""
        return (
            sum(1 <= rank <= among for rank in self.ranks) / len(self.ranks) if self.ranks else float("nan")
        )


def nothing_excused(_: Alert) -> bool:
    """No: whatever is not at a fault is wrong."""
    return False


def judged(
    alerts: Sequence[Alert],
    faults: Sequence[Fault],
    step: np.timedelta64,
    excused: Excused = nothing_excused,
) -> list[Judgement]:
    """How the alerts tell of each kind among the faults, and of all; what neighbours explain is left out."""
    counted = [alert for alert in alerts if not alert.neighbours_explain]
    kinds = sorted({fault.kind for fault in faults})
    of_kinds = [_of_kind(kind, ANSWERS[kind], counted, faults, step, excused) for kind in kinds]
    return [*of_kinds, _of_kind(ANY, KINDS, counted, faults, step, excused)]


def _of_kind(
    kind: str,
    answers: Sequence[Kind],
    alerts: Sequence[Alert],
    faults: Sequence[Fault],
    step: np.timedelta64,
    excused: Excused,
) -> Judgement:
    mine = [fault for fault in faults if kind in (ANY, fault.kind)]
    telling = [alert for alert in alerts if alert.kind in answers]
    at_station = _by_station([(alert.stations, alert) for alert in telling])
    touched = _by_station([((fault.station, *fault.disturbed), fault) for fault in faults])
    delays, ranks = [], []
    for fault in mine:
        found = [
            (time, alert.id, alert)
            for alert in at_station.get(fault.station, ())
            for time in [alert.joined[alert.stations.index(fault.station)]]
            if fault.start <= time < fault.end + AFTER * step
        ]
        if found:
            time, _, alert = min(found, key=lambda each: each[:2])
            delays.append(int((time - fault.start) / step) + 1)
            ranks.append(_rank(alert, fault.station))
    once = {(alert.stations, alert.raised): alert for alert in telling}.values()
    wrong = [alert for alert in once if not _belongs(alert, touched, step)]
    forgiven = [alert for alert in wrong if excused(alert)]
    return Judgement(
        kind=kind,
        faults=len(mine),
        found=len(delays),
        within=sum(delay <= 2 for delay in delays),
        wrong=len(wrong) - len(forgiven),
        excused=len(forgiven),
        delays=tuple(delays),
        ranks=tuple(ranks),
    )


def _rank(alert: Alert, station: StationId) -> int:
    names = [each.station for each in alert.suspects]
    return names.index(station) + 1 if station in names else 0


def _belongs(alert: Alert, touched: Mapping[StationId, Sequence[Fault]], step: np.timedelta64) -> bool:
    """Whether the alert is at the faulty station or at one that it disturbs, while it is faulty."""
    return any(
        fault.start <= alert.raised < fault.end + AFTER * step
        for station in alert.stations
        for fault in touched.get(station, ())
    )


def _by_station(several: Sequence[tuple[Sequence[StationId], Each]]) -> dict[StationId, list[Each]]:
    found: dict[StationId, list[Each]] = {}
    for stations, each in several:
        for station in stations:
            found.setdefault(station, []).append(each)
    return found


def added(several: Sequence[Judgement]) -> Judgement:
    """What the same kind came to in several sets."""
    counts = ("faults", "found", "within", "wrong", "excused")
    return Judgement(
        kind=several[0].kind,
        **{name: sum(getattr(each, name) for each in several) for name in counts},
        delays=tuple(delay for each in several for delay in each.delays),
        ranks=tuple(rank for each in several for rank in each.ranks),
    )


def share_interval(some: int, of: int) -> tuple[float, float]:
    """Between which shares the true one lies when `some` of so many are counted: Wilson's 95 % interval."""
    share, square = some / of, Z95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z95 * np.sqrt(share * (1 - share) / of + square / (4 * of**2)) / (1 + square / of)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
