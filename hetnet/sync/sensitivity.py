"""How much of what we find rests on what the paper leaves open, and where its own finding can exist.

`sensitivity_values` changes one setting at a time and lets rules and learners meet again. `search_values`
looks for worlds in which SAC earns what the paper says beside DQN, both with the paper's constants and shown
what the paper shows them: positions only. A twin's error is then hidden from both. What a refresh brings is,
to their critics, the mean error at which the twin stands; so values settle where that mean equals the price,
however the error got there, and refreshing by mere chance earns more than what is learned.

Axes: S seeds, C points of a curve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data.progress import Step, Work, finished, renamed
from hetnet.sync.dqn import DqnSettings
from hetnet.sync.figures_learning import (
    ALWAYS,
    AS_PRINTED,
    DQN,
    DRAWN,
    NEVER,
    OUR_DQN,
    OUR_SAC,
    OURS,
    PAPER_DQN,
    PAPER_SAC,
    SAC,
    Contest,
    ContestSettings,
    Entry,
    Value,
    contest,
)
from hetnet.sync.sac import SacSettings
from hetnet.sync.settings import SyncSettings

BY_CHANCE = "by chance"
PAPER_GAIN = 0.1031
Changes = Mapping[str, Any]  # of fields of a dataclass, by name


@dataclass(frozen=True)
class Variation:
    """One thing that is different: of the world, of SAC, of DQN, of how both learn."""

    world: Changes = field(default_factory=dict)
    sac: Changes = field(default_factory=dict)
    dqn: Changes = field(default_factory=dict)
    learning: Changes = field(default_factory=dict)


EPOCHS, BATCH = 60, 128  # enough for a table of many worlds: learning rates fall to 0 in them as in Fig. 3
BASE = SyncSettings(foresight="drift", step=4.0)  # about a GRU's foresight, and nothing to be trained first
DEFAULT = "default"
COLD = Variation(sac={"entropy": 0.0, "temperature": 0.01}, learning={"unit": "one"})  # soon sure, if wrong
VARIATIONS: dict[str, Variation] = {
    DEFAULT: Variation(),
    "interference 1e-6 to 1e-5": Variation({"interference": (1e-6, 1e-5)}),
    "error counted by users": Variation({"error_counted": "users"}),
    "distance as printed": Variation({"distance": "printed"}),
    "step 1": Variation({"step": 1.0}),
    "step 2": Variation({"step": 2.0}),
    "step 3": Variation({"step": 3.0}),
    "step 6": Variation({"step": 6.0}),
    "step 10": Variation({"step": 10.0}),
    "interference 1e-4 to 1e-2": Variation({"interference": (1e-4, 1e-2)}),
    "interference of a world": Variation({"redrawn": "world"}),
    "interference anew each slot": Variation({"redrawn": "slot"}),
    "users stay seldom, 0 to .5": Variation({"stay": (0.0, 0.5)}),
    "users stay often, .5 to 1": Variation({"stay": (0.5, 1.0)}),
    "directions even": Variation({"bias": 0.0}),
    "directions fixed": Variation({"bias": 1.0}),
    "border stay": Variation({"border": "stay"}),
    "border open": Variation({"border": "open"}),
    "fading of users": Variation({"fading": "users"}),
    "fading of blocks": Variation({"fading": "blocks"}),
    "block rule as printed": Variation({"block_rule": "printed"}),
    "block rule as printed, fading of blocks": Variation({"block_rule": "printed", "fading": "blocks"}),
    "foresight hold": Variation({"foresight": "hold"}),
    "foresight GRU": Variation({"foresight": "gru"}),
    "discount .8 (paper)": Variation(sac={"discount": 0.8}, dqn={"discount": 0.8}),
    "discount 1": Variation(sac={"discount": 1.0}, dqn={"discount": 1.0}),
    "temperature fixed at .05 (paper)": Variation(sac={"entropy": 0.0, "temperature": 0.05}),
    "temperature fixed at .2": Variation(sac={"entropy": 0.0, "temperature": 0.2}),
    "entropy of .02 of ln 2": Variation(sac={"entropy": 0.02}),
    "rewards as they are": Variation(learning={"unit": "one"}),
    "rewards as they are, temperature .01": COLD,
    "the same, distance as printed": replace(COLD, world={"distance": "printed"}),
    "rewards whole, centred": Variation(learning={"rewards": "centred"}),
    "positions count as the rest": Variation(learning={"places": 1.0}),
    "least of two critics": Variation(sac={"critic": "least"}),
}


def varied(variation: Variation, base: SyncSettings = BASE) -> ContestSettings:
    """The contest of a variation, in a world that is otherwise `base`."""
    shared = replace(OURS, epochs=EPOCHS, batch=BATCH, judged_every=EPOCHS, **variation.learning)
    return ContestSettings(
        world=replace(base, **variation.world),
        learners={
            SAC: Entry(replace(shared, method=replace(OUR_SAC, **variation.sac))),
            DQN: Entry(replace(shared, method=replace(OUR_DQN, **variation.dqn))),
        },
    )


def sensitivity_values(
    seeds: Sequence[int], contests: Mapping[str, ContestSettings] | None = None
) -> Work[dict[int, list[Value]]]:
    """What the best rule earns in each variation, and what others earn beside it."""
    contests = contests or {name: varied(each) for name, each in VARIATIONS.items()}
    values: dict[int, list[Value]] = {seed: [] for seed in seeds}
    for done, (name, settings) in enumerate(contests.items(), start=1):
        found = finished(contest(settings, seeds))
        for column, of_seeds in _beside_the_best(found).items():
            for seed, value in zip(seeds, of_seeds, strict=True):
                values[seed].append(("sensitivity", name, column, float(value)))
        yield Step("sensitivity", done, len(contests), name, "variations")
    return values


def _beside_the_best(found: Contest) -> dict[str, Sequence[float]]:
    """The best rule's return and refreshes, and by how much others earn more, each by seed."""
    best = found.best_rule()
    means = found.means(best)
    refreshes = [float(each.refreshes.mean()) for each in found.earned[best]]
    others: dict[str, Sequence[float]] = {
        name: list(found.means(name) - means) for name in (NEVER, ALWAYS, *found.trainings)
    }
    bound = [value - mean for value, mean in zip(found.bound, means, strict=True)]
    return {"best rule": list(means), "its refreshes": refreshes, **others, "sees the future": bound}


