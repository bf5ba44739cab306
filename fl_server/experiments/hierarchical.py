"""The figures of the hierarchical-twin paper: values of attributes, seasons, forecasts, orchestration."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fl_server.experiments.claims import Claim, Effects
from fl_server.experiments.studies import Study, Value, mean_of, relative, table, value_of
from fl_server.hetnet_picture import draw_situation
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from hetnet.attributes import HistorySettings
from hetnet.decomposition import StlSettings
from hetnet.figures_higher import area_figures
from hetnet.figures_lower import (
    LowerFigureSettings,
    Sample,
    figure5_curves,
    figure5_rows,
    figure6_rows,
    figure7_forecasters,
    figure7_rows,
    figure_sample,
)
from hetnet.figures_orchestration import CURVE, SIZES, fig8_rows, step_times
from hetnet.higher import HigherTwin, higher_twin
from hetnet.network import ATTRIBUTES
from hetnet.scene import HOME, SceneSettings
from hetnet.situation import Situation, made_situation

COLOURS = (
    *(INK, ACCENT, "#4f8a5b", "#8064a2", "#b8860b", PALE, "#3b8ea5"),
    *("#c98bb9", "#6b705c", "#a0522d", "#5b7fc7", "#e0b0a8", "#a7c4a0"),
)
CHEAP, COSTLY = ("throughput", "delay", "loss"), ("load", "mobility")
PAPER_SEGMENTS = 4
UNITS = {  # of attributes in pictures, and by what a measured value is multiplied
    "throughput": ("Mbit/s", 1e-6),
    "delay": ("ms", 1e3),
    "load": ("Mbit/s", 1e-6),
    "loss": ("% of packets", 1e2),
}
LOADED_WITH_FEW = "loaded stations with no more users than the mean, share"
SYNCHRONISED, PLAIN, ALL = "hierarchical, synchronised", "hierarchical", "all-inclusive"
TIMED_SEEDS = 3  # enough: times differ little between seeds
WITH_TWINS = (SYNCHRONISED, PLAIN, "all-inclusive, synchronised", ALL)
STEPS = {
    "screening": "screening",
    "fitting twins": "twins",
    "association alone": "association",
    "association and power of everyone": "orchestration",
}
STL, STL_AHEAD, NARX, TCN, ARIMA = "STL-NARX", "STL-NARX, look-ahead", "NARX", "TCN", "ARIMA(2,2,0)"


def _situation(seed: int) -> tuple[Situation, HigherTwin]:
    now = made_situation(SceneSettings(seed=seed), HistorySettings(seed=seed))
    return now, higher_twin(now.network, now.history, now.satisfaction)


def figure_4(seed: int) -> list[Value]:
    """What the higher layer found of a network of 200 users and 25 stations."""
    now, found = _situation(seed)
    levels = found.valued.levels
    values: list[Value] = []
    for place, name in enumerate(ATTRIBUTES):
        of_all = {"cost": levels.cost[:, place].mean(), "benefit": levels.benefit[:, place].mean()}
        shares = {f"level {level}": (levels.level[:, place] == level).mean() for level in (1, 2, 3)}
        values += [("attributes", name, column, float(value)) for column, value in (of_all | shares).items()]
    network = {
        "segments": found.segments.count,
        "users satisfied, share": now.satisfied.mean(),
        "stations loaded": found.supply.loaded.sum(),
        "users modelled in detail": found.areas.selected.sum(),
        "stations in target areas": found.areas.stations.sum(),
        "cost of all twins, share": (found.cost_here + found.cost_below) / found.cost_of_everything,
    }
    values += [("network", line, "value", float(value)) for line, value in network.items()]
    return values + [("areas", line, "value", value) for line, value in area_figures(now, found).items()]


def _sample(seed: int) -> tuple[Sample, LowerFigureSettings]:
    now = made_situation(SceneSettings(seed=seed), HistorySettings(seed=seed))
    settings = LowerFigureSettings(seed=seed)
    return figure_sample(now.history.attributes, now.scene.places[HOME], settings), settings


def figure_5(seed: int) -> list[Value]:
    """How strong the seasons of attributes are, beside what is found in noise."""
    sample, settings = _sample(seed)
    values: list[Value] = []
    for row in figure5_rows(sample, settings, StlSettings()):
        column = f"season of {row['period']} h"
        values.append(("seasons", str(row["attribute"]), column, float(row["strength"])))
        values.append(("seasons", "noise", column, float(row["noise"])))
    return list(dict.fromkeys(values))


def figure_6(seed: int) -> list[Value]:
    """How closely the forecasts of one user's attributes track it over four days."""
    sample, settings = _sample(seed)
    frame = pl.DataFrame(figure6_rows(sample, settings))
    values: list[Value] = []
    for name in settings.attributes:
        truth, forecast = (
            frame.filter(attribute=name)[column].to_numpy() for column in ("truth", "forecast")
        )
        error = float(((truth - forecast) ** 2).mean() / truth.var())
        values.append(("tracking", name, "MSE / variance", error))
        values.append(("tracking", name, "correlation", float(np.corrcoef(truth, forecast)[0, 1])))
    return values


