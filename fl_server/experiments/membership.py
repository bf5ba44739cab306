"""What a curious server learns of updates, with a budget and without: see fl_server/trust/membership.py.

Axes: N stations, D days, G games, R rounds, P parameters, S samples, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from data.inputs import INPUTS
from data.windows import forecast_task
from fl_server.experiments.claims import Claim, Effects, interval
from fl_server.experiments.sources import sources_in, traffic_of
from fl_server.experiments.studies import Study, Value, value_of
from fl_server.pictures import ACCENT, FAINT, INK, PALE, picture
from fl_server.trust.membership import Game, area, bound, found_at, informed_score, sent, shadow_score
from forecasting.networks import Network, build_network, initial_weights
from forecasting.private import PrivacySettings
from forecasting.recipe import Recipe
from forecasting.stations import Floats, Samples, start_rng
from forecasting.training import predict, train_once

Array = NDArray[np.float64]
STATIONS, DAYS, ROUNDS, SHADOWS, DRAWS = 20, 5, 10, 4, 2
HOURS = 24
BUDGETS = {
    "none": PrivacySettings(),
    **{
        f"ε = {epsilon:g}": PrivacySettings(kind="series", epsilon=epsilon, releases=ROUNDS)
        for epsilon in (1e6, 1e5, 1e4, 1e3, 100.0, 8.0, 1.0)
    },
}
ATTACKERS = ("loss", "shadows", "knows all")
AREA, FOUND, BOUND = "AUC", "found at 1 % false alarms, %", "no more than, %"
OWN, SHADOW, DAY = 0, 1, 2  # what random numbers are for


@dataclass(frozen=True)
class Ground:
    """Stations with their histories, the weights that each round began with, and the days in question."""

    network: Network
    recipe: Recipe
    samples: Samples  # N
    starts: Sequence[Floats]  # R of (P,)
    days: NDArray[np.int64]  # (N, D) the first sample of each


def membership_values(seed: int) -> list[Value]:
    """How well three attackers tell members from others, of days and of series, by budget."""
    ground = _ground(seed)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(DAY,)))
    values: list[Value] = []
    for part, outside in (("day", _without_day), ("series", _of_another)):
        games, tried = _games(ground, seed, outside)
        for line, budget in BUDGETS.items():
            scores = _scores(games, tried, ground, budget, rng)
            for attacker in ATTACKERS if part == "day" else ATTACKERS[1:]:
                values += _told(part, line, attacker, scores[attacker])
            most = 100 * bound(budget.epsilon, budget.delta) if budget.on else 100.0
            values.append((part, line, BOUND, most))
    return values


def _told(part: str, line: str, attacker: str, scores: tuple[list[float], list[float]]) -> list[Value]:
    ins, outs = scores
    return [
        (part, line, f"{attacker}: {AREA}", area(ins, outs)),
        (part, line, f"{attacker}: {FOUND}", 100 * found_at(ins, outs)),
    ]


def _ground(seed: int) -> Ground:
    """A network without clusters in its first rounds of V-twinning."""
    recipe = Recipe(seed=seed)
    traffic = traffic_of(sources_in(None)[0], "internet", STATIONS, seed)
    task = forecast_task(traffic, INPUTS[recipe.inputs], recipe.split)
    network = build_network(recipe.model, task.windows.layout, recipe.hidden)
    count = task.train_steps - task.first_step
    inputs, targets = task.windows.inputs[:, :count], task.windows.targets[:, :count]
    samples = Samples(inputs, targets, np.full(len(targets), count, np.int64))
    starts, weights = [], initial_weights(network, start_rng(seed))
    for number in range(ROUNDS):
        starts.append(weights)
        made = _trained(network, recipe, samples, weights, number, _rngs(seed, OWN, len(targets), number))
        weights = made.mean(axis=0, dtype=np.float64).astype(np.float32)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(DAY, 1)))
    whole = count // HOURS
    days = np.array([rng.choice(whole, DAYS, replace=False) for _ in targets]) * HOURS
    return Ground(network, recipe, samples, starts, days)


def _rngs(seed: int, purpose: int, count: int, number: int) -> list[np.random.Generator]:
    return [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, place, number)))
        for place in range(count)
    ]


def _trained(
    network: Network,
    recipe: Recipe,
    samples: Samples,
    start: Floats,
    number: int,
    rngs: Sequence[np.random.Generator],
) -> Floats:
    settings = replace(recipe.vertical, horizon=ROUNDS, first_epoch=number)
    made: Floats = train_once(network, np.tile(start, (len(rngs), 1)), samples, settings, rngs).weights
    return made


def _without_day(ground: Ground, place: int, day: int) -> tuple[Floats, Floats]:
    """The samples of a station but those of a day."""
    kept = np.ones(ground.samples.targets.shape[1], bool)
    kept[day : day + HOURS] = False
    return ground.samples.inputs[place, kept], ground.samples.targets[place, kept]


def _of_another(ground: Ground, place: int, day: int) -> tuple[Floats, Floats]:
    """The samples of another station in the place of its own."""
    count = len(ground.samples.targets)
    other = (place + 1 + day // HOURS % (count - 1)) % count
    return ground.samples.inputs[other], ground.samples.targets[other]


Outside = Callable[[Ground, int, int], tuple[Floats, Floats]]


def _games(ground: Ground, seed: int, outside: Outside) -> tuple[list[Game], list[tuple[int, int]]]:
    """A game for every station and day of it, and which those are."""
    tried = [(place, int(day)) for place, some in enumerate(ground.days) for day in some]
    places = [place for place, _ in tried]
    inside = ground.samples.inputs[places], ground.samples.targets[places]
    without = [outside(ground, place, day) for place, day in tried]
    both = (
        Samples(*inside, np.full(len(tried), inside[1].shape[1], np.int64)),
        Samples(
            np.stack([each for each, _ in without]),
            np.stack([each for _, each in without]),
            np.full(len(tried), without[0][1].shape[0], np.int64),
        ),
    )
    own = [_changes(ground, samples, seed, OWN, places) for samples in both]
    shadows = [
        np.stack(
            [
                _changes(ground, samples, seed, SHADOW + DAY * (2 * which + side + 1), places)
                for which in range(SHADOWS)
            ]
        )
        for side, samples in enumerate(both)
    ]  # each (H, G, R, P)
    games = [
        Game(own[0][one], own[1][one], shadows[0][:, one], shadows[1][:, one]) for one in range(len(tried))
    ]
    return games, tried


def _changes(ground: Ground, samples: Samples, seed: int, purpose: int, places: Sequence[int]) -> Array:
    """What trainings change in the weights of each round, (G, R, P); random numbers go by the station."""
    found = []
    for number, start in enumerate(ground.starts):
        known = _rngs(seed, purpose, max(places) + 1, number)
        states = [known[place].bit_generator.state for place in places]
        rngs = [np.random.default_rng() for _ in places]
        for rng, state in zip(rngs, states, strict=True):
            rng.bit_generator.state = state
        made = _trained(ground.network, ground.recipe, samples, start, number, rngs)
        found.append(made.astype(np.float64) - start)
    return np.stack(found, axis=1)


def _scores(
    games: Sequence[Game],
    tried: Sequence[tuple[int, int]],
    ground: Ground,
    budget: PrivacySettings,
    rng: np.random.Generator,
) -> dict[str, tuple[list[float], list[float]]]:
    """The scores of members and of others, by attacker."""
    scores: dict[str, tuple[list[float], list[float]]] = {each: ([], []) for each in ATTACKERS}
    for game, (place, day) in zip(games, tried, strict=True):
        for side, changes in enumerate((game.inside, game.outside)):
            for _ in range(DRAWS if budget.on else 1):
                seen = sent(changes, budget, rng)
                scores["knows all"][side].append(informed_score(seen, game, budget))
                scores["shadows"][side].append(shadow_score(seen, game, budget))
                scores["loss"][side].append(_loss_score(seen, ground, place, day))
    return scores


def _loss_score(seen: Array, ground: Ground, place: int, day: int) -> float:
    """By how much the last update lowers the loss of the day more than that of all days."""
    start = ground.starts[-1]
    both = np.stack([start, (start + seen[-1]).astype(np.float32)])
    inputs = np.repeat(ground.samples.inputs[place][None], 2, axis=0)
    forecast = predict(ground.network, both, inputs)
    squared = (forecast - ground.samples.targets[place]) ** 2
    gained = squared[0] - squared[1]
    return float(np.nan_to_num(gained[day : day + HOURS].mean() - gained.mean()))


def _apart(part: str, line: str, column: str, limit: float, rows: pl.DataFrame) -> Effects:
    found = value_of(rows.filter(part=part), line, column)
    return {seed: value - limit for seed, value in found.items()}


def _within(part: str, line: str, rows: pl.DataFrame) -> Effects:
    """By how much who knows all finds more than the bound, as a share of all members."""
    mine = rows.filter(part=part)
    found, most = (value_of(mine, line, column) for column in (f"{ATTACKERS[2]}: {FOUND}", BOUND))
    return {seed: (value - most[seed]) / 100 for seed, value in found.items()}


def _draw(path: Path, rows: pl.DataFrame) -> None:
    title = "What a curious server learns: was this day, or this series, among what made ten updates?"
    with picture(path, title, (10, 4.8), ConstrainedLayoutEngine()) as figure:
        lines = list(BUDGETS)
        for axes, part in zip(figure.subplots(1, 2, sharey=True), ("day", "series"), strict=True):
            shown = ATTACKERS if part == "day" else ATTACKERS[1:]
            for attacker, colour, mark in zip(ATTACKERS, (PALE, INK, ACCENT), "s^o", strict=True):
                if attacker not in shown:
                    continue
                mine = rows.filter(part=part)
                found = [
                    interval(list(value_of(mine, each, f"{attacker}: {AREA}").values())) for each in lines
                ]
                axes.errorbar(
                    range(len(lines)),
                    [each.mean for each in found],
                    yerr=[each.half for each in found],
                    fmt=f"{mark}-",
                    color=colour,
                    capsize=3,
                    label=attacker,
                )
            axes.axhline(0.5, color=FAINT, lw=0.8, ls="--")
            axes.set_xticks(range(len(lines)), lines, rotation=45, ha="right")
            axes.set_xlabel(part)
            axes.legend(frameon=False, fontsize=8)
        figure.axes[0].set_ylabel("AUC; .5 is guessing")


MEMBERSHIP = Study(
    "membership",
    f"What a curious server learns of {ROUNDS} updates ({STATIONS} stations of the city)",
    membership_values,
    {
        "day": "was a day among what a station learned from?",
        "series": "was it this series that a station learned from, or another one's?",
    },
    _draw,
    (
        *(
            Claim(
                f"without a budget, who knows all tells every {part}",
                partial(_apart, part, "none", f"{ATTACKERS[2]}: {AREA}", 0.99),
                1,
            )
            for part in ("day", "series")
        ),
        *(
            Claim(
                f"at ε = 8 who does not know the random numbers tells no day: an AUC below .55 ({attacker})",
                partial(_apart, "day", "ε = 8", f"{attacker}: {AREA}", 0.55),
                -1,
            )
            for attacker in ATTACKERS[:2]
        ),
        *(
            Claim(
                f"at ε = 1 nobody finds more than (ε, δ) allows, {part}",
                partial(_within, part, "ε = 1"),
                -1,
            )
            for part in ("day", "series")
        ),
    ),
    "This is no figure of a paper.",
    slow=True,
)
