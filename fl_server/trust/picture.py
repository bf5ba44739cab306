"""The picture of what attackers cost under each defence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.pictures import FAINT, INK, picture

SHADES = "YlOrRd"
LEAST, MOST = 0.3, 1000.0  # percent, on a logarithmic scale of shades


def draw_poisoning(path: Path, rows: pl.DataFrame, defences: Sequence[str]) -> None:
    """Draw the error above the clean run for every attack and defence, in both phases."""
    titles = {"V": "V-twinning, G-NDT", "H": "H-twinning, C-NDTs"}
    title = "A fifth of the stations attacks: error at the others above the clean run, %"
    with picture(path, title, (14, 5.6), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        for axes, (part, name) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
            mine = rows.filter(part=part)
            lines = mine["line"].unique(maintain_order=True).to_list()
            found = np.array([[_mean(mine, line, each) for each in defences] for line in lines])
            shades = np.log(np.clip(found, LEAST, MOST))
            axes.imshow(shades, SHADES, vmin=np.log(LEAST), vmax=np.log(MOST), aspect="auto")
            for (row, column), value in np.ndenumerate(found):
                dark = shades[row, column] > np.log(100)
                axes.text(
                    column, row, f"{value:,.1f}", ha="center", va="center", color=FAINT if dark else INK
                )
            axes.set_xticks(range(len(defences)), defences, rotation=20, ha="right")
            axes.set_yticks(range(len(lines)), lines)
            axes.set_title(name)
            axes.tick_params(length=0)


def _mean(rows: pl.DataFrame, line: str, column: str) -> float:
    values = rows.filter(line=line, column=column)["value"].to_list()
    return sum(values) / len(values) if values else float("nan")