def figure_7(seed: int) -> list[Value]:
    """The errors of all forecasters on 50 series of each attribute."""
    sample, settings = _sample(seed)
    values: list[Value] = []
    for rows in figure7_rows(sample, settings, figure7_forecasters(seed)):
        method = str(rows[0]["method"])
        errors = {str(row["attribute"]): float(row["mse"]) for row in rows}
        for name, error in (errors | {"all": float(np.mean(list(errors.values())))}).items():
            values.append(("errors", method, name, error))
    return values


def figure_8(seed: int) -> list[Value]:
    """What systems give their users and what their twins cost, in networks of 50 to 1,000 users."""
    values: list[Value] = []
    for users in SIZES:
        for row in fig8_rows(users, seed):
            for part in ("efficiency", "gain", "award", "satisfied", "cost", "late"):
                values.append((part, row.system, f"{users:,}", float(getattr(row, part))))
            if row.system in WITH_TWINS and seed <= TIMED_SEEDS:
                spent = asdict(row.seconds).items()
                values += [("hour", f"{row.system}: {part}", f"{users:,}", each) for part, each in spent]
    return values + (_curve(seed) if seed <= TIMED_SEEDS else [])


def _curve(seed: int) -> list[Value]:
    """The cost curve: what one step of everyone takes, by size of the network."""
    steps = list(step_times(CURVE, seed))
    return [
        ("step", line, f"{step.users:,}", float(getattr(step, part)))
        for line, part in STEPS.items()
        for step in steps
    ]


def _costly(rows: pl.DataFrame) -> Effects:
    return relative(mean_of(rows, COSTLY, "cost"), mean_of(rows, CHEAP, "cost"))


def _off(line: str, column: str, wanted: float, rows: pl.DataFrame) -> Effects:
    """How far a figure is from what the paper has, as a share of that."""
    return {seed: abs(value / wanted - 1) for seed, value in value_of(rows, line, column).items()}


def _value(line: str, rows: pl.DataFrame) -> Effects:
    return value_of(rows, line, "value")


def _crossing(rows: pl.DataFrame) -> Effects:
    return relative(_value("traffic across segments, share", rows), _value("the same at random", rows))


def _dense(what: str, rows: pl.DataFrame) -> Effects:
    """How much more of it there is in the denser half of users than in the sparser."""
    lines = {line for line in rows["line"] if line.startswith(what)}
    (denser,) = (line for line in lines if " denser" in line)
    (sparser,) = (line for line in lines if " sparser" in line)
    return relative(_value(denser, rows), _value(sparser, rows))


def _loaded_with_few(rows: pl.DataFrame) -> Effects:
    return _value(LOADED_WITH_FEW, rows)


def _in_areas(which: str, rows: pl.DataFrame) -> Effects:
    """How much larger a share of those than of the others is in target areas."""
    others = f"other {which.split()[1]}"
    mine, theirs = (f"{each} in target areas, share" for each in (which, others))
    return relative(_value(mine, rows), _value(theirs, rows))


def _worth(rows: pl.DataFrame) -> Effects:
    mine, theirs = (f"lack over cost of users {each}" for each in ("modelled", "left out"))
    return relative(_value(mine, rows), _value(theirs, rows))


