"""Two plain ways of finding faults without twins: a seasonal threshold and an isolation forest.

Both alert a station while its values look odd to them. A value that is missing counts as a load of nothing.

Axes: T steps, N stations, F features.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data.calendar import is_weekend
from hetnet.operations.alerts import Alert, Kind, Suspect, alert_id, severity_of
from hetnet.operations.deviations import Array, Followed, Mask
from hetnet.operations.faults import Fault
from hetnet.operations.judging import Excused, Judgement, judged

# Chosen on the tuning cities, of each fault the one with the best F1: see README.md.
SEASONAL_THRESHOLDS = {
    "outage": 16.0, "degradation": 12.0, "level-shift": 21.0, "drift": 21.0, "flash-crowd": 27.0,
    "frozen": 27.0, "missing": 16.0, "any": 16.0,
}  # fmt: skip
FOREST_THRESHOLDS = {
    "outage": 0.66, "degradation": 0.66, "level-shift": 0.76, "drift": 0.76, "flash-crowd": 0.74,
    "frozen": 0.72, "missing": 0.66, "any": 0.72,
}  # fmt: skip
LOW_KINDS: tuple[Kind, ...] = ("outage", "degradation", "level-shift", "drift", "frozen", "missing")
HIGH_KINDS: tuple[Kind, ...] = ("surge", "level-shift", "drift", "frozen")


def seasonal_scores(followed: Followed) -> Array:
    """How many calm standard deviations each value is from the mean of its hour of the week, (T, N)."""
    load = np.where(followed.measured, followed.seen, 0.0)
    mean, spread = _seasons(followed, load)
    return np.asarray((load - mean) / spread)


def _seasons(followed: Followed, load: Array) -> tuple[Array, Array]:
    """Mean and spread of the same hour on working days or weekends before the first watched step."""
    hour = followed.clock.astype("datetime64[h]").astype(np.int64) % 24
    slot = hour + 24 * is_weekend(followed.clock)
    mean, spread = np.empty_like(load), np.empty_like(load)
    calm = load[: followed.first]
    floor = 0.02 * calm.mean(axis=0) + 1e-9
    for each in np.unique(slot):
        mine = calm[slot[: followed.first] == each]
        mine = mine if len(mine) > 1 else calm[hour[: followed.first] == each % 24]
        mean[slot == each] = mine.mean(axis=0)
        spread[slot == each] = np.maximum(mine.std(axis=0), floor)
    return mean, spread


def forest_scores(followed: Followed, seed: int) -> Array:
    """How odd an isolation forest of the calm days finds each value, signed by its direction, (T, N).

    It sees each value and the two before it over the mean of their hours, the last change, the time of day.
    """
    from sklearn.ensemble import IsolationForest

    load = np.where(followed.measured, followed.seen, 0.0)
    mean, _ = _seasons(followed, load)
    ratio = load / np.maximum(mean, 1e-9)
    before = np.vstack([ratio[:1], ratio[:-1]])
    earlier = np.vstack([before[:1], before[:-1]])
    angle = 2 * np.pi * (followed.clock.astype("datetime64[h]").astype(np.int64) % 24) / 24
    times = [np.broadcast_to(wave(angle)[:, None], ratio.shape) for wave in (np.sin, np.cos)]
    features = np.stack([ratio, before, earlier, ratio - before, *times], axis=2)  # (T, N, F)
    forest = IsolationForest(n_estimators=100, random_state=seed)
    forest.fit(features[2 : followed.first].reshape(-1, features.shape[2]))
    odd = -forest.score_samples(features[followed.first :].reshape(-1, features.shape[2]))
    scores = np.zeros(load.shape)
    scores[followed.first :] = odd.reshape(-1, load.shape[1])
    return np.asarray(scores * np.where(ratio < 1, -1.0, 1.0))


def plain_judgements(
    followed: Followed,
    scores: Array,
    thresholds: Mapping[str, float],
    faults: Sequence[Fault],
    excused: Excused,
) -> list[Judgement]:
    """What the detector of these scores comes to, each kind of fault with the threshold that suits it."""
    step = np.timedelta64(followed.step_minutes, "m")
    of_threshold = {
        each: {
            one.kind: one for one in judged(threshold_alerts(followed, scores, each), faults, step, excused)
        }
        for each in set(thresholds.values())
    }
    kinds = next(iter(of_threshold.values()))
    return [of_threshold[thresholds[kind]][kind] for kind in kinds]


def threshold_alerts(followed: Followed, scores: Array, threshold: float) -> list[Alert]:
    """An alert of every run of values whose score is beyond the threshold, in each direction.

    Having no kinds of its own, it counts as one of every kind that its direction allows.
    """
    found = [
        *_runs(followed, scores < -threshold, LOW_KINDS),
        *_runs(followed, scores > threshold, HIGH_KINDS),
    ]
    return sorted(found, key=lambda alert: (alert.raised, alert.id))


def _runs(followed: Followed, flagged: Mask, kinds: Sequence[Kind]) -> Iterator[Alert]:
    inside = flagged.copy()
    inside[: followed.first] = False
    edges = np.diff(np.pad(inside, ((1, 1), (0, 0))).astype(np.int8), axis=0).T  # (N, T + 1)
    steps = len(flagged)
    ends = np.argwhere(edges == -1)[:, 1].tolist()
    for (station, begin), end in zip(np.argwhere(edges == 1).tolist(), ends, strict=True):
        name, at = followed.stations[station], followed.clock[begin]
        expected, seen = followed.usual[begin, station], followed.seen[begin, station]
        for kind in kinds:
            yield Alert(
                id=alert_id(kind, name, at),
                kind=kind,
                stations=(name,),
                joined=(at,),
                start=at,
                raised=at,
                end=None if end == steps else followed.clock[end],
                severity=severity_of(kind, expected, seen),
                expected=float(expected),
                seen=float(seen),
                surprise=0.0,
                neighbours_explain=False,
                suspects=(Suspect(name, 1.0),),
            )
