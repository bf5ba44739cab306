"""Pictures of traffic: a set on the map and through its mean week, and forecasts beside the truth.

Axes: T time, N stations, S slots of a mean week or day.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from scipy.spatial import KDTree

from data.errors import InputError
from data.figures.description import Cycle, is_standardised, mean_cycle
from data.plane import KM_PER_DEGREE, shrinking
from data.store import whole_file
from data.traffic import Traffic

DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FORMATS = (".png", ".pdf", ".svg")
INK, ACCENT, PALE, FAINT = "#22313f", "#c8553d", "#8fa8bf", "#dfe5ea"
DECADES_FOR_LOG = 1.5
LOAD_COLOURS = ListedColormap(colormaps["magma_r"](np.linspace(0.1, 0.92, 256)))  # busy is dark
# How a tick is written by what it counts: years, months, days, hours, minutes, seconds; then its first.
TIMES = ["%Y", "%b %Y", "%a %d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
FIRST_TIMES = ["%Y", "%b %Y", "%a %d %b", "%a %d %b", "%H:%M", "%H:%M"]
STYLE: Any = {  # Any: what keys matplotlib knows differs between its versions
    "text.parse_math": False,  # a $ in a name is a $
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Panel:
    """One station's truth and forecast over the same times, NaN where there is none, and its interval."""

    station: str
    times: NDArray[np.datetime64]  # (T,) wall clock
    truth: NDArray[np.floating]  # (T,)
    forecast: NDArray[np.floating]  # (T,)
    lower: NDArray[np.floating] | None = None  # (T,)
    upper: NDArray[np.floating] | None = None  # (T,)


@contextmanager
def picture(
    path: Path, title: str, inches: tuple[float, float], layout: ConstrainedLayoutEngine
) -> Iterator[Figure]:
    """Give a titled figure to draw on, and write it to `path` when the block succeeds."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: expected a picture ending in {', '.join(FORMATS)}")
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # names in a script that the font lacks become boxes
        figure = Figure(figsize=inches, layout=layout)
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold")
        yield figure
        with whole_file(path) as partial:
            figure.savefig(partial, format=path.suffix[1:], dpi=150, facecolor="white")


def draw_set(path: Path, traffic: Traffic, title: str) -> None:
    """Draw the stations on the map, coloured by mean load, and their mean week (or day) beside it."""
    with picture(path, title, (12.5, 5.2), ConstrainedLayoutEngine(wspace=0.06, h_pad=0.08)) as figure:
        map_axes, cycle_axes = figure.subplots(1, 2, width_ratios=(1, 1.25))
        _draw_map(figure, map_axes, traffic)
        _draw_cycle(cycle_axes, mean_cycle(traffic), load_label(traffic))


def load_label(traffic: Traffic) -> str:
    """What one value of the load is, in words."""
    if is_standardised(traffic):
        return f"{traffic.channel} load, standardised"
    return f"{traffic.channel} load per {_duration(traffic.step_minutes)}"


def _duration(minutes: int) -> str:
    hours = {60: "hour", 1440: "day"}
    return hours.get(minutes, f"{minutes} min")


def _draw_map(figure: Figure, axes: Axes, traffic: Traffic) -> None:
    means = traffic.load.mean(axis=0, dtype=np.float64)  # (N,)
    longitude, latitude = traffic.positions.T  # each (N,)
    shrink = shrinking(latitude.mean())
    frame_map(axes, traffic.positions, shrink)
    order = np.argsort(means)  # the busiest on top
    dots = axes.scatter(
        longitude[order],
        latitude[order],
        c=means[order],
        s=dot_area(traffic.positions * (shrink, 1), axes),
        cmap=LOAD_COLOURS,
        norm=colour_scale(means),
        linewidths=0,
    )
    stations = f"{len(means):,} station{'s' if len(means) > 1 else ''}"
    axes.set_title(f"{stations}, coloured by mean load" if len(means) > 1 else stations)
    if means.min() < means.max():
        _add_colour_bar(figure, axes, dots, f"mean {load_label(traffic)}")


def _add_colour_bar(figure: Figure, axes: Axes, dots: PathCollection, label: str) -> None:
    colours = figure.colorbar(dots, ax=axes, shrink=0.8, aspect=28, pad=0.02, panchor=False)
    colours.outline.set_visible(False)
    colours.set_label(label)
    if isinstance(dots.norm, LogNorm):
        write_logarithmic(colours.ax.yaxis)


def write_logarithmic(axis: Axis) -> None:
    """Write 1, 2, 5, 10, … along a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(lambda load, _: _plain(load)))
    axis.set_minor_formatter(FuncFormatter(lambda load, _: _plain(load) if f"{load:e}"[0] in "25" else ""))


def colour_scale(means: NDArray[np.float64]) -> Normalize:
    """A logarithmic scale when positive means span many decades, else a linear one."""
    positive = means[means > 0]
    if means.min() >= 0 and len(positive) and np.log10(positive.max() / positive.min()) > DECADES_FOR_LOG:
        return LogNorm(float(positive.min()), float(positive.max()), clip=True)  # a silent station is pale
    spread = 0.0 if means.min() < means.max() else 1.0  # equal stations take the middle colour
    return Normalize(float(means.min()) - spread, float(means.max()) + spread)


