"""A run of twinning in one picture: the clusters on the map, how the errors fell, what was sent, who gains.

Axes: N stations, C clusters, S turns.
"""

from collections.abc import Sequence
from datetime import datetime
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.typing import HashableList
from numpy.typing import NDArray

from data.clock import wall_clock
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from fl_server.results import Figures, figures
from fl_server.run import Plan, Row, Run, Stage
from fl_server.running import State
from fl_server.segment_picture import MOST_NAMED, cluster_colours, draw_cluster_map

Array = NDArray[np.float64]
MINUTES_A_DAY = 1440
ROUND = (1, 2, 2.5, 5, 10)  # what ticks are multiples of
WITH: Any = {
    "color": ACCENT,
    "lw": 1.8,
    "label": "with clusters",
}  # Any: matplotlib's keywords, here and below
WITHOUT: Any = {"color": PALE, "lw": 1.6, "label": "without clusters"}
ON_WHITE: Any = {"frameon": True, "facecolor": "white", "framealpha": 0.9, "edgecolor": "none"}
OTHER_TWINS: dict[str, Any] = {
    "v_c": {"marker": "o", "mfc": "white", "mec": PALE, "label": "cluster twins after V"},
    "h_g": {"marker": "D", "mfc": INK, "mec": INK, "label": "network twin during H"},
    "h_c": {"marker": "o", "mfc": ACCENT, "mec": ACCENT, "label": "cluster twins during H"},
}


