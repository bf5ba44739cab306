"""A synthetic city: seeded traffic that looks and behaves like the real sets it was calibrated against.

The same settings give the same bytes. A city of 30 days is the beginning of the same city of 60, its
hours are sums of its ten-minute readings, and a grid of 200 stations is the middle of the grid of
10,000. Axes: T steps of one day, N stations, S sites.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data.city.events import Event, day_events, event_factors, handed_over, match_events, venue_sites
from data.city.rhythms import day_rhythm
from data.city.space import Place, grid_place, scattered_place
from data.city.time import HABITS, day_noise, first_noise, site_load
from data.clock import utc_offsets
from data.errors import InputError
from data.plane import degrees
from data.progress import Step, Work
from data.sets.partitions import write_about, write_day, write_stations
from data.traffic import CHANNELS, StationId, Traffic

TIMEZONE = "Europe/Rome"
MOST_STATIONS = 10_000
FINE_MINUTES = 10  # every city is drawn at this step; hours are sums
LAYOUTS = ("grid", "scattered")
GATES_OPEN_HOUR = 19  # of matches
_DAY_SIZE = 0.025  # weather and news: the whole city's day, standard deviation of its logarithm


@dataclass(frozen=True, kw_only=True)
class CitySettings:
    """Which city to make. A grid is the `stations` squares of the Milan grid nearest to its middle."""

    stations: int = 200
    days: int = 61
    seed: int = 7
    step_minutes: int = 60
    start: date = date(2013, 11, 1)
    layout: str = "grid"
    longitude: float = 9.19  # of the centre; the default is the cathedral of Milan
    latitude: float = 45.464

    def __post_init__(self) -> None:
        _check(1 <= self.stations <= MOST_STATIONS, "stations", f"1 to {MOST_STATIONS:,}", self.stations)
        _check(1 <= self.days <= 3660, "days", "1 to 3,660", self.days)
        _check(self.seed >= 0, "seed", "zero or more", self.seed)
        _check(self.step_minutes in (10, 60), "step_minutes", "10 or 60", self.step_minutes)
        _check(self.layout in LAYOUTS, "layout", " or ".join(LAYOUTS), self.layout)
        _check(-180 <= self.longitude <= 180, "longitude", "between -180 and 180", self.longitude)
        _check(-80 <= self.latitude <= 80, "latitude", "between -80 and 80", self.latitude)
        _check(1900 <= self.start.year <= 2200, "start", "between 1900 and 2200", self.start)


def _check(holds: bool, name: str, wanted: str, found: object) -> None:
    if not holds:
        raise InputError(f"{name} must be {wanted}, got {found}")


@dataclass(frozen=True, kw_only=True)
class CityDay:
    """Every channel's load, (T, N), over one local day; `times` are UTC.

    `events` are those that begin on this day, by fine steps since the city began; `shed` the sites that hand
    load over for good from this day on, and those that take it.
    """

    day: date
    times: NDArray[np.datetime64]  # (T,)
    channels: dict[str, NDArray[np.float32]]
    events: tuple[Event, ...]
    shed: tuple[int, ...]


def city_place(settings: CitySettings) -> Place:
    """The stations and sites of the city."""
    rng = _generator(settings, 0)
    draw = grid_place if settings.layout == "grid" else scattered_place
    return draw(settings.stations, rng)


def station_ids(place: Place) -> tuple[StationId, ...]:
    """The number of each station's square on the 100 x 100 grid (1 is south-west), or of its site."""
    return tuple(StationId(str(square)) for square in place.squares)


def station_positions(settings: CitySettings, place: Place) -> NDArray[np.float64]:
    """Longitude and latitude of each station, (N, 2)."""
    return degrees(place.places, (settings.longitude, settings.latitude))


