"""What the stored twins of a run make of its stream, one step ahead, and of the hours after it.

The twins are those that the run ended with. They have learned from what came before `trained_until`, which is
most of the stream: what they miss there says where a network surprises its twins, not how well these forecast
what they have never seen (the run's own scores say that).

Axes: T time, S steps of the stream, K stations, H hours after the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.inputs import input_columns
from data.progress import Step, Work
from data.traffic import of_columns
from data.words import counted
from fl_server.run_folder import read_summary
from fl_server.station_twins import series_of_stations
from fl_server.web.network import Network
from forecasting.ahead import OutlookSettings, Series, outlook
from forecasting.intervals import IntervalSettings, adaptive_intervals
from forecasting.training import predict

STATIONS_AT_ONCE = 500  # bounds the memory that the windows take
CALIBRATION_STEPS = 100
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Hindsight:
    """Forecasts of the stream (S, N) in the unit of the load, and what came beyond them, z-scored."""

    forecast: Values
    missed: Values  # (seen - expected) / the station's standard deviation


def hindsight(network: Network) -> Work[Hindsight]:
    """Forecast the whole stream of all stations."""
    count, parts = len(network.stations), []
    for first in range(0, count, STATIONS_AT_ONCE):
        places = range(first, min(first + STATIONS_AT_ONCE, count))
        yield Step("forecasting the stream", first, count, "", "stations")
        parts.append(_part(network, places))
    yield Step("forecasting the stream", count, count, counted(count, "station"), "stations")
    return Hindsight(*(np.concatenate(each, axis=1) for each in zip(*parts, strict=True)))


def _part(network: Network, places: Sequence[int]) -> tuple[Values, Values]:
    series, ahead = _one_step_ahead(network, places, network.stream.start)  # (K, S)
    steps = slice(network.stream.start, network.stream.stop)
    missed = (series.load[steps].T - ahead).T
    raw = series.scaler.raw(ahead.T)
    return (raw if network.record.reading.standardised else np.maximum(raw, 0)).astype(np.float32), missed


def _one_step_ahead(network: Network, places: Sequence[int], first: int) -> tuple[Series, Values]:
    """Forecasts (K, ·) of the steps from `first` to the end of the stream, z-scored, and their series."""
    series = _series(network, places)
    load = series.load[: network.stream.stop]
    assert network.source is not None
    source = of_columns(network.source, list(places))
    columns, _ = input_columns(source, series.target, load, series.scaler, series.inputs)  # (W, K, F)
    begin = len(load) - len(columns)
    windows = np.ascontiguousarray(columns[max(first, begin) - begin :].transpose(1, 0, 2))
    twins = [network.twins[network.stations[place]] for place in places]
    weights = np.stack([twin.weights for twin in twins])  # (K, P)
    return series, predict(twins[0].network, weights, windows)


def _series(network: Network, places: Sequence[int]) -> Series:
    assert network.source is not None
    twins = [network.twins[network.stations[place]] for place in places]
    minutes = read_summary(network.folder).get("set_step_minutes")
    return series_of_stations(of_columns(network.source, list(places)), twins, network.record, minutes)


def station_forecast(
    network: Network, place: int, hours: int, coverage: float
) -> dict[str, Any]:  # Any: JSON
    """One station's stream one step ahead and the hours after it, both with intervals."""
    first = max(network.stream.start - CALIBRATION_STEPS, 0)
    series, ahead = _one_step_ahead(network, [place], first)
    first = network.stream.stop - ahead.shape[1]
    before = max(network.stream.start - first, 1)
    truth = series.load[first : network.stream.stop].T  # (1, ·)
    errors = (ahead - truth)[:, :before]
    found = adaptive_intervals(
        ahead[:, before:], truth[:, before:], errors, IntervalSettings(coverage=coverage)
    )
    steps = max(hours * 60 // series.target.step_minutes, 1)
    later = outlook(
        network.twins[network.stations[place]].network,
        network.twins[network.stations[place]].weights[None],
        series,
        len(series.load),
        OutlookSettings(steps=steps, coverage=coverage),
    )

    def raw(scaled: NDArray[np.floating]) -> list[float]:
        values = series.scaler.raw(scaled.T)[:, 0]
        values = values if network.record.reading.standardised else np.maximum(values, 0)
        return [float(f"{value:.6g}") for value in values]

    return {
        "stream": {
            "first": first + before,
            "forecast": raw(ahead[:, before:]),
            "lower": raw(found.lower),
            "upper": raw(found.upper),
        },
        "ahead": {
            "times": [str(time) for time in later.times.astype("datetime64[m]")],
            "forecast": raw(later.forecast),
            "lower": raw(later.intervals.lower),
            "upper": raw(later.intervals.upper),
        },
    }
