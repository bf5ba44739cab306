"""What `vhtwin predict` leaves behind: a table, its settings, a picture; and what it prints.

Axes: T time, K stations, H steps ahead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.inputs import clock_of
from data.traffic import StationId
from fl_server.cli.report import print_table, print_text
from fl_server.pictures import Panel, draw_forecast, load_label
from forecasting.ahead import Outlook, OutlookSettings, Series
from forecasting.twin import Twin

MOST_DRAWN, MOST_LISTED, MOST_BESIDE = 12, 48, 4
PAST_DAYS = 7  # of truth before the forecast, in the picture
TIME = "%Y-%m-%dT%H:%M"
Figures = dict[str, Any]  # Any: what JSON can hold
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The outlook of K stations by their twins, from the step `origin` of `series` on."""

    run: Path
    source: Path
    twins: Mapping[StationId, Twin]
    series: Series
    origin: int
    settings: OutlookSettings
    outlook: Outlook
    standardised: bool  # whether loads may be negative

    @property
    def forecast(self) -> Values:
        """In the unit of the load, (H, K)."""
        return self._raw(self.outlook.forecast)

    @property
    def lower(self) -> Values:
        """The lower ends of the intervals, (H, K)."""
        return self._raw(self.outlook.intervals.lower)

    @property
    def upper(self) -> Values:
        """The upper ends of the intervals, (H, K)."""
        return self._raw(self.outlook.intervals.upper)

    @property
    def truth(self) -> Values:
        """What came, (H, K); NaN where nothing has come yet, or was filled in for a gap."""
        came = np.full((self.settings.steps, len(self.twins)), np.nan)
        steps = slice(self.origin, self.origin + self.settings.steps)
        load = np.where(self.series.measured[steps], self.series.target.load[steps], np.nan)
        came[: len(load)] = load
        return came

    @property
    def is_past(self) -> bool:
        """Whether some truth is known."""
        return not np.isnan(self.truth).all()

    def age_hours(self, twin: Twin) -> float:
        """How long before the first forecast hour the data end that `twin` has learned from."""
        target = self.series.target
        return twin.age_hours(target.start + self.origin * np.timedelta64(target.step_minutes, "m"))

    def _raw(self, scaled: NDArray[np.floating]) -> Values:
        raw = self.series.scaler.raw(scaled.T)  # (H, K)
        return raw if self.standardised else np.maximum(raw, 0)


def write_folder(folder: Path, found: Prediction) -> None:
    """Write the forecasts, what they depend on, and the picture."""
    _frame(found).write_csv(folder / "forecast.csv", datetime_format=TIME)
    described = {"version": metadata.version("vhtwin"), "prediction": _described(found)}
    (folder / "settings.json").write_text(json.dumps(described, indent=2) + "\n")
    panels = [_panel(found, column) for column in range(min(len(found.twins), MOST_DRAWN))]
    draw_forecast(folder / "forecast.png", panels, _title(found), load_label(found.series.target))


def _title(found: Prediction) -> str:
    since = found.outlook.times[0].item()
    return f"{_hours(found)} h from {since:%a %d %b %Y %H:%M}, with {found.settings.coverage:.0%} intervals"


def _hours(found: Prediction) -> int:
    return found.settings.steps * found.series.target.step_minutes // 60


def _frame(found: Prediction) -> pl.DataFrame:
    """One line a station and step; a column of truth when some of it is known."""
    columns = {"forecast": found.forecast, "lower": found.lower, "upper": found.upper}
    columns |= {"truth": found.truth} if found.is_past else {}
    steps, stations = found.forecast.shape
    return pl.DataFrame(
        {
            "time": np.tile(found.outlook.times.astype("datetime64[ms]"), stations),
            "station": np.repeat(np.array(list(found.twins)), steps),
        }
        | {name: pl.Series(values.T.reshape(-1), nan_to_null=True) for name, values in columns.items()}
    )


