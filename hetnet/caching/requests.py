"""Who asks for what, and when: requests as arrays, and a seeded process that draws them.

Axes: R requests, S sessions, C clients, N contents, T rows of an intensity, B stations.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from data.errors import InputError
from hetnet.caching.cells import CellSettings, homes
from hetnet.caching.popularity import (
    HOUR,
    Popularity,
    PopularitySettings,
    contents_of_ranks,
    drawn_popularity,
    with_bursts,
)
from hetnet.network import Counts, Floats, Mask

MOST_REQUESTS = 50_000_000  # some 4 GB while they are drawn


@dataclass(frozen=True)
class Requests:
    """Requests in the order of their times, by whom and for what; names where a log gave them."""

    times: Floats  # (R,) seconds
    clients: Counts  # (R,)
    contents: Counts  # (R,)
    client_count: int
    content_count: int
    client_names: tuple[str, ...] = ()
    content_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.times.ndim == 1 or not self.times.shape == self.clients.shape == self.contents.shape:
            raise InputError(
                f"requests: found times, clients and contents of the shapes {self.times.shape}, "
                f"{self.clients.shape} and {self.contents.shape}, expected one of each for every request"
            )
        if not np.isfinite(self.times).all() or (np.diff(self.times) < 0).any():
            raise InputError("requests: found times that go back or are not finite, expected neither")
        for what, numbers, count, names in (
            ("client", self.clients, self.client_count, self.client_names),
            ("content", self.contents, self.content_count, self.content_names),
        ):
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
                raise InputError(
                    f"requests: found {what}s {numbers.min()} to {numbers.max()}, expected 0 to {count - 1}"
                )
            if names and len(names) != count:
                raise InputError(f"requests: found {len(names)} {what} names, expected {count} or none")

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, kw_only=True)
class RequestSettings:
    """A process of requests; the paper gives none of it but the cells.

    `requests` are expected in all within `hours`: 300,000 in a week are one in 80 seconds of each of 40
    clients. A client asks in sessions of `session` requests in the mean (geometric), `gap_seconds` apart in
    the mean (exponential); with 1 request in each, requests are a Poisson process. Within a session a request
    goes on with the next content of the same series with the probability `follows`, as from one episode to
    the next: it is what makes the next request foreseeable. A series has `series` contents.

    Where no intensity is given, the busiest station is asked `busiest` times as often as the quietest, with
    the others evenly between (in ratios), and all swing by `swing` of their mean over the day: loads that
    are alike would leave nothing to balance.
    """

    cells: CellSettings = field(default_factory=CellSettings)
    popularity: PopularitySettings = field(default_factory=PopularitySettings)
    requests: int = 300_000
    hours: float = 168.0
    session: float = 3.0
    gap_seconds: float = 60.0
    follows: float = 0.25
    series: int = 10
    busiest: float = 2.0
    swing: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.requests <= MOST_REQUESTS:
            raise InputError(
                f"requests: {self.requests:,} of them, expected 1 to {MOST_REQUESTS:,} in one process"
            )
        for name in ("hours", "gap_seconds"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"requests: {name} is {getattr(self, name)}, expected a positive number")
        for name in ("session", "series", "busiest"):
            if not 1 <= getattr(self, name) < np.inf:
                raise InputError(f"requests: {name} is {getattr(self, name)}, expected 1 or more")
        for name in ("follows", "swing"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"requests: {name} is {getattr(self, name)}, expected 0 to 1")
        self.popularity.refuse_too_long(self.hours)

    @property
    def seconds(self) -> float:
        """How long the process runs."""
        return self.hours * HOUR


class Asked(NamedTuple):
    """Requests without what they ask for, session by session; each session is in the order of time."""

    times: Floats  # (R,)
    clients: Counts  # (R,)
    first: Mask  # (R,) whether a session begins with this request


def drawn_requests(
    settings: RequestSettings, rng: np.random.Generator, intensity: Floats | None = None
) -> Requests:
    """Requests of this process, in the order of time.

    `intensity` (T, B) says how busy each station is, in any unit: the rows share the hours evenly, and the
    whole is scaled so that as many requests are expected as the settings say. What is popular when, who asks
    when and who chooses what are drawn apart: another intensity leaves what is popular as it is.
    """
    world_rng, request_rng = rng.spawn(2)
    world = drawn_popularity(settings.popularity, settings.cells.clients, settings.hours, world_rng)
    return requests_of(settings, world, request_rng, intensity)


def requests_of(
    settings: RequestSettings,
    world: Popularity,
    rng: np.random.Generator,
    intensity: Floats | None = None,
) -> Requests:
    """Requests where it is known what is popular when; `intensity` as in `drawn_requests`."""
    arrival_rng, choice_rng = rng.spawn(2)
    chosen = usual_intensity(settings) if intensity is None else intensity
    _check(settings, chosen)
    asked = drawn_sessions(settings, chosen, arrival_rng)
    contents = chosen_contents(settings, world, asked, choice_rng)
    order = np.argsort(asked.times, kind="stable")
    return Requests(
        times=asked.times[order],
        clients=asked.clients[order],
        contents=contents[order],
        client_count=settings.cells.clients,
        content_count=settings.popularity.contents,
    )


def usual_intensity(settings: RequestSettings) -> Floats:
    """How busy the stations are in each hour where nothing is known of it, (T, B), of mean 1 or so.

    Busiest at 18 hours and quietest at 6, of days that begin with the process.
    """
    hours = np.arange(np.ceil(settings.hours)) + 0.5
    daily = 1 - settings.swing * np.sin(2 * np.pi * hours / 24)
    stations = np.geomspace(1.0, settings.busiest, settings.cells.stations)
    intensity: Floats = daily[:, None] * (stations / stations.mean())
    return intensity


def drawn_sessions(settings: RequestSettings, intensity: Floats, rng: np.random.Generator) -> Asked:
    """Sessions that begin as a Poisson process of this intensity, cut off where the process ends."""
    expected = settings.requests / settings.session * intensity / intensity.sum()  # (T, B) sessions
    sessions = rng.poisson(expected)
    rows, stations = np.divmod(np.repeat(np.arange(sessions.size), sessions.ravel()), intensity.shape[1])
    begins = (rows + rng.random(len(rows))) * (settings.seconds / len(intensity))  # (S,)
    clients = _drawn_clients(settings, stations, rng)
    lengths = rng.geometric(1 / settings.session, len(rows))
    first = np.zeros(lengths.sum(), dtype=bool)
    starts = np.cumsum(lengths) - lengths
    first[starts] = True
    passed = np.cumsum(np.where(first, 0.0, rng.exponential(settings.gap_seconds, len(first))))  # (R,)
    times = np.repeat(begins - passed[starts], lengths) + passed
    within = times < settings.seconds
    return Asked(times[within], np.repeat(clients, lengths)[within], first[within])


def chosen_contents(
    settings: RequestSettings, world: Popularity, asked: Asked, rng: np.random.Generator
) -> Counts:
    """What each request asks for, (R,)."""
    count = len(asked.times)
    fresh = asked.first | (rng.random(count) >= settings.follows)
    chosen = contents_of_ranks(world, asked.times, asked.clients, rng.random(count))
    chosen = with_bursts(world, asked.times, chosen, rng)
    places = np.arange(count)
    leaders = np.maximum.accumulate(np.where(fresh, places, 0))  # (R,) the last fresh request up to each
    return following(chosen[leaders], places - leaders, settings.series, settings.popularity.contents)


def following(contents: Counts, steps: Counts, series: int, count: int) -> Counts:
    """The content so many steps on in the series of each of `contents`, which starts anew after its end."""
    begins = contents // series * series
    lengths = np.minimum(series, count - begins)  # the last series may be shorter
    later: Counts = begins + (contents - begins + steps) % lengths
    return later


def between(requests: Requests, begin: float, end: float) -> Requests:
    """The requests from `begin` seconds on and before `end`; clients and contents keep their numbers."""
    first, last = np.searchsorted(requests.times, [begin, end])
    part = slice(int(first), int(last))
    return replace(
        requests,
        times=requests.times[part],
        clients=requests.clients[part],
        contents=requests.contents[part],
    )


def _drawn_clients(settings: RequestSettings, stations: Counts, rng: np.random.Generator) -> Counts:
    """One of the clients at home at each of `stations` (S,)."""
    cells = settings.cells
    first = np.searchsorted(homes(cells.clients, cells.stations), np.arange(cells.stations))
    drawn: Counts = first[stations] + rng.integers(0, cells.clients_each, len(stations))
    return drawn


def _check(settings: RequestSettings, intensity: Floats) -> None:
    """Refuse an intensity that is not (rows, stations) of finite values of 0 or more, some above 0."""
    stations = settings.cells.stations
    if intensity.ndim != 2 or len(intensity) == 0 or intensity.shape[1] != stations:
        raise InputError(
            f"intensity: found the shape {intensity.shape}, expected (rows, {stations} stations)"
        )
    if not (np.isfinite(intensity).all() and (intensity >= 0).all()):
        raise InputError("intensity: found values that are negative or not finite, expected neither")
    if not intensity.any():
        raise InputError("intensity: all values are 0, expected that some station is asked for something")
