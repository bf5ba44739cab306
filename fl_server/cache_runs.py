"""Trainings of caching policies on the disk: made, carried on, judged.

A folder holds the plan, the intensity that twins foretold if there was one, and a file a seed with the four
systems as far as they have come, each file whole; so a training that was stopped goes on to the same end.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from data.artefacts import read_artefact, write_artefact
from data.errors import InputError
from data.plain import plain, read_json, rebuilt
from data.progress import Step, Work, finished, renamed
from data.store import MARK, clear_partial, locked, whole_file, whole_folder
from data.words import counted
from fl_server.processes import in_processes
from hetnet.caching.cache_world import CacheSettings, CacheWorld, drawn_world, with_seed, world_of
from hetnet.caching.cells import drawn_cells
from hetnet.caching.contest import Outcome, contest
from hetnet.caching.learning import LearningSettings, Training, begun, learned
from hetnet.caching.request_log import RequestLog
from hetnet.caching.systems import SYSTEMS, System, policy_of, system_of
from hetnet.caching.training_files import load_trainings, save_trainings
from hetnet.network import Floats

PLAN, INTENSITY, CURVE = "plan.json", "intensity", "curve.csv"
KIND = "cache intensity"
GENERATIONS_A_PART = 5  # after which a training is stored
LEAST_HISTORY = 1000  # requests
MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class CachePlan:
    """All that decides a training: the world, or a log and how much of it is history; how is learned."""

    world: CacheSettings = field(default_factory=CacheSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    seeds: tuple[int, ...] = tuple(range(1, 11))
    log: RequestLog | None = None
    history: float = 0.3

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise InputError(f"seeds {self.seeds}: expected numbers from 0, each once")
        if not 0 < self.history < 1:
            raise InputError(f"history is {self.history}, expected a share of a log between 0 and 1")


def new_training(folder: Path, plan: CachePlan, *, intensity: Floats | None, overwrite: bool) -> None:
    """Make the folder of a training, with its plan."""
    with whole_folder(folder, overwrite=overwrite) as partial:
        (partial / PLAN).write_text(json.dumps(plain(plan, {}), indent=2) + "\n")
        if intensity is not None:
            write_artefact(partial / INTENSITY, KIND, {}, {"intensity": intensity})


def read_plan(folder: Path) -> CachePlan:
    """What the training in `folder` was asked for."""
    file = folder / PLAN
    if not (folder / MARK).exists() or not file.exists():
        raise InputError(f"{folder}: is no training, expected a folder that vhtwin cache train has made")
    try:
        return rebuilt(CachePlan, read_json(file.read_text()))
    except (UnicodeDecodeError, InputError) as error:
        raise InputError(
            f"{file}: cannot be read as that of a training of caches, which vhtwin cache train makes: {error}"
        ) from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the training in `folder`; refuse when another process holds it."""
    with locked(folder, f"{folder}: another process is at work on this training; wait for it"):
        clear_partial(folder)
        yield


def world_of_seed(folder: Path, plan: CachePlan, seed: int) -> CacheWorld:
    """The world of a seed: drawn, or a log whose clients stand in cells drawn with the seed."""
    settings = with_seed(plan.world, seed)
    if plan.log is not None:
        return log_world(plan.log, settings, plan.history)
    file = folder / INTENSITY
    intensity = read_artefact(file, KIND)[1]["intensity"] if file.exists() else None
    return drawn_world(settings, intensity)


def log_world(log: RequestLog, settings: CacheSettings, history: float) -> CacheWorld:
    """The world of a log, of which a share of the time is history.

    Where nothing tells which stations clients reach, they stand in cells drawn with the seed.
    """
    requests, named = log.read()
    rng = np.random.default_rng(settings.seed)
    cells = named.cells if named else drawn_cells(settings.requests.cells, rng, requests.client_count)
    begin, end = float(requests.times[0]), float(requests.times[-1])
    cut = begin + history * (end - begin)
    before = int(np.searchsorted(requests.times, cut))
    if before < LEAST_HISTORY or len(requests) - before < LEAST_HISTORY:
        raise InputError(
            f"{log.path}: {counted(before, 'request')} of history and "
            f"{counted(len(requests) - before, 'request')} after it, "
            f"expected {LEAST_HISTORY} of each at least to train or judge policies by"
        )
    warm = min(settings.warm_hours, (cut - begin) / 2 / 3600)
    return world_of(replace(settings, warm_hours=warm), cells, requests, cut)


