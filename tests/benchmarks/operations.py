"""Who finds seeded faults: twins, a seasonal threshold, an isolation forest; and who names the cause.

python -m tests.benchmarks.operations    needs the set in ../shared/telecom-italia/milan25; ten minutes
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId
from fl_server.experiments.operations import (
    SCORED_SEEDS,
    Ground,
    OwnEvent,
    city_ground,
    drawn_rows,
    excused_by,
    ground_of,
)
from hetnet.operations.judging import share_interval

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "operations.csv"
PAGE = ROOT / "hetnet" / "operations" / "README.md"
BEGIN, END = "<!-- faults -->\n", "<!-- end of faults -->"
CITY, MILAN = "city", "milan25"
ABOUT = {
    CITY: "Synthetic cities of 200 stations, {seeds} of them, three draws of faults each",
    MILAN: "The real set milan25, {seeds} draws of faults",
}
DRAWS = {CITY: 3, MILAN: 30}
# Squares next to each other carried an eighth to a third of what is usual, without any fault being put in.
MILAN_EVENTS = [
    OwnEvent(
        frozenset(map(StationId, ("5744", "5844", "5745", "5845", "5645", "5746", "5646", "5846"))),
        np.datetime64(start, "m"),
        np.datetime64(end, "m"),
    )
    for start, end in (("2013-11-21T15:00", "2013-11-22T18:00"), ("2013-11-27T10:00", "2013-11-27T16:00"))
]
EACH = {CITY: 4, MILAN: 1}


@cache
def milan_ground() -> Ground:
    """Twins of the real set's first days."""
    return ground_of(read_set(ROOT.parent / "shared" / "telecom-italia" / MILAN, ReadSettings()), 1)


def rows(name: str, seed: int) -> list[dict[str, object]]:
    """What each detector comes to on the faults of a seed: a city of its own, or a draw on the real set."""
    if name == MILAN:
        found = drawn_rows(milan_ground(), EACH[MILAN], seed, excused_by(MILAN_EVENTS))
        return [{"set": name, "seed": seed, **row} for row in found]
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
        "| fault | by | faults | recall | by 2nd sample | precision | strict | F1 | delay | top 1 | top 3 |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (kind, by), group in mine.group_by("kind", "by", maintain_order=True):
        lines.append(f"| {kind} | {by} | {' | '.join(_figures(group))} |")
    return "\n".join(lines) + "\n"


def _figures(group: pl.DataFrame) -> list[str]:
    """Shares of all that were counted, with Wilson's 95 % intervals."""
    total = group.select("faults", "found", "within", "wrong", "excused", "ranked", "top1", "top3").sum()
    of = {name: int(total[name].item()) for name in total.columns}
    told, strict = of["found"] + of["wrong"], of["found"] + of["wrong"] + of["excused"]
    delays = group["delay"].drop_nulls().to_list()
    return [
        str(of["faults"]),
        _share(of["found"], of["faults"]),
        _share(of["within"], of["faults"]),
        _share(of["found"], told),
        _share(of["found"], strict),
        f"{2 * of['found'] / (of['faults'] + told):.2f}",
        f"{np.median(delays):g}" if delays else "",
        *(f"{of[name] / of['ranked']:.2f}" if of["ranked"] else "" for name in ("top1", "top3")),
    ]


def _share(some: int, of: int) -> str:
    if not of:
        return ""
    low, high = share_interval(some, of)
    return f"{some / of:.2f} ({low:.2f}-{high:.2f})"


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
