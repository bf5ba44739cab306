"""The README's table of twins: V and H beside what they must beat, on the real set milan25 and on a city.

python -m tests.benchmarks.twins    needs the set in ../shared/telecom-italia/milan25; about a minute
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.city.synthetic import CitySettings, synthetic_traffic
from data.sets.tables import ReadSettings, read_set
from data.traffic import Traffic
from fl_server.cli.progress import shown
from fl_server.local import local_fleet
from fl_server.reference import federated_ridge
from fl_server.results import figures
from fl_server.run import planned
from fl_server.running import first_state, states, steps
from fl_server.settings import TwinSettings
from forecasting.forecasts import ForecastSettings, comparison
from forecasting.metrics import tally_scores
from forecasting.recipe import Recipe

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "twins.csv"
SEEDS = (1, 2, 3, 4, 5, 6)
DIGITS = 8
BEGIN, END = "<!-- results: twins -->\n", "<!-- end of twins -->"
SETS = {"milan25": "milan25", "city": "synthetic city"}
NAMES = {
    "one for all": "pooled: one network, all data in one place",
    "one per station": "each station alone",
    "single v": "single-level FedAvg",
    "single v personal": "single-level FedAvg, personal head",
    "v": "V: G-NDT",
    "v cluster": "V: C-NDT",
    "v personal": "V: C-NDT, personal head",
    "single h": "single-level, synchronous along the stream",
    "single h personal": "single-level along the stream, personal head",
    "h": "H: G-NDT",
    "h cluster": "H: C-NDT",
    "h personal": "H: C-NDT, personal head",
    "ridge": "federated ridge",
    "boosting": "gradient boosting, pooled",
    "mean profile": "mean profile",
    "last value": "last value",
    "same hour yesterday": "same hour yesterday",
    "same hour last week": "same hour last week",
}
Scores = Mapping[str, float]


def traffic_of(name: str) -> Traffic:
    """The real set, or a city of 50 stations and 30 days."""
    if name == "city":
        return synthetic_traffic(CitySettings(stations=50, days=30, seed=7))
    return read_set(ROOT.parent / "shared" / "telecom-italia" / name, ReadSettings())


def twin_scores(traffic: Traffic, seed: int) -> dict[str, Scores]:
    """The scores of every twin of one run with the default settings and personal heads."""
    settings = TwinSettings(recipe=Recipe(seed=seed, personal="head"))
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    plan = planned(fleet, settings)
    found = figures(shown(steps(plan, states(fleet, plan, first_state(plan)))), plan)
    made: dict[str, Scores] = {"ridge": asdict(tally_scores(federated_ridge(fleet, plan)))}
    for letter in ("v", "h"):
        made[letter] = found[letter]
        made[f"{letter} cluster"] = found[letter]["cluster"]
        made[f"{letter} personal"] = found[letter]["personal"]
        made[f"single {letter}"] = found["single_level"][letter]
        made[f"single {letter} personal"] = found["single_level"][letter]["personal"]
    return made


def central_scores(traffic: Traffic, seed: int) -> dict[str, Scores]:
    """The same network on pooled data, one a station, and the baselines that have no seed."""
    found = shown(comparison(traffic, ForecastSettings(seed=seed)))
    made = {each.name.split(", ")[-1]: asdict(each.scores) for each in found.predictors}
    return {name: scores for name, scores in made.items() if name != "ridge"}  # the federated one is the same


def rows(name: str, seeds: tuple[int, ...] = SEEDS) -> Iterator[dict[str, object]]:
    """One row a twin: the mean of its scores over the seeds, and how far the MSE spreads."""
    traffic = traffic_of(name)
    several = [twin_scores(traffic, seed) | central_scores(traffic, seed) for seed in seeds]
    for twin in NAMES:
        scores = {key: np.array([each[twin][key] for each in several]) for key in ("mse", "mae", "nrmse")}
        means = {key: round(float(values.mean()), DIGITS) for key, values in scores.items()}
        spread = round(float(scores["mse"].std()), DIGITS)
        yield {"set": name, "twin": twin, **means, "mse_spread": spread}


def table(frame: pl.DataFrame) -> str:
    """The README's table."""
    heads = " | ".join(f"{title}, MSE | MAE | NRMSE" for title in SETS.values())
    lines = [f"| | {heads} |", "|---|" + "--:|" * 3 * len(SETS)]
    for twin, title in NAMES.items():
        cells = [_cells(frame.filter(twin=twin, set=name).to_dicts()[0]) for name in SETS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n" + "\n".join(lines) + "\n\n"


def _cells(row: dict[str, Any]) -> str:
    spread = f" ± {row['mse_spread']:.4f}" if row["mse_spread"] > 1e-6 else ""
    return f"{row['mse']:.4f}{spread} | {row['mae']:.4f} | {row['nrmse']:.4f}"


def write_readme(frame: pl.DataFrame) -> None:
    """Put the table into the README."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + table(frame) + END + rest.split(END)[1])


if __name__ == "__main__":
    found = pl.DataFrame([row for name in SETS for row in rows(name)])
    found.write_csv(RESULTS)
    write_readme(found)
    print(table(found))
