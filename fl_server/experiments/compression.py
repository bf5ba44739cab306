"""What codings save in bytes and cost in error, beside none; a gate is composed with them.

Told on the test days, and for the default also on the days before them.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.crossing.settings import COMPRESSED, NONE, CrossingSettings
from fl_server.experiments.cells import ended
from fl_server.experiments.claims import Claim, Effects, interval
from fl_server.experiments.sources import sources_in, traffic_of
from fl_server.experiments.studies import Study, Value, value_of
from fl_server.local import local_fleet
from fl_server.pictures import ACCENT, FAINT, INK, picture
from fl_server.results import figures
from fl_server.settings import TwinSettings

STATIONS = 20
PLAIN, USUAL = "none", "the default"
GATED = 3e-6
TICKS = (1, 2, 4, 10, 20)
Codings = tuple[str, str, str]  # of updates up, of twins down, and of twins between clusters and network
LINES: dict[str, Codings] = {
    PLAIN: (NONE, NONE, NONE),
    "float16": ("float16", "float16", "float16"),
    "int8": ("int8", "int8", "int8"),
    USUAL: COMPRESSED,
    f"{USUAL}, clusters as they are": (*COMPRESSED[:2], NONE),
    f"{USUAL}, clusters top-k=0.1+int8": (*COMPRESSED[:2], "top-k=0.1+int8"),
    "top-k=0.02+int8 up, top-k=0.1+int8 down, int8": ("top-k=0.02+int8", "top-k=0.1+int8", "int8"),
    "top-k=0.05+int8": ("top-k=0.05+int8", "top-k=0.05+int8", "top-k=0.05+int8"),
}
PARTS = {"test days": 0.0, "days before": 7.0}
FEWER, FEWER_BELOW = "all bytes, times fewer", "of stations and clusters, times fewer"
ERRS = "error more, %"


def compression_values(seed: int) -> list[Value]:
    """Bytes and errors of every coding, and of the default with another ψ, on both weeks."""
    values: list[Value] = []
    for part, before in PARTS.items():
        plain = coding_run(seed, before, LINES[PLAIN])
        values += told(part, PLAIN, plain, plain)
        for line in (USUAL,) if before else [line for line in LINES if line != PLAIN]:
            values += told(part, line, coding_run(seed, before, LINES[line]), plain)
        for line in () if before else (PLAIN, USUAL):
            values += told(part, f"{line}, ψ {GATED:g}", coding_run(seed, before, LINES[line], GATED), plain)
    return values


def coding_run(seed: int, before: float, codings: Codings, psi: float | None = None) -> dict[str, float]:
    """MB between stations and clusters, and clusters and network, and the errors of four twins."""
    up, down, clusters = codings
    settings = TwinSettings(single_level=False)
    split = replace(settings.recipe.split, validation_days=before)
    settings = replace(
        settings,
        recipe=replace(settings.recipe, seed=seed, split=split),
        crossing=CrossingSettings(up=up, down=down, clusters=clusters),
        horizontal=replace(settings.horizontal, psi=psi or settings.horizontal.psi),
    )
    traffic = traffic_of(sources_in(None)[0], "internet", STATIONS, seed)
    run = ended(local_fleet(traffic, settings.station_recipe, settings.segment.signature), settings)
    found = figures(run.state, run.plan)
    tiers = [found["phases"][letter]["exchange"] for letter in ("v", "h")]
    below, above = (
        {way: sum(tier[name][f"bytes_{way}"] for tier in tiers) / 1e6 for way in ("up", "down")}
        for name in ("station_cluster", "cluster_network")
    )
    return {
        "MB up": below["up"],
        "MB down": below["down"],
        "MB clusters and network": above["up"] + above["down"],
        "V G-NDT": found["v"]["mse"],
        "V C-NDT": found["v"]["cluster"]["mse"],
        "H G-NDT": found["h"]["mse"],
        "H C-NDT": found["h"]["cluster"]["mse"],
    }


def told(part: str, line: str, found: dict[str, float], plain: dict[str, float]) -> list[Value]:
    """What a run saves and costs beside one in which nothing is coded."""

    def fewer(columns: Sequence[str]) -> float:
        return sum(plain[name] for name in columns) / sum(found[name] for name in columns)

    below = ["MB up", "MB down"]
    worst = max(found[name] / plain[name] - 1 for name in found if "NDT" in name)
    columns = {FEWER: fewer([*below, "MB clusters and network"]), FEWER_BELOW: fewer(below)}
    columns |= {ERRS: 100 * worst} | found
    return [(part, line, column, float(value)) for column, value in columns.items()]


def _less(line: str, column: str, limit: float, rows: pl.DataFrame) -> Effects:
    """How far a column is above a limit, relative to 1 for times and to 100 for per cent."""
    found = value_of(rows.filter(part="test days"), line, column)
    scale = limit if column == FEWER else 100.0
    return {seed: (value - limit) / scale for seed, value in found.items()}


def _draw(path: Path, rows: pl.DataFrame) -> None:
    mine = rows.filter(part="test days")
    title = f"Fewer bytes between all tiers, and what they cost: {STATIONS} stations of the city"
    with picture(path, title, (9, 5.4), ConstrainedLayoutEngine()) as figure:
        axes = figure.subplots()
        for number, line in enumerate(LINES, 1):
            fewer, more = (interval(list(value_of(mine, line, column).values())) for column in (FEWER, ERRS))
            colour = ACCENT if line == USUAL else INK
            axes.errorbar(
                fewer.mean,
                more.mean,
                yerr=more.half,
                fmt="o",
                color=colour,
                capsize=3,
                label=f"{number}  {line}",
            )
            beside = fewer.mean, more.mean
            axes.annotate(f"{number}", beside, (6, 2), textcoords="offset points", color=colour)
        axes.legend(loc="upper left", handlelength=0, markerscale=0, fontsize=9)
        axes.axhline(1, color=FAINT)
        axes.axvline(10, color=FAINT)
        axes.set_xscale("log")
        axes.set_xticks(TICKS, [str(tick) for tick in TICKS])
        axes.minorticks_off()
        axes.set_xlabel("times fewer bytes of all tiers, up and down")
        axes.set_ylabel("error more than without, worst of four twins, %")


COMPRESSION = Study(
    "compression",
    "Fewer bytes between stations, clusters and network (not a figure of a paper)",
    compression_values,
    {"test days": "coding", "days before": "coding"},
    _draw,
    (
        Claim(
            "the default sends a tenth of all bytes or less, all tiers together",
            partial(_less, USUAL, FEWER, 10.0),
            1,
        ),
        Claim("the default errs less than 1 % more", partial(_less, USUAL, ERRS, 1.0), -1),
    ),
    slow=True,
)
