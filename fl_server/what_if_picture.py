"""What a scenario changes, drawn: the difference on the map, loads before and after, the hours.

Axes: K stations, A of them affected, H hours.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from data.plane import shrinking
from data.words import counted
from fl_server.pictures import ACCENT, FAINT, INK, PALE, date_axis, dot_area, finish, frame_map, picture
from hetnet.network import Counts, Floats, Mask
from hetnet.operations.impact import Outcome
from hetnet.operations.replica import Replica

MOST_BARS = 14


def draw_outcome(path: Path, outcome: Outcome, replica: Replica) -> None:
    """Draw where the load changes, for whom most, and at which hours."""
    title = f"{outcome.scenario.name}: {counted(len(outcome.stations), 'station')} affected"
    with picture(path, title, (14, 7.6), ConstrainedLayoutEngine(wspace=0.05, h_pad=0.08)) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
        _draw_map(figure, figure.add_subplot(grid[:, 0]), outcome, replica)
        _draw_stations(figure.add_subplot(grid[0, 1]), outcome, replica)
        _draw_hours(figure.add_subplot(grid[1, 1]), outcome, replica)


def _draw_map(figure: Figure, axes: Axes, outcome: Outcome, replica: Replica) -> None:
    shrink = shrinking(replica.positions[:, 1].mean())
    shown = _around(outcome, replica)
    frame_map(axes, replica.positions[shown], shrink)
    size = dot_area(replica.positions[shown] * (shrink, 1), axes)
    change = np.zeros(len(replica.stations))
    change[outcome.stations] = outcome.difference.forecast.sum(axis=0)
    most = float(np.abs(change).max(initial=0)) or 1.0
    lines = np.stack([replica.positions[outcome.routes.source], replica.positions[outcome.routes.target]], 1)
    amounts = outcome.flows.sum(axis=0)
    widths = 0.4 + 2.6 * amounts / max(float(amounts.max(initial=0)), 1e-12)
    axes.scatter(*_xy(replica, shown), s=size, color=FAINT, linewidths=0)
    some = change != 0
    dots = axes.scatter(
        *_xy(replica, some),
        c=change[some],
        s=size,
        cmap="RdBu_r",
        norm=TwoSlopeNorm(0, -most, most),
        edgecolors=PALE,
        linewidths=0.4,
    )
    axes.add_collection(LineCollection(list(lines), linewidths=widths.tolist(), colors=INK, alpha=0.35))
    silent = np.asarray(outcome.silent.any(axis=0))
    axes.scatter(*_xy(replica, silent), s=size, marker="x", color=INK, linewidths=1.4, label="silent")
    over = np.asarray(outcome.over[1].any(axis=0) & ~outcome.over[0].any(axis=0))
    axes.scatter(
        *_xy(replica, over),
        s=2.2 * size,
        facecolors="none",
        edgecolors=ACCENT,
        linewidths=1.6,
        label="newly over capacity",
    )
    if some.any():
        bar = figure.colorbar(dots, ax=axes, shrink=0.6, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(f"load more or less, over {counted(len(replica.hours), 'hour')}")
    if silent.any() or over.any():
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.06), ncols=2)
    axes.set_title("difference, and where traffic goes")


def _xy(replica: Replica, which: Counts | Mask) -> tuple[Floats, Floats]:
    longitude, latitude = replica.positions[which].T
    return longitude, latitude


def _around(outcome: Outcome, replica: Replica) -> Counts:
    """The stations to draw: those around what is affected, or all where that is everywhere or nowhere."""
    if not len(outcome.stations):
        return np.arange(len(replica.stations))
    places = replica.positions[outcome.stations]
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.35 * (high - low).max() + 2 * float(replica.reach[outcome.stations].max()) / 111
    near = ((replica.positions >= low - margin) & (replica.positions <= high + margin)).all(axis=1)
    return np.flatnonzero(near)


def _draw_stations(axes: Axes, outcome: Outcome, replica: Replica) -> None:
    """The stations whose load changes most: at their busiest hour, as a share of what they can carry."""
    change = np.abs(outcome.difference.forecast).sum(axis=0)
    rows = np.argsort(-change, kind="stable")[:MOST_BARS]
    capacity = np.maximum(replica.capacity[outcome.stations[rows]], 1e-12)
    places = np.arange(len(rows))
    for band, shift, colour, label in (
        (outcome.base, -0.2, PALE, "without"),
        (outcome.load, 0.2, ACCENT, "with"),
    ):
        hour = band.forecast[:, rows].argmax(axis=0)
        middle, lower, upper = (
            values[hour, rows] / capacity for values in (band.forecast, band.lower, band.upper)
        )
        axes.bar(places + shift, middle, 0.38, color=colour, label=label)
        axes.vlines(places + shift, lower, upper, color=INK, lw=1)
    axes.axhline(1, color=INK, lw=1, ls="--")
    names = [_short(replica.stations[place]) for place in outcome.stations[rows]]
    axes.set_xticks(places, labels=names, rotation=60)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_ylabel("of capacity")
    axes.set_title("busiest hour of the most affected, with intervals")
    if len(rows):
        axes.legend(ncols=2, loc="upper right", bbox_to_anchor=(1, -0.2))


def _short(name: str) -> str:
    return name if len(name) <= 8 else f"{name[:7]}…"


def _draw_hours(axes: Axes, outcome: Outcome, replica: Replica) -> None:
    """What is asked of all affected stations that are on, through the hours, and what is lost."""
    times = replica.hours.astype("datetime64[m]")
    on = ~outcome.silent[:, outcome.stations].any(axis=0)
    axes.plot(times, outcome.base.forecast[:, on].sum(axis=1), color=PALE, lw=1.6, label="without")
    axes.plot(times, outcome.load.forecast[:, on].sum(axis=1), color=ACCENT, lw=1.6, label="with")
    lost = outcome.lost.sum(axis=1)
    label = "lost, with" if lost.any() else "lost, with: none"
    axes.plot(times, lost, color=INK, lw=1.3, ls=":", label=label)
    axes.set_ylabel("load per hour")
    axes.set_title("affected stations that stay on, together")
    axes.margins(x=0)
    date_axis(axes)
    finish(axes, 4, amounts=True)
    foot = axes.get_ylim()[1]
    axes.set_ylim(-0.03 * foot, foot)  # a line along nothing is seen above the frame
    axes.legend(ncols=3, loc="upper right", bbox_to_anchor=(1, -0.2))
