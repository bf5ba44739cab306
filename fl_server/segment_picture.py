"""A segmentation in one picture: the stations on the map, how large the clusters are and when they are busy.

Axes: N stations, L links, C clusters, G pixels a side.
"""

from colorsys import hls_to_rgb
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.spatial import KDTree

from clustering.quality import Clusters
from clustering.segmentation import Segmentation
from clustering.signatures import Signatures
from clustering.topology import Topology
from data.plane import shrinking
from fl_server.pictures import FAINT, PALE, dot_area, frame_map, picture

Array = NDArray[np.float64]
PALETTE = (
    "#c8553d", "#2f6690", "#e0a030", "#4f9d69", "#7b5ea7", "#3aa6a6",
    "#d17ba0", "#8a6d3b", "#5b7f2b", "#5a6b8c", "#e2825b", "#86b3d1",
)  # fmt: skip
PIXELS = 500
MOST_LINKS = 30_000  # more of them are only a grey haze
MOST_NAMED = 24
TINT = 0.16


def draw_segmentation(
    path: Path, found: Segmentation, topology: Topology, positions: Array, shapes: Signatures, title: str
) -> None:
    """Draw the stations at `positions` (N, 2) in the colour of their cluster, over their links."""
    colours = cluster_colours(found.clusters)  # (C, 3)
    with picture(path, title, (13, 6.6), ConstrainedLayoutEngine(wspace=0.05, h_pad=0.1)) as figure:
        panels = figure.subplot_mosaic([["map", "sizes"], ["map", "days"]], width_ratios=(1.6, 1))
        draw_cluster_map(panels["map"], found.cluster_of, topology, positions, colours)
        _draw_sizes(panels["sizes"], found, colours)
        _draw_days(panels["days"], found, shapes, colours)


def cluster_colours(clusters: int) -> Array:
    """One colour a cluster, (C, 3): a chosen palette, then hues as far apart as can be."""
    golden = (np.sqrt(5) - 1) / 2
    more = [
        hls_to_rgb(0.08 + number * golden % 1, (0.38, 0.55, 0.68)[number % 3], 0.5)
        for number in range(clusters - len(PALETTE))
    ]
    return np.array([*map(to_rgb, PALETTE), *more])[:clusters]


def draw_cluster_map(
    axes: Axes, cluster_of: Clusters, topology: Topology, positions: Array, colours: Array
) -> None:
    """Draw the stations at `positions` (N, 2) in the colours (C, 3) of their clusters, over their links."""
    shrink = shrinking(positions[:, 1].mean())
    frame_map(axes, positions, shrink)
    _tint(axes, colours[cluster_of], positions * (shrink, 1), shrink)
    _draw_links(axes, cluster_of, topology, positions, colours)
    axes.scatter(
        positions[:, 0],
        positions[:, 1],
        c=colours[cluster_of],
        s=0.5 * dot_area(positions * (shrink, 1), axes),
        edgecolors="white",
        linewidths=0.6 if len(positions) < 1_000 else 0,
        zorder=3,
    )
    counts = {"station": len(positions), "link": len(topology.ends), "cluster": len(colours)}
    axes.set_title(", ".join(f"{count:,} {noun}{'s' * (count != 1)}" for noun, count in counts.items()))


def _tint(axes: Axes, colours: Array, plane: Array, shrink: float) -> None:
    """Colour the ground around each station faintly in its colour, as far as stations are usually apart."""
    left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
    east, north = np.meshgrid(np.linspace(left, right, PIXELS) * shrink, np.linspace(low, high, PIXELS))
    tree = KDTree(plane)
    away, nearest = tree.query(np.column_stack([east.reshape(-1), north.reshape(-1)]))  # each (G²,)
    sites = np.unique(plane, axis=0)
    spacing = 0.0
    if len(sites) > 1:
        spacing = float(np.quantile(np.asarray(KDTree(sites).query(sites, k=[2])[0]), 0.9))
    ground = np.concatenate([colours[nearest], np.where(away < 1.3 * spacing, TINT, 0)[:, None]], axis=1)
    axes.imshow(
        ground.reshape(PIXELS, PIXELS, 4),
        extent=(left, right, low, high),
        origin="lower",
        aspect=axes.get_aspect(),
        interpolation="bilinear",
        zorder=0,
    )


def _draw_links(
    axes: Axes, cluster_of: Clusters, topology: Topology, positions: Array, colours: Array
) -> None:
    """Links inside a cluster in its colour, the others pale below them."""
    if len(topology.ends) > MOST_LINKS:
        return
    one, other = cluster_of[topology.ends].T  # each (L,)
    lines = positions[topology.ends]  # (L, 2, 2)
    inside = one == other
    alpha = float(np.clip(200 / len(lines), 0.15, 0.8))
    across = LineCollection(lines[~inside], colors=PALE, alpha=0.8 * alpha, linewidths=0.6, zorder=1)
    within = LineCollection(lines[inside], colors=colours[one[inside]], alpha=alpha, linewidths=0.8, zorder=2)
    axes.add_collection(across)
    axes.add_collection(within)


def _draw_sizes(axes: Axes, found: Segmentation, colours: Array) -> None:
    sizes = np.bincount(found.cluster_of)
    axes.bar(np.arange(1, len(sizes) + 1), sizes, color=colours, width=0.8)
    if len(sizes) <= MOST_NAMED:
        for number, size in enumerate(sizes, start=1):
            axes.text(number, size, f"{size:,}", ha="center", va="bottom", fontsize=8)
        axes.set_xticks(np.arange(1, len(sizes) + 1))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    axes.set_xlim(0.4, len(sizes) + 0.6)
    axes.set_title("stations of each cluster")
    axes.tick_params(axis="x", length=0)


def _draw_days(axes: Axes, found: Segmentation, shapes: Signatures, colours: Array) -> None:
    sizes = np.bincount(found.cluster_of)
    for cluster in np.argsort(sizes):  # the largest on top
        mean = shapes.day[found.cluster_of == cluster].mean(axis=0)  # (24,)
        weight = 0.8 + 1.6 * sizes[cluster] / sizes.max()
        axes.plot(np.arange(25), [*mean, mean[0]], color=colours[cluster], lw=weight)
    axes.set_title("mean day of each cluster, standardised")
    axes.set_xticks(np.arange(0, 25, 4), labels=[f"{hour}:00" for hour in range(0, 25, 4)])
    axes.set_xlim(0, 24)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
