"""What is known of the stations of a run: where they are, their series, their clusters and twins.

Axes: T time, N stations, S steps of the stream.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import clock_of
from data.sets.tables import read_set
from data.traffic import StationId, Traffic, hourly, in_order, of_columns
from data.windows import split_steps, varying_columns
from fl_server.run_folder import FEDERATION, Record, kept_state, read_record
from fl_server.station_twins import station_twins
from fl_server.stored_runs import is_finished
from forecasting.twin import Twin

Values = NDArray[np.float32]
TABLE = "stations.csv"


@dataclass(frozen=True)
class Network:
    """The N stations of a run; without series where these are with stations on other machines."""

    folder: Path
    record: Record
    stations: tuple[StationId, ...]
    names: tuple[str, ...]
    positions: NDArray[np.float64]  # (N, 2)
    source: Traffic | None  # the set, of these stations
    target: Traffic | None  # the same at the step that is forecast
    stream: range  # the steps of the stream

    @property
    def load(self) -> Values:
        """The load of every step, (T, N)."""
        return self.series.load

    @property
    def series(self) -> Traffic:
        """The series, where they are at hand."""
        if self.target is None:
            raise InputError(
                f"{self.folder.name}: the series of this run are with its stations, not on this machine"
            )
        return self.target

    @cached_property
    def clock(self) -> NDArray[np.datetime64]:
        """The wall clock of every step, (T,)."""
        return clock_of(self.series, len(self.series.load))

    @cached_property
    def place(self) -> dict[str, int]:
        """Where each station stands among the N."""
        return {station: place for place, station in enumerate(self.stations)}

    @cached_property
    def twins(self) -> dict[StationId, Twin]:
        """The twin that stands for each station: its own where one is stored, else its cluster's."""
        return station_twins(self.folder, self.stations, None)

    @cached_property
    def table(self) -> pl.DataFrame:
        """What the finished run says of each station."""
        return pl.read_csv(self.folder / TABLE, schema_overrides={"station": pl.String})


def network_of(folder: Path) -> Network:
    """The network of the run in `folder`."""
    record = read_record(folder)
    return _far_network(folder, record) if record.set == FEDERATION else _near_network(folder, record)


def _near_network(folder: Path, record: Record) -> Network:
    recipe = record.settings.recipe
    traffic = read_set(Path(record.set), record.reading)
    varying = varying_columns(traffic, recipe.split, native_step=recipe.native_step)
    column_of = {traffic.stations[column]: int(column) for column in varying}
    stations = tuple(in_order(column_of))
    source = of_columns(traffic, [column_of[station] for station in stations])
    target = source if recipe.native_step else hourly(source)
    first, end = split_steps(target, recipe.split)
    return Network(
        folder, record, stations, source.names, source.positions, source, target, range(first, end)
    )


def _far_network(folder: Path, record: Record) -> Network:
    """The network of a federation, which tells where its stations are once its run is finished."""
    if not is_finished(folder):
        raise InputError(f"{folder.name}: where its stations are is known once this run is finished")
    table = pl.read_csv(folder / TABLE, schema_overrides={"station": pl.String})
    positions = table.select("longitude", "latitude").to_numpy()
    stations = tuple(StationId(each) for each in table["station"])
    return Network(folder, record, stations, (), positions, None, None, range(0))


def clusters_of(network: Network) -> NDArray[np.int64]:
    """The cluster of each station, counted from 1; 0 before the first segmentation is known."""
    if is_finished(network.folder):
        clusters = dict(network.table.select("station", "cluster").iter_rows())
        return np.array([clusters.get(station, 0) for station in network.stations], np.int64)
    state = kept_state(network.folder)
    found = None if state is None else state.hierarchical.tree.cluster_of + 1
    return np.zeros(len(network.stations), np.int64) if found is None else found.astype(np.int64)


def ages_of(network: Network) -> NDArray[np.float32] | None:
    """How many hours before the end of the data those end that each station's twin has learned from."""
    if not is_finished(network.folder):
        return None
    if network.target is None:
        return None
    end = network.target.start + len(network.load) * np.timedelta64(network.target.step_minutes, "m")
    twins = network.twins
    return np.array([twins[station].age_hours(end) for station in network.stations], np.float32)