def _panel(found: Prediction, column: int) -> Panel:
    """The last days of truth, then the forecast, which opens at the last load that was known."""
    target, origin, steps = found.series.target, found.origin, found.settings.steps
    first = max(0, origin - PAST_DAYS * 1440 // target.step_minutes)
    known = target.load[first:origin, column].astype(np.float64)
    before = np.append(np.full(len(known) - 1, np.nan), known[-1])
    ahead = {"forecast": found.forecast, "lower": found.lower, "upper": found.upper}
    return Panel(
        station=target.names[column] if target.names else target.stations[column],
        times=clock_of(target, origin + steps)[first:],
        truth=np.append(known, found.truth[:, column]),
        **{name: np.append(before, values[:, column]) for name, values in ahead.items()},
    )


def _described(found: Prediction) -> Figures:
    """Which twins forecast what, from which data; on top what is the same for all stations, else null."""
    twins = {station: _twin(found, twin) for station, twin in found.twins.items()}
    several = list(twins.values())
    return {
        "run": str(found.run),
        "data": str(found.source),
        **{
            name: value if all(each[name] == value for each in several) else None
            for name, value in several[0].items()
        },
        "twins": twins,
        "from": str(found.outlook.times[0]),
        "hours": _hours(found),
        "coverage": found.settings.coverage,
        "unit": load_label(found.series.target),
    }


def _twin(found: Prediction, twin: Twin) -> Figures:
    return {
        "twin": twin.name,
        "scope": twin.scope,
        "version": twin.version,
        "age_hours": found.age_hours(twin),
    }


def answer(found: Prediction) -> Figures:
    """The JSON object."""
    rows = _frame(found).with_columns(pl.col("time").dt.strftime(TIME))
    stations = {
        station: rows.filter(pl.col("station") == station).drop("station").to_dicts()
        for station in found.twins
    }
    return _described(found) | ({"scores": _scores(found)} if found.is_past else {}) | {"stations": stations}


def _scores(found: Prediction) -> dict[StationId, Figures]:
    """How good the forecasts of each station were; `mse` is z-scored, `inside` the share in the interval."""
    truth = found.truth  # (H, K)
    missed = (found.forecast - truth) / found.series.scaler.scale
    inside = (found.lower <= truth) & (truth <= found.upper)
    scores = {}
    for column, station in enumerate(found.twins):
        known = ~np.isnan(truth[:, column])
        scores[station] = {
            "truths": int(known.sum()),
            "mse": float(np.mean(missed[known, column] ** 2)) if known.any() else None,
            "inside": float(inside[known, column].mean()) if known.any() else None,
        }
    return scores


def print_prediction(found: Prediction, folder: Path) -> None:
    """Print whose twins forecast, the hours that come, and how good it was where that is known."""
    print_text(f"{_title(found)}; {load_label(found.series.target)}")
    _print_twins(found)
    _print_hours(found)
    if any(found.age_hours(twin) < 0 for twin in found.twins.values()):
        print_text("warning: a twin of negative age has learned from what it forecasts here")
    print_text(f"picture: {folder / 'forecast.png'}   forecasts, settings: {folder}")


def _print_twins(found: Prediction) -> None:
    header = ["station", "twin", "version", "age in hours"]
    rows = [
        [
            station,
            twin.name if twin.scope != "local" else "its own",
            str(twin.version),
            f"{found.age_hours(twin):g}",
        ]
        for station, twin in found.twins.items()
    ]
    if found.is_past:
        header += ["MSE, z-scored", "in interval"]
        for row, score in zip(rows, _scores(found).values(), strict=True):
            row.extend([f"{score['mse']:.3f}", f"{score['inside']:.0%}"] if score["truths"] else ["", ""])
    print_table("", header, rows[:MOST_LISTED])
    if len(rows) > MOST_LISTED:
        print_text(f"and {len(rows) - MOST_LISTED:,} more stations")


def _print_hours(found: Prediction) -> None:
    """The forecasts of the first stations, each with its interval."""
    shown = list(found.twins)[:MOST_BESIDE]
    times = found.outlook.times.astype("datetime64[m]")
    forecast, lower, upper = found.forecast, found.lower, found.upper
    rows = [
        [str(times[step])]
        + [
            f"{forecast[step, column]:,.1f}  ({lower[step, column]:,.1f} to {upper[step, column]:,.1f})"
            for column in range(len(shown))
        ]
        for step in range(min(len(times), MOST_LISTED))
    ]
    print_table("", ["time", *shown], rows)
    if len(times) > MOST_LISTED or len(found.twins) > MOST_BESIDE:
        print_text("the other forecasts are in forecast.csv")
