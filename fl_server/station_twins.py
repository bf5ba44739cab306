"""The stored twins by which stations are forecast, and the series that their inputs are made of."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import numpy as np

from data.errors import InputError
from data.scaling import Scaler, fitted_scaler
from data.traffic import StationId, Traffic, hourly
from data.windows import split_steps
from fl_server.run_folder import Record
from fl_server.stored_runs import stored_twin, twin_file
from fl_server.twins import NETWORK
from forecasting.ahead import Series, series_of
from forecasting.twin import Twin


def station_twins(folder: Path, stations: Sequence[str], scope: str | None) -> dict[StationId, Twin]:
    """The stored twin of each of `stations`: that of `scope`; without one its own, or else its cluster's."""
    network = stored_twin(folder / "twins" / twin_file("global", NETWORK))
    theirs = frozenset(network.stations)
    known = [
        StationId(station) if station in theirs else _refuse_unknown(folder, network, station)
        for station in dict.fromkeys(stations)
    ]
    if scope == "network":
        return dict.fromkeys(known, network)
    local = {} if scope == "cluster" else _local_twins(folder, known)
    lacking = [station for station in known if station not in local]
    if scope == "local" and lacking:
        raise InputError(
            f"{folder}: stores no local twin of station {lacking[0]}; name another --twin, or make the run "
            f"with --personal head"
        )
    of_cluster = _cluster_twins(folder, network) if lacking else {}
    return {station: local.get(station) or of_cluster[station] for station in known}


def _refuse_unknown(folder: Path, network: Twin, station: str) -> NoReturn:
    near = get_close_matches(station, network.stations, n=3)
    few = ", ".join(network.stations[:5]) + (", …" if len(network.stations) > 5 else "")
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has those of {few}"
    raise InputError(f"{folder}: has no twin for station {station!r}; {hint}")


def _local_twins(folder: Path, stations: Sequence[StationId]) -> dict[StationId, Twin]:
    files = {station: folder / "twins" / twin_file("local", station) for station in stations}
    return {station: stored_twin(file) for station, file in files.items() if file.exists()}


def _cluster_twins(folder: Path, network: Twin) -> dict[StationId, Twin]:
    """The twin of the cluster of each station."""
    twins = [
        stored_twin(folder / "twins" / twin_file("cluster", name)) for name, _ in network.lineage.parents
    ]
    of_cluster = {station: twin for twin in twins for station in twin.stations}
    missing = [station for station in network.stations if station not in of_cluster]
    if missing:
        raise InputError(f"{folder / 'twins'}: none of its cluster twins stands for station {missing[0]}")
    return of_cluster


def series_of_stations(
    traffic: Traffic, twins: Sequence[Twin], record: Record, step_minutes: object
) -> Series:
    """The series of all stations of `traffic` as their twins see them; the run's set had `step_minutes`."""
    inputs, native_step = twins[0].inputs, record.settings.recipe.native_step
    if (native_step or inputs.readings) and traffic.step_minutes != step_minutes:
        raise InputError(
            f"the data have steps of {traffic.step_minutes} min, expected the {step_minutes} min that the "
            f"twins have learned from"
        )
    if record.settings.recipe.privacy.on:  # the stations have told nobody, and their series is here
        whole = traffic if native_step else hourly(traffic)
        history, _ = split_steps(whole, record.settings.recipe.split)
        return series_of(traffic, fitted_scaler(whole.load[:history]), inputs, native_step=native_step)
    distinct = {id(twin): twin for twin in twins}
    rows = {
        (key, station): row for key, twin in distinct.items() for row, station in enumerate(twin.stations)
    }
    own = [
        (twin.scaler, rows[id(twin), station]) for twin, station in zip(twins, traffic.stations, strict=True)
    ]
    scales = [(scaler.mean[row], scaler.scale[row]) for scaler, row in own]
    mean, scale = np.array(scales).T  # (K,) each
    return series_of(traffic, Scaler(mean, scale), inputs, native_step=native_step)
