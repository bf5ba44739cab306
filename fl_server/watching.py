"""Following a network's series against the stored twins of a run.

    watched(run, data=None, *, since=None, settings=WatchSettings()) -> Watched

is all that a caller needs: `Watched.alerts` is a tuple of `hetnet.operations.alerts.Alert` in the order in
which they were raised, `Watched.drift` the drift report, `Watched.cost` what training again would take;
`watched_answer(found)` makes one JSON object of it; `watching` does the same and says where it stands.
Whatever is wrong with the input is an `InputError`.

Axes: T steps, N stations, F features, P parameters.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.spatial import KDTree

from clustering.relation import Attributes, RelationSettings, relation
from clustering.signatures import SignatureSettings, signatures
from clustering.topology import Topology
from data.errors import InputError
from data.inputs import InputSettings, clock_of, first_step, input_columns
from data.plane import kilometres
from data.profile import profile_columns
from data.progress import Step, Work, finished
from data.traffic import StationId, Traffic, chosen_stations, in_order, of_columns, until_step
from data.words import counted
from fl_server.newer import behind, read_newer
from fl_server.run_folder import FEDERATION, Record, read_record, read_summary
from fl_server.station_twins import series_of_stations, station_twins
from forecasting.ahead import Series
from forecasting.networks import Floats
from forecasting.training import predict
from forecasting.twin import Twin
from hetnet.operations.alerts import Alert, alert_row
from hetnet.operations.detection import WatchSettings, detecting
from hetnet.operations.deviations import Array, Followed, Whole
from hetnet.operations.drift import DriftReport

NEIGHBOURS = 6
CALM_DAYS = 14  # before the first watched step, from which is learned what is unusual
AT_ONCE = 500  # stations whose inputs are in memory
LEAST_TOGETHER = 16  # stations of one twin that are forecast by themselves
READING = "reading"
LONGEST_GAP_HOURS = 14 * 24.0  # a longer one leaves its station out


@dataclass(frozen=True)
class Cost:
    """What training the twins of some clusters again takes, by the settings of the run."""

    clusters: tuple[str, ...]
    stations: int
    trainings: int
    bytes: int


@dataclass(frozen=True)
class Watched:
    """What following a set has found; `unwatched` are its stations that have no twin or too long gaps."""

    run: Path
    source: Path
    followed: Followed
    alerts: tuple[Alert, ...]
    drift: DriftReport
    cost: Cost
    unwatched: tuple[StationId, ...]


@dataclass(frozen=True)
class Sighted:
    """What is to be watched: the series, each station's twin, and the first step that is."""

    record: Record
    source: Path
    series: Series
    twins: list[Twin]
    first: int
    unwatched: tuple[StationId, ...]

    @property
    def ages(self) -> Array:
        """How many hours before the end of the series the data end that each twin has learned from, (N,)."""
        target = self.series.target
        now = target.times[-1] + np.timedelta64(target.step_minutes, "m")
        return np.array([twin.age_hours(now) for twin in self.twins])


def watched(
    run: Path,
    data: Path | None = None,
    *,
    since: np.datetime64 | None = None,
    settings: WatchSettings | None = None,
) -> Watched:
    """What the set in `data` shows that the twins of `run` did not expect.

    The default is the run's own set. Watched is what comes after the run's data, or from `since` on (wall
    clock); where the set ends with the run's data, the days of its stream.
    """
    return finished(watching(run, data, since=since, settings=settings))


def watching(
    run: Path,
    data: Path | None = None,
    *,
    since: np.datetime64 | None = None,
    settings: WatchSettings | None = None,
) -> Work[Watched]:
    """The same, and where it stands."""
    yield Step(READING, 0, 1, "the series")
    found = sighted(run, data, since)
    yield Step(READING, 1, 1, counted(len(found.twins), "station"))
    how = found.record.settings.segment.relation
    followed = yield from following(found.series, found.twins, found.first, how)
    alerts, drift = yield from detecting(followed, settings or WatchSettings())
    cost = _cost(found.record, found.twins, drift)
    return Watched(run, found.source, followed, tuple(alerts), drift, cost, found.unwatched)


def sighted(run: Path, data: Path | None, since: np.datetime64 | None = None) -> Sighted:
    """The series that are to be watched, before any forecast is made."""
    refuse_unwatchable(run, data)
    record, summary = read_record(run), read_summary(run)
    source = data or Path(record.set)
    traffic, earlier, unwatched = _traffic(run, record, source, own=data is None)
    twins = list(station_twins(run, traffic.stations, None).values())
    whole = traffic if earlier is None else behind(earlier, traffic, record, source)
    series = series_of_stations(whole, twins, record, summary.get("set_step_minutes"))
    return Sighted(record, source, series, twins, _first(series, run, summary, source, since), unwatched)