def _mobility(rows: pl.DataFrame) -> Effects:
    return relative(value_of(rows, "mobility", "benefit"), mean_of(rows, [*CHEAP, "load"], "benefit"))


def _season(names: tuple[str, ...], rows: pl.DataFrame) -> Effects:
    """How much stronger a daily season is than in noise."""
    return relative(mean_of(rows, names, "season of 24 h"), value_of(rows, "noise", "season of 24 h"))


def _tracking(rows: pl.DataFrame) -> Effects:
    found = mean_of(rows, [*CHEAP, "load"], "correlation")
    return {seed: 1 - value for seed, value in found.items()}


def _error(one: str, other: str, rows: pl.DataFrame) -> Effects:
    return relative(value_of(rows, one, "all"), value_of(rows, other, "all"))


def _most_on_load(rows: pl.DataFrame) -> Effects:
    """How much more ARIMA's error drops by STL-NARX on load than on the other attributes."""
    here, *others = (_drop(name, rows) for name in ("load", *CHEAP))
    mean = {seed: float(np.mean([each[seed] for each in others])) for seed in here}
    return relative(here, mean)


def _drop(name: str, rows: pl.DataFrame) -> Effects:
    mine, arimas = (value_of(rows, line, name) for line in (STL, ARIMA))
    return {seed: arimas[seed] - mine[seed] for seed in mine}


def _efficiency(one: str, other: str, size: str, rows: pl.DataFrame, part: str = "efficiency") -> Effects:
    mine = rows.filter(part=part)
    return relative(value_of(mine, one, size), value_of(mine, other, size))


def _growing(rows: pl.DataFrame) -> Effects:
    """How much further ahead of all-inclusive twins the hierarchical ones are at 1,000 users than at 100."""
    mine = rows.filter(part="efficiency")
    ahead = [
        {
            seed: value + 1
            for seed, value in relative(value_of(mine, SYNCHRONISED, size), value_of(mine, ALL, size)).items()
        }
        for size in ("1,000", "100")
    ]
    return relative(*ahead)


def _draw_4(path: Path, _: pl.DataFrame) -> None:
    now, found = _situation(1)
    draw_situation(
        path, now, found, "Hierarchical twin, Fig. 4: a network of 200 users and 25 stations (seed 1)"
    )


def _draw_5(path: Path, _: pl.DataFrame) -> None:
    sample, settings = _sample(1)
    frame = pl.DataFrame(figure5_curves(sample, settings, StlSettings()))
    with picture(
        path, "Fig. 5: one user's attributes, decomposed", (14, 8.6), ConstrainedLayoutEngine()
    ) as figure:
        axes = figure.subplots(4, len(settings.attributes), sharex=True)
        for column, name in enumerate(settings.attributes):
            mine = frame.filter(attribute=name)
            for row, part in enumerate(("value", "trend", "season", "remainder")):
                axes[row, column].plot(
                    mine["step"] / 24,
                    UNITS[name][1] * mine[part],
                    color=ACCENT if part == "season" else INK,
                    lw=0.6,
                )
                axes[row, column].grid(color=FAINT, lw=0.5)
                if column == 0:
                    axes[row, column].set_ylabel(part)
            axes[0, column].set_title(f"{name}, {UNITS[name][0]}")
            axes[-1, column].set_xlabel("day")


def _draw_6(path: Path, _: pl.DataFrame) -> None:
    sample, settings = _sample(1)
    frame = pl.DataFrame(figure6_rows(sample, settings))
    with picture(
        path, "Fig. 6: causal STL-NARX, one hour ahead over four days", (12, 8), ConstrainedLayoutEngine()
    ) as figure:
        for axes, name in zip(
            figure.subplots(len(settings.attributes), 1, sharex=True), settings.attributes, strict=True
        ):
            mine = frame.filter(attribute=name)
            hours = mine["step"] - mine["step"].min()
            unit, factor = UNITS[name]
            axes.plot(hours, factor * mine["truth"], color=INK, lw=1.2, label="truth")
            axes.plot(hours, factor * mine["forecast"], color=ACCENT, lw=1.2, label="forecast")
            axes.set_title(f"{name}, {unit}")
            axes.grid(color=FAINT, lw=0.6)
        axes.set_xlabel("hour")
        axes.legend(ncols=2)


