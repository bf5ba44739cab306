"""What a privacy budget costs in error, and from how many stations on one is of use.

The length to which changes are cut was chosen on other seeds, and on the days before the test days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from data.traffic import StationId
from fl_server.experiments.cells import ended
from fl_server.experiments.claims import Claim, Effects, interval
from fl_server.experiments.sources import sources_in, traffic_of
from fl_server.experiments.studies import Study, Value, value_of
from fl_server.local import local_fleet
from fl_server.pictures import ACCENT, FAINT, INK, picture
from fl_server.results import figures
from fl_server.settings import HorizontalSettings, TwinSettings, VerticalSettings
from forecasting.private import PrivacySettings

STATIONS, MORE = 30, 120
EPOCHS, STREAM_EPOCHS = 60, 5
NONE, CUT = "none", 1e6  # at this ε there is next to no noise: what cutting alone costs
BUDGETS = (1.0, 8.0, 100.0, 1e3, 3e3, 1e4, 3e4, 1e5, CUT)
CLIPS = (0.05, 0.1, 0.2, 0.3)
TUNED_ON, APART = (1e3, 1e4, 1e5), 100  # budgets, and how far the seeds are from those of the test days
USEFUL = 0.1  # more error than without any budget that a twin may have, to be of use
WANTED, NOISY = 8.0, 1e3
TICKS, ERRORS = (1, 8, 100, 1_000, 10_000, 100_000, 1_000_000), (0.1, 1, 10, 100, 1_000)
TWINS = ("V G-NDT", "V C-NDT", "H G-NDT", "H C-NDT")
WORST = "worst of them, % more"
NETWORK = "V G-NDT"
SMALL_LINE = "ε = 8, 20 rounds cut to .03, V alone"
MANY_LINE = "120 stations, twice the noise"
NEEDED = "stations needed at ε = 8"
WEEK_BEFORE = 7.0
MOST, MOST_ERROR = 1e5, 1e3  # percent, and an MSE, that stand for all that is worse


def known_secret(seed: int, station: StationId) -> bytes:
    """A secret that anybody can make, so that a study can be made again; it protects nobody."""
    return sha256(f"{seed}/{station}".encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a run of the study differs from the usual one; `before` days are cut off for choosing."""

    epsilon: float | None = None
    clip: float | None = None
    before: float = 0.0
    stations: int = STATIONS
    epochs: int = EPOCHS
    stream_epochs: int = STREAM_EPOCHS


SMALL = Setting(epsilon=WANTED, clip=0.03, epochs=20, stream_epochs=0)  # chosen like the clip


def privacy_values(seed: int) -> list[Value]:
    """Errors by ε on the test days, by clip on the days before, and with more stations."""
    plain = _run(seed, Setting())
    values = _told(NONE, plain)
    more: dict[float, dict[str, float]] = {}
    for epsilon in BUDGETS:
        found = _run(seed, Setting(epsilon=epsilon))
        more[epsilon] = _more(found, plain)
        values += [
            *_told(_line(epsilon), found),
            ("error", _line(epsilon), WORST, max(more[epsilon].values())),
        ]
    values += _told(SMALL_LINE, _run(seed, SMALL))
    values += _needed({epsilon: found[NETWORK] for epsilon, found in more.items()})
    values += _with_more(seed, more[NOISY])
    before = _run(seed + APART, Setting(before=WEEK_BEFORE))
    for clip in CLIPS:
        for epsilon in TUNED_ON:
            found = _run(seed + APART, Setting(epsilon=epsilon, clip=clip, before=WEEK_BEFORE))
            worst = max(_more(found, before).values())
            values.append(("clip", f"{clip:g}", f"{_line(epsilon)}, % more", worst))
    return values


def _told(line: str, found: dict[str, float]) -> list[Value]:
    return [("error", line, name, min(error, MOST_ERROR)) for name, error in found.items()]


def _line(epsilon: float) -> str:
    return "changes cut, ε = 1e6" if epsilon == CUT else f"ε = {epsilon:g}"


def _more(found: dict[str, float], plain: dict[str, float]) -> dict[str, float]:
    """By how many percent each twin errs more."""
    return {name: min(100 * (found[name] / plain[name] - 1), MOST) for name in TWINS}


def _settings(seed: int, how: Setting) -> TwinSettings:
    settings = TwinSettings(
        single_level=False,
        vertical=VerticalSettings(epochs=how.epochs),
        horizontal=HorizontalSettings(epochs=how.stream_epochs),
    )
    recipe = replace(settings.recipe, seed=seed)
    recipe = replace(recipe, split=replace(recipe.split, validation_days=how.before))
    if how.epsilon is not None:
        budget = PrivacySettings(kind="series", epsilon=how.epsilon)
        recipe = replace(recipe, privacy=budget if how.clip is None else replace(budget, clip=how.clip))
    return replace(settings, recipe=recipe)


