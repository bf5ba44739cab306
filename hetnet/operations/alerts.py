"""Alerts: what was seen at which stations that their twins did not expect, for people and for programs.

Times are wall clock. An alert is fixed when it is raised: later steps add stations that join, and its end.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal, get_args

import numpy as np

from data.traffic import StationId

Kind = Literal["outage", "degradation", "surge", "level-shift", "drift", "frozen", "missing"]
Severity = Literal["warning", "minor", "major", "critical"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
ABOUT: dict[Kind, str] = {
    "outage": "carries next to nothing of what was expected",
    "degradation": "carries clearly less than expected, for hours",
    "surge": "carries clearly more than expected",
    "level-shift": "has carried another level than expected for a day and more",
    "drift": "moves away from its twin day by day",
    "frozen": "repeats one and the same value",
    "missing": "sends no values",
}


@dataclass(frozen=True)
class Suspect:
    """A station that may be the cause, and its share of all suspicion."""

    station: StationId
    share: float


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Stations that do not behave as their twins expect, for one reason as far as can be told.

    `expected` and `seen` are mean loads a step, summed over the stations, from the start until the alert was
    raised. `surprise` is -log10 of how often the most unusual of its scores came up in calm times, per
    station and step; it cannot exceed what the number of calm scores allows. With `neighbours_explain` the
    stations do what those around them do: something happens in the area, and none of them is at fault.
    """

    id: str
    kind: Kind
    stations: tuple[StationId, ...]
    joined: tuple[np.datetime64, ...]  # when each of the stations was found to be part of it
    start: np.datetime64
    raised: np.datetime64  # the step whose value raised it
    end: np.datetime64 | None  # the step from which all was as expected again
    severity: Severity
    expected: float
    seen: float
    surprise: float
    neighbours_explain: bool
    suspects: tuple[Suspect, ...]


def alert_id(kind: Kind, station: StationId, raised: np.datetime64) -> str:
    """The id of the alert that a station's first step of this kind raised: the same on every run."""
    return sha256(f"{kind} {station} {raised.astype('datetime64[m]')}".encode()).hexdigest()[:12]


def severity_of(kind: Kind, expected: float, seen: float) -> Severity:
    """How bad it is, by the share of the expected load that is lost or comes on top."""
    if kind == "outage":
        return "critical"
    if kind in ("missing", "frozen"):
        return "major"
    share = abs(seen - expected) / max(expected, 1e-9)
    return "major" if share >= 0.5 else "minor" if share >= 0.25 else "warning"


def as_known(alerts: Iterable[Alert], until: np.datetime64) -> list[Alert]:
    """The alerts as they stood when the step `until` had been seen: what happened later is not told."""
    return [_as_known(alert, until) for alert in alerts if alert.raised <= until]


def _as_known(alert: Alert, until: np.datetime64) -> Alert:
    known = [place for place, time in enumerate(alert.joined) if time <= until]
    return replace(
        alert,
        stations=tuple(alert.stations[place] for place in known),
        joined=tuple(alert.joined[place] for place in known),
        end=alert.end if alert.end is not None and alert.end <= until else None,
    )


def alert_row(alert: Alert) -> dict[str, object]:
    """The alert as JSON can hold it; times are ISO, to the minute."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "stations": list(alert.stations),
        "joined": [_iso(time) for time in alert.joined],
        "start": _iso(alert.start),
        "raised": _iso(alert.raised),
        "end": None if alert.end is None else _iso(alert.end),
        "severity": alert.severity,
        "expected": round(alert.expected, 4),
        "seen": round(alert.seen, 4),
        "surprise": round(alert.surprise, 2),
        "neighbours_explain": alert.neighbours_explain,
        "suspects": [{"station": each.station, "share": round(each.share, 4)} for each in alert.suspects],
        "about": ABOUT[alert.kind],
    }


def _iso(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]"))