SEARCHED: dict[str, Changes] = {
    f"{'√d' if distance == 'printed' else 'd'}, I {level:g}, Δl {step:g}": {
        "distance": distance,
        "interference": (level, level),
        "step": step,
    }
    for distance, level, step in (
        ("norm", 1e-5, 12.0),
        ("norm", 1e-4, 8.0),
        ("norm", 1e-3, 3.0),
        ("norm", 1e-2, 1.0),
        ("printed", 1e-3, 12.0),
        ("printed", 1e-2, 6.0),
        ("printed", 1e-1, 2.0),
        ("printed", 1.0, 0.5),
        ("printed", 1.0, 1.0),
        ("printed", 1.0, 1.5),
    )
}


def searched(changes: Changes, epochs: int = 150, copies: int = 32) -> ContestSettings:
    """SAC and DQN as printed in a world of these constants."""
    shared = replace(AS_PRINTED, epochs=epochs, copies=copies)
    return ContestSettings(
        world=replace(BASE, **changes),
        learners={
            PAPER_SAC: Entry(replace(shared, method=SacSettings()), "paper"),
            PAPER_DQN: Entry(replace(shared, method=DqnSettings()), "paper"),
        },
    )


def search_values(
    seeds: Sequence[int], contests: Mapping[str, ContestSettings] | None = None
) -> Work[dict[int, list[Value]]]:
    """What SAC (actions drawn as it says) earns beyond DQN, as a share, at each epoch and at the end."""
    contests = contests or {name: searched(each) for name, each in SEARCHED.items()}
    values: dict[int, list[Value]] = {seed: [] for seed in seeds}
    for done, (name, settings) in enumerate(contests.items(), start=1):
        found = yield from renamed(contest(settings, seeds), name)
        sac, dqn = found.means(PAPER_SAC + DRAWN), found.means(PAPER_DQN)
        columns = {
            "SAC": sac,
            "DQN": dqn,
            **{rule: found.means(rule) for rule in (NEVER, ALWAYS, BY_CHANCE)},
            "best rule": found.means(found.best_rule()),
            "gain": sac / dqn - 1,
        }
        for place, seed in enumerate(seeds):
            ends = [("search", name, column, float(each[place])) for column, each in columns.items()]
            values[seed] += ends + _gains(found, name, place)
        yield Step("search", done, len(contests), name, "worlds")
    return values


def _gains(found: Contest, name: str, place: int) -> list[Value]:
    """SAC's gain over DQN in held-out worlds by epoch."""
    sac, dqn = found.trainings[PAPER_SAC].curve, found.trainings[PAPER_DQN].curve
    gains = sac.drawn[:, place] / dqn.surest[:, place] - 1
    return [("gain", name, str(epoch), float(gain)) for epoch, gain in zip(sac.epochs, gains, strict=True)]
