"""Who finds seeded faults: twins, a seasonal threshold, an isolation forest; and who names the cause.

python -m tests.benchmarks.operations    needs the set in ../shared/telecom-italia/milan25; ten minutes
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from data.sets.tables import ReadSettings, read_set
from fl_server.experiments.claims import interval
from fl_server.experiments.operations import SCORED_SEEDS, Ground, city_ground, drawn_rows, ground_of

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "operations.csv"
PAGE = ROOT / "hetnet" / "operations" / "README.md"
BEGIN, END = "<!-- faults -->\n", "<!-- end of faults -->"
CITY, MILAN = "city", "milan25"
ABOUT = {
    CITY: "the synthetic city, 200 stations, {seeds} of them; the city's own events are not counted as wrong",
    MILAN: "milan25, {seeds} draws; whatever the real series hold besides counts as wrong",
}
DRAWS = {CITY: 3, MILAN: 10}
EACH = {CITY: 4, MILAN: 1}


@cache
def milan_ground() -> Ground:
    """Twins of the real set's first days."""
    return ground_of(read_set(ROOT.parent / "shared" / "telecom-italia" / MILAN, ReadSettings()), 1)


def rows(name: str, seed: int) -> list[dict[str, object]]:
    """What each detector comes to on the faults of a seed: a city of its own, or a draw on the real set."""
    if name == MILAN:
        return [{"set": name, "seed": seed, **row} for row in drawn_rows(milan_ground(), EACH[MILAN], seed)]
    made = city_ground(seed)
    return [
        {"set": name, "seed": seed, **row}
        for draw in range(DRAWS[CITY])
        for row in drawn_rows(made.ground, EACH[CITY], seed * 100 + draw, made.excused)
    ]


def table(frame: pl.DataFrame, name: str) -> str:
    """The results on a set, as Markdown."""
    mine = frame.filter(set=name)
    lines = [
        f"{ABOUT[name].format(seeds=mine['seed'].n_unique())}:",
        "",
        "| fault | by | faults | recall | by the 2nd sample | precision | F1 | delay | top 1 | top 3 |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (kind, by), group in mine.group_by("kind", "by", maintain_order=True):
        lines.append(f"| {kind} | {by} | {' | '.join(_figures(group))} |")
    return "\n".join(lines) + "\n"


def _figures(group: pl.DataFrame) -> list[str]:
    """Means over seeds, with 95 % intervals."""
    of_seeds = group.group_by("seed", maintain_order=True).agg(
        pl.col("faults", "found", "within", "wrong", "excused", "ranked", "top1", "top3").sum(),
        pl.col("delay").median(),
    )
    found, wrong = of_seeds["found"].to_numpy(), of_seeds["wrong"].to_numpy()
    recall = found / of_seeds["faults"].to_numpy()
    precision = found / np.maximum(found + wrong, 1)
    both = recall + precision
    score = np.where(both > 0, 2 * recall * precision / np.where(both > 0, both, 1), 0)
    within = of_seeds["within"].to_numpy() / of_seeds["faults"].to_numpy()
    total = of_seeds.sum()
    ranked = total["ranked"].item()
    delay = group["delay"].median()
    return [
        str(total["faults"].item()),
        *(_spread(each) for each in (recall, within, precision, score)),
        "" if delay is None else f"{delay:.0f}",  # type: ignore[str-bytes-safe]  # a number
        *(f"{total[name].item() / ranked:.2f}" if ranked else "" for name in ("top1", "top3")),
    ]


def _spread(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    found = interval(values.tolist())
    return f"{found.mean:.2f}" + (f" ± {found.half:.2f}" if round(found.half, 2) else "")


def section(frame: pl.DataFrame) -> str:
    """All tables."""
    return "\n".join(table(frame, name) for name in frame["set"].unique(maintain_order=True))


def main() -> None:
    """Measure what is not there yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the page alone")
    arguments = parser.parse_args()
    kept = pl.read_csv(RESULTS).to_dicts() if RESULTS.exists() else []
    if not arguments.page:
        wanted = [(CITY, seed) for seed in SCORED_SEEDS] + [
            (MILAN, seed) for seed in range(1, DRAWS[MILAN] + 1)
        ]
        for name, seed in wanted:
            if not any((row["set"], row["seed"]) == (name, seed) for row in kept):
                kept += rows(name, seed)
                pl.DataFrame(kept).write_csv(RESULTS)
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + section(pl.DataFrame(kept)) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
