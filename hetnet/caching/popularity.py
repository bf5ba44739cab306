"""What is popular when: Zipf in every group of clients, with drift, shifts at once and bursts.

Each content has a score in common and one of each group. A group ranks contents by a mix of both, and asks
for the content of rank r with a probability in proportion to r ** -exponent: whatever the scores do, every
group's popularity is a Zipf law at every moment. Axes: E spells (between changes of ranks), G groups,
N contents, C clients, R requests, K bursts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Counts, Floats

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0  # seconds
MOST_RANKS = 100_000_000  # spells times groups times contents, 4 bytes each
LONGEST_BURST = 5.0  # in burst_hours: under 1 % of what it was at first is left then


@dataclass(frozen=True, kw_only=True)
class PopularitySettings:
    """What the paper leaves open about what is asked for.

    `contents` and `exponent`: measured web and video catalogues lie between .8 and 1.0. `groups` of clients
    differ in taste: `taste` 0 has them all alike, 1 all different, and 1 - taste is how their scores
    correlate. `memory_hours` is how long it takes until scores correlate by 1/e with what they were (inf:
    never): four days keep a day's ranks useful on the next one and useless a week on. `bursts_per_day`
    contents, any of the catalogue, are suddenly asked for by everyone: by `burst_share` of all requests at
    first, which falls to 1/e every `burst_hours`. `shifts_per_week` rare events draw the scores of
    `shift_share` of the contents anew at once.
    """

    contents: int = 1000
    exponent: float = 0.9
    groups: int = 4
    taste: float = 0.3
    memory_hours: float = 96.0
    bursts_per_day: float = 2.0
    burst_share: float = 0.1
    burst_hours: float = 2.0
    shifts_per_week: float = 2.0
    shift_share: float = 0.3

    def __post_init__(self) -> None:
        for name in ("contents", "groups"):
            if getattr(self, name) < 1:
                raise InputError(f"popularity: {name} is {getattr(self, name)}, expected 1 or more")
        for name in ("exponent", "bursts_per_day", "shifts_per_week"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"popularity: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("taste", "burst_share", "shift_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"popularity: {name} is {getattr(self, name)}, expected a share of 0 to 1")
        if not 0 < self.burst_hours < np.inf:
            raise InputError(f"popularity: burst_hours is {self.burst_hours}, expected a positive number")
        if not self.memory_hours > 0:
            raise InputError(
                f"popularity: memory_hours is {self.memory_hours}, expected a positive number, or inf for "
                "ranks that do not drift"
            )

    def refuse_too_long(self, hours: float) -> None:
        """Refuse a process of so many hours when its ranks would not fit in memory."""
        spells = hours * (1 + self.shifts_per_week * HOUR / WEEK)
        if spells * self.groups * self.contents > MOST_RANKS:
            raise InputError(
                f"popularity: {hours:g} hours of ranks of {self.contents} contents in {self.groups} groups, "
                f"expected {MOST_RANKS:,} ranks at most"
            )


@dataclass(frozen=True)
class Popularity:
    """What is popular when, and who is of which taste."""

    groups: Counts  # (C,) the group of each client
    begins: Floats  # (E,) seconds at which a spell of unchanged ranks begins, the first of them 0
    ranked: NDArray[np.int32]  # (E, G, N) contents from the most to the least popular one
    shares: Floats  # (N,) of requests of each rank, falling
    shifts: Floats  # (H,) seconds at which ranks shifted at once; each begins a spell
    burst_begins: Floats  # (K,) seconds
    burst_contents: Counts  # (K,)
    burst_share: float
    burst_seconds: float


def drawn_popularity(
    settings: PopularitySettings, clients: int, hours: float, rng: np.random.Generator
) -> Popularity:
    """What is popular within so many hours."""
    group_rng, event_rng, score_rng = rng.spawn(3)
    seconds = hours * HOUR
    shifts = np.sort(
        event_rng.uniform(0, seconds, event_rng.poisson(settings.shifts_per_week * seconds / WEEK))
    )
    bursts = event_rng.poisson(settings.bursts_per_day * seconds / DAY)
    begins = spell_begins(seconds, shifts, drifts=settings.memory_hours < np.inf)
    return Popularity(
        groups=group_rng.integers(0, settings.groups, clients),
        begins=begins,
        ranked=drawn_ranks(settings, begins, np.isin(begins, shifts), score_rng),
        shares=zipf_shares(settings.contents, settings.exponent),
        shifts=shifts,
        burst_begins=np.sort(event_rng.uniform(0, seconds, bursts)),
        burst_contents=event_rng.integers(0, settings.contents, bursts),
        burst_share=settings.burst_share,
        burst_seconds=settings.burst_hours * HOUR,
    )


def zipf_shares(contents: int, exponent: float) -> Floats:
    """The share of requests of each rank, (N,): in proportion to rank ** -exponent."""
    weights = np.arange(1, contents + 1) ** -float(exponent)
    shares: Floats = weights / weights.sum()
    return shares


def spell_begins(seconds: float, shifts: Floats, *, drifts: bool) -> Floats:
    """When ranks change, (E,): every hour if they drift, and at every shift."""
    hourly = np.arange(0.0, seconds, HOUR) if drifts else np.zeros(1)
    return np.union1d(hourly, shifts)


def drawn_ranks(
    settings: PopularitySettings, begins: Floats, shifted: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int32]:
    """The contents of each spell and group from the most to the least popular one, (E, G, N).

    Scores are normal and drift as an Ornstein-Uhlenbeck process, so that they look alike at any time.
    """
    kept = np.exp(-np.diff(begins, prepend=0.0) / (settings.memory_hours * HOUR))  # (E,)
    mix = np.sqrt([1 - settings.taste, settings.taste])
    scores = rng.standard_normal((settings.groups + 1, settings.contents))  # the last row is in common
    ranked = np.empty((len(begins), settings.groups, settings.contents), dtype=np.int32)
    for spell, part in enumerate(kept):
        if part < 1:
            scores = part * scores + np.sqrt(1 - part**2) * rng.standard_normal(scores.shape)
        if shifted[spell]:
            redrawn = rng.random(settings.contents) < settings.shift_share
            scores = np.where(redrawn, rng.standard_normal(scores.shape), scores)
        ranked[spell] = np.argsort(-(mix[0] * scores[-1] + mix[1] * scores[:-1]), axis=1)
    return ranked


def contents_of_ranks(popularity: Popularity, times: Floats, clients: Counts, chances: Floats) -> Counts:
    """What is asked for by these clients at these times without bursts, (R,), of even `chances` in 0 to 1."""
    ranks = np.searchsorted(np.cumsum(popularity.shares)[:-1], chances, side="right")
    spells = np.searchsorted(popularity.begins, times, side="right") - 1
    asked = popularity.ranked[spells, popularity.groups[clients], ranks]
    return asked.astype(np.int64)


def with_bursts(popularity: Popularity, times: Floats, contents: Counts, rng: np.random.Generator) -> Counts:
    """The same requests (R,), some of them for what has a burst at their time; of two, for the later one."""
    asked, order = contents.copy(), np.argsort(times)
    ends = popularity.burst_begins + LONGEST_BURST * popularity.burst_seconds
    firsts, lasts = np.searchsorted(times, [popularity.burst_begins, ends], sorter=order)
    for begin, content, first, last in zip(
        popularity.burst_begins, popularity.burst_contents, firsts, lasts, strict=True
    ):
        during = order[first:last]
        share = popularity.burst_share * np.exp((begin - times[during]) / popularity.burst_seconds)
        asked[during[rng.random(len(during)) < share]] = content
    return asked


def group_shares(popularity: Popularity, time: float) -> Floats:
    """The share of requests for each content in each group at a time, (G, N), without bursts and series."""
    spell = int(np.searchsorted(popularity.begins, time, side="right")) - 1
    ranked = popularity.ranked[spell]
    shares = np.empty(ranked.shape)
    np.put_along_axis(shares, ranked.astype(np.int64), popularity.shares[None], axis=1)
    return shares