def _draw_7(path: Path, rows: pl.DataFrame) -> None:
    found = dict(table(rows, "errors"))
    names = sorted(found, key=lambda name: found[name]["all"].mean)
    columns = list(found[names[0]])
    with picture(path, "Fig. 7: errors one hour ahead", (13, 6), ConstrainedLayoutEngine()) as figure:
        axes = figure.subplots()
        width = 0.85 / len(names)
        for place, name in enumerate(names):
            where = np.arange(len(columns)) + (place - (len(names) - 1) / 2) * width
            means = [found[name][column].mean for column in columns]
            halves = [found[name][column].half for column in columns]
            style: Any = {"hatch": "//", "edgecolor": "white"} if "look-ahead" in name else {}
            axes.bar(
                where,
                means,
                0.92 * width,
                yerr=halves,
                color=COLOURS[place % len(COLOURS)],
                label=name,
                error_kw={"lw": 0.8},
                **style,
            )
        axes.set_xticks(range(len(columns)), labels=columns)
        axes.set_ylabel("MSE / variance of the history")
        axes.grid(color=FAINT, lw=0.7, axis="y")
        axes.set_axisbelow(True)
        axes.legend(fontsize=8, ncols=2)


def _draw_8(path: Path, rows: pl.DataFrame) -> None:
    parts = (
        ("efficiency", "award over the cost of twins (5)"),
        ("gain", "award beyond the strongest signal's, over cost"),
        ("satisfied", "share of users satisfied"),
    )
    with picture(
        path, "Fig. 8: orchestration by size of the network", (15, 5), ConstrainedLayoutEngine()
    ) as figure:
        for axes, (part, title) in zip(figure.subplots(1, len(parts)), parts, strict=True):
            _by_size(axes, rows, part)
            axes.set_title(title)
        axes.legend(fontsize=8)


def _by_size(axes: Axes, rows: pl.DataFrame, part: str) -> None:
    for (name, found), colour in zip(table(rows, part), COLOURS, strict=False):
        sizes = [int(size.replace(",", "")) for size in found]
        means, halves = ([getattr(each, what) for each in found.values()] for what in ("mean", "half"))
        if any(means):
            axes.errorbar(sizes, means, halves, color=colour, marker="o", ms=4, lw=1.5, capsize=3, label=name)
    axes.set_xscale("log")
    axes.set_xticks(SIZES, labels=[f"{size:,}" for size in SIZES])
    axes.minorticks_off()
    axes.set_xlabel("users")
    axes.grid(color=FAINT, lw=0.7)


