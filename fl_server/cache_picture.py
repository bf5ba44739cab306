"""Caching policies as pictures: how they learned, how often they hit, how evenly stations are loaded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fl_server.experiments.claims import Interval, interval
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from fl_server.sync_picture import BANDS, COLOURS, draw_band, finish
from hetnet.caching.classic_stations import HELD
from hetnet.caching.contest import BOUND, CHOSEN, POOLED, SAFE
from hetnet.caching.systems import SYSTEMS
from hetnet.network import Floats

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
        finish(axes, "generation", "share of hits")
        axes.set_title(f"in the first requests after the history; {BANDS}", fontsize=9)
        axes.legend(fontsize=8, loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


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
    means, halves = [found[name].mean for name in names], _within([found[name] for name in names])
    axes.barh(np.arange(len(names)), means, xerr=halves, color=colours, ecolor=PALE, capsize=2)
    axes.set_yticks(np.arange(len(names)), labels=names)
    axes.set_xlabel("share of requests that hit")
    legend = {"learned": ACCENT, "classic caches": INK, "bounds": PALE}
    patches = [Patch(color=colour, label=kind) for kind, colour in legend.items()]
    axes.legend(handles=patches, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    _grid(axes)


def draw_points(axes: Axes, frame: pl.DataFrame, policies: Sequence[str], measure: str, words: str) -> None:
    """Draw a measure of some policies, which need not begin at 0, with its interval."""
    found = [value(frame, name, measure) for name in policies]
    for place, (name, each) in enumerate(zip(policies, found, strict=True)):
        colour = ACCENT if name in NAMES else INK
        axes.errorbar(place, each.mean, each.half, fmt="o", ms=6, color=colour, ecolor=INK, capsize=4)
    axes.set_xlim(-0.5, len(policies) - 0.5)
    axes.set_xticks(np.arange(len(policies)), labels=[name.replace(" + ", "\n+ ") for name in policies])
    axes.set_ylabel(words)
    _grid(axes)


def _within(found: Sequence[Interval]) -> Floats:
    """How far the intervals of shares reach below and above their means, within 0 and 1, (2, n)."""
    return np.array([(each.mean - max(each.low, 0.0), min(each.high, 1.0) - each.mean) for each in found]).T


def draw_loads(axes: Axes, frame: pl.DataFrame, policies: Sequence[str]) -> None:
    """Draw the share of requests that each station was sent, policy by policy."""
    shares = sorted(each for each in frame["measure"].unique() if each.startswith("share of station"))
    width = 0.8 / len(policies)
    for place, (name, colour) in enumerate(zip(policies, COLOURS, strict=False)):
        found = [value(frame, name, each) for each in shares]
        spots = np.arange(len(shares)) + (place - (len(policies) - 1) / 2) * width
        means = [each.mean for each in found]
        axes.bar(spots, means, width, yerr=_within(found), color=colour, ecolor=PALE, capsize=2, label=name)
    axes.axhline(1 / len(shares), color=INK, lw=1, ls="--", label="even")
    labels = [each.removeprefix("share of ") for each in shares]
    axes.set_xticks(np.arange(len(shares)), labels=labels)
    axes.set_ylabel("share of all requests")
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(fontsize=8, ncols=len(policies) + 1, loc="upper center")
    _grid(axes)


def draw_outcomes(path: Path, frame: pl.DataFrame, title: str) -> None:
    """Draw hits of all policies, and loads and interventions of the four systems."""
    with picture(path, title, (15, 7), _layout()) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.2))
        draw_hits(figure.add_subplot(grid[:, 0]), frame)
        above, below = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
        draw_loads(above, frame, NAMES)
        draw_points(below, frame, NAMES, "max/mean load", "busiest station's load, beside the mean")


def _grid(axes: Axes) -> None:
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
