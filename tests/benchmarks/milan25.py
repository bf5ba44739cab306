"""The README's result table: every predictor on the real set milan25, by inputs, as rows of a CSV.

python -m tests.benchmarks.milan25    needs the set in ../shared/telecom-italia/milan25; about a minute
"""

from pathlib import Path

import polars as pl

from data.sets.tables import ReadSettings, read_set
from fl_server.cli.progress import shown
from forecasting.forecasts import ForecastSettings, comparison

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "milan25.csv"
INPUTS = ("profile", "profile+readings", "day", "day+readings", "paper")
TITLES = {"hourly inputs": "profile", "with the readings of the last hour": "profile+readings"}
SEEDS = 3
DIGITS = 8  # stored; what is shown is rounded from these alone, as the command rounds it
BEGIN, END = "<!-- results: milan25 -->\n", "<!-- end of results -->"


def rows(inputs: str) -> list[dict[str, object]]:
    """Each predictor's scores on the last seven days with these inputs; networks are means of three seeds."""
    traffic = read_set(ROOT.parent / "shared" / "telecom-italia" / "milan25", ReadSettings())
    found = shown(comparison(traffic, ForecastSettings(inputs=inputs, seeds=SEEDS)))
    return [
        {
            "inputs": inputs,
            "predictor": predictor.name,
            "mse": round(predictor.scores.mse, DIGITS),
            "mse_spread": round(predictor.mse_spread, DIGITS),
            "mae": round(predictor.scores.mae, DIGITS),
            "nrmse": round(predictor.scores.nrmse, DIGITS),
            "raw_mae": round(predictor.scores.raw_mae, DIGITS),
            "coverage": round(predictor.coverage, DIGITS),
        }
        for predictor in found.predictors
    ]


def tables(frame: pl.DataFrame) -> str:
    """The README's two tables: hourly inputs, then those with the readings of the last hour."""
    parts = []
    for title, inputs in (
        ("hourly inputs", "profile"),
        ("with the readings of the last hour", "profile+readings"),
    ):
        lines = [f"| {title} | MSE | MAE | NRMSE | raw MAE | in 90 % |", "|---|--:|--:|--:|--:|--:|"]
        for row in frame.filter(pl.col("inputs") == inputs).iter_rows(named=True):
            spread = f" ± {row['mse_spread']:.4f}" if row["mse_spread"] else ""
            lines.append(
                f"| {row['predictor']} | {row['mse']:.4f}{spread} | {row['mae']:.4f} | {row['nrmse']:.4f} "
                f"| {row['raw_mae']:.1f} | {row['coverage']:.1%} |"
            )
        parts.append("\n".join(lines) + "\n")
    return "\n" + "\n".join(parts) + "\n"


def write_readme(frame: pl.DataFrame) -> None:
    """Put the tables into the README."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + tables(frame) + END + rest.split(END)[1])


if __name__ == "__main__":
    RESULTS.parent.mkdir(exist_ok=True)
    frame = pl.DataFrame([row for inputs in INPUTS for row in rows(inputs)])
    frame.write_csv(RESULTS)
    write_readme(frame)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=140):
        print(frame)