def watched_answer(found: Watched) -> dict[str, object]:
    """What was found as one JSON object."""
    followed = found.followed
    return {
        "run": str(found.run),
        "data": str(found.source),
        "stations": len(followed.stations),
        "unwatched": list(found.unwatched),
        "from": str(followed.clock[followed.first]),
        "until": str(followed.clock[-1]),
        "step_minutes": followed.step_minutes,
        "alerts": [alert_row(each) for each in found.alerts],
        "drift": {**asdict(found.drift), "drifting": list(found.drift.drifting), "cost": asdict(found.cost)},
    }


def refuse_unwatchable(run: Path, data: Path | None) -> None:
    """Refuse a run of which nothing can be watched, before any series is read."""
    record = read_record(run)
    read_summary(run)
    if data is None and record.set == FEDERATION:
        raise InputError(f"{run}: its stations kept their series on other machines; name a set with --data")
    if record.reading.standardised:
        raise InputError(f"{run}: its set holds z-scores, expected loads: what is lost must be countable")


def _traffic(
    run: Path, record: Record, source: Path, *, own: bool
) -> tuple[Traffic, Traffic | None, tuple[StationId, ...]]:
    """The traffic of the set's stations that have a twin, the run's own set, and who is not watched."""
    known = set(
        pl.read_csv(run / "stations.csv", schema_overrides={"station": pl.String})["station"].to_list()
    )
    reading = replace(record.reading, max_gap_hours=LONGEST_GAP_HOURS, leave_out_gappy=True)
    if not own:
        reading = replace(reading, only=(), first_stations=0)
    traffic, earlier = read_newer(record, source, reading)
    strange = [station for station in traffic.stations if station not in known]
    watched = [station for station in traffic.stations if station in known]
    if not watched or (strange and not own):
        few = ", ".join(in_order(strange)[:5])
        raise InputError(
            f"{source}: {counted(len(strange), 'station')} without a twin in {run}: {few}; expected stations "
            f"of {run / 'stations.csv'}"
        )
    return chosen_stations(traffic, watched), earlier, (*traffic.gappy, *strange)


def _first(
    series: Series, run: Path, summary: dict[str, object], source: Path, since: np.datetime64 | None
) -> int:
    """The first step that is watched."""
    target = series.target
    clock, end = target.local_times, np.datetime64(str(summary["data_end"]), "m")
    begin = first_step(series.inputs, target)
    stream = summary["stream"]
    assert isinstance(stream, list)
    if since is None:
        later = np.flatnonzero(target.times >= end)
        stands = later if len(later) else np.flatnonzero(clock >= np.datetime64(stream[0], "m"))
        if not len(stands):
            raise InputError(
                f"{source}: ends at {clock[-1]}, before the stream of {run} begins at {stream[0]}: nothing "
                f"in it is news to its twins (--since watches earlier days)"
            )
    else:
        stands = np.flatnonzero(clock >= since)
        if not len(stands):
            raise InputError(f"{source}: ends at {clock[-1]}, expected steps from {since} on (--since)")
    if int(stands[0]) <= begin:
        raise InputError(
            f"{source}: begins at {clock[0]}; expected days before {clock[stands[0]]}, the first step that "
            f"is watched, for twins to forecast from"
        )
    return int(stands[0])


def followed_series(series: Series, twins: list[Twin], first: int, how: RelationSettings) -> Followed:
    """The series beside the twins' forecasts of each step, from some calm days before step `first` on."""
    return finished(following(series, twins, first, how))


