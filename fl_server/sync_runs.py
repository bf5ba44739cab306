"""Trainings of synchronisation policies on the disk: made, carried on, judged.

A folder holds the plan, a GRU a seed, and the training as it stands after some epochs, each file whole; so a
training that was stopped goes on from there to the same end.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from data.errors import InputError
from data.plain import plain, read_json, rebuilt
from data.progress import Work, renamed
from data.store import MARK, clear_partial, locked, whole_file, whole_folder
from hetnet.sync.evaluation import Earned
from hetnet.sync.figures_learning import BOUND, Arena, Contest, ContestSettings, judged_contest
from hetnet.sync.gru import GruSettings, kept_gru
from hetnet.sync.settings import SyncSettings, refuse_too_many
from hetnet.sync.training import LearningSettings, Training, learning, load_training, save_training
from hetnet.sync.walk import drawn_mobility
from hetnet.sync.world import features

PLAN, TRAINING, CURVE = "plan.json", "training", "curve.csv"
EPOCHS_A_PART = 20  # after which a training is stored
MOST_SEEDS = 1000
MOST_KEPT = 500_000_000  # inputs remembered: 2 GB


@dataclass(frozen=True, kw_only=True)
class SyncPlan:
    """All that decides a training: the world and the GRU of its twin, what is learned, with which seeds."""

    world: SyncSettings = field(default_factory=SyncSettings)
    gru: GruSettings = field(default_factory=GruSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    seeds: tuple[int, ...] = tuple(range(1, 11))

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise InputError(f"seeds {self.seeds}: expected numbers from 0, each once")
        refuse_too_many(self.world, self.gru.trajectories, "trajectories")
        together = len(self.seeds) * max(self.learning.copies, self.learning.judged)
        refuse_too_many(self.world, together, "copies of the worlds of all seeds")
        slots = len(self.seeds) * self.learning.copies * self.learning.kept
        inputs = len(features(self.world))
        if slots * inputs > MOST_KEPT:
            raise InputError(
                f"learning: {len(self.seeds):,} seeds of {self.learning.copies:,} copies with "
                f"{self.learning.kept:,} slots kept, expected {MOST_KEPT // inputs:,} slots in all at most"
            )


def new_training(folder: Path, plan: SyncPlan, *, overwrite: bool) -> None:
    """Make the folder of a training, with its plan."""
    with whole_folder(folder, overwrite=overwrite) as partial:
        (partial / PLAN).write_text(json.dumps(plain(plan, {}), indent=2) + "\n")


def read_plan(folder: Path) -> SyncPlan:
    """What the training in `folder` was asked for."""
    file = folder / PLAN
    if not (folder / MARK).exists() or not file.exists():
        raise InputError(f"{folder}: is no training, expected a folder that vhtwin sync train has made")
    try:
        return rebuilt(SyncPlan, read_json(file.read_text()))
    except (UnicodeDecodeError, InputError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the training in `folder`; refuse when another process holds it."""
    with locked(folder, f"{folder}: another process is at work on this training; wait for it"):
        clear_partial(folder)
        yield


def trained(folder: Path) -> Work[Training]:
    """The training in `folder` at its end; what is missing of it is made and stored part by part."""
    plan = read_plan(folder)
    arenas = yield from arenas_of(folder, plan)
    file, found = folder / TRAINING, None
    if file.exists():
        found = load_training(file)
        if (found.settings, found.seeds) != (plan.learning, plan.seeds):
            raise InputError(f"{file}: has other settings or seeds than {PLAN} beside it")
    makers = [arena.maker(plan.world.observed) for arena in arenas]
    columns = arenas[0].columns() if plan.world.observed == "full" else None
    while found is None or found.epoch < plan.learning.epochs:
        stop = (found.epoch if found else 0) + EPOCHS_A_PART
        found = yield from learning(
            makers, plan.learning, plan.seeds, columns=columns, start=found, stop=stop
        )
        save_training(file, found)
    with whole_file(folder / CURVE) as partial:
        curve_of(found).write_csv(partial)
    return found


def epochs_learned(folder: Path) -> int:
    """After how many epochs the training in `folder` stands."""
    return load_training(folder / TRAINING).epoch


def arenas_of(folder: Path, plan: SyncPlan) -> Work[list[Arena]]:
    """The world of each seed, with its GRU, which is trained once."""
    arenas = []
    for seed in plan.seeds:
        world, predictor = replace(plan.world, seed=seed), None
        if world.foresight == "gru":
            kept = kept_gru(folder / f"gru-{seed}", world, drawn_mobility(world), plan.gru)
            predictor = yield from renamed(kept, f"GRU of seed {seed}")
        arenas.append(Arena(world, predictor))
    return arenas


def judged(folder: Path, copies: int) -> Work[Contest]:
    """The policies of a finished training beside the rules, on courses that neither has seen."""
    plan = read_plan(folder)
    file = folder / TRAINING
    if not file.exists():
        raise InputError(f"{folder}: nothing is learned yet; go on with vhtwin sync train --resume {folder}")
    training = load_training(file)
    _refuse_another_world(folder, training, plan)
    arenas = yield from arenas_of(folder, plan)
    settings = ContestSettings(world=plan.world, gru=plan.gru, learners={}, judged=copies)
    name = policy_name(plan)
    return (yield from judged_contest(settings, plan.seeds, arenas, {name: (training, plan.world.observed)}))


def _refuse_another_world(folder: Path, training: Training, plan: SyncPlan) -> None:
    """Refuse a plan of a world in which stations see something else than in the training beside it."""
    seen = len(features(plan.world))
    learned = training.middle.shape[1]
    if seen != learned:
        raise InputError(
            f"{folder / TRAINING}: has learned from {learned} figures an observation, and {PLAN} beside it "
            f"is of a world with {seen}: it has been changed"
        )


def policy_name(plan: SyncPlan) -> str:
    """What the learned policy is called in tables."""
    kind = type(plan.learning.method).__name__.removesuffix("Settings").upper()
    return kind if plan.world.observed == "full" else f"{kind}, positions only"


def curve_of(training: Training) -> pl.DataFrame:
    """Mean returns by epoch and seed: of the surer action, and of actions drawn as the policy says."""
    rows = [
        {"epoch": epoch, "seed": seed, "surest": float(surest[place]), "drawn": float(drawn[place])}
        for epoch, surest, drawn in zip(
            training.curve.epochs, training.curve.surest, training.curve.drawn, strict=True
        )
        for place, seed in enumerate(training.seeds)
    ]
    return pl.DataFrame(rows)


def returns_of(found: Contest, seeds: Sequence[int], weight: float) -> pl.DataFrame:
    """What every policy came to with every seed."""
    rows: list[dict[str, object]] = []
    for name, several in found.earned.items():
        rows += [_row(name, seed, each, weight) for seed, each in zip(seeds, several, strict=True)]
    bounds = [
        {"policy": BOUND, "seed": seed, "return": bound}
        for seed, bound in zip(seeds, found.bound, strict=True)
    ]
    return pl.concat([pl.DataFrame(rows), pl.DataFrame(bounds)], how="diagonal")


def _row(name: str, seed: int, earned: Earned, weight: float) -> dict[str, object]:
    returns, rates = float(earned.returns.mean()), float(earned.rates.mean())
    return {
        "policy": name,
        "seed": seed,
        "return": returns,
        "rate": rates,
        "error_cost": weight * rates - returns,
        "refreshes": float(earned.refreshes.mean()),
        "refused": float(earned.refused.mean()),
    }
