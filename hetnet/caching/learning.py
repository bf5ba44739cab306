"""How policies are learned: by what they earn, in requests of the history and in those that the twin draws.

Policy search by separable natural evolution strategies (Wierstra et al., 2014) with mirrored samples: in a
generation, policies are drawn around a mean, all meet the same requests, and mean and spread move towards
those that earned more. Axes: P parameters, M policies of a generation, J judged generations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.errors import InputError
from data.progress import Step, Work
from hetnet.caching.cache_world import CacheWorld, course_of, rules_of
from hetnet.caching.generation import Kind, generated
from hetnet.caching.requests import Requests, between
from hetnet.caching.stations import HIT, MOVED, REWARD, Course, State, copied, hear_all, new_state, served
from hetnet.caching.systems import SYSTEMS, System, allowed, first_parameters, policy_of
from hetnet.network import Floats

GENERATE, SEARCH = range(2)  # what generators of a seed are for
COMMON: Kind = "common"
RARE: Kind = "rare"


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """How long is learned, and from how much.

    A generation tries `pairs` pairs of policies on `requests` requests, of which the first `warm` share only
    fills caches. RL meets `windows` parts of the history in turn; with the twin, as many common and `rare`
    sequences that it has drawn are among them. `spread` is how far the first policies are apart.
    """

    generations: int = 30
    pairs: int = 8
    requests: int = 12_000
    warm: float = 0.3
    windows: int = 4
    common: int = 2
    rare: int = 2
    spread: float = 0.5
    judged_every: int = 5

    def __post_init__(self) -> None:
        for name in ("generations", "pairs", "requests", "windows", "judged_every"):
            if getattr(self, name) < 1:
                raise InputError(f"learning: {name} is {getattr(self, name)}, expected 1 or more")
        if min(self.common, self.rare) < 0:
            raise InputError("learning: common or rare is negative, expected 0 or more sequences")
        if not 0 <= self.warm < 1:
            raise InputError(f"learning: warm is {self.warm}, expected a share below 1")
        if not self.spread > 0:
            raise InputError(f"learning: spread is {self.spread}, expected a positive number")


@dataclass(frozen=True)
class Ground:
    """Requests to learn on: where stations stand that have heard all before, and which follow."""

    course: Course
    heard: State
    begin: int
    end: int


@dataclass(frozen=True)
class Training:
    """Where the training of one system with one seed stands."""

    system: System
    seed: int
    generation: int  # done
    mean: Floats  # (P,)
    spread: Floats  # (P,)
    curve: Floats = field(default_factory=lambda: np.zeros((0, 4)))  # (J, 4) generation, reward, hits, moved

    @property
    def best(self) -> Floats:
        """The parameters that were learned, (P,)."""
        return self.mean


def begun(system: System, seed: int, settings: LearningSettings) -> Training:
    """A training that has learned nothing."""
    mine = allowed(system)
    return Training(system, seed, 0, first_parameters(system), np.where(mine, settings.spread, 0.0))


def learned(
    world: CacheWorld, training: Training, settings: LearningSettings, stop: int | None = None
) -> Work[Training]:
    """Go on with a training until generation `stop`, or the end."""
    grounds = training_grounds(world, training.system, settings)
    held_out = judging_ground(world, settings)
    end = settings.generations if stop is None else min(stop, settings.generations)
    if training.generation == 0 and not len(training.curve):
        training = _judged(world, training, held_out, settings)
    while training.generation < end:
        training = _bred(world, training, grounds, settings)
        if training.generation % settings.judged_every == 0 or training.generation == settings.generations:
            training = _judged(world, training, held_out, settings)
        word = f"hits {training.curve[-1, 2]:.4f}"
        yield Step(training.system.name, training.generation, settings.generations, word, "generations")
    return training


def training_grounds(world: CacheWorld, system: System, settings: LearningSettings) -> list[Ground]:
    """What a system learns on; without the twin, parts of the history alone."""
    history = world.history
    course = course_of(world.twin, history, growth=world.growth)
    length = min(settings.requests, len(history))
    begins = np.linspace(0, len(history) - length, settings.windows + 1)[1:].astype(int)
    grounds = [_ground(world, course, int(begin), length) for begin in begins]
    if system.twin:
        kinds = [COMMON] * settings.common + [RARE] * settings.rare
        for place, kind in enumerate(kinds):
            rng = np.random.default_rng(_sequence(world.settings.seed, GENERATE, place))
            grounds.append(generated_ground(world, kind, settings, rng))
    return grounds


def generated_ground(
    world: CacheWorld, kind: Kind, settings: LearningSettings, rng: np.random.Generator
) -> Ground:
    """Requests that the twin draws as going on from the history."""
    history = world.history
    hours = 1.1 * settings.requests / float(world.twin.rates.sum()) / 3600
    both = joined(history, generated(world.twin, hours, rng, kind))
    length = min(settings.requests, len(both) - len(history))
    return _ground(world, course_of(world.twin, both), len(history), length)


def judging_ground(world: CacheWorld, settings: LearningSettings) -> Ground:
    """The first requests after the history, for the curve: nothing is learned from them or chosen by them."""
    begin = len(world.history)
    length = min(settings.requests, len(world.requests) - begin)
    seen = between(world.requests, -np.inf, float(world.requests.times[begin + length - 1]) + 1e-9)
    return _ground(world, course_of(world.twin, seen, growth=world.growth), begin, length)


def joined(history: Requests, later: Requests) -> Requests:
    """Requests that go on where the history ends."""
    return replace(
        history,
        times=np.concatenate([history.times, history.times[-1] + later.times]),
        clients=np.concatenate([history.clients, later.clients]),
        contents=np.concatenate([history.contents, later.contents]),
    )


def _ground(world: CacheWorld, course: Course, begin: int, length: int) -> Ground:
    settings = world.settings
    state = new_state(course.amounts.shape[0], settings.slots, world.requests.content_count)
    hear_all(course, state, 0, begin, settings.load_minutes * 60)
    return Ground(course, state, begin, begin + length)


def tried(
    world: CacheWorld, system: System, parameters: Floats, ground: Ground, settings: LearningSettings
) -> Floats:
    """What a policy comes to on a ground, per request: the columns of `stations.py`."""
    state = copied(ground.heard)
    rules = rules_of(world.settings, safe=system.reliable)
    policy = policy_of(system, parameters)
    told = served(ground.course, state, policy, rules, (ground.begin, ground.end))
    means: Floats = told[int(settings.warm * len(told)) :].mean(axis=0)
    return means


def _bred(
    world: CacheWorld, training: Training, grounds: Sequence[Ground], settings: LearningSettings
) -> Training:
    """The next generation."""
    place = SYSTEMS.index(training.system)
    rng = np.random.default_rng(_sequence(training.seed, SEARCH, place, training.generation))
    ground = grounds[rng.permutation(len(grounds))[0]]
    half = rng.standard_normal((settings.pairs, len(training.mean)))
    drawn = np.concatenate([half, -half])  # (M, P)
    rewards = np.array(
        [
            tried(world, training.system, training.mean + training.spread * each, ground, settings)[REWARD]
            for each in drawn
        ]
    )
    weights = utilities(rewards)
    dimensions = int((training.spread > 0).sum())
    pace = (3 + np.log(dimensions)) / (5 * np.sqrt(dimensions))
    mean = training.mean + training.spread * (weights @ drawn)
    spread = training.spread * np.exp(pace / 2 * (weights @ (drawn**2 - 1)))
    return replace(training, generation=training.generation + 1, mean=mean, spread=spread)


def utilities(rewards: Floats) -> Floats:
    """How much each policy counts by its rank, (M,): the better half the more, the sum 0."""
    count = len(rewards)
    ranks = np.empty(count)
    ranks[np.argsort(-rewards, kind="stable")] = np.arange(1, count + 1)
    raw = np.maximum(0, np.log(count / 2 + 1) - np.log(ranks))
    found: Floats = raw / raw.sum() - 1 / count
    return found


def _judged(world: CacheWorld, training: Training, ground: Ground, settings: LearningSettings) -> Training:
    """The same training with a point more on its curve."""
    found = tried(world, training.system, training.mean, ground, settings)
    point = [training.generation, found[REWARD], found[HIT], found[MOVED]]
    return replace(training, curve=np.vstack([training.curve, point]))


def _sequence(seed: int, use: int, *more: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(use, *more))
