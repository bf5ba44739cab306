"""What if: a stored run and scenarios in, what they change out. Nothing of the run is touched.

    replica = replica_of(run, ReplicaSettings(hours=24))          # seconds; the same for all scenarios
    found = what_if(run, [Scenario(off=("5050",))], replica=replica)
    to_json(found[0], replica)                                     # what the page and `--json` show

`what_if` makes the replica itself where none is given. Scenarios come from clauses (the
grammar is in hetnet/operations/scenario.py) or from TOML files (`read_scenario`). Whatever is wrong with them
is an InputError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import InputError
from data.inputs import InputSettings, clock_of, first_step
from data.traffic import Traffic
from fl_server.newer import newer_of
from fl_server.presets import table_of
from fl_server.run_folder import FEDERATION, Record, read_record, read_summary
from fl_server.station_twins import series_of_stations, station_twins
from forecasting.ahead import CALIBRATION_DAYS, Series, ahead_forecasts, usual_errors
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.capacity import CapacitySettings, Given, given_capacity, shown_capacity
from hetnet.operations.choosing import Judged
from hetnet.operations.coverage import REACH, reaches
from hetnet.operations.impact import Outcome, PlaySettings, played
from hetnet.operations.replica import Band, Replica, Singles, Total, hours_named, names_of, sampled_futures
from hetnet.operations.scenario import KINDS, Scenario
from hetnet.operations.users import UsersTotals, users_by_load

MOST_HOURS = 14 * 24
MOST_FUTURES = CALIBRATION_DAYS * 24
APART = 7  # hours between the forecasts whose errors make futures: no divisor of a day, so at all its hours
Figures = dict[str, Any]  # Any: what JSON can hold


@dataclass(frozen=True, kw_only=True)
class ReplicaSettings:
    """How far the replica looks ahead, in how many futures, and what its stations can carry and reach."""

    hours: int = 24
    futures: int = 48
    reach: float = REACH  # of a station's mean distance to its neighbours
    capacity: CapacitySettings = field(default_factory=CapacitySettings)
    capacities: Path | None = None  # a CSV station,capacity[,reach_km][,users]
    users: float | None = None  # of the whole network, spread over stations as their load is
    data: Path | None = None  # a set with newer data of the run's stations

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= MOST_HOURS:
            raise InputError(f"hours must lie between 1 and {MOST_HOURS}, got {self.hours}")
        if self.users is not None and not 0 < self.users < np.inf:
            raise InputError(f"users must be more than 0, got {self.users:g}")
        if not 2 <= self.futures <= MOST_FUTURES:
            raise InputError(f"futures must lie between 2 and {MOST_FUTURES}, got {self.futures}")


def what_if(
    run: Path,
    scenarios: Sequence[Scenario],
    settings: PlaySettings | None = None,
    replica: Replica | None = None,
) -> list[Outcome]:
    """What each of `scenarios` changes in the coming hours of the stations of the stored `run`."""
    return list(played(replica or replica_of(run), scenarios, settings or PlaySettings()))


def replica_of(run: Path, settings: ReplicaSettings | None = None) -> Replica:
    """The coming hours of a run's stations by its stored twins, without any intervention."""
    settings = settings or ReplicaSettings()
    record, summary = read_record(run), read_summary(run)
    _refuse_no_loads(run, record, settings.data)
    table = pl.read_csv(run / "stations.csv", schema_overrides={"station": pl.String})
    twins = station_twins(run, table["station"].to_list(), None)
    traffic = newer_of(record, settings.data, list(twins))
    series = series_of_stations(traffic, list(twins.values()), record, summary.get("set_step_minutes"))
    _refuse_other_steps(run, series.target)
    weights = np.stack([twin.weights for twin in twins.values()])
    network = next(iter(twins.values())).network
    origins = _earlier_origins(series.inputs, series.target, settings)
    now = len(series.target.load)
    scaled = ahead_forecasts(
        network, weights, series, np.append(origins, now), settings.hours
    )  # (K, M + 1, H)
    forecast = np.maximum(series.scaler.raw(scaled[:, -1].T), 0.0)
    carried = _carried(series, list(twins), settings)
    return Replica(
        stations=tuple(twins),
        positions=series.target.positions,
        clusters=table["cluster"].to_numpy().astype(np.int64),
        hours=clock_of(series.target, now + settings.hours)[now:],
        forecast=forecast.astype(np.float64),
        futures=_futures(series, origins, scaled[:, :-1], forecast),
        capacity=carried.capacity,
        reach=carried.reach,
        users=_users(carried, forecast, settings),
    )


