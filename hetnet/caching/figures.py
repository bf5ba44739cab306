"""The rows behind the paper's Figs. 5 and 6: how often the four systems hit, intervene, and load stations.

A seed is one of the world, of its twin and of the search for policies. All policies are judged on the same
requests, five days after the two of history; classic caches may choose stations too.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from data.progress import finished
from hetnet.caching.cache_world import CacheSettings, drawn_world, with_seed
from hetnet.caching.contest import MEASURES, Outcome, contest
from hetnet.caching.crowds import CrowdSettings
from hetnet.caching.learning import LearningSettings, begun, learned
from hetnet.caching.requests import RequestSettings
from hetnet.caching.systems import SYSTEMS, System
from hetnet.network import Floats

Value = tuple[str, str, str, float]  # part, line, column, and the value there
POLICIES, LOADS, CURVE = "policies", "loads", "curve"
COSTLESS, ALIKE, TIGHT, SHORT = (
    "overload costs nothing",
    "stations alike, crowds",
    "limit 1.15",
    "a day of history",
)
BUSY = CrowdSettings(per_week=5.0, factor=(2.0, 4.0))
WORLDS: dict[str, CacheSettings] = {
    COSTLESS: CacheSettings(overload="counts"),
    ALIKE: CacheSettings(requests=RequestSettings(busiest=1.3), crowds=BUSY),
    TIGHT: CacheSettings(limit=1.15, margin=0.05),
    SHORT: CacheSettings(history_hours=24.0),
}
SCARCE, FREE = "six hours of history", "interventions cost nothing"
FEWER: dict[str, CacheSettings] = {  # where all tuning worlds needed fewer interventions with the twin
    SCARCE: CacheSettings(history_hours=6.0, warm_hours=2.0),
    FREE: CacheSettings(price=0.0),
}


@lru_cache(maxsize=2)
def contest_of(
    settings: CacheSettings, learning: LearningSettings
) -> tuple[Mapping[str, Outcome], Mapping[str, Floats]]:
    """What all policies come to in a world, and how each system learned, (J, 4)."""
    world = drawn_world(settings)
    policies: dict[str, tuple[System, Floats]] = {}
    curves = {}
    for system in SYSTEMS:
        training = finished(learned(world, begun(system, settings.seed, learning), learning))
        policies[system.name], curves[system.name] = (system, training.best), training.curve
    return contest(world, policies), curves


def hit_values(seed: int, settings: CacheSettings | None = None) -> list[Value]:
    """The rows of Fig. 5: hits and interventions, and how the systems learned."""
    outcomes, curves = contest_of(with_seed(settings or CacheSettings(), seed), LearningSettings())
    values = _measures(POLICIES, outcomes, ("hits", "interventions", "turned away"))
    for name, curve in curves.items():
        values += [(CURVE, name, f"{generation:.0f}", float(hits)) for generation, _, hits, _ in curve]
    return values


def load_values(seed: int, settings: CacheSettings | None = None) -> list[Value]:
    """The rows of Fig. 6: how stations are loaded."""
    outcomes, _ = contest_of(with_seed(settings or CacheSettings(), seed), LearningSettings())
    values = _measures(LOADS, outcomes, ("max/mean load", "Jain", "overloaded"))
    for name, outcome in outcomes.items():
        values += [
            (LOADS, name, f"share of station {place + 1}", float(share))
            for place, share in enumerate(outcome.shares)
        ]
    return values


def setting_values(seed: int, worlds: Mapping[str, CacheSettings] = WORLDS) -> list[Value]:
    """What the systems and classic caches come to where one setting is another, world by world."""
    values: list[Value] = []
    for world, settings in worlds.items():
        outcomes, _ = contest_of(replace(settings, seed=seed), LearningSettings())
        values += _measures(world, outcomes, tuple(MEASURES))
    return values


def _measures(part: str, outcomes: Mapping[str, Outcome], measures: tuple[str, ...]) -> list[Value]:
    return [
        (part, name, measure, outcome.measures[measure])
        for name, outcome in outcomes.items()
        for measure in measures
        if measure in outcome.measures
    ]