def city_days(settings: CitySettings, place: Place) -> Iterator[CityDay]:
    """The days of the city at `place` in order; memory holds one at a time."""
    sites = place.sites
    noise = first_noise(sites, _generator(settings, 1))[None]
    shift = np.ones(len(sites.level), dtype=np.float32)
    venues = venue_sites(sites, _generator(settings, 2))
    events: list[Event] = []
    step = 0
    for number in range(settings.days):
        day = settings.start + timedelta(days=number)
        rng = _generator(settings, 3, number)
        times = _day_times(day)
        noise = day_noise(noise[-1], len(times), sites, rng)
        before, shift = shift, handed_over(shift, sites, rng)
        shed = tuple(np.flatnonzero(shift != before).tolist())
        evening = step + gates_open(times)
        begun = day_events(step, len(times), len(sites.level), rng) + match_events(day, evening, venues, rng)
        events += begun
        factors = event_factors(events, step, len(times), len(sites.level)) * shift
        rhythm = day_rhythm(day, _minutes_of_day(times)) * np.float32(
            np.exp(_DAY_SIZE * rng.standard_normal())
        )
        loads = {habit.name: site_load(habit, sites, rhythm, noise, rng) * factors for habit in HABITS}
        step += len(times)
        events = [event for event in events if event.start + event.steps > step]
        channels = _seen_day(settings, place, loads)
        yield CityDay(
            day=day, times=times[:: _per_step(settings)], channels=channels, events=tuple(begun), shed=shed
        )


def _seen_day(
    settings: CitySettings, place: Place, loads: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """What the stations record of the sites' `loads`, each (T, S) at the fine step."""
    channels = {}
    for channel, load in loads.items():
        summed = load.reshape(-1, _per_step(settings), load.shape[1]).sum(axis=1)  # (T, S)
        channels[channel] = np.ascontiguousarray((place.shares @ np.ascontiguousarray(summed.T)).T)
    return channels


def _per_step(settings: CitySettings) -> int:
    return settings.step_minutes // FINE_MINUTES


def _day_times(day: date) -> NDArray[np.datetime64]:
    """UTC start of every fine step of a local day; 23 or 25 hours when the clock changes."""
    zone = ZoneInfo(TIMEZONE)
    begin, end = (
        int(datetime(each.year, each.month, each.day, tzinfo=zone).timestamp())
        for each in (day, day + timedelta(days=1))
    )
    return np.arange(begin // 60, end // 60, FINE_MINUTES).astype("datetime64[m]")


def gates_open(times: NDArray[np.datetime64]) -> int:
    """The step among `times`, the fine steps of a local day, at which the gates of a match open."""
    return int(np.flatnonzero(_minutes_of_day(times) == GATES_OPEN_HOUR * 60)[0])


def _minutes_of_day(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    local = times + utc_offsets(times, TIMEZONE)
    minutes: NDArray[np.int64] = (local - local.astype("datetime64[D]")).astype(np.int64)
    return minutes


def _generator(settings: CitySettings, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(settings.seed, spawn_key=key)))


def synthetic_traffic(settings: CitySettings, channel: str = "internet") -> Traffic:
    """One channel of the city in memory."""
    _check(channel in CHANNELS, "channel", " or ".join(CHANNELS), channel)
    place = city_place(settings)
    days = [(day.times[0], day.channels[channel]) for day in city_days(settings, place)]
    return Traffic(
        load=np.concatenate([load for _, load in days]),
        stations=station_ids(place),
        positions=station_positions(settings, place),
        start=days[0][0],
        step_minutes=settings.step_minutes,
        channel=channel,
        timezone=TIMEZONE,
    )


def write_city(settings: CitySettings, folder: Path) -> Work[None]:
    """Write the city's three channels to `folder`, a day a step."""
    place = city_place(settings)
    stations = station_ids(place)
    write_stations(folder, stations, station_positions(settings, place))
    about = {"seed": settings.seed, "layout_of_stations": settings.layout, "days": settings.days}
    write_about(
        folder, timezone=TIMEZONE, step_minutes=settings.step_minutes, source="synthetic city", details=about
    )
    for number, day in enumerate(city_days(settings, place), start=1):
        write_day(folder, day.day, day.times, stations, day.channels, timezone=TIMEZONE)
        yield Step("making the city", number, settings.days, f"{day.day:%d %B %Y}", "days")