def refuse_unplayable(run: Path, target: Traffic, inputs: InputSettings, settings: ReplicaSettings) -> None:
    """Refuse a run of which `replica_of` makes nothing, before the work: `target` is its set by the hour."""
    read_summary(run)
    _refuse_no_loads(run, read_record(run), settings.data)
    _refuse_other_steps(run, target)
    _earlier_origins(inputs, target, settings)


def _refuse_no_loads(run: Path, record: Record, data: Path | None) -> None:
    if record.set == FEDERATION and data is None:
        raise InputError(f"{run}: its stations have their data on other machines, expected --data DIR")
    if record.reading.standardised:
        raise InputError(f"{run}: its set holds z-scores, expected loads, which can be added and moved")


def _refuse_other_steps(run: Path, target: Traffic) -> None:
    if target.step_minutes != 60:
        raise InputError(f"{run}: forecasts steps of {target.step_minutes} min, expected hours")


def _earlier_origins(inputs: InputSettings, target: Traffic, settings: ReplicaSettings) -> Counts:
    """Hours from which forecasts were due whose truth has come: as many as there are to be futures."""
    first = first_step(inputs, target)
    last = len(target.load) - settings.hours
    step = min(APART, max(1, CALIBRATION_DAYS * 24 // settings.futures))
    several = np.arange(last, first - 1, -step)[: settings.futures][::-1]
    if len(several) < settings.futures:
        raise InputError(
            f"the data allow {len(several)} earlier forecasts of {settings.hours} hours to be compared with "
            f"what came, expected {settings.futures}: use more data, fewer --hours or fewer --futures"
        )
    return several.astype(np.int64)


def _futures(series: Series, origins: Counts, earlier: Singles, forecast: Floats) -> Singles:
    """Futures (R, H, K) from what `earlier` forecasts (K, R, H), z-scored, have missed."""
    hours, now = earlier.shape[2], len(series.target.load)
    ahead = origins[:, None] + np.arange(hours)  # (R, H)
    missed = series.load[ahead].transpose(2, 0, 1) - earlier  # (K, R, H)
    measured = series.measured[ahead].transpose(2, 0, 1)
    of_day = clock_of(series.target, now + hours).astype("datetime64[h]").astype(np.int64) % 24
    usual = usual_errors(np.where(measured, np.abs(missed), np.nan), of_day[ahead])  # (K, 24)
    missed[~measured] = 0
    usual = (usual * series.scaler.scale[:, None]).astype(np.float32)
    missed *= series.scaler.scale.astype(np.float32)[:, None, None]
    return sampled_futures(forecast, missed, usual[:, of_day[ahead]], usual[:, of_day[now:]])


def _carried(series: Series, stations: Sequence[str], settings: ReplicaSettings) -> Given:
    """What stations can carry and reach, and the users around them, as the operator or the history says."""
    reach = reaches(series.target.positions, settings.reach)
    if settings.capacities is None:
        shown = shown_capacity(series.target.load, series.measured, settings.capacity)
        return Given(shown, reach, np.full(len(reach), np.nan))
    given = given_capacity(settings.capacities, stations)
    return replace(given, reach=np.where(np.isnan(given.reach), reach, given.reach))


def _users(given: Given, forecast: Floats, settings: ReplicaSettings) -> Floats | None:
    """Users around each station, (H, K): as a file says, or all of them spread as the load is."""
    told = not np.isnan(given.users).any()
    if told and settings.users is not None:
        raise InputError(f"{settings.capacities} tells of users, and so does --users: expected one of them")
    if told:
        return np.tile(given.users, (len(forecast), 1))
    return None if settings.users is None else users_by_load(settings.users, forecast)


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file; it is called as the file is, where it names itself not otherwise."""
    table = table_of(path)
    known = [each.name for each in fields(Scenario)]
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            raise InputError(f"{path}: unknown key {name!r}; {hint}")
    made: Figures = {"name": path.stem}
    for name, value in table.items():
        made[name] = _clauses(path, name, value) if name in KINDS else _text(path, name, value)
    if not made["name"].strip():
        made["name"] = path.stem
    if not set(KINDS) & set(table):
        raise InputError(f'{path}: nothing is to be different, expected clauses such as off = ["5050@1-5"]')
    return Scenario(**made)


def _clauses(path: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f'{path}: {name} is {value!r}, expected a list of texts such as ["5050@1-5"]')
    return tuple(value)


def _text(path: Path, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path}: {name} is {value!r}, expected a text")
    return value


def written_scenario(scenario: Scenario) -> str:
    """The scenario as TOML, which `read_scenario` reads back."""
    lines = [f"name = {_quoted(scenario.name)}"]
    lines += [f"about = {_quoted(scenario.about)}"] if scenario.about else []
    for kind in KINDS:
        clauses = getattr(scenario, kind)
        if clauses:
            lines.append(f"{kind} = [{', '.join(map(_quoted, clauses))}]")
    if scenario.is_empty:  # a plan in which nobody can sleep
        lines.append("sleep = []")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """`text` as a basic string of TOML."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in plain) + '"'


def to_json(outcome: Outcome, replica: Replica) -> Figures:
    """An outcome as JSON can hold it: totals, policies, and by hour what is asked of affected stations."""
    names = names_of(replica, outcome.stations)
    return {
        "scenario": _scenario_json(outcome.scenario),
        "hours": hours_named(replica.hours),
        "policy": outcome.policy,
        "futures": futures_json(outcome, replica),
        "policies": [policy_json(each) for each in outcome.policies],
        "left_out": outcome.left_out,
        "totals": totals_json(outcome),
        "stations": {name: _station(outcome, replica, row) for row, name in enumerate(names)},
        "flows": _flows(outcome, replica),
        "over_before": _over(outcome.over[0], replica),
        "over_after": _over(outcome.over[1], replica),
    }


def futures_json(outcome: Outcome, replica: Replica) -> Figures:
    """How many futures totals are of, what share of them intervals hold, and how many choose a policy."""
    choosing = len(replica.futures) - outcome.told
    return {"told": outcome.told, "coverage": outcome.coverage, "choosing": choosing}


def policy_json(judged: Judged) -> Figures:
    """What a policy loses and moves."""
    figures = {each.name: getattr(judged, each.name) for each in fields(Judged) if each.name != "name"}
    return {"policy": judged.name} | figures


def totals_json(outcome: Outcome) -> Figures:
    """The totals over all coming hours and stations; without a name of their own they are by the forecast."""
    sums: Mapping[str, Total] = {
        "asked": outcome.asked_total,
        "lost_before": outcome.lost_base,
        "lost": outcome.lost_scenario,
        "lost_more": outcome.lost_difference,
        "kwh_before": outcome.energy_base,
        "kwh": outcome.energy_scenario,
        "kwh_more": outcome.energy_difference,
    }
    return {name: vars(each) for name, each in sums.items()} | {
        "moved": float(outcome.flows.sum()),
        "affected": len(outcome.stations),
        "over_before": int(outcome.over[0].any(axis=0).sum()),
        "over": int(outcome.over[1].any(axis=0).sum()),
        "users": _users_json(outcome),
    }


def _users_json(outcome: Outcome) -> Figures | None:
    """Users without service, on average at a time and most at one time; null where nobody told of any."""
    users = outcome.users
    if users is None:
        return None

    def both(several: UsersTotals) -> Figures:
        return {"mean": vars(several.mean), "most": vars(several.most)}

    return {
        "without_service_before": both(users.before),
        "without_service": both(users.after),
        "without_service_more": both(users.more),
        "served_elsewhere": {"mean": users.moved_mean, "most": users.moved_most},
    }


def _scenario_json(scenario: Scenario) -> Figures:
    return {each.name: getattr(scenario, each.name) for each in fields(Scenario)}


def _station(outcome: Outcome, replica: Replica, row: int) -> Figures:
    place = outcome.stations[row]
    capacity = replica.capacity[place]

    def by_hour(band: Band) -> Figures:
        parts = {"forecast": band.forecast, "lower": band.lower, "upper": band.upper}
        return {name: values[:, row].tolist() for name, values in parts.items()}

    return {
        "capacity": float(capacity),
        "silent": outcome.silent[:, place].tolist(),
        "base": by_hour(outcome.base),
        "load": by_hour(outcome.load),
        "difference": by_hour(outcome.difference),
        "over_before": outcome.over[0][:, place].tolist(),
        "over": outcome.over[1][:, place].tolist(),
        "risk": outcome.risk[:, row].tolist(),
        "lost": outcome.lost[:, row].tolist(),
    }


def _flows(outcome: Outcome, replica: Replica) -> list[Figures]:
    ends = zip(
        names_of(replica, outcome.routes.source), names_of(replica, outcome.routes.target), strict=True
    )
    return [
        {"from": source, "to": target, "by_hour": outcome.flows[:, pair].tolist()}
        for pair, (source, target) in enumerate(ends)
    ]


def _over(over: Mask, replica: Replica) -> list[str]:
    return names_of(replica, np.flatnonzero(over.any(axis=0)))
