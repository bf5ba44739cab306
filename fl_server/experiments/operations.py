"""Who finds faults: twins beside a seasonal threshold and an isolation forest, on seeded faults.

Whatever is chosen, the limits of the walk and the thresholds of the two plain detectors, is chosen on cities
of TUNING_SEEDS; what is told is of other cities, and of real series that nothing was chosen on.

Axes: T steps, N stations, W watched steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clustering.relation import RelationSettings
from data.city.synthetic import (
    FINE_MINUTES,
    CitySettings,
    city_days,
    city_place,
    station_ids,
    synthetic_traffic,
)
from data.scaling import Scaler
from data.sets.gaps import filled
from data.traffic import StationId, Traffic, hourly, of_columns, until_step
from fl_server.faulting import OURS, beside
from fl_server.gate_streams import stream_begin
from fl_server.local import local_fleet
from fl_server.settings import TwinSettings
from fl_server.twins import Source, ended_twins
from fl_server.watching import followed_series, nearest
from forecasting.ahead import series_of
from forecasting.twin import Twin
from hetnet.operations.alerts import Alert
from hetnet.operations.detection import WatchSettings, detected
from hetnet.operations.deviations import Followed
from hetnet.operations.faults import Fault, FaultSettings, drawn_faults, with_faults
from hetnet.operations.judging import Excused, Judgement, nothing_excused

TUNING_SEEDS = (101, 102, 103)
SCORED_SEEDS = (1, 2, 3, 4, 5)
WATCHED_DAYS = 10
STATIONS = 200
GOOD_PART = 0.2  # of a station's load that a site carries, for its events to be the station's
EPOCHS = 40


@dataclass(frozen=True)
class Ground:
    """A set, and twins that were made of what comes before its last WATCHED_DAYS."""

    traffic: Traffic
    twins: list[Twin]  # of each station its own
    first: int  # the first watched step of the hourly series


def ground_of(traffic: Traffic, seed: int) -> Ground:
    """Twins of the days before the watched ones, by V-twinning."""
    whole = hourly(traffic)
    first = len(whole.load) - WATCHED_DAYS * 24
    settings = TwinSettings()
    split = replace(settings.recipe.split, test_days=2)
    settings = replace(
        settings,
        recipe=replace(settings.recipe, seed=seed, split=split),
        vertical=replace(settings.vertical, epochs=EPOCHS),
    )
    before = until_step(whole, first)
    fleet = local_fleet(before, settings.station_recipe, settings.segment.signature)
    plan, run = stream_begin(fleet, settings)
    made = ended_twins(run, plan, Source("city", ""))
    of_station = {station: twin for twin in made if twin.scope == "cluster" for station in twin.stations}
    columns = [column for column, station in enumerate(whole.stations) if station in of_station]
    kept = of_columns(whole, columns)
    return Ground(kept, [of_station[station] for station in kept.stations], first)


def followed_with(ground: Ground, faults: Sequence[Fault], handed: float) -> Followed:
    """The set with faults beside what its twins expect."""
    traffic = ground.traffic
    clock = traffic.local_times
    load = with_faults(traffic.load.astype(np.float64), clock, traffic.stations, faults, handed)
    missing = np.isnan(load)
    recorded = replace(traffic, load=load.astype(np.float32))
    if missing.any():
        recorded = filled(recorded, "faults", longest_gap=1e9)
    scales = [
        (twin.scaler.mean[place], twin.scaler.scale[place])
        for twin, station in zip(ground.twins, traffic.stations, strict=True)
        for place in [twin.stations.index(station)]
    ]
    mean, scale = np.array(scales).T
    series = series_of(recorded, Scaler(mean, scale), ground.twins[0].inputs, native_step=False)
    return followed_series(series, ground.twins, ground.first, RelationSettings())


def faults_of(ground: Ground, settings: FaultSettings, seed: int) -> list[Fault]:
    """Faults in the watched days."""
    traffic = ground.traffic
    clock = traffic.local_times[ground.first :]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(9,)))
    return drawn_faults(clock, traffic.stations, nearest(traffic.positions), settings, rng)


def city_of(seed: int) -> CitySettings:
    """The city of a seed: 28 days for twins to learn from, then the watched ones."""
    return CitySettings(stations=STATIONS, days=28 + WATCHED_DAYS, seed=seed)


@dataclass(frozen=True)
class OwnEvent:
    """Something that the city itself makes happen at stations: a burst, an outage, a match, a handover."""

    stations: frozenset[StationId]
    start: np.datetime64  # wall clock
    end: np.datetime64


def own_events(settings: CitySettings) -> list[OwnEvent]:
    """What happens in a city without our doing, at the stations of which a site carries a good part."""
    place = city_place(settings)
    carried = place.shares.toarray() * np.exp(place.sites.level)  # (N, S)
    carried /= carried.sum(axis=1, keepdims=True)
    names = station_ids(place)
    at_site = [
        frozenset(names[each] for each in np.flatnonzero(carried[:, site] > GOOD_PART))
        for site in range(carried.shape[1])
    ]
    found, step = [], 0
    for day in city_days(settings, place):
        midnight = np.datetime64(day.day, "m")
        for site in day.shed:
            found.append(OwnEvent(at_site[site], midnight, midnight + np.timedelta64(2 * 1440, "m")))
        for event in day.events:
            start = midnight + np.timedelta64(FINE_MINUTES * (event.start - step), "m")
            end = start + np.timedelta64(FINE_MINUTES * event.steps, "m")
            found.append(OwnEvent(at_site[event.site], start, end))
        step += len(day.times) * settings.step_minutes // FINE_MINUTES
    return [event for event in found if event.stations]


def excused_by(events: Sequence[OwnEvent]) -> Excused:
    """Whether an alert tells of an event of the city's own: at one of its stations, since shortly before."""
    hour = np.timedelta64(60, "m")

    def excused(alert: Alert) -> bool:
        several = set(alert.stations)
        return any(
            event.start - hour <= alert.raised and alert.start < event.end + hour and event.stations & several
            for event in events
        )

    return excused


@dataclass(frozen=True)
class CityGround:
    """A city with its twins, and which alerts tell of its own events."""

    ground: Ground
    excused: Excused


def city_ground(seed: int) -> CityGround:
    """The city of a seed."""
    settings = city_of(seed)
    return CityGround(ground_of(synthetic_traffic(settings), seed), excused_by(own_events(settings)))


def drawn_rows(
    ground: Ground, each: int, seed: int, excused: Excused = nothing_excused
) -> list[dict[str, object]]:
    """What each detector comes to on one draw of faults, a row for each kind."""
    settings = FaultSettings(each=each)
    faults = faults_of(ground, settings, seed)
    followed = followed_with(ground, faults, settings.handed)
    alerts, _ = detected(followed, WatchSettings())
    results = beside(followed, alerts, faults, 0, excused)
    return [
        {"kind": one.kind, "by": name, **_counts(one)}
        for place in range(len(results[OURS]))
        for name, several in results.items()
        for one in [several[place]]
    ]


def _counts(found: Judgement) -> dict[str, object]:
    return {
        "faults": found.faults,
        "found": found.found,
        "within": found.within,
        "wrong": found.wrong,
        "excused": found.excused,
        "ranked": len(found.ranks),
        "top1": sum(rank == 1 for rank in found.ranks),
        "top3": sum(1 <= rank <= 3 for rank in found.ranks),
        "delay": found.delay if found.delays else None,
    }
