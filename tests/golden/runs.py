"""The seeded runs: one forecast of each network in each scope, and a small city in each channel."""

from datetime import date
from pathlib import Path

import polars as pl

from data.city.synthetic import CitySettings, synthetic_traffic
from data.progress import finished
from data.traffic import CHANNELS
from forecasting.forecasts import ForecastSettings, comparison
from forecasting.networks import NAMES
from forecasting.settings import TrainingSettings
from tests.cities import wavy_traffic

FOLDER = Path(__file__).parent
TRAINING = TrainingSettings(epochs=2, optimizer="adamw", learning_rate=0.003, loss="huber")


def forecasts() -> pl.DataFrame:
    """Scores, and the first station's forecast and interval at the end of the test, of every network."""
    rows = []
    for model in NAMES:
        for scope in ("central", "station"):
            settings = ForecastSettings(
                model=model,
                scope=scope,
                inputs="day",
                baselines=(),
                central_training=TRAINING,
                station_training=TRAINING,
            )
            predictor = finished(comparison(wavy_traffic(days=28), settings)).predictors[0]
            rows.append(
                {
                    "model": model,
                    "scope": scope,
                    "mse": predictor.scores.mse,
                    "nrmse": predictor.scores.nrmse,
                    "coverage": predictor.coverage,
                    "forecast": float(predictor.forecast[0, -1]),
                    "lower": float(predictor.intervals.lower[0, -1]),
                }
            )
    return pl.DataFrame(rows)


def city() -> pl.DataFrame:
    """The loads of a city of three stations on one day."""
    settings = CitySettings(stations=3, days=1, seed=7, start=date(2013, 11, 1))
    columns: dict[str, object] = {}
    for channel in CHANNELS:
        traffic = synthetic_traffic(settings, channel)
        columns |= {f"{channel} {name}": traffic.load[:, n] for n, name in enumerate(traffic.stations)}
    return pl.DataFrame(columns)


RUNS = {"forecasts.csv": forecasts, "city.csv": city}

if __name__ == "__main__":
    for name, run in RUNS.items():
        run().write_csv(FOLDER / name)