def _run(seed: int, how: Setting) -> dict[str, float]:
    """The errors of the twins of a run."""
    settings = _settings(seed, how)
    traffic = traffic_of(sources_in(None)[0], "internet", how.stations, seed)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    for host in fleet.hosts:
        host.budget.draw = partial(known_secret, seed)
    run = ended(fleet, settings)
    told = figures(run.state, run.plan)
    found = {}
    for letter in ("v", "h") if how.stream_epochs else ("v",):
        found[f"{letter.upper()} G-NDT"] = told[letter]["mse"]
        found[f"{letter.upper()} C-NDT"] = told[letter]["cluster"]["mse"]
    return found


def _noise(epsilon: float) -> float:
    """The noise of a release of these runs, in times by which two series can make it differ."""
    return _settings(1, Setting(epsilon=epsilon)).station_recipe.privacy.multiplier


def _needed(more: dict[float, float]) -> Iterator[Value]:
    """How many stations average the noise at the wanted ε down to what the network's twin can use."""
    useful = [epsilon for epsilon in BUDGETS if more[epsilon] <= 100 * USEFUL]
    if useful:
        needed = STATIONS * (_noise(WANTED) / _noise(min(useful))) ** 2
        yield "of use", "the network's twin errs 10 % more at most", "least ε, 30 stations", min(useful)
        yield "of use", "the network's twin errs 10 % more at most", NEEDED, needed


def _with_more(seed: int, alone: dict[str, float]) -> Iterator[Value]:
    """Whether four times the stations bear twice the noise: the mean over all has the same."""
    wanted = 2 * _noise(NOISY)
    low, high = 1.0, NOISY
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _noise(middle) > wanted else (low, middle)
    bare, noised = (_run(seed, Setting(stations=MORE, epsilon=each)) for each in (None, high))
    for line, more in ((f"30 stations, {_line(NOISY)}", alone), (MANY_LINE, _more(noised, bare))):
        for name in TWINS:
            yield "of use", line, f"{name}, % more", more[name]


def _beyond(epsilon: float, rows: pl.DataFrame) -> Effects:
    """By how much the errors at an ε are above those that are of use, as a share."""
    found = value_of(rows.filter(part="error"), _line(epsilon), WORST)
    return {seed: value / 100 - USEFUL for seed, value in found.items()}


def _draw(path: Path, rows: pl.DataFrame) -> None:
    title = f"What a privacy budget costs: {STATIONS} stations of the city"
    with picture(path, title, (9, 5.4), ConstrainedLayoutEngine()) as figure:
        axes = figure.subplots()
        mine = rows.filter(part="error")
        for name, colour in (("V G-NDT", INK), ("H C-NDT", ACCENT)):
            found = [interval(list(value_of(mine, _line(each), name).values())) for each in BUDGETS]
            low = [max(each.low, each.mean / 10) for each in found]
            bars = [
                [each.mean - least for each, least in zip(found, low, strict=True)],
                [each.half for each in found],
            ]
            means = [each.mean for each in found]
            axes.errorbar(BUDGETS, means, yerr=bars, fmt="o-", color=colour, capsize=3, label=name)
            bare = interval(list(value_of(mine, NONE, name).values())).mean
            axes.axhline(bare, color=colour, lw=0.8, ls="--")
        small = interval(list(value_of(mine, SMALL_LINE, NETWORK).values())).mean
        axes.plot([WANTED], [small], "s", color=INK, label=SMALL_LINE)
        axes.axhline(1, color=FAINT)
        axes.annotate(
            "what the mean of the history errs", (BUDGETS[0], 1), fontsize=8, color=INK, va="bottom"
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(TICKS, [f"{tick:,}" for tick in TICKS])
        axes.set_yticks(ERRORS, [f"{tick:,g}" for tick in ERRORS])
        axes.minorticks_off()
        axes.set_xlabel("ε of a station's series in the run, at δ = 1e-5; dashed: without a budget")
        axes.set_ylabel("MSE, z-scored")
        axes.legend(frameon=False)


PRIVACY = Study(
    "privacy",
    f"What a privacy budget costs ({STATIONS} stations of the city)",
    privacy_values,
    {
        "error": "budget for a station's series: MSE on the test days",
        "of use": "from when a budget is of use",
        "clip": "length that changes are cut to: % more error on the days before the test days, other seeds",
    },
    _draw,
    (
        Claim("at ε = 8 twins are of no use: more than 10 % more error", partial(_beyond, WANTED), 1),
        Claim("at ε = 1e5 twins are of use: less than 10 % more error", partial(_beyond, 1e5), -1),
    ),
    "This is no figure of a paper. 100,000 % and an MSE of 1,000 stand for all that is worse.",
    slow=True,
)
