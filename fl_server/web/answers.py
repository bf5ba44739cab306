"""What the API answers about runs, as JSON can hold it.

Axes: T time, N stations.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import InputError
from data.figures.description import is_standardised
from fl_server.run_folder import FEDERATION, read_record, read_summary
from fl_server.stored_runs import is_finished, reached
from fl_server.web.network import Network, ages_of, clusters_of
from fl_server.web.shelf import UnknownError

Figures = dict[str, Any]  # Any: what JSON holds
PEAK = 0.99  # the quantile of a station's load that counts as its usual peak


def listed(key: str, folder: Path) -> Figures:
    """One line about a run."""
    try:
        record = read_record(folder)
        finished = is_finished(folder)
        words = "finished" if finished else reached(folder).words
        return {"key": key, "set": Path(record.set).name, "finished": finished, "words": words, "error": ""}
    except InputError as error:
        return {"key": key, "set": "", "finished": False, "words": "", "error": str(error)}


def described(key: str, network: Network) -> Figures:
    """What a run is about, without anything that is as long as it has stations."""
    record, folder = network.record, network.folder
    settings = record.settings
    finished = is_finished(folder)
    summary = read_summary(folder) if finished else {}
    told: Figures = {
        "key": key,
        "set": Path(record.set).name,
        "finished": finished,
        "words": "finished" if finished else reached(folder).words,
        "stations": len(network.stations),
        "far": record.set == FEDERATION,
        "model": settings.recipe.model,
        "psi": settings.horizontal.psi,
        "personal": settings.recipe.personal,
        "clusters": summary.get("clusters"),
        "quality": summary.get("quality"),
        "scores": {letter: summary.get(letter) for letter in ("v", "h")},
        "times": [],
        "total": [],
        "step_minutes": 60,
        "stream": [0, 0],
        "unit": "",
    }
    if network.target is not None:
        told |= {
            "times": [str(time) for time in network.clock.astype("datetime64[m]")],
            "step_minutes": network.target.step_minutes,
            "stream": [network.stream.start, network.stream.stop],
            "unit": unit(network),
            "total": [float(f"{value:.5g}") for value in network.load.sum(axis=1, dtype=np.float64)],
        }
    return told


def unit(network: Network) -> str:
    """What one value of the load is."""
    target = network.series
    if is_standardised(target):
        return f"{target.channel} load, standardised"
    span = {60: "hour", 1440: "day"}.get(target.step_minutes, f"{target.step_minutes} min")
    return f"{target.channel} load per {span}"


def stations(network: Network) -> Figures:
    """The stations of a run, column by column, each (N,)."""
    columns: Figures = {
        "station": list(network.stations),
        "name": list(network.names) if network.names else [],
        "longitude": network.positions[:, 0].round(6).tolist(),
        "latitude": network.positions[:, 1].round(6).tolist(),
        "cluster": clusters_of(network).tolist(),
        "age_hours": [],
        "peak": [],
        "mse": [],
    }
    ages = ages_of(network)
    if ages is not None:
        columns["age_hours"] = ages.tolist()
    if network.target is not None:
        peaks = np.quantile(network.load, PEAK, axis=0)
        columns["peak"] = [float(f"{value:.5g}") for value in peaks]
    if is_finished(network.folder):
        columns["mse"] = [_finite(value) for value in _scored(network)]
    return columns


def _scored(network: Network) -> list[float | None]:
    """The error of the cluster's twin at each station, along the stream where there was H-twinning."""
    table = network.table
    column = "h_mse_c" if table["h_mse_c"].dtype.is_numeric() and table["h_mse_c"].count() else "v_mse_c"
    found = dict(table.select("station", column).iter_rows())
    return [found.get(station) for station in network.stations]


def _finite(value: object) -> float | None:
    if not isinstance(value, float | int) or not math.isfinite(value):
        return None
    return float(f"{value:.5g}")


def clusters(network: Network) -> Figures:
    """The clusters with their errors, and when stations were parted anew."""
    summary = read_summary(network.folder) if is_finished(network.folder) else {}
    told: Figures = {"clusters": [], "quality": summary.get("quality")}
    numbers = clusters_of(network)
    rows: Any = summary.get("by_cluster", [])
    scores = {row["cluster"]: row for row in rows}
    for number in np.unique(numbers).tolist():
        row = scores.get(number, {})
        inside = numbers == number
        told["clusters"].append(
            {
                "cluster": number,
                "stations": int(inside.sum()),
                "longitude": float(network.positions[inside, 0].mean()),
                "latitude": float(network.positions[inside, 1].mean()),
                "v": row.get("v_c"),
                "h": row.get("h_c"),
            }
        )
    return told


def table_of(network: Network, step: int) -> pl.DataFrame:
    """One line a station, with its load at `step`."""
    shown = stations(network)
    columns = {
        name: shown[name] or [None] * len(network.stations)
        for name in ("station", "name", "longitude", "latitude", "cluster", "age_hours", "mse")
    }
    frame = pl.DataFrame(columns, strict=False)
    if network.target is None:
        return frame
    if not 0 <= step < len(network.load):
        raise no_step(network, step)
    return frame.with_columns(
        pl.lit(str(network.clock[step])).alias("time"), pl.Series("load", network.load[step])
    )


def no_step(network: Network, step: int) -> UnknownError:
    """What to raise for a step that the series does not have."""
    return UnknownError(f"step {step}: the series has steps 0 to {len(network.load) - 1}")


def geojson_of(network: Network, step: int) -> str:
    """The same as a FeatureCollection of points."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.pop("longitude"), row.pop("latitude")]},
            "properties": row,
        }
        for row in table_of(network, step).to_dicts()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False)
