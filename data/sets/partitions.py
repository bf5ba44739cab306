"""Writing a set in our own layout: one Parquet file a day, long, beside `stations.csv` and `about.json`.

    DIR/stations.csv                                   station,lon,lat[,name]
    DIR/about.json                                     where the set comes from; its time zone and step
    DIR/traffic.parquet/date=2013-11-01/part-0.parquet time, station, one column a channel

Rows are sorted by time, then by station in the order of `stations.csv`; every pair stands once.
A null value is a gap: nothing was measured there. Axes: T steps of one day, N stations.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.store import whole_file
from data.traffic import StationId

LAYOUT = "vhtwin-set-1"


def day_file(folder: Path, day: date) -> Path:
    """Where the Parquet file of `day` (local calendar) stands in the set `folder`."""
    return folder / "traffic.parquet" / f"date={day.isoformat()}" / "part-0.parquet"


def write_day(
    folder: Path,
    day: date,
    times: NDArray[np.datetime64],  # (T,)
    stations: Sequence[StationId],
    channels: Mapping[str, NDArray[np.float32]],  # each (T, N); NaN is a gap
    *,
    timezone: str | None,
) -> None:
    """Write one day of a set; `times` are UTC when the set has a time zone, else wall clock."""
    moments = pl.Series("time", np.repeat(times.astype("datetime64[ms]"), len(stations)))
    if timezone is not None:
        moments = moments.dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    names = pl.Series("station", stations, dtype=pl.Enum(list(stations)))
    rows = np.tile(np.arange(len(stations), dtype=np.uint32), len(times))
    frame = pl.DataFrame(
        {"time": moments, "station": names.gather(rows)}
        | {channel: pl.Series(load.reshape(-1)).fill_nan(None) for channel, load in channels.items()}
    )
    with whole_file(day_file(folder, day)) as partial:
        frame.write_parquet(partial, compression="zstd", compression_level=1)


def write_stations(
    folder: Path,
    stations: Sequence[StationId],
    positions: NDArray[np.float64],  # (N, 2): longitude, latitude
    names: Sequence[str] = (),
) -> None:
    """Write `stations.csv`."""
    columns: dict[str, Any] = {  # a column is either text or numbers
        "station": list(stations),
        "lon": positions[:, 0].round(6),
        "lat": positions[:, 1].round(6),
    }
    if names:
        columns["name"] = list(names)
    with whole_file(folder / "stations.csv") as partial:
        pl.DataFrame(columns).write_csv(partial)


def write_about(
    folder: Path, *, timezone: str | None, step_minutes: int, source: str, details: Mapping[str, object]
) -> None:
    """Write `about.json`: the time zone, the step and where the set comes from."""
    about = {"layout": LAYOUT, "timezone": timezone, "step_minutes": step_minutes, "source": source}
    with whole_file(folder / "about.json") as partial:
        partial.write_text(json.dumps(about | dict(details), indent=2) + "\n")
