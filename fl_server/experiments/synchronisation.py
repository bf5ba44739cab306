"""The figures of the twin-synchronisation paper: predicted walks, and when refreshing a twin pays."""

from functools import partial
from pathlib import Path

import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.experiments.claims import Claim, Effects
from fl_server.experiments.gates import GATES
from fl_server.experiments.studies import Study, mean_of, relative, value_of
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from hetnet.sync.figures_prediction import (
    DISPLACEMENT,
    FLOOR,
    HOLD,
    LITERAL,
    PAPER,
    SCALED,
    prediction_values,
    trajectories,
)

LEAST_RANDOM, MOST_RANDOM = ([f"user {user} of 10" for user in some] for some in ((1, 2, 3), (8, 9, 10)))


def _one_ahead(one: str, other: str, rows: pl.DataFrame) -> Effects:
    mine = rows.filter(part="one slot ahead")
    return relative(value_of(mine, "all users", one), value_of(mine, "all users", other))


def _more_random(rows: pl.DataFrame) -> Effects:
    mine = rows.filter(part="one slot ahead")
    return relative(mean_of(mine, MOST_RANDOM, DISPLACEMENT), mean_of(mine, LEAST_RANDOM, DISPLACEMENT))


def _draw_2(path: Path, _: pl.DataFrame) -> None:
    tracks = trajectories(1)
    title = "Twin synchronisation, Fig. 2: walks as they are, and as the GRU foretells them (seed 1)"
    with picture(path, title, (15, 5.4), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        for axes, track in zip(figure.subplots(1, len(tracks)), tracks, strict=True):
            axes.plot(*track.walked.T, color=INK, lw=1.2, marker="o", ms=3, label="walked")
            axes.plot(*track.one_ahead.T, color=ACCENT, lw=0, marker="x", ms=5, label="told one slot ahead")
            axes.plot(*track.alone.T, color=PALE, lw=1.4, ls="--", label="told from the first slots alone")
            axes.set_title(f"{track.line}: MSE {track.error:.3f}, floor {track.floor:.3f}")
            axes.set_aspect("equal", "datalim")
            axes.grid(color=FAINT, lw=0.7)
            axes.set_axisbelow(True)
            axes.legend(fontsize=8)


FIGURE_2 = Study(
    "sync-fig2",
    "Twin synchronisation, Fig. 2: the GRU's predictions (MSE in square metres)",
    prediction_values,
    {
        "one slot ahead": "user, by how randomly it walks",
        "several slots ahead": "slots since the twin was refreshed",
        "step that makes the paper's error the floor": "user",
    },
    _draw_2,
    (
        Claim("users that walk more randomly are foretold worse", _more_random, 1),
        Claim(
            "the GRU captures the walks: it errs less than holding still",
            partial(_one_ahead, DISPLACEMENT, HOLD),
            -1,
        ),
        Claim("the GRU errs as little as anything can", partial(_one_ahead, DISPLACEMENT, FLOOR), 0),
        Claim(
            "on coordinates as printed it errs less than holding still",
            partial(_one_ahead, LITERAL, HOLD),
            -1,
        ),
        Claim(
            "on coordinates in half sides it errs less than holding still",
            partial(_one_ahead, SCALED, HOLD),
            -1,
        ),
    ),
    "The paper's three errors are what chance sets for walks with steps of .4 to .6 metres: each walk's own "
    "randomness orders them, whatever predicts. A GRU that reads coordinates as printed is far worse than a "
    "twin that leaves users where they were; one that reads displacements comes within 2 % of the floor.",
    paper={(line, DISPLACEMENT): error for line, error in PAPER.items()},
    slow=True,
)
SYNCHRONISATION = (FIGURE_2, GATES)
