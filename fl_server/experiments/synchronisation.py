"""The figures of the twin-synchronisation paper: predicted walks, and when refreshing a twin pays."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from data.progress import finished
from fl_server.experiments.claims import Claim, Effects, interval
from fl_server.experiments.gates import GATES
from fl_server.experiments.studies import OfSeeds, Study, Value, mean_of, relative, value_of
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from fl_server.sync_picture import COLOURS, draw_band, draw_shortfalls, finish, shades
from hetnet.sync.figures_learning import (
    BOUND,
    DQN,
    DRAWN,
    NEVER,
    PAPER_DQN,
    PAPER_SAC,
    RULES,
    SAC,
    learner_values,
    learners,
    rule_values,
)
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
from hetnet.sync.sensitivity import (
    PAPER_GAIN,
    SEARCHED,
    VARIATIONS,
    search_values,
    searched,
    sensitivity_values,
    varied,
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


def setting(name: str, seeds: Sequence[int]) -> dict[int, list[Value]]:
    """What the best rule and the learners earn where this one setting is another."""
    return finished(sensitivity_values(seeds, {name: varied(VARIATIONS[name])}))


def searched_world(name: str, seeds: Sequence[int]) -> dict[int, list[Value]]:
    """What SAC earns beyond DQN, both as printed, in one of the worlds that the paper may have had."""
    return finished(search_values(seeds, {name: searched(SEARCHED[name])}))


def _earns(one: str, other: str, rows: pl.DataFrame) -> Effects:
    mine = rows.filter(part="returns")
    return relative(value_of(mine, one, "return"), value_of(mine, other, "return"))


def _than_best_rule(learner: str, rows: pl.DataFrame) -> Effects:
    mine = rows.filter(part="returns", column="return").filter(pl.col("line").is_in(RULES))
    best = mine.group_by("line").agg(pl.col("value").mean()).sort("value")["line"][-1]
    return _earns(learner, best, rows)


def _learns(learner: str, rows: pl.DataFrame) -> Effects:
    """How much more the learner earns at the end than before it has learned anything."""
    mine = rows.filter(part="curve")
    epochs = sorted(map(int, mine.filter(line=learner)["column"].unique()))
    first, last = (value_of(mine, learner, str(epoch)) for epoch in (epochs[0], epochs[-1]))
    return relative(last, first)


def _draw_3(path: Path, rows: pl.DataFrame) -> None:
    curves, returns = rows.filter(part="curve"), rows.filter(part="returns", column="return")
    title = "Twin synchronisation, Fig. 3: what is learned, beside rules and a bound"
    with picture(path, title, (15, 5.8), ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
        epochs = curves.filter(line=SAC)["column"].unique(maintain_order=True).to_list()
        ends = value_of(curves, SAC, epochs[-1])
        for name, colour in zip((SAC, DQN, PAPER_SAC + DRAWN, PAPER_DQN), COLOURS, strict=False):
            mine = {epoch: value_of(curves, name, epoch) for epoch in epochs}
            points = {
                float(epoch): interval([value - ends[seed] for seed, value in of_seeds.items()])
                for epoch, of_seeds in mine.items()
            }
            draw_band(left, points, name, colour)
        finish(left, "epoch", "return of an episode, less SAC's at the end of the same seed")
        draw_shortfalls(right, returns.rename({"line": "policy", "value": "return"}))


def _draw_settings(path: Path, rows: pl.DataFrame) -> None:
    mine = rows.filter(part="sensitivity")
    names = mine["line"].unique(maintain_order=True).to_list()
    title = "What others earn beyond the best rule, where one setting is another"
    with picture(path, title, (12, 0.3 * len(names) + 1.6), ConstrainedLayoutEngine()) as figure:
        axes = figure.subplots()
        places = np.arange(len(names))
        for name, colour in zip((SAC, DQN, "sees the future", NEVER), COLOURS, strict=False):
            found = [interval(mine.filter(line=line, column=name)["value"].to_list()) for line in names]
            means, halves = [each.mean for each in found], [each.half for each in found]
            axes.errorbar(means, places, xerr=halves, fmt="o", ms=4, color=colour, capsize=2, label=name)
        axes.axvline(0, color=INK, lw=1)
        axes.set_yticks(places, labels=names)
        axes.invert_yaxis()
        axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda beyond, _: f"{beyond:g}"))
        finish(axes, "return beyond that of the best rule", "")


def _draw_search(path: Path, rows: pl.DataFrame) -> None:
    mine = rows.filter(part="gain")
    title = "What SAC earns beyond DQN, both as printed, in worlds that the paper may have had"
    with picture(path, title, (11, 5.5), ConstrainedLayoutEngine()) as figure:
        axes = figure.subplots()
        colours = shades(mine["line"].n_unique())
        for line, colour in zip(mine["line"].unique(maintain_order=True), colours, strict=True):
            here = mine.filter(line=line)
            points = {
                float(epoch): interval(here.filter(column=epoch)["value"].to_list())
                for epoch in here["column"].unique(maintain_order=True)
            }
            draw_band(axes, points, line, colour)
        axes.axhline(PAPER_GAIN, color=PALE, ls="--", label="the paper")
        finish(axes, "epoch", "SAC over DQN - 1")


LEARNED: dict[str, OfSeeds] = {NEVER: rule_values}  # with it all rules, and the bound
LEARNED |= {name: partial(learner_values, name) for name in learners()}
FIGURE_3 = Study(
    "sync-fig3",
    "Twin synchronisation, Fig. 3: what SAC and DQN earn, beside rules and a bound",
    lambda seed: [each for make in LEARNED.values() for each in make([seed])[seed]],
    {"returns": "policy", "constants": "rule, and the constant chosen for it"},
    _draw_3,
    (
        Claim(
            "SAC earns more than DQN, as printed",
            partial(_earns, PAPER_SAC + DRAWN, PAPER_DQN),
            1,
            PAPER_GAIN,
        ),
        Claim("SAC earns more than DQN, both knowing what the station does", partial(_earns, SAC, DQN), 1),
        Claim("rewards rise while SAC learns, as printed", partial(_learns, PAPER_SAC + DRAWN), 1),
        Claim("rewards rise while SAC learns, knowing what the station does", partial(_learns, SAC), 1),
        Claim("(ours) SAC earns more than the best simple rule", partial(_than_best_rule, SAC), 1),
    ),
    slow=True,
    pieces=LEARNED,
    order=(*RULES, *(line for name in learners() for line in (name, name + DRAWN)), BOUND),
)
SETTINGS = Study(
    "sync-settings",
    "Twin synchronisation: how much rests on what the paper leaves open",
    lambda seed: [each for name in VARIATIONS for each in setting(name, [seed])[seed]],
    {"sensitivity": "changed; returns of others beside the best rule's"},
    _draw_settings,
    slow=True,
    pieces={name: partial(setting, name) for name in VARIATIONS},
)
SEARCH = Study(
    "sync-search",
    "Twin synchronisation: where SAC earns 10.31 % more than DQN",
    lambda seed: [each for name in SEARCHED for each in searched_world(name, [seed])[seed]],
    {"search": "path gain, interference, step"},
    _draw_search,
    slow=True,
    pieces={name: partial(searched_world, name) for name in SEARCHED},
)
SYNCHRONISATION = (FIGURE_2, FIGURE_3, SETTINGS, SEARCH, GATES)