HIERARCHICAL = (
    Study(
        "hdt-fig4",
        "Hierarchical twin, Fig. 4: what attributes cost and bring, and where the trouble is",
        figure_4,
        {"attributes": "attribute", "network": "200 users, 25 stations", "areas": "panels d to f"},
        _draw_4,
        (
            Claim("load and mobility cost more than the others", _costly, 1),
            Claim("load's benefit is about 1 (how far from it)", partial(_off, "load", "benefit", 1.0), 0),
            Claim("mobility's benefit is below the others'", _mobility, -1),
            Claim("4 segments (how far from it)", partial(_off, "segments", "value", PAPER_SEGMENTS), 0),
            Claim("less traffic crosses segments than at random", _crossing, -1),
            Claim(
                "more users are unsatisfied where they are dense", partial(_dense, "unsatisfied in the"), 1
            ),
            Claim("stations are busier where users are dense", partial(_dense, "use of stations of the"), 1),
            Claim("load is not proportional to users: loaded stations with few", _loaded_with_few, 1),
            Claim("satisfied users are left out of target areas", partial(_in_areas, "satisfied users"), -1),
            Claim("loaded stations are dropped (a rule here)", partial(_in_areas, "loaded stations"), -1),
            Claim("target areas have those that lack most for their cost", _worth, 1),
        ),
        "Load brings users less than in the paper: what they lack is rate, delay and loss, which follow "
        "their links more than their load. So load is mostly left out, where the paper models it in "
        "target areas. Where users are dense stations are busier, but users are not seen to fare worse. "
        "Target areas hold those whose lack is the greatest in sum, which need not be the greatest for its "
        "cost.",
        paper={("segments", "value"): PAPER_SEGMENTS},
    ),
    Study(
        "hdt-fig5",
        "Hierarchical twin, Fig. 5: the seasons of four attributes",
        figure_5,
        {"seasons": "strength of"},
        _draw_5,
        (
            Claim("throughput, delay and loss have a daily season", partial(_season, CHEAP), 1),
            Claim("load has none (how much beyond noise)", partial(_season, ("load",)), 0),
        ),
        "Load has a weak season rather than none: people ask for more by day.",
    ),
    Study(
        "hdt-fig6",
        "Hierarchical twin, Fig. 6: STL-NARX over four days",
        figure_6,
        {"tracking": "attribute"},
        _draw_6,
        (Claim("forecasts track closely (how far the correlation is from 1)", _tracking, 0),),
        "The forecasts are made from what came before them; the paper's STL sees the whole series.",
    ),
    Study(
        "hdt-fig7",
        "Hierarchical twin, Fig. 7: forecasters, one hour ahead (MSE / variance)",
        figure_7,
        {"errors": "method"},
        _draw_7,
        (
            Claim("STL-NARX errs less than ARIMA", partial(_error, STL, ARIMA), -1),
            Claim("STL-NARX errs less than TCN", partial(_error, STL, TCN), -1),
            Claim("STL-NARX errs less than NARX", partial(_error, STL, NARX), -1),
            Claim("STL-NARX with look-ahead errs less than NARX", partial(_error, STL_AHEAD, NARX), -1),
            Claim("ARIMA's error drops most on load (attribute 3)", _most_on_load, 1),
        ),
        "The paper decomposes whole series, so that a forecast sees what it is to foretell: with that "
        "STL-NARX leads everywhere, here too. Without it, over ten seeds, its lead on NARX is gone, and a "
        "NARX with seasonal lags, or a linear model with these and neighbours, errs less than it.",
    ),
    Study(
        "hdt-fig8",
        "Hierarchical twin, Fig. 8: orchestration by size of the network",
        figure_8,
        {
            "efficiency": "award over cost, by users",
            "gain": "award beyond the strongest signal's over cost, by users",
            "award": "award of the mean user, by users",
            "satisfied": "users satisfied, by users",
            "cost": "cost of twins for the mean user, by users",
            "late": "age of what twins know in hours, by users",
            "hour": "seconds of the processor an hour of a system (three seeds), by users",
            "step": "seconds of the processor a step of everyone (three seeds), by users",
        },
        _draw_8,
        (
            Claim(
                "hierarchical with synchronisation is ahead of all-inclusive",
                partial(_efficiency, SYNCHRONISED, ALL, "200"),
                1,
            ),
            Claim("synchronisation helps", partial(_efficiency, SYNCHRONISED, PLAIN, "200"), 1),
            Claim("it helps 1,000 users", partial(_efficiency, SYNCHRONISED, PLAIN, "1,000"), 1),
            Claim(
                "it raises what 200 users get (award)",
                partial(_efficiency, SYNCHRONISED, PLAIN, "200", part="award"),
                1,
            ),
            Claim("the lead on all-inclusive grows from 100 to 1,000 users", _growing, 1),
        ),
        "Over ten seeds the factor on all-inclusive twins is not seen to grow with size, since award and "
        "cost both grow with the users. What grows, unevenly, is the award beyond the strongest signal's per "
        "cost, and only against all-inclusive twins without synchronisation, which come the later the more "
        "there are. The synchronised all-inclusive twin serves users better at every size: the hierarchy "
        "wins on cost. Synchronisation raises what the hierarchy's users get from 200 users on, by 1 to 2 %; "
        "on award over cost its gain at 200 users is within the noise of ten seeds. Cost counts entropies, "
        "not seconds: the hierarchy screens two months of history in every hour, which takes the processor "
        "five to ten times as long as all that all-inclusive twins do, most of which is orchestrating "
        "everyone. (The step of everyone screens eight days.)",
    ),
)
