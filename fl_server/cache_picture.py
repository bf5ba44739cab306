"""Caching policies as pictures: how they learned, how often they hit, how evenly stations are loaded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.experiments.claims import Interval, interval
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from fl_server.sync_picture import COLOURS, draw_band, finish
from hetnet.caching.classic_stations import HELD
from hetnet.caching.contest import BOUND, CHOSEN, POOLED, SAFE
from hetnet.caching.systems import SYSTEMS

NAMES = [system.name for system in SYSTEMS]


def draw_curves(path: Path, curve: pl.DataFrame, title: str) -> None:
    """Draw how often each system hits by generation, with intervals over seeds."""
    with picture(path, title, (9, 5), _layout()) as figure:
        axes = figure.subplots()
        for name, colour in zip(NAMES, COLOURS, strict=False):
            mine = curve.filter(system=name)
            points = {
                float(generation): interval(mine.filter(generation=generation)["hits"].to_list())
                for generation in mine["generation"].unique(maintain_order=True)
            }
            draw_band(axes, points, name, colour)
        finish(axes, "generation", "share of hits, in the first requests after the history")


def value(frame: pl.DataFrame, policy: str, measure: str) -> Interval:
    """A measure of a policy over seeds."""
    return interval(frame.filter(policy=policy, measure=measure)["value"].to_list())


def draw_hits(axes: Axes, frame: pl.DataFrame) -> None:
    """Draw how often policies hit, the best on top; the four systems apart by their colour."""
    kinds = [*NAMES, *(name + kind for name in HELD for kind in (CHOSEN, SAFE)), BOUND, POOLED]
    here = set(frame["policy"].unique())
    found = {name: value(frame, name, "hits") for name in kinds if name in here}
    names = sorted(found, key=lambda name: found[name].mean)
    colours = [ACCENT if name in NAMES else PALE if name in (BOUND, POOLED) else INK for name in names]
    means, halves = [found[name].mean for name in names], [found[name].half for name in names]
    axes.barh(np.arange(len(names)), means, xerr=halves, color=colours, ecolor=PALE, capsize=2)
    axes.set_yticks(np.arange(len(names)), labels=names)
    axes.set_xlabel("share of requests that hit")
    _grid(axes)


def draw_bars(axes: Axes, frame: pl.DataFrame, policies: Sequence[str], measure: str, words: str) -> None:
    """Draw a measure of some policies."""
    found = [value(frame, name, measure) for name in policies]
    colours = [ACCENT if name in NAMES else INK for name in policies]
    means, halves = [each.mean for each in found], [each.half for each in found]
    axes.bar(np.arange(len(policies)), means, yerr=halves, color=colours, ecolor=PALE, capsize=3)
    axes.set_xticks(np.arange(len(policies)), labels=[name.replace(" + ", "\n+ ") for name in policies])
    axes.set_ylabel(words, fontsize=8)
    _grid(axes)


def draw_loads(axes: Axes, frame: pl.DataFrame, policies: Sequence[str]) -> None:
    """Draw the share of requests that each station was sent, policy by policy."""
    shares = sorted(each for each in frame["measure"].unique() if each.startswith("share of station"))
    width = 0.8 / len(policies)
    for place, (name, colour) in enumerate(zip(policies, COLOURS, strict=False)):
        found = [value(frame, name, each) for each in shares]
        spots = np.arange(len(shares)) + (place - (len(policies) - 1) / 2) * width
        means, halves = [each.mean for each in found], [each.half for each in found]
        axes.bar(spots, means, width, yerr=halves, color=colour, ecolor=PALE, capsize=2, label=name)
    axes.axhline(1 / len(shares), color=INK, lw=1, ls="--")
    labels = [each.removeprefix("share of ") for each in shares]
    axes.set_xticks(np.arange(len(shares)), labels=labels)
    axes.set_ylabel("share of all requests")
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(fontsize=8, ncols=len(policies), loc="upper center")
    _grid(axes)


def draw_outcomes(path: Path, frame: pl.DataFrame, title: str) -> None:
    """Draw hits of all policies, and loads and interventions of the four systems."""
    with picture(path, title, (15, 7), _layout()) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.2))
        draw_hits(figure.add_subplot(grid[:, 0]), frame)
        above, below = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
        draw_loads(above, frame, NAMES)
        draw_bars(below, frame, NAMES, "max/mean load", "the busiest station's load beside the mean")
        below.set_ylim(bottom=1)


def _grid(axes: Axes) -> None:
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