def frame_map(axes: Axes, positions: NDArray[np.float64], shrink: float) -> None:
    """Set limits a little wider than the stations, true proportions and a few ticks in degrees."""
    low, high = positions.min(axis=0), positions.max(axis=0)  # each (2,)
    sides = (high - low) * (shrink, 1)
    margin = 0.06 * sides.max() if sides.max() > 0 else 1 / KM_PER_DEGREE
    half = (np.maximum(sides, sides.max() / 2) / 2 + margin) / (shrink, 1)  # a row of stations is no slit
    (left, south), (right, north) = (low + high) / 2 - half, (low + high) / 2 + half
    axes.set_xlim(left, right)
    axes.set_ylim(south, north)
    axes.set_aspect(1 / shrink, anchor="N")
    for axis, letters in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(_degrees(letters)))


def _degrees(letters: str) -> Callable[[float, object], str]:
    return lambda angle, _: f"{abs(angle):.7g}° {letters[int(angle < 0)]}"


def dot_area(plane: NDArray[np.float64], axes: Axes) -> float:
    """Marker area in square points such that a dot fills most of the way to its typical neighbour."""
    low, high = axes.get_ylim()
    points = axes.get_window_extent().height * 72 / axes.figure.dpi / (high - low)  # per degree of latitude
    sites = np.unique(plane, axis=0)
    nearest = np.asarray(KDTree(sites).query(sites, k=[2])[0])  # infinite for a lonely station
    return float(np.clip(0.8 * np.median(nearest) * points, 1.6, 16)) ** 2


def _draw_cycle(axes: Axes, cycle: Cycle, label: str) -> None:
    cycle = _closed(cycle)
    axes.plot(cycle.hours, cycle.mean, color=ACCENT, lw=1.8, label="mean over stations")
    if np.any(cycle.low < cycle.high):
        axes.fill_between(cycle.hours, cycle.low, cycle.high, color=FAINT, lw=0, label="10 to 90 % of them")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.3, columnspacing=1.4)
    axes.set_title("mean week" if cycle.is_week else "mean day")
    axes.set_ylabel(label)
    if cycle.is_week:
        axes.set_xticks(np.arange(0, 169, 24), labels=[""] * 8)
        axes.set_xticks(np.arange(12, 168, 24), labels=DAY_NAMES, minor=True)
        axes.tick_params(axis="x", which="minor", length=0)
    else:
        axes.set_xticks(np.arange(0, 25, 4), labels=[f"{hour}:00" for hour in range(0, 25, 4)])
    axes.set_xlim(0, 168 if cycle.is_week else 24)
    finish(axes, 6, amounts=bool(cycle.low.min() >= 0))


def _closed(cycle: Cycle) -> Cycle:
    """The same cycle with its first slot once more at the end, when it has all slots of its cycle."""
    length = 168 if cycle.is_week else 24
    if len(cycle.hours) < 2 or len(cycle.hours) * np.diff(cycle.hours).max() != length:
        return cycle
    return replace(
        cycle,
        hours=np.append(cycle.hours, cycle.hours[0] + length),
        mean=np.append(cycle.mean, cycle.mean[0]),
        low=np.append(cycle.low, cycle.low[0]),
        high=np.append(cycle.high, cycle.high[0]),
    )


def finish(axes: Axes, ticks: int, *, amounts: bool) -> None:
    """Amounts start at zero; loads are written out; fine lines mark the times, behind what is drawn."""
    if amounts:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda load, _: _plain(load)))
    axes.grid(axis="x", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)


def _plain(load: float) -> str:
    """A load as people write it: thousands grouped, no more digits than tell something."""
    return f"{load:,.0f}" if abs(load) >= 1000 else f"{load:.4g}"


def draw_forecast(path: Path, panels: Sequence[Panel], title: str, label: str = "load") -> None:
    """Draw one row a station: what came, what was forecast, and the interval around the forecast."""
    if not panels:
        raise InputError("no station to draw: expected at least one")
    with picture(path, title, (11, 1.1 + 2.0 * len(panels)), ConstrainedLayoutEngine()) as figure:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(rows, panels, strict=True):
            _draw_panel(axes, panel, label)
        figure.align_ylabels(rows)
        handles, names = rows[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), columnspacing=1.4)


def _draw_panel(axes: Axes, panel: Panel, label: str) -> None:
    times = panel.times.astype("datetime64[m]")
    axes.plot(times, panel.truth, color=INK, lw=1.3, label="truth")
    axes.plot(times, panel.forecast, color=ACCENT, lw=1.3, label="forecast")
    if panel.lower is not None and panel.upper is not None:
        axes.fill_between(times, panel.lower, panel.upper, color=ACCENT, alpha=0.18, lw=0, label="interval")
    axes.set_title(f"station {panel.station}", fontsize=10)
    axes.set_ylabel(label)
    axes.margins(x=0)
    date_axis(axes)
    finish(axes, 4, amounts=bool(np.nanmin(panel.truth) >= 0))


def date_axis(axes: Axes) -> None:
    """Write the times as days of the week with their date, and as hours where days are too far apart."""
    locator = AutoDateLocator(minticks=4, maxticks=9)
    written = ConciseDateFormatter(
        locator, formats=TIMES, zero_formats=FIRST_TIMES, offset_formats=["", *["%Y"] * 5]
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(written)
