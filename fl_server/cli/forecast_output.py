"""What `vhtwin forecast` leaves behind: a folder of files, a table or a JSON object.

Axes: K stations, S test steps.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fl_server.cli.report import print_table, print_text
from fl_server.pictures import Panel, draw_forecast
from forecasting.forecasts import Comparison, ForecastSettings

NOTE = (
    "MSE, MAE and width are z-scored per station on the training part; NRMSE is each station's RMSE over the "
    "range of its test values, averaged; raw MAE is in the unit of the load."
)


def write_folder(folder: Path, found: Comparison, settings: ForecastSettings, drawn: list[int]) -> None:
    """Write the settings, the table, the network's forecasts with their intervals, and the picture."""
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    pl.DataFrame(_rows(found)).write_csv(folder / "table.csv")
    _forecast_frame(found).write_parquet(folder / "forecasts.parquet")
    panels = [_panel(found, column) for column in drawn]
    network = found.predictors[0]
    nominal = f"{settings.interval.coverage:.0%}"
    title = f"{network.name}: {nominal} intervals hold {network.coverage:.1%} of the truths"
    draw_forecast(folder / "forecast.png", panels, title)


def _rows(found: Comparison) -> list[dict[str, object]]:
    return [
        {"predictor": predictor.name}
        | asdict(predictor.scores)
        | {"mse_spread": predictor.mse_spread, "coverage": predictor.coverage, "width": predictor.width}
        for predictor in found.predictors
    ]


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


def _panel(found: Comparison, column: int) -> Panel:
    task, network = found.task, found.predictors[0]
    mean, scale = task.scaler.mean[column], task.scaler.scale[column]
    return Panel(
        station=task.traffic.names[column] if task.traffic.names else task.traffic.stations[column],
        times=task.test.times,
        truth=task.test.targets[column] * scale + mean,
        forecast=network.forecast[column] * scale + mean,
        lower=network.intervals.lower[column] * scale + mean,
        upper=network.intervals.upper[column] * scale + mean,
    )


def answer(found: Comparison, folder: Path, seconds: float) -> dict[str, object]:
    times = found.task.test.times
    return {
        "rows": _rows(found),
        "left_out": found.left_out,
        "stations": len(found.task.traffic.stations),
        "test": [str(times[0]), str(times[-1])],
        "seconds": round(seconds, 3),
        "folder": str(folder),
    }


def print_comparison(found: Comparison, settings: ForecastSettings, folder: Path) -> None:
    task = found.task
    times = task.test.times.astype("datetime64[m]")
    print_table(
        f"{len(task.traffic.stations)} stations, {task.traffic.channel}, {settings.inputs} inputs, "
        f"{len(times)} steps of {task.traffic.step_minutes} min from {times[0]} to {times[-1]}",
        [
            "predictor",
            "MSE",
            "MAE",
            "NRMSE",
            "raw MAE",
            f"in {settings.interval.coverage:.0%} interval",
            "width",
        ],
        [
            [
                row.name,
                f"{row.scores.mse:.4f}" + (f" ± {row.mse_spread:.4f}" if row.mse_spread else ""),
                f"{row.scores.mae:.4f}",
                f"{row.scores.nrmse:.4f}",
                f"{row.scores.raw_mae:.4g}",
                f"{row.coverage:.1%}",
                f"{row.width:.3f}",
            ]
            for row in found.predictors
        ],
    )
    for name, reason in found.left_out.items():
        print_text(f"left out: {name}: {reason}")
    if settings.level_shift != 1:
        _print_shift(found, settings)
    print_text(NOTE)
    print_text(f"picture: {folder / 'forecast.png'}   table, forecasts, settings: {folder}")


def _print_shift(found: Comparison, settings: ForecastSettings) -> None:
    print_table(
        f"coverage when the load is multiplied by {settings.level_shift:g} in the middle of the test part",
        ["predictor", "before", "first day after", "later"],
        [
            [row.name, *(f"{share:.1%}" for share in row.coverage_around_shift or ())]
            for row in found.predictors
        ],
    )
