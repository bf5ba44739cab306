"""A set of newer data of a run's stations, behind the run's own set."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId, Traffic, chosen_stations
from data.words import counted
from fl_server.run_folder import Record


def read_newer(record: Record, source: Path, reading: ReadSettings) -> tuple[Traffic, Traffic | None]:
    """The set in `source`, and the run's own set where that is another and at hand.

    Wall-clock times of `source` without an offset are those of the run's zone.
    """
    own = Path(record.set)
    if source == own or not own.is_dir():
        return read_set(source, reading), None
    allowed = replace(
        record.reading, max_gap_hours=reading.max_gap_hours, leave_out_gappy=reading.leave_out_gappy
    )
    earlier = read_set(own, allowed)
    return read_set(source, replace(reading, timezone=reading.timezone or earlier.timezone)), earlier


def newer_of(record: Record, source: Path | None, stations: list[StationId]) -> Traffic:
    """The traffic of some stations of a run: its own set's, or behind that what `source` has of them."""
    traffic, earlier = read_newer(record, source or Path(record.set), record.reading)
    lacking = [station for station in stations if station not in traffic.stations]
    if lacking and source is not None:
        raise InputError(
            f"{source}: lacks {counted(len(lacking), 'station')} of the run: {', '.join(lacking[:5])}; "
            f"expected all {len(stations):,}"
        )
    chosen = chosen_stations(traffic, stations)
    return chosen if earlier is None else behind(earlier, chosen, record, Path(source or record.set))


def behind(earlier: Traffic, traffic: Traffic, record: Record, source: Path) -> Traffic:
    """The traffic, with the run's own set before it where it begins later."""
    if earlier.start >= traffic.start or earlier.step_minutes != traffic.step_minutes:
        return traffic
    if earlier.timezone != traffic.timezone:
        raise InputError(
            f"{source}: times of the zone {traffic.timezone}, expected wall-clock times without a zone, as "
            f"{record.set} has them"
        )
    missing = [station for station in traffic.stations if station not in earlier.stations]
    if missing:
        raise InputError(f"{source}: station {missing[0]} has no history in {record.set} (long gaps)")
    steps = int((traffic.start - earlier.start) / np.timedelta64(earlier.step_minutes, "m"))
    if steps > len(earlier.load):
        raise InputError(
            f"{source}: begins at {traffic.start}, expected not later than "
            f"{earlier.times[-1] + np.timedelta64(earlier.step_minutes, 'm')}, when the run's set ends"
        )
    before = chosen_stations(earlier, traffic.stations)
    gaps = None
    if before.gaps is not None or traffic.gaps is not None:
        first, second = (
            each.gaps if each.gaps is not None else np.zeros(each.load.shape, bool)
            for each in (before, traffic)
        )
        gaps = np.concatenate([first[:steps], second])
    load = np.concatenate([before.load[:steps], traffic.load])
    return replace(traffic, load=load, gaps=gaps, start=before.start)
