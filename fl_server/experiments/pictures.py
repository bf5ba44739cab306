"""Experiments as pictures: errors and costs along the labels, with intervals, the paper's beside ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from fl_server.experiments.catalogue import Experiment
from fl_server.experiments.paper import MEANT
from fl_server.experiments.sources import CITY
from fl_server.experiments.tables import Column, Entry, entries, sources_of
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture

COLOURS = (INK, ACCENT, "#4f8a5b", "#8064a2", "#b8860b", "#3b8ea5")
OFTEN = (CITY, "milan25", "milan88", "trento223")  # sources that have the same colour in every picture
APART = 0.07  # between the dots of sources at one label
PANELS = (
    (Column("v_mse", "V: MSE of the G-NDT"), Column("h_mse", "H: MSE of the G-NDT")),
    (
        Column("mapping_seconds", "mapping time, ratio to the first", ratio=True),
        Column("updates", "updates, ratio to the first", ratio=True),
    ),
)
BARS = {  # each panel with what it draws, and the names of that
    "MSE of the G-NDT": {
        "v_mse": "V",
        "single_v_mse": "V, single level",
        "h_mse": "H",
        "single_h_mse": "H, single level",
    },
    "V: CPU seconds of mapping": {
        "mapping_seconds": "with clusters",
        "single_mapping_seconds": "single level",
    },
    "H: seconds of training and sending": {
        "h_cost": "with clusters, near heads",
        "h_alike_cost": "with clusters, lines alike",
        "single_h_cost": "single level",
    },
}


def draw(path: Path, experiment: Experiment, rows: pl.DataFrame) -> None:
    """Draw an experiment: curves along its labels, or bars where it has one label only."""
    with picture(path, experiment.title, (12, 7.6), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        if len(experiment.variants) == 1:
            for axes, (title, names) in zip(figure.subplots(3, 1), BARS.items(), strict=True):
                _bars(axes, experiment, rows, names)
                axes.set_title(title)
            return
        if not experiment.ordered:
            _dots(figure, experiment, rows)
            return
        for axes, column in zip(
            figure.subplots(2, 2).flat, [each for line in PANELS for each in line], strict=True
        ):
            _curves(axes, experiment, rows, column)


def _curves(axes: Axes, experiment: Experiment, rows: pl.DataFrame, column: Column) -> None:
    places = np.arange(len(experiment.labels))
    colours = _colours(rows)
    for number, (source, colour) in enumerate(colours.items()):
        found = entries(experiment, rows.filter(source=source), column)
        means = [np.nan if each.ours is None else each.ours.mean for each in found]
        halves = [0.0 if each.ours is None else each.ours.half for each in found]
        apart = places + APART * (number - (len(colours) - 1) / 2)
        axes.errorbar(apart, means, halves, color=colour, marker="o", ms=4, lw=1.4, capsize=3, label=source)
    theirs = [np.nan if each is None else each for each in _paper(experiment, rows, column)]
    if not np.isnan(theirs).all():
        axes.plot(places, theirs, color=PALE, ls="--", marker="s", ms=5, lw=1.4, label="the paper")
    axes.set_title(column.title)
    axes.set_xticks(
        places, labels=experiment.labels, rotation=25 if len(max(experiment.labels, key=len)) > 8 else 0
    )
    axes.set_xlabel(experiment.varies)
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8)


def _colours(rows: pl.DataFrame) -> dict[str, str]:
    """The colour of each source."""
    sources = sources_of(rows)
    others = [each for each in sources if each not in OFTEN]
    order = [*OFTEN, *others]
    return {source: COLOURS[order.index(source) % len(COLOURS)] for source in sources}


def _paper(experiment: Experiment, rows: pl.DataFrame, column: Column) -> list[float | None]:
    """The paper's figures, from the source that has the most labels."""
    several = [entries(experiment, rows.filter(source=source), column) for source in sources_of(rows)]
    fullest: Sequence[Entry] = max(several, key=lambda found: sum(each.ours is not None for each in found))
    return [None if each.paper in MEANT else each.paper for each in fullest]  # what is misprinted is left out


def _bars(axes: Axes, experiment: Experiment, rows: pl.DataFrame, names: Mapping[str, str]) -> None:
    sources = _colours(rows)
    width = 0.8 / max(len(sources), 2)
    for number, (source, colour) in enumerate(sources.items()):
        mine = rows.filter(source=source)
        found = [entries(experiment, mine, Column(name, name))[0].ours for name in names]
        places = np.arange(len(names)) + (number - (len(sources) - 1) / 2) * width
        means = [np.nan if each is None else each.mean for each in found]
        halves = [0.0 if each is None else each.half for each in found]
        axes.bar(places, means, 0.9 * width, yerr=halves, color=colour, capsize=3, label=source)
    axes.set_xticks(range(len(names)), labels=list(names.values()))
    axes.grid(color=FAINT, lw=0.7, axis="y")
    axes.set_axisbelow(True)
    axes.legend(fontsize=8)


def _dots(figure: Figure, experiment: Experiment, rows: pl.DataFrame) -> None:
    """A line for each label, of which none follows from another."""
    columns = [each for line in PANELS for each in line]
    panels = figure.subplots(1, len(columns), sharey=True)
    for axes, column in zip(panels, columns, strict=True):
        for source, colour in _colours(rows).items():
            found = entries(experiment, rows.filter(source=source), column)
            places = [place for place, each in enumerate(found) if each.ours is not None]
            ours = [each.ours for each in found if each.ours is not None]
            means, halves = [each.mean for each in ours], [each.half for each in ours]
            axes.errorbar(means, places, xerr=halves, fmt="o", ms=4, color=colour, capsize=2, label=source)
        axes.set_title(column.title, fontsize=9)
        axes.set_yticks(range(len(experiment.labels)), labels=experiment.labels)
        if column.ratio:
            axes.set_xscale("symlog", linthresh=1)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
            axes.margins(x=0.1)
        axes.grid(color=FAINT, lw=0.7)
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8)