def trained(folder: Path, processes: int = 1) -> Work[list[dict[str, Training]]]:
    """The trainings in `folder` at their end, seed by seed; what is missing is made and stored by parts."""
    plan = read_plan(folder)
    if processes == 1:
        for seed in plan.seeds:
            yield from renamed(_seed_trained(folder, plan, seed), f"seed {seed}")
    else:
        tasks = [(folder, seed) for seed in plan.seeds]
        for done, seed in enumerate(in_processes(_trained_apart, tasks, processes), 1):
            yield Step("learn", done, len(plan.seeds), f"seed {seed}", "seeds")
    found = [load_trainings(seed_file(folder, seed)) for seed in plan.seeds]
    with whole_file(folder / CURVE) as partial:
        curve_of(found).write_csv(partial)
    return found


def seed_file(folder: Path, seed: int) -> Path:
    """Where the systems of a seed are stored."""
    return folder / f"seed-{seed}"


def _trained_apart(asked: tuple[Path, int]) -> int:
    folder, seed = asked
    finished(_seed_trained(folder, read_plan(folder), seed))
    return seed


def _seed_trained(folder: Path, plan: CachePlan, seed: int) -> Work[None]:
    """Train the systems of a seed to their end."""
    file = seed_file(folder, seed)
    known = load_trainings(file) if file.exists() else {}
    known = {system.name: known.get(system.name) or begun(system, seed, plan.learning) for system in SYSTEMS}
    if all(each.generation >= plan.learning.generations for each in known.values()):
        return
    world = world_of_seed(folder, plan, seed)
    for name in known:
        while known[name].generation < plan.learning.generations:
            stop = known[name].generation + GENERATIONS_A_PART
            work = learned(world, known[name], plan.learning, stop)
            known[name] = yield from renamed(work, name)
            save_trainings(file, known)


def finished_trainings(folder: Path) -> list[dict[str, Training]]:
    """What was learned in `folder`, seed by seed; refuse a training that was stopped before its end."""
    plan = read_plan(folder)
    found = []
    for seed in plan.seeds:
        file = seed_file(folder, seed)
        mine = load_trainings(file) if file.exists() else {}
        short = [
            s.name
            for s in SYSTEMS
            if s.name not in mine or mine[s.name].generation < plan.learning.generations
        ]
        if short:
            raise InputError(
                f"{folder}: seed {seed} has not learned {', '.join(short)} to the end yet; go on with "
                f"vhtwin cache train --resume {folder}"
            )
        found.append(mine)
    return found


def policies_of(trainings: Mapping[str, Training]) -> dict[str, tuple[System, Floats]]:
    """What was learned, as a contest takes it."""
    return {name: (system_of(name), training.best) for name, training in trainings.items()}


def judged(folder: Path, log: RequestLog | None = None) -> Work[pl.DataFrame]:
    """All policies, classic caches and bounds on what follows each seed's history, or on a log."""
    plan, trainings = read_plan(folder), finished_trainings(folder)
    frames = []
    for place, (seed, mine) in enumerate(zip(plan.seeds, trainings, strict=True)):
        if log is None:
            world = world_of_seed(folder, plan, seed)
        else:
            world = log_world(log, with_seed(plan.world, seed), plan.history)
        frames.append(outcomes_frame(contest(world, policies_of(mine)), seed))
        yield Step("judge", place + 1, len(plan.seeds), unit="seeds")
    return pl.concat(frames)


def outcomes_frame(outcomes: Mapping[str, Outcome], seed: int) -> pl.DataFrame:
    """What policies came to, as a table: a row for each measure, and one for each station's share."""
    rows = [
        {"policy": name, "seed": seed, "measure": measure, "value": value}
        for name, outcome in outcomes.items()
        for measure, value in (
            *outcome.measures.items(),
            *((f"share of station {place + 1}", float(share)) for place, share in enumerate(outcome.shares)),
        )
    ]
    return pl.DataFrame(rows)


def curve_of(trainings: Sequence[Mapping[str, Training]]) -> pl.DataFrame:
    """Hits, rewards and interventions by system, seed and generation, on requests right after the history."""
    rows = [
        {
            "system": name,
            "seed": training.seed,
            "generation": int(generation),
            "reward": float(reward),
            "hits": float(hits),
            "interventions": float(moved),
        }
        for mine in trainings
        for name, training in mine.items()
        for generation, reward, hits, moved in training.curve
    ]
    return pl.DataFrame(rows)


def weights_of(trainings: Sequence[Mapping[str, Training]]) -> dict[str, list[Floats]]:
    """The weights of features by system, seed by seed."""
    return {
        system.name: [policy_of(system, mine[system.name].best).weights for mine in trainings]
        for system in SYSTEMS
    }
