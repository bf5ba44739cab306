"""Requests that a twin draws: like those it has learned from, or with events that are rare in them.

Axes: R requests, G groups, N contents, T hours, B stations.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from data.errors import InputError
from hetnet.caching.cells import CellSettings
from hetnet.caching.crowds import CrowdSettings, with_crowds
from hetnet.caching.foretelling import NONE
from hetnet.caching.popularity import (
    DAY,
    HOUR,
    WEEK,
    Popularity,
    contents_of_ranks,
    spell_begins,
    with_bursts,
)
from hetnet.caching.request_twin import HOURS_A_DAY, RequestTwin, group_forecast
from hetnet.caching.requests import Asked, Requests, RequestSettings, drawn_sessions
from hetnet.network import Counts, Floats, Mask

Kind = Literal["common", "rare"]
SHARPEST = (0.2, 5.0)  # exponents


@dataclass(frozen=True, kw_only=True)
class RareSettings:
    """What a short history may lack. The ranges are wide, as nothing is known of what was not seen.

    At one moment scores of a share of the contents within `shift_shares` are drawn anew; `bursts_per_day`
    contents are asked for by a share within `burst_shares`; and `crowds` come to single stations.
    """

    shifts_per_week: float = 14.0
    shift_shares: tuple[float, float] = (0.1, 0.6)
    bursts_per_day: float = 6.0
    burst_shares: tuple[float, float] = (0.05, 0.25)
    crowds: CrowdSettings = field(
        default_factory=lambda: CrowdSettings(per_week=14.0, factor=(1.5, 4.0), hours=(1, 4))
    )


def generated(
    twin: RequestTwin,
    hours: float,
    rng: np.random.Generator,
    kind: Kind = "common",
    intensity: Floats | None = None,
) -> Requests:
    """Requests of so many hours that go on from the end of what the twin has seen; times begin with 0.

    `intensity` (T, B) says how busy stations are, where that is foretold; else it is as by hour of the day.
    """
    if kind not in get_args(Kind):
        raise InputError(f"request twin: no requests of the kind {kind!r}, expected common or rare")
    if not 0 < hours < np.inf:
        raise InputError(f"request twin: {hours} hours of requests, expected a positive number")
    rare = RareSettings() if kind == "rare" else None
    arrival_rng, world_rng, choice_rng = rng.spawn(3)
    busy = usual_hours(twin, hours) if intensity is None else intensity
    asked = _asked(twin, hours, busy if rare is None else with_crowds(busy, rare.crowds, rng), arrival_rng)
    world = drawn_future(twin, hours, world_rng, rare)
    contents = _contents(twin, world, asked, choice_rng)
    order = np.argsort(asked.times, kind="stable")
    return replace(
        twin.seen, times=asked.times[order], clients=asked.clients[order], contents=contents[order]
    )


def usual_hours(twin: RequestTwin, hours: float) -> Floats:
    """How busy stations are in each hour after the history, (T, B), in requests of their own clients."""
    first = int(twin.seen.times[-1] // HOUR)
    by_hour = twin.hourly[(first + np.arange(int(np.ceil(hours)))) % HOURS_A_DAY]
    stations = np.bincount(twin.cells.home, twin.rates, twin.cells.reach.shape[1])
    busy: Floats = by_hour * stations * HOUR
    return busy


def drawn_future(
    twin: RequestTwin, hours: float, rng: np.random.Generator, rare: RareSettings | None = None
) -> Popularity:
    """What may be popular within so many hours after the history."""
    seconds, tastes = hours * HOUR, twin.tastes
    shifts = np.sort(
        rng.uniform(0, seconds, rng.poisson(rare.shifts_per_week * seconds / WEEK if rare else 0))
    )
    bursts = rng.poisson((rare.bursts_per_day if rare else tastes.bursts_per_day) * seconds / DAY)
    share = rng.uniform(*rare.burst_shares) if rare else tastes.burst_share
    begins = spell_begins(seconds, shifts, drifts=True)
    shares = group_forecast(twin, twin.seen, twin.seen.times[-1] + 1e-6)  # (G, N)
    scores = np.empty_like(shares)
    np.put_along_axis(scores, np.argsort(-shares, axis=1), _normal_scores(shares.shape[1])[None], axis=1)
    return Popularity(
        groups=tastes.groups,
        begins=begins,
        ranked=_drifted(twin, scores, begins, np.isin(begins, shifts), rng, rare),
        shares=_sharpened(-np.sort(-shares, axis=1).mean(axis=0), _fresh_repeats(twin)),
        shifts=shifts,
        burst_begins=np.sort(rng.uniform(0, seconds, bursts)),
        burst_contents=rng.integers(0, shares.shape[1], bursts),
        burst_share=share,
        burst_seconds=tastes.burst_hours * HOUR,
    )


def _fresh_repeats(twin: RequestTwin) -> float:
    """How probable it is that two requests of one taste are for the same, leaving out what merely follows."""
    fresh = 1 - twin.sessions.follows * (1 - 1 / twin.sessions.length)
    return min(twin.tastes.repeats / fresh**2, 1.0)


def _sharpened(shares: Floats, repeats: float) -> Floats:
    """A power of `shares` (N,) by which two requests are for the same so often.

    What is foretold is flatter than what is asked for: it hedges, and it has followers in it.
    """

    def power(exponent: float) -> Floats:
        raised = (shares / shares.max()) ** exponent
        found: Floats = raised / raised.sum()
        return found

    def excess(exponent: float) -> float:
        return float((power(exponent) ** 2).sum() - repeats)

    if excess(SHARPEST[0]) >= 0 or excess(SHARPEST[1]) <= 0:
        return power(1.0)
    return power(float(brentq(excess, *SHARPEST)))


def _normal_scores(count: int) -> Floats:
    """Scores of ranks from the most popular one on, as those of so many normal draws would be, (N,)."""
    scores: Floats = ndtri(1 - (np.arange(count) + 0.5) / count)
    return scores


def _drifted(
    twin: RequestTwin,
    scores: Floats,
    begins: Floats,
    shifted: Mask,
    rng: np.random.Generator,
    rare: RareSettings | None,
) -> NDArray[np.int32]:
    """The contents of each spell and group from the most popular one on, (E, G, N); groups drift alike."""
    groups, contents = scores.shape
    correlations = np.atleast_2d(np.corrcoef(scores))
    alike = (correlations.sum() - groups) / max(groups * (groups - 1), 1)
    mix = np.sqrt([max(alike, 0.0), 1 - max(alike, 0.0)])
    kept = np.exp(-np.diff(begins, prepend=0.0) / (twin.tastes.memory_hours * HOUR))

    def news() -> Floats:
        drawn: Floats = mix[0] * rng.standard_normal(contents) + mix[1] * rng.standard_normal(scores.shape)
        return drawn

    ranked = np.empty((len(begins), groups, contents), dtype=np.int32)
    for spell, part in enumerate(kept):
        scores = part * scores + np.sqrt(1 - part**2) * news()
        if shifted[spell] and rare:
            redrawn = rng.random(contents) < rng.uniform(*rare.shift_shares)
            scores = np.where(redrawn, news(), scores)
        ranked[spell] = np.argsort(-scores, axis=1)
    return ranked


def _asked(twin: RequestTwin, hours: float, busy: Floats, rng: np.random.Generator) -> Asked:
    """Who asks when: sessions as they were learned."""
    stations = twin.cells.reach.shape[1]
    settings = RequestSettings(
        cells=CellSettings(stations=stations, clients_each=1, reached=1),
        requests=max(1, round(float(busy.sum() * hours / len(busy)))),
        hours=hours,
        session=twin.sessions.length,
        gap_seconds=twin.sessions.gap_seconds,
    )
    asked = drawn_sessions(settings, busy, rng)  # its clients are stations: one at each
    session = np.cumsum(asked.first) - 1  # of each request
    at = asked.clients[asked.first]
    drawn = np.empty(len(at), dtype=np.int64)
    for station in range(stations):
        here, mine = np.flatnonzero(twin.cells.home == station), at == station
        if not len(here):
            continue
        shares = twin.rates[here] / twin.rates[here].sum()
        drawn[mine] = rng.choice(here, mine.sum(), p=shares)
    return Asked(asked.times, drawn[session], asked.first)


def _contents(twin: RequestTwin, world: Popularity, asked: Asked, rng: np.random.Generator) -> Counts:
    """What each request asks for, (R,): drawn by taste, or what follows the request before."""
    count = len(asked.times)
    chosen = contents_of_ranks(world, asked.times, asked.clients, rng.random(count))
    chosen = with_bursts(world, asked.times, chosen, rng)
    goes_on = ~asked.first & (rng.random(count) < twin.sessions.follows)
    for place in np.flatnonzero(goes_on):  # in the order of sessions: what is followed is known by then
        following = twin.sessions.follower[chosen[place - 1]]
        if following != NONE:
            chosen[place] = following
    return chosen
