"""What `vhtwin forecast` leaves behind: a folder of files, a table or a JSON object.

Axes: K stations, S test steps.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from math import floor, log10
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.sets.tables import ReadSettings
from data.traffic import column_of
from fl_server.cli.report import print_table, print_text
from fl_server.pictures import Panel, draw_forecast
from forecasting.forecasts import Comparison, ForecastSettings, Predictor

NOTE = (
    "MSE, MAE and width are z-scored per station on the training part; NRMSE is each station's RMSE over\n"
    "the range of its test values, averaged."
)


Record = dict[str, Any]  # Any: what JSON can hold


def recorded(source: Path, reading: ReadSettings, settings: ForecastSettings) -> Record:
    """All that a run depends on, so that it can be repeated."""
    return {
        "version": metadata.version("vhtwin"),
        "set": str(source.resolve()),
        "reading": asdict(reading),
        "settings": asdict(settings),
    }


def write_folder(folder: Path, found: Comparison, record: Record, drawn: Sequence[str]) -> None:
    """Write the settings, the table, the network's forecasts with their intervals, and the picture."""
    (folder / "settings.json").write_text(json.dumps(record, indent=2) + "\n")
    pl.DataFrame(_rows(found)).write_csv(folder / "table.csv")
    _forecast_frame(found).write_parquet(folder / "forecasts.parquet")
    panels = [_panel(found, station) for station in drawn]
    network = found.predictors[0]
    nominal = f"{record['settings']['interval']['coverage']:.0%}"
    title = f"{Path(record['set']).name}, {network.name}: {nominal} intervals hold {network.coverage:.1%}"
    draw_forecast(folder / "forecast.png", panels, title, _unit(found))


def _unit(found: Comparison) -> str:
    """What a load counts and over how long."""
    traffic = found.task.traffic
    span = "hour" if traffic.step_minutes == 60 else f"{traffic.step_minutes} min"
    return f"{traffic.channel} per {span}"


def _rows(found: Comparison) -> list[dict[str, object]]:
    return [
        {"predictor": predictor.name}
        | asdict(predictor.scores)
        | {"mse_spread": predictor.mse_spread, "coverage": predictor.coverage, "width": predictor.width}
        | _shift_columns(predictor)
        for predictor in found.predictors
    ]


def _shift_columns(predictor: Predictor) -> dict[str, object]:
    if predictor.coverage_around_shift is None:
        return {}
    names = ("coverage_before_shift", "coverage_first_day", "coverage_later")
    return dict(zip(names, predictor.coverage_around_shift, strict=True))


def _forecast_frame(found: Comparison) -> pl.DataFrame:
    """Truth, forecast and interval of the network, in the unit of the load, one line a station and step."""
    task, network = found.task, found.predictors[0]
    stations, steps = task.test.targets.shape
    columns: dict[str, NDArray[np.floating]] = {
        "truth": task.test.targets,
        "forecast": network.forecast,
        "lower": network.intervals.lower,
        "upper": network.intervals.upper,
    }
    return pl.DataFrame(
        {
            "time": np.tile(task.test.times.astype("datetime64[ms]"), stations),
            "station": np.repeat(np.array(task.traffic.stations), steps),
        }
        | {name: task.scaler.raw(values.T).T.reshape(-1) for name, values in columns.items()}
    )


def _panel(found: Comparison, station: str) -> Panel:
    task, network = found.task, found.predictors[0]
    column = column_of(task.traffic, station)
    mean, scale = task.scaler.mean[column], task.scaler.scale[column]
    return Panel(
        station=task.traffic.names[column] if task.traffic.names else task.traffic.stations[column],
        times=task.test.times,
        truth=task.test.targets[column] * scale + mean,
        forecast=network.forecast[column] * scale + mean,
        lower=network.intervals.lower[column] * scale + mean,
        upper=network.intervals.upper[column] * scale + mean,
    )


def answer(found: Comparison, record: Record, filled: int) -> Record:
    """The JSON object; `filled` values of the set, at its own step, stand for gaps."""
    task = found.task
    return {
        "rows": _rows(found),
        "left_out": found.left_out,
        "stations": len(task.traffic.stations),
        "silent_stations": list(task.silent),
        "filled": filled,
        "filled_truths": int((~task.test.measured).sum()),
        "test": [str(task.test.times[0]), str(task.test.times[-1])],
        "unit": _unit(found),
        **record,
    }


def print_comparison(found: Comparison, settings: ForecastSettings, folder: Path, filled: int) -> None:
    """The table, and what a reader must know about it; `filled` values of the set stand for gaps."""
    _print_what(found, settings, filled)
    columns = ["predictor", "MSE", "MAE", "NRMSE", "raw MAE", "in interval", "width"]
    print_table("", columns, [_figures(row) for row in found.predictors])
    if settings.level_shift != 1:
        _print_shift(found, settings)
    for name, reason in found.left_out.items():
        print_text(f"left out: {name}: {reason}")
    print_text(NOTE)
    print_text(f"picture: {folder / 'forecast.png'}   table, forecasts, settings: {folder}")


def _print_what(found: Comparison, settings: ForecastSettings, filled: int) -> None:
    task = found.task
    times = task.test.times.astype("datetime64[m]")
    print_text(
        f"{len(task.traffic.stations)} stations, {task.traffic.channel}, {settings.inputs} inputs, "
        f"{len(times)} steps of {task.traffic.step_minutes} min"
    )
    nominal = f"{settings.interval.coverage:.0%}"
    print_text(f"tested from {times[0]} to {times[-1]}; {nominal} intervals; raw MAE in {_unit(found)}")
    if task.silent:
        few = ", ".join(task.silent[:5]) + (", …" if len(task.silent) > 5 else "")
        print_text(f"left out, because they never vary before the test: {len(task.silent)} stations ({few})")
    if task.traffic.gappy:
        print_text(f"left out, because their gaps are too long: {', '.join(task.traffic.gappy)}")
    if filled:
        print_text(f"gaps filled: {filled:,} values of the set")
    unscored = int((~task.test.measured).sum())
    if unscored:
        print_text(f"not scored, because they were filled in for gaps: {unscored} values")


def _figures(row: Predictor) -> list[str]:
    spread = f" ± {row.mse_spread:.4f}" if row.mse_spread else ""
    return [
        row.name,
        f"{row.scores.mse:.4f}{spread}",
        f"{row.scores.mae:.4f}",
        f"{row.scores.nrmse:.4f}",
        _four_digits(row.scores.raw_mae),
        f"{row.coverage:.1%}",
        f"{row.width:.3f}",
    ]


def _four_digits(value: float) -> str:
    """`value` with four digits, as many of them behind the point in every row."""
    return f"{value:.{max(0, 3 - floor(log10(value)))}f}" if value > 0 else "0"


def _print_shift(found: Comparison, settings: ForecastSettings) -> None:
    print_table(
        f"coverage when the load is multiplied by {settings.level_shift:g} in the middle of the test part",
        ["predictor", "before", "first day after", "later"],
        [
            [row.name, *(f"{share:.1%}" for share in row.coverage_around_shift or ())]
            for row in found.predictors
        ],
    )
