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

from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from hetnet.higher import HigherTwin
from hetnet.network import ATTRIBUTES, Floats
from hetnet.situation import Situation

LEVEL_COLOURS = ListedColormap(["#4f8a5b", "#e0b050", FAINT])
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
    marks = [
        Line2D([], [], marker="s", ls="", color=LEVEL_COLOURS(place), label=name)
        for place, name in enumerate(names)
    ]
    axes.legend(handles=marks, loc="upper right", fontsize=8, framealpha=0.9, frameon=True)
    _by_attribute(axes, "c  levels")


def _by_attribute(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xticks(range(len(ATTRIBUTES)), labels=ATTRIBUTES, fontsize=9)
    axes.set_ylabel("user")


def _segments(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, stations = now.network.users.positions, now.network.stations
    for segment in range(found.segments.count):
        colour = SEGMENT_COLOURS[segment % len(SEGMENT_COLOURS)]
        mine = users[found.segments.of_users == segment]
        axes.scatter(*_xy(mine), s=10, color=colour, lw=0)
        for macro, size in ((True, 120), (False, 45)):
            here = stations.positions[(found.segments.of_stations == segment) & (stations.macro == macro)]
            axes.scatter(*_xy(here), s=size, marker="^", color=colour, edgecolors="white", linewidths=0.8)
    _map(axes, f"d  {found.segments.count} segments")


def _loads(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, stations = now.network.users.positions, now.network.stations
    for satisfied, colour, label in ((True, PALE, "satisfied"), (False, ACCENT, "unsatisfied")):
        axes.scatter(*_xy(users[now.satisfied == satisfied]), s=10, color=colour, lw=0, label=label)
    for loaded, colour, label in ((False, "white", "unloaded"), (True, INK, "loaded")):
        here = found.supply.loaded == loaded
        sizes = np.where(stations.macro[here], 120, 45)
        axes.scatter(
            *_xy(stations.positions[here]),
            s=sizes,
            marker="^",
            c=colour,
            edgecolors=INK,
            linewidths=1,
            label=label,
        )
    axes.legend(fontsize=8, ncols=4, **BELOW)
    _map(
        axes,
        f"e  {now.satisfied.mean():.0%} of users satisfied, {int(found.supply.loaded.sum())} stations loaded",
    )


def _areas(axes: Axes, now: Situation, found: HigherTwin) -> None:
    users, stations, areas = now.network.users.positions, now.network.stations, found.areas
    others = ~(areas.selected | areas.companions)
    for mask, colour, label in (
        (others, FAINT, "left alone"),
        (areas.companions, PALE, "in their area"),
        (areas.selected, ACCENT, "modelled in detail"),
    ):
        axes.scatter(*_xy(users[mask]), s=12, color=colour, lw=0, label=label)
    sizes = np.where(stations.macro, 120, 45)
    for mask, colour in ((~areas.stations, FAINT), (areas.stations, INK)):
        axes.scatter(
            *_xy(stations.positions[mask]),
            s=sizes[mask],
            marker="^",
            color=colour,
            edgecolors="white",
            linewidths=0.8,
        )
    axes.legend(fontsize=8, ncols=3, **BELOW)
    _map(axes, f"f  target areas: {int(areas.selected.sum())} users, {int(areas.stations.sum())} stations")


def _map(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_aspect("equal")
    axes.set_xlabel("m")
    axes.grid(color=FAINT, lw=0.5)
    axes.set_axisbelow(True)


def _xy(positions: Floats) -> tuple[Floats, Floats]:
    return positions[:, 0], positions[:, 1]
