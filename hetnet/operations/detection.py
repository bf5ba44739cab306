"""From deviations to alerts: episodes of stations that are neighbours and begin together are one alert.

Axes: T steps, N stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data.progress import Step, Work, finished
from hetnet.operations.alerts import Alert, Suspect, alert_id, severity_of
from hetnet.operations.deviations import Array, Deviations, DeviationSettings, Followed, deviations
from hetnet.operations.drift import DriftReport, DriftSettings, drift_episodes, drift_report
from hetnet.operations.episodes import Episode, EpisodeSettings, episodes, linked, pooled_surprise
from hetnet.operations.localisation import around, explained

GATHER_HOURS = 6  # later episodes do not join an alert
MOST_SUSPECTS = 3
STAGE = "looking for what is unusual"
PARTS = ("deviations", "episodes", "drift", "alerts")


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """How alerts are found."""

    deviation: DeviationSettings = field(default_factory=DeviationSettings)
    episode: EpisodeSettings = field(default_factory=EpisodeSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)


def detected(followed: Followed, settings: WatchSettings) -> tuple[list[Alert], DriftReport]:
    """The alerts that the watched steps raise, in the order in which they do, and how twins drift."""
    return finished(detecting(followed, settings))


def detecting(followed: Followed, settings: WatchSettings) -> Work[tuple[list[Alert], DriftReport]]:
    """The same, and where it stands."""
    yield _at(0)
    found = deviations(followed, settings.deviation)
    yield _at(1)
    several = episodes(followed, found, settings.episode)
    yield _at(2)
    drifts = list(drift_episodes(followed, found, several, settings.drift))
    everything = sorted([*several, *drifts], key=lambda each: (each.raised, each.station, each.kind))
    quiet = np.ones(followed.seen.shape, dtype=bool)
    for each in several:
        quiet[each.start : each.end, each.station] = False
    drifting = sorted(each.station for each in drifts if each.kind == "drift")
    report = drift_report(followed, found, quiet, drifting, settings.drift)
    yield _at(3)
    alerts = grouped(followed, found, everything)
    yield _at(4)
    return alerts, report


def _at(part: int) -> Step:
    return Step(STAGE, part, len(PARTS), PARTS[part] if part < len(PARTS) else "done")


def grouped(followed: Followed, found: Deviations, several: Sequence[Episode]) -> list[Alert]:
    """The alerts that episodes, in the order of their raising, add up to."""
    neighbours, groups = linked(followed.near), list[list[Episode]]()
    gather = GATHER_HOURS * max(1, 60 // followed.step_minutes)
    recent: list[list[Episode]] = []
    for episode in several:
        recent = [group for group in recent if group[0].raised >= episode.raised - gather]
        home = next((group for group in recent if _belongs(episode, group, neighbours)), None)
        if home is None:
            groups.append([episode])
            recent.append(groups[-1])
        else:
            home.append(episode)
    calm = np.sort((np.abs(found.own) / found.own_width)[: followed.first].ravel())
    return [_alert(followed, found, group, calm, neighbours) for group in groups]


def _belongs(episode: Episode, group: Sequence[Episode], neighbours: list[set[int]]) -> bool:
    first = group[0]
    if (first.kind, first.explained) != (episode.kind, episode.explained):
        return False
    if all(each.end is not None and each.end < episode.raised for each in group):
        return False  # it was over, and has been told to be
    return any(episode.station in neighbours[each.station] for each in group) and not any(
        episode.station == each.station for each in group
    )


def _alert(
    followed: Followed, found: Deviations, group: Sequence[Episode], calm: Array, neighbours: list[set[int]]
) -> Alert:
    first = group[0]
    at_once = [each for each in group if each.raised == first.raised]
    expected, seen = np.sum([_loads(followed, found, each) for each in at_once], axis=0).tolist()
    ends = [each.end for each in group]
    end = None if None in ends else max(each for each in ends if each is not None)
    return Alert(
        id=alert_id(first.kind, followed.stations[first.station], followed.clock[first.raised]),
        kind=first.kind,
        stations=tuple(followed.stations[each.station] for each in group),
        joined=tuple(followed.clock[each.raised] for each in group),
        start=followed.clock[min(each.start for each in at_once)],
        raised=followed.clock[first.raised],
        end=None if end is None else followed.clock[end],
        severity=severity_of(first.kind, expected, seen),
        expected=expected,
        seen=seen,
        surprise=pooled_surprise(max(each.score for each in at_once), calm),
        neighbours_explain=first.explained,
        suspects=_suspects(followed, found, at_once, neighbours),
    )


def _loads(followed: Followed, found: Deviations, episode: Episode) -> tuple[float, float]:
    """What was expected and seen of a station a step, from the start until it was raised."""
    steps, station = slice(episode.start, episode.raised + 1), episode.station
    expected = followed.usual[steps, station] * np.exp(found.level[steps, station])
    seen = np.where(followed.measured[steps, station], followed.seen[steps, station], 0.0)
    return float(expected.mean()), float(seen.mean())


def _suspects(
    followed: Followed, found: Deviations, at_once: Sequence[Episode], neighbours: list[set[int]]
) -> tuple[Suspect, ...]:
    """The stations, of the alert or around it, that explain most of what is seen there until it is raised."""
    first = at_once[0]
    if first.kind in ("missing", "frozen", "drift"):
        ranked = sorted(at_once, key=lambda each: (-each.score, each.station))
        total = sum(each.score for each in ranked)
        several = [(each.station, each.score / total) for each in ranked]
    else:
        start = min(each.start for each in at_once)
        steps = slice(start, first.raised + 1)
        expected = followed.usual[steps] * np.exp(found.level[steps])
        residual = (followed.seen[steps] - expected).mean(axis=0)  # (N,)
        usual = (found.plain_width[steps] * expected).mean(axis=0)
        candidates = around([each.station for each in at_once], neighbours)
        gains = explained(candidates, residual, usual, followed.near, followed.phi)
        order = np.argsort(-gains, kind="stable")
        total = float(gains.sum()) or 1.0
        several = [(candidates[place], float(gains[place]) / total) for place in order]
    return tuple(Suspect(followed.stations[station], share) for station, share in several[:MOST_SUSPECTS])
