"""The twin of the request process: learned from a history, it foretells what is asked for next.

What it learns: which clients have the same taste, how fast what is popular changes, what follows what within
a session, how long sessions are, how busy each station is at each hour, how often single contents have a
burst. Nothing of it is read off the process that drew the history: a log does as well.

Axes: R requests, C clients, N contents, G groups, S memories, K = 2 S + 1 components, B stations.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.caching.cells import Cells
from hetnet.caching.foretelling import NONE, component_shares, foretold_next
from hetnet.caching.popularity import HOUR
from hetnet.caching.requests import Requests
from hetnet.caching.session_learning import Sessions, learned_sessions
from hetnet.caching.taste_learning import Tastes, learned_tastes
from hetnet.network import Counts, Floats

HOURS_A_DAY = 24
ROUNDS = 60  # of fitting how components are mixed: further ones change the fourth digit
SETTLING = 0.25  # of the history, in which sums are still filling: nothing is fitted to it
LEAST_REQUESTS = 1000
SMOOTHING = 20.0  # requests of the mean hour that stand in for an hour of the day that was not seen enough


@dataclass(frozen=True, kw_only=True)
class TwinSettings:
    """What the twin looks for.

    `groups` of clients by what they ask for. `memory_hours` are how long requests count: an hour for bursts,
    a quarter of a day, and a day and a half for what is always popular. What a client asks for within
    `session_seconds` of a request may follow from it. `seed` is of the search for groups.
    """

    groups: int = 4
    memory_hours: tuple[float, ...] = (1.0, 6.0, 36.0)
    session_seconds: float = 300.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise InputError(f"request twin: groups is {self.groups}, expected 1 or more")
        if not self.memory_hours or not min(self.memory_hours) > 0:
            raise InputError(f"request twin: memory_hours are {self.memory_hours}, expected positive ones")
        if not 0 < self.session_seconds < np.inf:
            raise InputError(
                f"request twin: session_seconds is {self.session_seconds}, expected a positive number"
            )


@dataclass(frozen=True)
class RequestTwin:
    """What was learned of a process of requests."""

    settings: TwinSettings
    cells: Cells
    rates: Floats  # (C,) requests of each client in a second
    mixture: Floats  # (K,) how much each component counts; sums to 1
    follows: float  # how probable the follower of the client's request before is
    tastes: Tastes
    sessions: Sessions
    hourly: Floats  # (24, B) how busy each station is by hour of the day, beside its own mean
    seen: Requests  # the end of the history, from which generated requests go on

    @property
    def memories(self) -> Floats:
        """How long requests count, (S,), in seconds."""
        return np.array(self.settings.memory_hours) * HOUR

    @property
    def content_count(self) -> int:
        """How many contents there are."""
        return self.seen.content_count


def learned_twin(history: Requests, cells: Cells, settings: TwinSettings | None = None) -> RequestTwin:
    """The twin of the process that made `history`."""
    settings = settings or TwinSettings()
    _refuse_short(history, cells)
    seconds = history.times[-1] - history.times[0]
    sessions = learned_sessions(history, settings.session_seconds)
    tastes = learned_tastes(history, settings.groups, np.random.default_rng(settings.seed))
    memories = np.array(settings.memory_hours) * HOUR
    mixture = fitted_mixture(_settled(components(history, tastes.groups, memories)))
    had, came = foretold_next(
        history.times,
        history.clients,
        history.contents,
        sessions.follower,
        (history.client_count, settings.session_seconds),
    )
    return RequestTwin(
        settings=settings,
        cells=cells,
        rates=(np.bincount(history.clients, minlength=history.client_count) + 0.5) / seconds,
        mixture=mixture,
        follows=float(came.sum() / max(had.sum(), 1)),
        tastes=tastes,
        sessions=sessions,
        hourly=learned_hours(history, cells),
        seen=history,
    )


def components(requests: Requests, groups: Counts, memories: Floats) -> Floats:
    """The share of each request's content in each component just before it, (R, K)."""
    counts = (int(groups.max()) + 1, requests.content_count)
    return component_shares(requests.times, requests.contents, groups[requests.clients], memories, counts)


