"""The figures of edge caching on the twin: hits and interventions of four systems, loads of stations."""

from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path

import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.cache_picture import NAMES, draw_hits, draw_loads, draw_points
from fl_server.experiments.claims import Claim, Effects, interval
from fl_server.experiments.studies import Study, relative, value_of
from fl_server.pictures import picture
from fl_server.sync_picture import COLOURS, draw_band, finish
from hetnet.caching.contest import SAFE
from hetnet.caching.figures import (
    CURVE,
    FEWER,
    LOADS,
    POLICIES,
    WORLDS,
    hit_values,
    load_values,
    setting_values,
)
from hetnet.caching.systems import RELIABLE, RELIABLE_TWIN, RL, RL_TWIN

BEST = RELIABLE_TWIN.name
HITS, MOVED, UNEVEN, JAIN = "hits", "interventions", "max/mean load", "Jain"


def beside(part: str, one: str, other: str, measure: str, rows: pl.DataFrame) -> Effects:
    """How much larger a measure of one policy is than of another, by seed."""
    mine = rows.filter(part=part)
    return relative(value_of(mine, one, measure), value_of(mine, other, measure))


def hit_claims(part: str, words: str = "") -> tuple[Claim, ...]:
    """The claims of Fig. 5 in one world."""
    more = [
        (f"{BEST} hits more often than {other.name}", BEST, other.name) for other in (RL, RL_TWIN, RELIABLE)
    ]
    more += [
        ("the twin makes RL hit more often", RL_TWIN.name, RL.name),
        ("the safety modules make RL hit more often", RELIABLE.name, RL.name),
        (f"(ours) {BEST} hits more often than SIEVE with the same freedom", BEST, f"sieve{SAFE}"),
        (f"(ours) {BEST} hits more often than S3-FIFO with the same freedom", BEST, f"s3-fifo{SAFE}"),
    ]
    claims = [Claim(words + about, partial(beside, part, one, other, HITS), 1) for about, one, other in more]
    about = "reliable RL needs fewer interventions with the twin"
    return (*claims, Claim(words + about, partial(beside, part, BEST, RELIABLE.name, MOVED), -1))


def load_claims(part: str, words: str = "") -> tuple[Claim, ...]:
    """The claims of Fig. 6 in one world."""
    return tuple(
        Claim(
            f"{words}{BEST} loads stations more evenly than {other.name} (max/mean)",
            partial(beside, part, BEST, other.name, UNEVEN),
            -1,
        )
        for other in (RL, RL_TWIN, RELIABLE)
    )


def as_outcomes(rows: pl.DataFrame, part: str) -> pl.DataFrame:
    """Rows of a part as pictures of outcomes take them."""
    return rows.filter(part=part).rename({"line": "policy", "column": "measure"})


def _draw_5(path: Path, rows: pl.DataFrame) -> None:
    frame, curves = as_outcomes(rows, POLICIES), rows.filter(part=CURVE)
    title = "Edge caching, Fig. 5: hits and interventions of the four systems"
    with picture(path, title, (16, 7.5), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.1, 1))
        draw_hits(figure.add_subplot(grid[:, 0]), frame)
        above, below = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
        draw_points(above, frame, NAMES, MOVED, "interventions, of all requests")
        for name, colour in zip(NAMES, COLOURS, strict=False):
            mine = curves.filter(line=name)
            points = {
                float(column): interval(mine.filter(column=column)["value"].to_list())
                for column in mine["column"].unique(maintain_order=True)
            }
            draw_band(below, points, name, colour)
        finish(below, "generation", "hits right after the history")


def _draw_6(path: Path, rows: pl.DataFrame) -> None:
    frame = as_outcomes(rows, LOADS)
    title = "Edge caching, Fig. 6: how stations are loaded"
    with picture(path, title, (15, 7), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        grid = figure.add_gridspec(2, 2)
        draw_loads(figure.add_subplot(grid[0, :]), frame, NAMES)
        left, right = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
        draw_points(left, frame, NAMES, UNEVEN, "busiest station's load, beside the mean")
        draw_points(right, frame, NAMES, JAIN, "Jain's index: 1 is even")


def _draw_worlds(worlds: Iterable[str], path: Path, rows: pl.DataFrame) -> None:
    names = tuple(worlds)
    title, size = "Edge caching: hits and interventions where one setting is another", (4 * len(names), 7.5)
    with picture(path, title, size, ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        above, below = figure.subplots(2, len(names))
        for world, upper, lower in zip(names, above, below, strict=True):
            frame = as_outcomes(rows, world)
            draw_points(upper, frame, [*NAMES, f"s3-fifo{SAFE}"], HITS, "hits")
            upper.set_title(world)
            draw_points(lower, frame, NAMES, MOVED, "interventions")
            for axes in (upper, lower):
                axes.tick_params(axis="x", labelsize=7)


FIGURE_5 = Study(
    "cache-fig5",
    "Edge caching, Fig. 5: hits and interventions of the four systems",
    hit_values,
    {POLICIES: "policy, and shares of requests"},
    _draw_5,
    hit_claims(POLICIES),
    digits=4,
    slow=True,
)
FIGURE_6 = Study(
    "cache-fig6",
    "Edge caching, Fig. 6: how the stations are loaded",
    load_values,
    {LOADS: "policy"},
    _draw_6,
    load_claims(LOADS),
    digits=4,
    slow=True,
)


def _world_claims(worlds: Iterable[str]) -> tuple[Claim, ...]:
    each = ((*hit_claims(world, f"{world}: "), *load_claims(world, f"{world}: ")) for world in worlds)
    return tuple(chain.from_iterable(each))


SETTINGS = Study(
    "cache-settings",
    "Edge caching: how much rests on what the paper leaves open",
    setting_values,
    dict.fromkeys(WORLDS, "policy"),
    partial(_draw_worlds, WORLDS),
    _world_claims(WORLDS),
    digits=4,
    slow=True,
)
INTERVENTIONS = Study(
    "cache-interventions",
    "Edge caching: interventions where history is scarce, or they cost nothing",
    partial(setting_values, worlds=FEWER),
    dict.fromkeys(FEWER, "policy"),
    partial(_draw_worlds, FEWER),
    _world_claims(FEWER),
    digits=4,
    slow=True,
)
CACHING = (FIGURE_5, FIGURE_6, SETTINGS, INTERVENTIONS)
