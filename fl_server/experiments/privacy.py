"""What a privacy budget costs in error, and from how many stations on one is of use.

The length to which changes are cut was chosen on other seeds, and on the days before the test days.
"""

from collections.abc import Iterator
from dataclasses import replace
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
TWINS = ("V G-NDT", "V C-NDT", "H G-NDT", "H C-NDT")
MORE_ERROR = "worst of them, % more"
NEEDED = "stations needed at ε = 8"
WEEK_BEFORE, MOST = 7.0, 1e5  # percent that stand for all that is worse


def known_secret(seed: int, station: StationId) -> bytes:
    """A secret that anybody can make, so that a study can be made again; it protects nobody."""
    return sha256(f"{seed}/{station}".encode()).digest()


def privacy_values(seed: int) -> list[Value]:
    """Errors by ε on the test days, by clip on the days before, and with more stations."""
    plain = _run(seed, None)
    values = [("error", NONE, name, plain[name]) for name in TWINS]
    worst: dict[float, float] = {}
    for epsilon in BUDGETS:
        found = _run(seed, epsilon)
        worst[epsilon] = _more(found, plain)
        values += [("error", _line(epsilon), name, found[name]) for name in TWINS]
        values.append(("error", _line(epsilon), MORE_ERROR, worst[epsilon]))
    values += _needed(worst)
    values += _with_more(seed, plain)
    before = _run(seed + APART, None, before=WEEK_BEFORE)
    for clip in CLIPS:
        for epsilon in TUNED_ON:
            found = _run(seed + APART, epsilon, clip, before=WEEK_BEFORE)
            values.append(("clip", f"{clip:g}", f"{_line(epsilon)}, % more", _more(found, before)))
    return values


def _line(epsilon: float) -> str:
    return "changes cut, ε = 1e6" if epsilon == CUT else f"ε = {epsilon:g}"


def _more(found: dict[str, float], plain: dict[str, float]) -> float:
    return min(100 * max(found[name] / plain[name] - 1 for name in TWINS), MOST)


def _settings(seed: int, epsilon: float | None, clip: float | None, before: float) -> TwinSettings:
    settings = TwinSettings(
        single_level=False,
        vertical=VerticalSettings(epochs=EPOCHS),
        horizontal=HorizontalSettings(epochs=STREAM_EPOCHS),
    )
    recipe = replace(settings.recipe, seed=seed)
    recipe = replace(recipe, split=replace(recipe.split, validation_days=before))
    if epsilon is not None:
        budget = PrivacySettings(kind="series", epsilon=epsilon)
        recipe = replace(recipe, privacy=budget if clip is None else replace(budget, clip=clip))
    return replace(settings, recipe=recipe)


def _run(
    seed: int,
    epsilon: float | None,
    clip: float | None = None,
    *,
    before: float = 0.0,
    stations: int = STATIONS,
) -> dict[str, float]:
    """The errors of the four twins of a run."""
    settings = _settings(seed, epsilon, clip, before)
    traffic = traffic_of(sources_in(None)[0], "internet", stations, seed)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    for host in fleet.hosts:
        host.budget.draw = partial(known_secret, seed)
    run = ended(fleet, settings)
    found = figures(run.state, run.plan)
    return dict(
        zip(
            TWINS,
            (found[a]["mse"] if b == "G" else found[a]["cluster"]["mse"] for a, b in _ORDER),
            strict=True,
        )
    )


_ORDER = (("v", "G"), ("v", "C"), ("h", "G"), ("h", "C"))


def _noise(epsilon: float) -> float:
    """The noise of a release of these runs, in times by which two series can make it differ."""
    return _settings(1, epsilon, None, 0.0).station_recipe.privacy.multiplier


def _needed(worst: dict[float, float]) -> Iterator[Value]:
    """How many stations average the noise at the wanted ε down to what is of use here."""
    useful = [epsilon for epsilon in BUDGETS if worst[epsilon] <= 100 * USEFUL]
    if useful:
        needed = STATIONS * (_noise(WANTED) / _noise(min(useful))) ** 2
        yield "of use", "10 % more error at most", "least ε, 30 stations", min(useful)
        yield "of use", "10 % more error at most", NEEDED, needed


def _with_more(seed: int, plain: dict[str, float]) -> Iterator[Value]:
    """Whether four times the stations bear twice the noise: errors where both have the same in the mean."""
    wanted = 2 * _noise(NOISY)
    low, high = 1.0, NOISY
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _noise(middle) > wanted else (low, middle)
    alone = _more(_run(seed, NOISY), plain)
    bare = _run(seed, None, stations=MORE)
    yield "of use", f"30 stations, {_line(NOISY)}", MORE_ERROR, alone
    yield "of use", "120 stations, twice the noise", MORE_ERROR, _more(_run(seed, high, stations=MORE), bare)


def _beyond(epsilon: float, rows: pl.DataFrame) -> Effects:
    """By how much the errors at an ε are above those that are of use, as a share."""
    found = value_of(rows.filter(part="error"), _line(epsilon), MORE_ERROR)
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
        axes.axhline(1, color=FAINT)
        axes.annotate(
            "what the mean of the history errs", (BUDGETS[0], 1), fontsize=8, color=INK, va="bottom"
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("ε of a station's series in the run, at δ = 1e-5; dashed: without a budget")
        axes.set_ylabel("MSE, z-scored")
        axes.legend(frameon=False)


PRIVACY = Study(
    "privacy",
    f"What a privacy budget costs ({STATIONS} stations of the city; not a figure of a paper)",
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
    "100,000 % stands for all that is worse.",
    slow=True,
)