def fitted_mixture(shares: Floats) -> Floats:
    """How components (R, K) are mixed so that what came was most probable, (K,), by EM."""
    mixture = np.full(shares.shape[1], 1 / shares.shape[1])
    for _ in range(ROUNDS):
        parts = shares * mixture  # (R, K)
        mixture = (parts / parts.sum(axis=1, keepdims=True)).mean(axis=0)
    return mixture


def chances(twin: RequestTwin, requests: Requests) -> Floats:
    """How probable the twin held each request's content to be, (R,), from the requests before it alone."""
    plain = components(requests, twin.tastes.groups, twin.memories) @ twin.mixture
    had, came = foretold_next(
        requests.times,
        requests.clients,
        requests.contents,
        twin.sessions.follower,
        (requests.client_count, twin.settings.session_seconds),
    )
    probable: Floats = np.where(had, (1 - twin.follows) * plain + twin.follows * came, plain)
    return probable


def next_shares(twin: RequestTwin, past: Requests, client: int, time: float) -> Floats:
    """How probable each content is as the next that `client` asks for at `time`, (N,); sums to 1."""
    before = past.times < time
    contents, groups = past.contents[before], twin.tastes.groups[past.clients[before]]
    shares = _plain_shares(twin, contents, groups == twin.tastes.groups[client], time - past.times[before])
    own = np.flatnonzero(before & (past.clients == client))
    if len(own) and time - past.times[own[-1]] <= twin.settings.session_seconds:
        expected = twin.sessions.follower[past.contents[own[-1]]]
        if expected != NONE:
            shares *= 1 - twin.follows
            shares[expected] += twin.follows
    return shares


def _plain_shares(twin: RequestTwin, contents: Counts, own: Counts, ages: Floats) -> Floats:
    """The mixture for requests of such `ages`, of which some are of the client's `own` group, (N,)."""
    count, kept = twin.content_count, len(twin.memories)
    shares = np.full(count, twin.mixture[-1] / count)
    for memory, seconds in enumerate(twin.memories):
        faded = np.exp(-ages / seconds)
        for part, counted in ((memory, faded * own), (kept + memory, faded)):
            total = counted.sum()
            found = np.bincount(contents, counted, count) / total if total > 0 else 1 / count
            shares += twin.mixture[part] * found
    return shares


def group_forecast(twin: RequestTwin, past: Requests, time: float) -> Floats:
    """The share of each content in what each group asks for at `time`, (G, N), without followers."""
    ages, groups = time - past.times, twin.tastes.groups[past.clients]
    return np.stack(
        [_plain_shares(twin, past.contents, groups == group, ages) for group in range(twin.tastes.count)]
    )


def learned_hours(history: Requests, cells: Cells) -> Floats:
    """How busy each station's own clients are by hour of the day, (24, B), beside the mean of all hours."""
    stations = cells.reach.shape[1]
    hours = (history.times // HOUR).astype(np.int64)
    full = max(int(history.times[-1] // HOUR), 1)  # the last hour is not
    within = hours < full
    counts = np.zeros((full, stations))
    np.add.at(counts, (hours[within], cells.home[history.clients[within]]), 1.0)
    mean = counts.mean(axis=0)
    found = np.empty((HOURS_A_DAY, stations))
    for hour in range(HOURS_A_DAY):
        mine = counts[hour::HOURS_A_DAY]
        found[hour] = (mine.sum(axis=0) + SMOOTHING) / (len(mine) * mean + SMOOTHING)
    return found


def _settled(shares: Floats) -> Floats:
    return shares[int(SETTLING * len(shares)) :]


def _refuse_short(history: Requests, cells: Cells) -> None:
    if len(history) < LEAST_REQUESTS:
        raise InputError(
            f"request twin: {len(history)} requests to learn from, expected {LEAST_REQUESTS} at least"
        )
    if len(np.unique(history.contents)) < 2:
        raise InputError("request twin: one content only in the history, expected 2 at least")
    if not history.times[-1] > history.times[0]:
        raise InputError("request twin: all requests at one moment, expected a history that takes time")
    if len(cells.home) != history.client_count:
        raise InputError(
            f"request twin: {history.client_count} clients asked and {len(cells.home)} are in cells, "
            "expected as many"
        )
