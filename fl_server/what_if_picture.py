"""What a scenario changes, drawn: the difference on the map, loads before and after, the hours.

Axes: K stations, A of them affected, H hours.
"""

from dataclasses import dataclass
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
from hetnet.operations.scenario import change_of

MOST_BARS = 14
MOST_HEADS = 80  # of lines that show their way


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
    routes = outcome.routes
    _draw_flows(axes, replica, Flows(routes.source, routes.target, outcome.flows.sum(axis=0)), "-")
    moves = _moved(outcome, replica)
    _draw_flows(axes, replica, moves, ":")
    _mark_stations(axes, outcome, replica, size)
    if some.any():
        bar = figure.colorbar(dots, ax=axes, shrink=0.6, aspect=28, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(f"load more or less, over {counted(len(replica.hours), 'hour')}")
    if len(moves.amount):
        axes.plot([], [], color=INK, ls=":", lw=1.6, label="moved by the scenario")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.06), ncols=3)
    axes.set_title("difference, and where traffic goes")


def _mark_stations(axes: Axes, outcome: Outcome, replica: Replica, size: float) -> None:
    """Mark who is silent, and who is over capacity with the scenario alone."""
    silent = np.asarray(outcome.silent.any(axis=0))
    over = np.asarray(outcome.over[1].any(axis=0) & ~outcome.over[0].any(axis=0))
    if silent.any():
        axes.scatter(*_xy(replica, silent), s=size, marker="x", color=INK, linewidths=1.4, label="silent")
    if over.any():
        axes.scatter(
            *_xy(replica, over),
            s=2.2 * size,
            facecolors="none",
            edgecolors=ACCENT,
            linewidths=1.6,
            label="newly over capacity",
        )


@dataclass(frozen=True)
class Flows:
    """Traffic from stations to others, over all hours."""

    source: Counts  # (P,)
    target: Counts  # (P,)
    amount: Floats  # (P,)


def _moved(outcome: Outcome, replica: Replica) -> Flows:
    """What the scenario moves, by the forecast: who it moves is served by another station."""
    change = change_of(outcome.scenario, replica)
    demand = replica.forecast * change.factor  # (H, K)
    parts = [
        (each.sources, np.full(len(each.sources), each.target), each.share @ demand[:, each.sources])
        for each in change.moves
    ]
    if not parts:
        nobody = np.empty(0, np.int64)
        return Flows(nobody, nobody, np.empty(0))
    return Flows(*(np.concatenate(several) for several in zip(*parts, strict=True)))


def _draw_flows(axes: Axes, replica: Replica, flows: Flows, style: str) -> None:
    """A line for each flow, as wide as it is large, and heads on the largest that say which way it goes."""
    if not len(flows.amount):
        return
    ends = replica.positions[flows.source], replica.positions[flows.target]  # (P, 2) each
    widths = 0.4 + 2.6 * flows.amount / max(float(flows.amount.max()), 1e-12)
    lines = LineCollection(
        list(np.stack(ends, axis=1)), linewidths=widths.tolist(), colors=INK, alpha=0.35, linestyles=style
    )
    axes.add_collection(lines)
    largest = np.argsort(-flows.amount, kind="stable")[:MOST_HEADS]
    begin, way = ends[0][largest], (ends[1] - ends[0])[largest]
    shrink = np.array([shrinking(replica.positions[:, 1].mean()), 1.0])
    unit = way * shrink / np.maximum(np.linalg.norm(way * shrink, axis=1, keepdims=True), 1e-12)
    middle = begin + 0.62 * way
    axes.quiver(
        *middle.T,
        *unit.T,
        color=INK,
        alpha=0.55,
        pivot="mid",
        scale=55,
        width=0.0022,
        headwidth=7,
        headlength=8,
        headaxislength=7,
    )


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
    """The stations whose load changes most, each at the hour in which it does, by what they can carry."""
    change = np.abs(outcome.difference.forecast).sum(axis=0)
    rows = np.argsort(-change, kind="stable")[:MOST_BARS]
    capacity = np.maximum(replica.capacity[outcome.stations[rows]], 1e-12)
    places = np.arange(len(rows))
    hour = np.abs(outcome.difference.forecast[:, rows]).argmax(axis=0)
    for band, shift, colour, label in (
        (outcome.base, -0.2, PALE, "without"),
        (outcome.load, 0.2, ACCENT, "with"),
    ):
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
    axes.set_title("the most affected, each in the hour of its greatest change")
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
    label = "lost with, by the forecast" if lost.any() else "lost with, by the forecast: none"
    axes.plot(times, lost, color=INK, lw=1.3, ls=":", label=label)
    axes.set_ylabel("load per hour")
    axes.set_title("affected stations that stay on, together")
    axes.margins(x=0)
    date_axis(axes)
    finish(axes, 4, amounts=True)
    foot = axes.get_ylim()[1]
    axes.set_ylim(-0.03 * foot, foot)  # a line along nothing is seen above the frame
    axes.legend(ncols=3, loc="upper right", bbox_to_anchor=(1, -0.2))
