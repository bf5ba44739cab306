"""Episodes: at one station, from a step to a step, one kind of behaviour that its twin did not expect.

Axes: T steps, N stations, W windows.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np

from data.errors import InputError
from hetnet.operations.alerts import Kind
from hetnet.operations.deviations import Array, Deviations, Followed, Mask, Whole
from hetnet.operations.kernels import (
    DEGRADATION,
    OUTAGE,
    SHIFT,
    SURGE,
    Course,
    Rules,
    repeats,
    walk,
    window_changes,
)

KIND_OF: dict[int, Kind] = {
    OUTAGE: "outage",
    DEGRADATION: "degradation",
    SURGE: "surge",
    SHIFT: "level-shift",
}
EXPLAINED = 0.5  # share of a deviation that neighbours must have, for them to explain it
LEAST_REPEATS = 2  # three equal values in a row


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a deviation counts: in logarithms (`lost`, `gained`, `least_change`), or in calm widths.

    An `outage` has lost at least `lost` and is as many widths away, or as many for a forecast that saw the
    last steps; a `surge` likewise. `window` is for the means over several steps; what is back within
    `share_back` of its size is over. The values were chosen on cities that are not scored: see README.md.
    """

    lost: float = 1.05
    outage: float = 2.0
    sudden_outage: float = 2.5
    gained: float = 0.75
    surge: float = 3.2
    window: float = 2.6
    least_change: float = 0.4
    share_back: float = 0.4


@dataclass(frozen=True, kw_only=True)
class EpisodeSettings:
    """`windows` and times are in hours; `kept_hours` is how long the level before an episode reaches back."""

    limits: Limits = field(default_factory=Limits)
    windows: tuple[int, ...] = (3, 6, 12)
    quiet: int = 2
    shift_hours: int = 24
    kept_hours: float = 24.0

    def __post_init__(self) -> None:
        if not self.windows or min(self.windows) < 1 or self.quiet < 1 or self.shift_hours < 1:
            raise InputError("windows, quiet and shift_hours must be at least 1")


@dataclass(frozen=True)
class Episode:
    """`station` is a column; `end` is the first step that is calm again, or None while it lasts."""

    kind: Kind
    station: int
    start: int
    raised: int
    end: int | None
    score: float
    explained: bool  # by the neighbours: without them there is none


def episodes(followed: Followed, found: Deviations, settings: EpisodeSettings) -> list[Episode]:
    """All episodes that the watched steps raise, in the order in which they do."""
    own = list(_walked(followed, found, settings, explained=False))
    plain = list(_walked(followed, found, settings, explained=True))
    several = [*own, *_not_own(plain, own, found), *_frozen(followed), *_missing(followed)]
    return sorted(several, key=lambda each: (each.raised, each.station, each.kind))


def _walked(
    followed: Followed, found: Deviations, settings: EpisodeSettings, *, explained: bool
) -> Iterator[Episode]:
    """The episodes of what neighbours do not explain; `explained` ones are those that stand without them."""
    deviation, width = (found.plain, found.plain_width) if explained else (found.own, found.own_width)
    hour = max(1, 60 // followed.step_minutes)
    windows = np.array(settings.windows) * hour
    rows, kept = np.ascontiguousarray(deviation.T), 1 - 1 / (settings.kept_hours * hour)
    changes = window_changes(rows[:, : followed.first], windows, kept)  # (W, N, C)
    course = Course(
        rows,
        np.ascontiguousarray(width.T),
        np.ascontiguousarray((found.ahead / found.ahead_width).T),
        np.ascontiguousarray(followed.measured.T),
        np.quantile(np.abs(changes), 0.95, axis=2) + 1e-9,
    )
    rules = Rules(
        windows=windows,
        quiet=settings.quiet,
        shift=settings.shift_hours * hour,
        kept=kept,
        first=followed.first,
        **asdict(settings.limits),
    )
    kind, begin, score = walk(course, rules)
    for station, step in np.argwhere(begin >= 0).tolist():
        here = int(kind[station, step])
        over = np.flatnonzero((kind[station, step + 1 :] != here) | (begin[station, step + 1 :] >= 0))
        end = int(step + 1 + over[0]) if len(over) else None
        if not _goes_its_way(found, here, station, slice(int(begin[station, step]), step + 1)):
            continue
        yield Episode(
            KIND_OF[here],
            station,
            int(begin[station, step]),
            step,
            end,
            float(score[station, step]),
            explained,
        )


def _goes_its_way(found: Deviations, kind: int, station: int, steps: slice) -> bool:
    """Whether the station itself carries more, or less, than expected: neighbours alone raise nothing."""
    mean = float(found.plain[steps, station].mean())
    return kind == SHIFT or (mean > 0 if kind == SURGE else mean < 0)


def _not_own(plain: list[Episode], own: list[Episode], found: Deviations) -> Iterator[Episode]:
    """The episodes that no earlier one of the same station tells already, and that neighbours do explain."""
    of_station: dict[int, list[Episode]] = {}
    for each in own:
        of_station.setdefault(each.station, []).append(each)
    for each in plain:
        mine = of_station.get(each.station, [])
        told = any(
            other.raised <= each.raised and (other.end is None or other.end >= each.start) for other in mine
        )
        steps = slice(each.start, each.raised + 1)
        theirs = found.shared[steps, each.station].mean() / found.plain[steps, each.station].mean()
        if not told and theirs > EXPLAINED:
            yield each


def _frozen(followed: Followed) -> Iterator[Episode]:
    """Where a station repeats a value more often than it did before, while it carries something."""
    same = repeats(np.ascontiguousarray(followed.seen.T))  # (N, T)
    measured = followed.measured.T
    usual = followed.seen[: followed.first].mean(axis=0)[:, None]
    carries = 0.01 * usual < followed.seen.T
    longest = np.where(measured, same, 0)[:, : followed.first].max(axis=1)
    limit = np.maximum(LEAST_REPEATS, 2 * longest)[:, None]
    flagged = (same >= limit) & measured & carries
    for station, raised, end in _runs(flagged, followed.first):
        start = raised - int(same[station, raised])
        yield Episode("frozen", station, start, raised, end, float(same[station, raised]), explained=False)


def _missing(followed: Followed) -> Iterator[Episode]:
    """Where values are missing; when half of the stations send none, it is not a station's fault."""
    absent = ~followed.measured.T
    for station, raised, end in _runs(absent, followed.first):
        everywhere = bool(absent[:, raised].mean() > 0.5) and len(absent) > 1
        yield Episode("missing", station, raised, raised, end, 1.0, everywhere)


def _runs(flagged: Mask, first: int) -> Iterator[tuple[int, int, int | None]]:
    """Station, first step and the step after the last of each run of flags (N, T) from `first` on."""
    steps = flagged.shape[1]
    inside = flagged.copy()
    inside[:, :first] = False
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    for (station, begin), end in zip(
        np.argwhere(edges == 1).tolist(), np.argwhere(edges == -1)[:, 1].tolist(), strict=True
    ):
        yield station, begin, end if end < steps else None


def pooled_surprise(score: float, calm: Array) -> float:
    """-log10 of the share of calm scores (sorted) that are as large: a conformal p-value."""
    larger = len(calm) - int(np.searchsorted(calm, score, side="left"))
    return float(-np.log10((1 + larger) / (len(calm) + 1)))


def linked(near: Whole) -> list[set[int]]:
    """The stations that each is a neighbour of, in either direction."""
    found: list[set[int]] = [set() for _ in near]
    for station, row in enumerate(near.tolist()):
        for other in row:
            found[station].add(other)
            found[other].add(station)
    return found
