"""Two sets of traffic in one picture: their weeks, memories, errors, loads and neighbourhoods."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from data.figures.curves import DISTANCES, LAGS, SpaceCurves, TimeCurves
from fl_server.pictures import ACCENT, DAY_NAMES, FAINT, INK, picture

COLOURS = (INK, ACCENT)
FLOOR = 0.01  # of the mean: quieter stations are drawn there


@dataclass(frozen=True)
class Side:
    """One of the two sets."""

    name: str
    time: TimeCurves
    space: SpaceCurves | None
    space_name: str = ""  # when its stations are another set's than those of `time`


def draw_comparison(path: Path, sides: tuple[Side, Side], title: str) -> None:
    """Draw both sides over each other, a panel a question."""
    with picture(path, title, (15, 8.4), ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)) as figure:
        axes = figure.subplots(2, 3, width_ratios=(1.35, 1, 1))
        for panel, draw in zip(
            axes.flat, (_week, _memory, _errors, _samples, _ranks, _likeness), strict=True
        ):
            draw(panel, sides)
            panel.grid(color=FAINT, lw=0.7)
            panel.set_axisbelow(True)


def _week(axes: Axes, sides: tuple[Side, Side]) -> None:
    for side, colour in zip(sides, COLOURS, strict=True):
        axes.plot(np.arange(168), side.time.week, color=colour, lw=1.8, label=side.name)
    axes.set_title("mean week: load of each hour / mean load")
    axes.set_xticks(np.arange(0, 169, 24), labels=[""] * 8)
    axes.set_xticks(np.arange(12, 168, 24), labels=DAY_NAMES, minor=True)
    axes.tick_params(axis="x", which="minor", length=0)
    axes.set_xlim(0, 168)
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), high + 0.18 * (high - low))  # room for the legend
    axes.legend(loc="upper left", ncols=2)


def _memory(axes: Axes, sides: tuple[Side, Side]) -> None:
    for side, colour in zip(sides, COLOURS, strict=True):
        axes.plot(LAGS, side.time.memory, color=colour, lw=1.5)
    axes.set_title("autocorrelation of the hourly load")
    axes.set_xticks(np.arange(0, LAGS[-1] + 1, 24))
    axes.set_xlim(0, LAGS[-1])
    axes.set_xlabel("lag, hours")


def _errors(axes: Axes, sides: tuple[Side, Side]) -> None:
    names = list(dict.fromkeys(name for side in sides for name in side.time.errors))
    for row, name in enumerate(names):
        values = [side.time.errors.get(name, np.nan) for side in sides]
        axes.plot(values, [row, row], color=FAINT, lw=4, zorder=1, solid_capstyle="round")
        for value, colour in zip(values, COLOURS, strict=True):
            axes.plot(value, row, "o", color=colour, ms=8, zorder=2)
            _write_beside(axes, value, row, colour, right=value >= np.nanmax(values))
    labels = [
        name.removeprefix("error: ").replace(", ", ",\n").replace("same hour ", "same hour\n")
        for name in names
    ]
    axes.set_yticks(range(len(names)), labels=labels)
    axes.set_ylim(len(names) - 0.5, -0.6)
    axes.set_xlim(
        0, 1.25 * max((*sides[0].time.errors.values(), *sides[1].time.errors.values()), default=1.0)
    )
    axes.set_title("error of simple predictors")
    axes.set_xlabel("mean squared error of z-scores, one hour ahead")


def _write_beside(axes: Axes, value: float, row: int, colour: str, *, right: bool) -> None:
    """Write the value of a dot on its outer side."""
    place, side = ((8, 0), "left") if right else ((-8, 0), "right")
    axes.annotate(
        f"{value:.3f}",
        (value, row),
        place,
        textcoords="offset points",
        ha=side,
        va="center",
        color=colour,
        size=9,
    )


def _samples(axes: Axes, sides: tuple[Side, Side]) -> None:
    highest = max(float(side.time.sample.max() - min(side.time.sample.min(), 0)) for side in sides)
    for place, (side, colour) in enumerate(zip(sides, COLOURS, strict=True)):
        lifted = side.time.sample + (1 - place) * 1.05 * highest
        axes.plot(np.arange(len(lifted)) / 24, lifted, color=colour, lw=1.1)
    axes.set_title("two weeks of one station (the one of median load)")
    axes.set_xlabel("days")
    axes.set_xlim(0, 14)
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)


def _ranks(axes: Axes, sides: tuple[Side, Side]) -> None:
    for side, colour in zip(sides, COLOURS, strict=True):
        if side.space is not None:
            share = (np.arange(len(side.space.ranked)) + 0.5) / len(side.space.ranked)
            axes.plot(
                share,
                np.maximum(side.space.ranked, FLOOR),
                color=colour,
                lw=1.8,
                label=side.space_name or None,
            )
    axes.set(xscale="log", yscale="log", title="load of a station / mean load, by rank")
    axes.set_xlabel("share of stations that are busier")
    _percentages(axes)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda load, _: f"{load:g}"))
    if any(side.space_name for side in sides):
        axes.legend(loc="lower left")


def _likeness(axes: Axes, sides: tuple[Side, Side]) -> None:
    for side, colour in zip(sides, COLOURS, strict=True):
        if side.space is not None:
            axes.plot(
                DISTANCES,
                side.space.likeness,
                "o-",
                color=colour,
                lw=1.8,
                ms=4,
                label=side.space_name or None,
            )
    axes.set(xscale="log", title="correlation of two stations' loads (logarithm)")
    ticks = (0.25, 0.5, 1, 2, 5, 10)
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axhline(0, color=INK, lw=0.6)
    axes.set_xlabel("kilometres apart")


def _percentages(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.xaxis.set_minor_formatter(NullFormatter())
