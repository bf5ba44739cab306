"""From deviations to alerts: episodes of stations that are neighbours and begin together are one alert.

Axes: T steps, N stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hetnet.operations.alerts import Alert, Suspect, alert_id, severity_of
from hetnet.operations.deviations import Array, Deviations, DeviationSettings, Followed, deviations
from hetnet.operations.drift import DriftReport, DriftSettings, drift_episodes, drift_report
from hetnet.operations.episodes import Episode, EpisodeSettings, episodes, linked, pooled_surprise

GATHER_HOURS = 6  # later episodes do not join an alert
MOST_SUSPECTS = 3


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """How alerts are found."""

    deviation: DeviationSettings = field(default_factory=DeviationSettings)
    episode: EpisodeSettings = field(default_factory=EpisodeSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)


def detected(followed: Followed, settings: WatchSettings) -> tuple[list[Alert], DriftReport]:
    """The alerts that the watched steps raise, in the order in which they do, and how twins drift."""
    found = deviations(followed, settings.deviation)
    several = episodes(followed, found, settings.episode)
    drifts = list(drift_episodes(followed, found, several, settings.drift))
    everything = sorted([*several, *drifts], key=lambda each: (each.raised, each.station, each.kind))
    quiet = np.ones(followed.seen.shape, dtype=bool)
    for each in several:
        quiet[each.start : each.end, each.station] = False
    drifting = sorted(each.station for each in drifts)
    report = drift_report(followed, found, quiet, drifting, settings.drift)
    return grouped(followed, found, everything), report


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
    return [_alert(followed, found, group, calm) for group in groups]


def _belongs(episode: Episode, group: Sequence[Episode], neighbours: list[set[int]]) -> bool:
    first = group[0]
    if (first.kind, first.explained) != (episode.kind, episode.explained):
        return False
    return any(episode.station in neighbours[each.station] for each in group) and not any(
        episode.station == each.station for each in group
    )


def _alert(followed: Followed, found: Deviations, group: Sequence[Episode], calm: Array) -> Alert:
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
        suspects=_suspects(followed, at_once),
    )


def _loads(followed: Followed, found: Deviations, episode: Episode) -> tuple[float, float]:
    """What was expected and seen of a station a step, from the start until it was raised."""
    steps, station = slice(episode.start, episode.raised + 1), episode.station
    expected = followed.usual[steps, station] * np.exp(found.level[steps, station])
    seen = np.where(followed.measured[steps, station], followed.seen[steps, station], 0.0)
    return float(expected.mean()), float(seen.mean())


def _suspects(followed: Followed, at_once: Sequence[Episode]) -> tuple[Suspect, ...]:
    """The stations whose behaviour is most unusual, with their share of all scores."""
    ranked = sorted(at_once, key=lambda each: -each.score)
    total = sum(each.score for each in ranked) or 1.0
    return tuple(
        Suspect(followed.stations[each.station], each.score / total) for each in ranked[:MOST_SUSPECTS]
    )