def draw_twins(path: Path, state: State, plan: Plan, title: str) -> None:
    """Draw a finished run; what it did not do, H-twinning or the run without clusters, has no place in it."""
    run, single = state.hierarchical, state.single_level
    rows: list[Figures] = figures(state, plan)["by_cluster"]
    colours = cluster_colours(len(run.tree.clusters))  # (C, 3)
    told = ["errors", "gains"] if np.isfinite(_column(rows, "v_g")).any() else []
    columns = [columns for columns in (["map"], _phases(run), told) if columns]
    widths = (1.8, 1.0, 0.9)[: len(columns)]
    with picture(path, title, (15, 7.4), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        panels = figure.subplot_mosaic(_mosaic(columns), width_ratios=widths)
        draw_cluster_map(panels["map"], run.tree.cluster_of, plan.land.topology, plan.land.positions, colours)
        if told:
            _draw_errors(panels["errors"], rows, colours)
            _draw_gains(panels["gains"], rows)
        if "vertical" in panels:
            _draw_vertical(panels["vertical"], run, single)
        if "stream" in panels:
            _draw_stream(panels["stream"], run, single, plan)
        if "updates" in panels:
            _draw_updates(panels["updates"], run, plan)
        for name in [name for name in ("vertical", "stream") if name in panels][:1]:
            panels[name].legend(loc="best", **ON_WHITE)


def _phases(run: Run) -> list[str]:
    """The panels of the phases that the run has gone through; private stations may have told no errors."""
    stages: dict[str, Stage] = {"vertical": "vertical", "stream": "horizontal"}
    told = [name for name in stages if np.isfinite(_errors(_rows(run, stages[name]))).any()]
    return told + (["updates"] if _rows(run, "horizontal") else [])


def _mosaic(columns: Sequence[Sequence[str]]) -> list[HashableList[str]]:
    """Columns of panels, each as high as the others, as the rows that matplotlib asks for."""
    height = lcm(*map(len, columns))
    tall = [[name for name in column for _ in range(height // len(column))] for column in columns]
    return [list(row) for row in zip(*tall, strict=True)]


def _rows(run: Run, stage: Stage) -> list[Row]:
    return [row for row in run.history if row.stage == stage]


def _errors(rows: Sequence[Row]) -> Array:
    """The errors of some turns (S,), NaN where there was none to tell."""
    return np.array([np.nan if row.error is None else row.error for row in rows])


def _draw_vertical(axes: Axes, run: Run, single: Run | None) -> None:
    rows = _rows(run, "vertical")
    turns = np.arange(1.0, len(rows) + 1)
    if single is not None:
        axes.plot(turns, _errors(_rows(single, "vertical")), **WITHOUT)
    axes.plot(turns, _errors(rows), **WITH)
    _mark_segmentations(axes, rows, turns - 0.5)
    axes.set_title("V-twinning: training loss by round")
    axes.set_xlim(0.5, len(rows) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    _finish(axes)


def _draw_stream(axes: Axes, run: Run, single: Run | None, plan: Plan) -> None:
    """The errors are known when twins are replaced, which makes stairs of them."""
    rows = _rows(run, "horizontal")
    days = _days(plan, [row.turn for row in rows])
    if single is not None:
        epochs = _rows(single, "horizontal")
        ends = [row.turn * plan.stream_steps // plan.settings.horizontal.epochs for row in epochs]
        axes.plot(_days(plan, ends), _errors(epochs), drawstyle="steps-post", **WITHOUT)
    axes.plot(days, _errors(rows), drawstyle="steps-post", **WITH)
    _mark_segmentations(axes, rows, _days(plan, [row.turn - 1 for row in rows]))
    axes.set_title("H-twinning: MSE of what was scored so far")
    _finish_stream(axes, plan)


def _draw_updates(axes: Axes, run: Run, plan: Plan) -> None:
    rows = _rows(run, "horizontal")
    days = _days(plan, [0, *(row.turn for row in rows)])
    for name, colour, label in (("sent", ACCENT, "sent"), ("spared", INK, "spared by the gate")):
        counts = [0, *(getattr(row, name) for row in rows)]
        words = f"{label}: {counts[-1]:,}"
        axes.plot(days, counts, drawstyle="steps-post", color=colour, lw=1.8, label=words)
    axes.set_title("H-twinning: updates sent and spared")
    axes.set_xlabel(f"days since {_begin(plan):%a %d %b %Y, %H:%M}")
    axes.set_ylim(0, 1.5 * max(1, *(max(row.sent, row.spared) for row in rows)))  # room for the legend
    axes.legend(loc="upper left")
    _finish_stream(axes, plan)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND, integer=True))


def _days(plan: Plan, steps: Sequence[int]) -> Array:
    """How far into the stream so many steps reach."""
    return np.array(steps) * (plan.timeline.step_minutes / MINUTES_A_DAY)


def _begin(plan: Plan) -> datetime:
    """When the stream begins, by the wall clock."""
    line = plan.timeline
    begin = line.start + np.array([line.train_steps]) * np.timedelta64(line.step_minutes, "m")
    first: datetime = wall_clock(begin, plan.timezone)[0].astype("datetime64[s]").item()
    return first


def _mark_segmentations(axes: Axes, rows: Sequence[Row], places: Array) -> None:
    """A line at each of the places (S,) where stations were segmented again."""
    marked = [place for row, place in zip(rows, places, strict=True) if row.stability is not None]
    for number, place in enumerate(marked):
        label = "segmented anew" if number == 0 else None
        axes.axvline(place, color=INK, lw=0.8, ls=(0, (1, 3)), zorder=0, label=label)


def _draw_errors(axes: Axes, rows: Sequence[Figures], colours: Array) -> None:
    axes.bar(_column(rows, "cluster"), _column(rows, "v_g"), color=colours, width=0.8)
    axes.set_title("MSE by cluster: network twin after V")
    _finish_clusters(axes, len(rows))


def _draw_gains(axes: Axes, rows: Sequence[Figures]) -> None:
    """Relative to the bars above, as the twins of a run differ far less than the clusters do."""
    base = _column(rows, "v_g")
    axes.axhline(0, color=INK, lw=0.8)
    for name, style in OTHER_TWINS.items():
        change = 100 * (_column(rows, name) / base - 1)
        if np.isfinite(change).any():
            size = 6 if len(rows) <= MOST_NAMED else 3.5
            axes.plot(_column(rows, "cluster"), change, ls="", ms=size, **style)
    axes.set_title("MSE of the other twins against it")
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.06, -0.09), ncols=2, handletextpad=0.2, columnspacing=1)
    _finish_clusters(axes, len(rows))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda change, _: _percent(change)))


def _percent(change: float) -> str:
    return f"{change:+.3g} %".replace("-", "−") if change else "same"


def _column(rows: Sequence[Figures], name: str) -> Array:
    """A figure of each cluster; of a twin in a phase, such as v_g, its MSE."""
    values = [row[name]["mse"] if isinstance(row[name], dict) else row[name] for row in rows]
    return np.array([np.nan if value is None else value for value in values])


def _finish_clusters(axes: Axes, clusters: int) -> None:
    axes.set_xlim(0.4, clusters + 0.6)
    if clusters <= MOST_NAMED:
        axes.set_xticks(np.arange(1, clusters + 1))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    axes.tick_params(axis="x", length=0)
    axes.set_axisbelow(True)


def _finish_stream(axes: Axes, plan: Plan) -> None:
    axes.set_xlim(0, *_days(plan, [plan.stream_steps]))
    axes.xaxis.set_major_locator(MaxNLocator(8))
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