def following(series: Series, twins: list[Twin], first: int, how: RelationSettings) -> Work[Followed]:
    """The same, and where it stands."""
    target = series.target
    begin = max(first_step(series.inputs, target), first - CALM_DAYS * 1440 // target.step_minutes)
    stations = len(target.stations)
    ahead, usual = np.empty((2, len(target.load) - begin, stations))
    done = 0
    for columns in _at_once(twins):
        ahead[:, columns], usual[:, columns] = _forecasts(series, twins, columns, begin)
        done += len(columns)
        yield Step("forecasting", done, stations, unit="stations")
    measured, near = series.measured[begin:], nearest(target.positions)
    return Followed(
        stations=target.stations,
        clock=clock_of(target, len(target.load))[begin:],
        seen=target.load[begin:].astype(np.float64),
        usual=usual,
        ahead=ahead,
        measured=measured,
        near=near,
        phi=relation_to(until_step(target, first), near, how),
        first=first - begin,
    )


def _at_once(twins: list[Twin]) -> Iterator[Whole]:
    """The stations in parts: those of one twin, which are quick together, then all whose twins have few."""
    of_twin: dict[int, list[int]] = {}
    for station, twin in enumerate(twins):
        of_twin.setdefault(id(twin), []).append(station)
    many = [several for several in of_twin.values() if len(several) >= LEAST_TOGETHER]
    few = [station for several in of_twin.values() if len(several) < LEAST_TOGETHER for station in several]
    for several in (*many, few):
        for low in range(0, len(several), AT_ONCE):
            yield np.array(several[low : low + AT_ONCE], np.int64)


def nearest(positions: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Whole:
    """The nearest other stations of each, (N, E)."""
    count = min(NEIGHBOURS, len(positions) - 1)
    if count == 0:
        return np.empty((1, 0), np.int64)
    places = kilometres(positions)
    found = np.asarray(KDTree(places).query(places, k=count + 1)[1])
    rows = [[int(other) for other in row if other != own][:count] for own, row in enumerate(found)]
    return np.array(rows, np.int64)


def relation_to(earlier: Traffic, near: Whole, settings: RelationSettings) -> Array:
    """The relation Φ of each station to those near it, (N, E), by their places and what came before."""
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    ends, place = np.unique(
        np.sort(np.column_stack([rows, near.ravel()]), axis=1), axis=0, return_inverse=True
    )
    if not len(ends):
        return np.empty(near.shape)
    attributes = Attributes(earlier.positions, signatures(earlier, SignatureSettings()))
    phi = relation(Topology(stations=len(near), ends=ends), attributes, settings)
    return np.asarray(phi[place.reshape(-1)].reshape(near.shape))


def _forecasts(series: Series, twins: list[Twin], columns: Whole, begin: int) -> tuple[Floats, Floats]:
    """Loads (T, K) of steps from `begin` on: by the last steps as they were, and as they usually are."""
    target = of_columns(series.target, columns)
    load, inputs = series.load[:, columns], series.inputs
    plain = replace(inputs, readings=False)
    mean, scale = series.scaler.mean[columns], series.scaler.scale[columns]
    part = type(series.scaler)(mean, scale)
    features, _ = input_columns(target, target, load, part, plain)
    features = features[begin - first_step(plain, target) :]  # (T, K, F)
    if series.readings is not None:
        readings = series.readings[begin - 1 : -1, columns]
        extra = 7 if inputs.calendar else 0
        split = features.shape[2] - extra
        features = np.concatenate([features[:, :, :split], readings, features[:, :, split:]], axis=2)
    seen = np.ascontiguousarray(features.transpose(1, 0, 2))
    weights = np.stack([twins[column].weights for column in columns])
    network = twins[0].network
    ahead = predict(network, weights, seen)
    guess = np.ascontiguousarray(_as_usual(seen, load, target, inputs, begin))
    usual = predict(network, weights, guess)
    return tuple(np.maximum(part.raw(each.T), 0.0) for each in (ahead, usual))  # type: ignore[return-value]  # two


def _as_usual(seen: Floats, load: Floats, target: Traffic, inputs: InputSettings, begin: int) -> Floats:
    """The same inputs (K, T, F) with the recent values, and readings, that are usual for their hour."""
    offsets = tuple(range(-inputs.recent, 0))
    clock = clock_of(target, len(load))
    usual = profile_columns(load, clock, begin, offsets).transpose(1, 0, 2)  # (K, T, recent)
    changed = seen.copy()
    periodic = len(inputs.periodic_hours)
    changed[:, :, periodic : periodic + inputs.recent] = usual
    if inputs.readings:
        low = periodic + inputs.recent + len(inputs.profile)
        high = changed.shape[2] - (7 if inputs.calendar else 0)
        changed[:, :, low:high] = usual[:, :, -1:]
    return changed


def _cost(record: Record, twins: list[Twin], drift: DriftReport) -> Cost:
    """What training the clusters of drifting stations again takes, or all when errors have grown alone."""
    drifting = set(drift.drifting)
    own = {twin.name: twin for twin in twins}
    wanted = [twin for twin in own.values() if not drifting or drifting & set(twin.stations)]
    stations = {station for twin in wanted for station in twin.stations}
    vertical = record.settings.vertical
    trainings = round(len(stations) * vertical.epochs * vertical.participation)
    weights = twins[0].network.parameters * 4
    return Cost(
        tuple(sorted(twin.name for twin in wanted)), len(stations), trainings, 2 * weights * trainings
    )
