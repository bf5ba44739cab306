"""Sets with faults put into them, the labels that tell where, and who finds them.

Axes: T steps, N stations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.plain import moment
from data.sets.partitions import write_about, write_day, write_stations
from data.store import whole_file
from data.traffic import StationId, Traffic, hourly
from data.words import counted
from fl_server.watching import nearest
from hetnet.operations.alerts import Alert
from hetnet.operations.deviations import Followed
from hetnet.operations.faults import FAULT_KINDS, Fault, FaultSettings, drawn_faults, with_faults
from hetnet.operations.judging import Excused, Judgement, judged, nothing_excused
from hetnet.operations.plain_detectors import (
    FOREST_THRESHOLDS,
    SEASONAL_THRESHOLDS,
    forest_scores,
    plain_judgements,
    seasonal_scores,
)

LABELS = "faults.csv"
COLUMNS = ("kind", "station", "start", "end", "size", "disturbed")
OURS, SEASONAL, FOREST = "twins", "seasonal threshold", "isolation forest"


@dataclass(frozen=True)
class Injected:
    """A set in which values are NaN where nothing is recorded, and what was put in."""

    traffic: Traffic
    faults: tuple[Fault, ...]


def injected(traffic: Traffic, days: float, settings: FaultSettings, seed: int) -> Injected:
    """The traffic with faults in its last `days`, which begin and end at whole hours."""
    if (traffic.load < 0).any():
        raise InputError("the set holds z-scores, expected loads: faults are shares of a load")
    clock = hourly(traffic).local_times
    if not 1 <= days < len(clock) / 24:
        raise InputError(
            f"--days {days:g}: expected from 1 to less than the {len(clock) / 24:.1f} days of the set"
        )
    hours = round(days * 24)
    near = nearest(traffic.positions)
    faults = drawn_faults(clock[-hours:], traffic.stations, near, settings, np.random.default_rng(seed))
    load = with_faults(traffic.load, traffic.local_times, traffic.stations, faults, settings.handed)
    if traffic.gaps is not None:
        load = np.where(traffic.gaps, np.nan, load)
    return Injected(replace(traffic, load=load.astype(np.float32), gaps=None), tuple(faults))


def write_injected(folder: Path, made: Injected, details: dict[str, object]) -> None:
    """Write the set and its labels."""
    traffic = made.traffic
    write_stations(folder, traffic.stations, traffic.positions, traffic.names)
    write_about(
        folder,
        timezone=traffic.timezone,
        step_minutes=traffic.step_minutes,
        source="a set with faults put in",
        details=details,
    )
    days = traffic.local_times.astype("datetime64[D]")
    for day in np.unique(days):
        inside = days == day
        write_day(
            folder, day.item(), traffic.times[inside], traffic.stations,
            {traffic.channel: traffic.load[inside]}, timezone=traffic.timezone,
        )  # fmt: skip
    write_labels(folder / LABELS, made.faults)


def write_labels(file: Path, faults: Sequence[Fault]) -> None:
    """Write the labels, a line a fault; times are wall clock."""
    rows = [
        {
            "kind": fault.kind,
            "station": fault.station,
            "start": str(fault.start),
            "end": str(fault.end),
            "size": round(fault.size, 4),
            "disturbed": " ".join(fault.disturbed),
        }
        for fault in faults
    ]
    with whole_file(file) as partial:
        pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String) | {"size": pl.Float64}).write_csv(partial)


def read_labels(file: Path) -> list[Fault]:
    """The faults that a file of labels tells of."""
    if not file.is_file():
        raise InputError(f"{file}: no such file, expected the labels that vhtwin faults inject writes")
    try:
        table = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{file}: is no table of labels: {error}") from error
    lacking = [column for column in COLUMNS if column not in table.columns]
    if lacking:
        raise InputError(f"{file}:1: lacks {', '.join(lacking)}, expected {','.join(COLUMNS)}")
    if table.is_empty():
        raise InputError(f"{file}: holds no fault, expected at least one to score against")
    return [
        _fault(f"{file}:{number}", row) for number, row in enumerate(table.iter_rows(named=True), start=2)
    ]


def _fault(where: str, row: dict[str, str | None]) -> Fault:
    kind = next((kind for kind in FAULT_KINDS if kind == row["kind"]), None)
    if kind is None:
        raise InputError(f"{where}: unknown kind {row['kind']!r}, expected one of {', '.join(FAULT_KINDS)}")
    start, end = (moment(row[name] or "") for name in ("start", "end"))
    try:
        size = float(row["size"] or "")
    except ValueError:
        size = np.nan
    if start is None or end is None or not np.isfinite(size):
        found = f"{row['start']}, {row['end']}, {row['size']}"
        raise InputError(f"{where}: found {found}, expected two times like 2013-11-24T05:00 and a number")
    if not row["station"] or not start < end:
        raise InputError(f"{where}: expected a station, and a start before the end")
    disturbed = tuple(StationId(each) for each in (row["disturbed"] or "").split())
    return Fault(
        kind=kind,
        station=StationId(row["station"]),
        start=start.astype("datetime64[m]"),
        end=end.astype("datetime64[m]"),
        size=size,
        disturbed=disturbed,
    )


def within(faults: Sequence[Fault], followed: Followed, file: Path) -> list[Fault]:
    """The faults that begin in the watched steps, at watched stations; refused when there are none."""
    first, last = followed.clock[followed.first], followed.clock[-1]
    strange = [fault.station for fault in faults if fault.station not in followed.stations]
    if strange:
        raise InputError(f"{file}: station {strange[0]} is not watched, expected one of the run and the set")
    inside = [fault for fault in faults if first <= fault.start <= last]
    if not inside:
        raise InputError(f"{file}: none of its {counted(len(faults), 'fault')} begins from {first} to {last}")
    return inside


def beside(
    followed: Followed,
    alerts: Sequence[Alert],
    faults: Sequence[Fault],
    seed: int,
    excused: Excused = nothing_excused,
) -> dict[str, list[Judgement]]:
    """What the twins' alerts come to, and those of the two plain detectors."""
    step = np.timedelta64(followed.step_minutes, "m")
    return {
        OURS: judged(alerts, faults, step, excused),
        SEASONAL: plain_judgements(followed, seasonal_scores(followed), SEASONAL_THRESHOLDS, faults, excused),
        FOREST: plain_judgements(followed, forest_scores(followed, seed), FOREST_THRESHOLDS, faults, excused),
    }
