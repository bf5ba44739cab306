"""The six panels of the hierarchical-twin paper's Fig. 4: what attributes are worth, where the trouble is.

Axes: N users, M base stations, K attributes.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from data.words import counted
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from hetnet.higher import HigherTwin
from hetnet.network import ATTRIBUTES, Floats, Mask, Stations
from hetnet.situation import Situation

LEVEL_COLOURS = ListedColormap(["#4f8a5b", "#e0b050", FAINT])
SIZES = {True: 120, False: 45}  # of a macro station's mark and a small one's
ALONE = "#c3cbd4"
AREA = "#3b8ea5"  # not that of loaded stations beside it
BELOW: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}  # Any: what keys matplotlib takes
SEGMENT_COLOURS = (
    INK,
    ACCENT,
    "#4f8a5b",
    "#8064a2",
    "#b8860b",
    "#3b8ea5",
    "#c98bb9",
    "#6b705c",
    "#a0522d",
    "#708090",
)


def draw_situation(path: Path, now: Situation, found: HigherTwin, title: str) -> None:
    """Draw cost, benefit and level of every attribute; segments, loads and target areas on the map."""
    with picture(path, title, (14, 8.6), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        axes = figure.subplots(2, 3)
        levels = found.valued.levels
        _heat(figure, axes[0, 0], levels.cost, "a  cost of modelling (sample entropy, scaled)")
        _heat(figure, axes[0, 1], levels.benefit, "b  benefit (correlation with what users lack)")
        _levels(axes[0, 2], found)
        _segments(axes[1, 0], now, found)
        _loads(axes[1, 1], now, found)
        _areas(axes[1, 2], now, found)


def _heat(figure: Figure, axes: Axes, values: Floats, title: str) -> None:
    image = axes.imshow(values, aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.8)
    _by_attribute(axes, title)


def _levels(axes: Axes, found: HigherTwin) -> None:
    axes.imshow(
        found.valued.levels.level, aspect="auto", cmap=LEVEL_COLOURS, vmin=1, vmax=3, interpolation="nearest"
    )
    names = ("1: for all", "2: in target areas", "3: not at all")
    marks = [_mark("s", LEVEL_COLOURS(place), name) for place, name in enumerate(names)]
    axes.legend(handles=marks, fontsize=8, ncols=3, **BELOW)
    _by_attribute(axes, "c  levels")


def _by_attribute(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xticks(range(len(ATTRIBUTES)), labels=ATTRIBUTES, fontsize=9)
    axes.set_ylabel("user")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _segments(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, stations = now.network.users.positions, now.network.stations
    for segment in range(found.segments.count):
        colour = SEGMENT_COLOURS[segment % len(SEGMENT_COLOURS)]
        axes.scatter(*_xy(users[found.segments.of_users == segment]), s=10, color=colour, lw=0)
        _stations(axes, stations, found.segments.of_stations == segment, colour, "white")
    there = sorted(set(stations.macro.tolist()), reverse=True)
    marks = [_mark("o", INK, "user", 10), *(_station_mark(INK, INK, macro=macro) for macro in there)]
    _legend(axes, marks)
    _map(axes, f"d  {counted(found.segments.count, 'segment')}, by colour")


def _loads(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, loaded = now.network.users.positions, found.supply.loaded
    marks = []
    for satisfied, colour, label in ((True, PALE, "satisfied"), (False, ACCENT, "unsatisfied")):
        axes.scatter(*_xy(users[now.satisfied == satisfied]), s=10, color=colour, lw=0)
        marks.append(_mark("o", colour, label, 10))
    for which, colour, label in ((~loaded, "white", "unloaded"), (loaded, INK, "loaded")):
        _stations(axes, now.network.stations, which, colour, INK)
        marks.append(_mark("^", colour, label, SIZES[False], INK))
    _legend(axes, marks)
    _map(
        axes,
        f"e  {now.satisfied.mean():.0%} of users satisfied, {counted(int(loaded.sum()), 'station')} loaded",
    )


def _areas(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, areas = now.network.users.positions, found.areas
    marks = []
    for mask, colour, label in (
        (~(areas.selected | areas.companions), ALONE, "left alone"),
        (areas.companions, PALE, "in their area"),
        (areas.selected, ACCENT, "modelled in detail"),
    ):
        axes.scatter(*_xy(users[mask]), s=12, color=colour, lw=0)
        marks.append(_mark("o", colour, label, 12))
    for mask, colour, label in (
        (~areas.stations, ALONE, "other station"),
        (areas.stations, AREA, "station of an area"),
    ):
        _stations(axes, now.network.stations, mask, colour, "white")
        marks.append(_mark("^", colour, label, SIZES[False]))
    _legend(axes, [marks[place] for place in (0, 3, 1, 4, 2)], 3)  # users above stations
    of_users, of_stations = int(areas.selected.sum()), int(areas.stations.sum())
    _map(axes, f"f  target areas: {counted(of_users, 'user')}, {counted(of_stations, 'station')}")


def _stations(axes: Axes, stations: Stations, which: Mask, colour: str, edge: str) -> None:
    """Mark those of `which` (M,), macro stations larger than small ones."""
    sizes: NDArray[np.int64] = np.where(stations.macro[which], SIZES[True], SIZES[False])
    axes.scatter(
        *_xy(stations.positions[which]), s=sizes, marker="^", color=colour, edgecolors=edge, linewidths=0.8
    )


def _station_mark(colour: str, edge: str, *, macro: bool) -> Line2D:
    return _mark("^", colour, "macro station" if macro else "small station", SIZES[macro], edge)


def _mark(
    marker: str, colour: Any, label: str, size: float = 36, edge: str = "none"
) -> Line2D:  # Any: a colour
    """What stands in a legend for marks of so many square points, be there any or not."""
    return Line2D(
        [], [], marker=marker, ls="", color=colour, markeredgecolor=edge, markersize=size**0.5, label=label
    )


def _legend(axes: Axes, marks: list[Line2D], columns: int = 4) -> None:
    axes.legend(handles=marks, fontsize=8, ncols=columns, handletextpad=0.2, columnspacing=0.9, **BELOW)


def _map(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_aspect("equal", adjustable="datalim")  # so that a map of few places is no slit
    axes.set_xlabel("m")
    axes.set_ylabel("m")
    axes.grid(color=FAINT, lw=0.5)
    axes.set_axisbelow(True)


def _xy(positions: Floats) -> tuple[Floats, Floats]:
    return positions[:, 0], positions[:, 1]
