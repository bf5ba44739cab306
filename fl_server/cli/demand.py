"""The demand that a stored run tells of: its stations' series, and from their end on what its twins forecast.

Axes: T hours of history, S hours ahead, B stations of the run.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.sets.tables import read_set
from data.traffic import chosen_stations
from data.words import counted
from fl_server.run_folder import read_record, read_summary
from fl_server.station_twins import series_of_stations, station_twins
from forecasting.ahead import ahead_forecasts
from hetnet.network import Floats
from hetnet.world import WorldSettings

MONDAY = np.datetime64("1970-01-05")


@dataclass(frozen=True)
class Demand:
    """The demand of areas over days of history and what follows; no loads stand for those of the city."""

    days: int
    loads: Floats | None = None  # (T + S, B)
    first: int = 0  # the hour of the week with which it begins


def demand_of(run: Path, data: Path | None, days: int | None, hours: int) -> Demand:
    """The demand of a run's stations: so many days of it, or what there is, and so many hours ahead."""
    record, summary = read_record(run), read_summary(run)
    traffic = read_set(data or Path(record.set), record.reading)
    stations = pl.read_csv(run / "stations.csv", schema_overrides={"station": pl.String})["station"]
    twins = station_twins(run, stations.to_list(), None)
    series = series_of_stations(
        chosen_stations(traffic, list(twins)), list(twins.values()), record, summary.get("set_step_minutes")
    )
    target = series.target
    steps = len(target.load)
    days = days or max(1, min(WorldSettings.days, steps // 24))
    wanted = days * 24
    if target.step_minutes != 60 or steps < wanted:
        raise InputError(
            f"{run}: its set has {steps} steps of {target.step_minutes} min, "
            f"expected {wanted} hours for {counted(days, 'day')} of history"
        )
    if record.reading.standardised:
        raise InputError(f"{run}: its set holds z-scores, expected loads that are a demand")
    load = target.load[-wanted:].astype(np.float64)
    if hours:
        weights = np.stack([twin.weights for twin in twins.values()])
        network = next(iter(twins.values())).network
        ahead = ahead_forecasts(network, weights, series, np.array([steps]), hours)[:, -1]  # (B, S)
        load = np.concatenate([load, series.scaler.raw(ahead.T)])
    start = target.start + np.timedelta64((steps - wanted) * 60, "m")
    return Demand(days, np.maximum(load, 0.0), int((start - MONDAY) / np.timedelta64(1, "h")) % 168)
