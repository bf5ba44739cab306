"""Synchronisation policies as pictures: how they learned, what they earn, what gates trade."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from fl_server.experiments.claims import Interval, interval
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from hetnet.sync.figures_learning import BOUND

BANDS = "bands hold the mean over seeds with 95 %"
COLOURS = (ACCENT, INK, "#4f8a5b", "#8064a2", "#b8860b", PALE, "#3b8ea5", "#c98bb9")


def draw_curve(path: Path, curve: pl.DataFrame, title: str) -> None:
    """Draw each epoch beside what its seed earns at the end: worlds differ more than policies do."""
    with picture(path, title, (9, 5), _layout()) as figure:
        axes = figure.subplots()
        kinds = {"surest": "the surer action"}
        if not curve["drawn"].equals(curve["surest"]):  # DQN leaves nothing to chance where it is judged
            kinds["drawn"] = "actions drawn as the policy says"
        for (column, label), colour in zip(kinds.items(), COLOURS, strict=False):
            draw_band(axes, beside_the_end(curve, column), label, colour)
        finish(axes, "epoch", "return less the surer action's at the end")
        axes.set_yscale("symlog", linthresh=0.1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"in held-out worlds, logarithmic beyond .1; {BANDS}", fontsize=9)
        axes.legend(fontsize=8, loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def beside_the_end(curve: pl.DataFrame, column: str) -> dict[float, Interval]:
    """The interval over seeds, at each epoch, of a column less the surer action at the last one."""
    last = dict(curve.filter(epoch=curve["epoch"].max()).select("seed", "surest").iter_rows())
    found = {}
    for epoch in curve["epoch"].unique(maintain_order=True):
        mine = curve.filter(epoch=epoch).select("seed", column).iter_rows()
        found[float(epoch)] = interval([value - last[seed] for seed, value in mine])
    return found


def draw_band(axes: Axes, points: Mapping[float, Interval], label: str, colour: str) -> None:
    """Draw a line of means, and the band of their intervals."""
    places = np.array(list(points))
    means = np.array([each.mean for each in points.values()])
    low, high = (np.array([getattr(each, side) for each in points.values()]) for side in ("low", "high"))
    axes.plot(places, means, color=colour, lw=1.6, label=label)
    axes.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)


def draw_returns(path: Path, frame: pl.DataFrame, title: str) -> None:
    """Draw what each policy falls short of the bound, seed by seed, and how often it refreshes."""
    count = frame["policy"].n_unique()
    with picture(path, title, (11, 0.42 * count + 1.4), _layout()) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        names = draw_shortfalls(left, frame)
        refreshes = [frame.filter(policy=name)["refreshes"].mean() for name in names]
        spent = [float(each) if isinstance(each, float) else 0.0 for each in refreshes]
        right.barh(np.arange(len(names)), spent, color=INK)
        right.set_xlabel("refreshes in an episode")
        right.grid(color=FAINT, lw=0.7)
        right.set_axisbelow(True)


def draw_shortfalls(axes: Axes, frame: pl.DataFrame) -> list[str]:
    """Draw by how much each policy falls short of the bound; the policies from below, the best last."""
    found = {name: short_of_bound(frame, name) for name in frame["policy"].unique(maintain_order=True)}
    names = sorted((name for name in found if name != BOUND), key=lambda name: found[name].mean, reverse=True)
    places = np.arange(len(names))
    means, halves = [found[name].mean for name in names], [found[name].half for name in names]
    axes.errorbar(means, places, xerr=halves, fmt="o", color=ACCENT, ecolor=INK, capsize=3, ms=5)
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda short, _: f"{short:g}"))
    axes.set_xlim(left=0)
    tops = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    axes.xaxis.set_major_locator(
        FixedLocator([0, 0.5, *(each for each in tops if each <= axes.get_xlim()[1])])
    )
    axes.set_yticks(places, labels=names)
    axes.set_xlabel("return short of the bound (logarithmic from 1)")
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)
    return names


def short_of_bound(frame: pl.DataFrame, policy: str) -> Interval:
    """By how much the return of a policy is below the bound, over seeds."""
    bound, mine = (
        dict(frame.filter(policy=name).select("seed", "return").iter_rows()) for name in (BOUND, policy)
    )
    return interval([bound[seed] - mine[seed] for seed in mine])


def draw_tradeoff(
    path: Path, lines: Mapping[str, Sequence[tuple[float, Interval, Interval]]], title: str
) -> None:
    """Draw what gates leave unknown and how the network twin errs, against the refreshes they spend."""
    with picture(path, title, (12, 5), _layout()) as figure:
        left, right = figure.subplots(1, 2)
        for (label, points), colour in zip(lines.items(), COLOURS, strict=False):
            spent = [point[0] for point in points]
            for axes, found in (
                (left, [point[1] for point in points]),
                (right, [point[2] for point in points]),
            ):
                means, halves = [each.mean for each in found], [each.half for each in found]
                axes.errorbar(
                    spent, means, halves, color=colour, label=label, lw=1.4, marker="o", ms=4, capsize=2
                )
        finish(left, "MB sent between clusters and network", "ε that the network's knowledge is off, 1e-6")
        finish(
            right,
            "MB sent between clusters and network",
            "MSE of the network twin beyond that of sending all, %",
        )


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)


def shades(count: int) -> list[str]:
    """So many colours, from dark to light."""
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0.0, 0.9, count))]


def finish(axes: Axes, below: str, beside: str) -> None:
    """Name the axes, and give them a grid and a legend."""
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.grid(color=FAINT, lw=0.7)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8)
