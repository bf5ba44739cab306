"""The rows behind the paper's Fig. 3, SAC beside DQN, with rules beside them and how much settings matter.

A seed is one of the world (who walks how), of its trajectories and of the learners in it. All seeds learn at
once. Rules are tuned and learners are trained on trajectories of which none judges them.

Axes: S seeds, E copies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from data.progress import Step, Work, finished, renamed
from hetnet.sync.clairvoyant import best_plan, returns
from hetnet.sync.dqn import DqnSettings
from hetnet.sync.evaluation import Earned, Floats, Maker, compared, tuned
from hetnet.sync.gru import GruSettings, predictor_of
from hetnet.sync.predictors import Predictor
from hetnet.sync.rules import FAMILIES, Columns, Policy, always, never
from hetnet.sync.sac import SacSettings
from hetnet.sync.settings import Observed, SyncSettings
from hetnet.sync.training import LearningSettings, Training, final_worlds, learning, tuning_worlds
from hetnet.sync.walk import drawn_mobility
from hetnet.sync.world import Copies, features

Value = tuple[str, str, str, float]  # part, line, column, and the value there
SAC, DQN, PAPER_SAC, PAPER_DQN = "SAC", "DQN", "SAC, positions only", "DQN, positions only"
NEVER, ALWAYS, BOUND, DRAWN = "never", "always", "bound: sees the future", ", drawn"
RULES = (NEVER, ALWAYS, *FAMILIES)


@dataclass(frozen=True)
class Entry:
    """A learner and what it observes."""

    learning: LearningSettings
    observed: Observed = "full"


OUR_SAC = SacSettings(
    discount=0.95,
    temperature=1.0,
    entropy=0.1,
    temperature_rate=1e-2,
    policy_rate=3e-3,
    value_rate=3e-3,
    critic="mean",
)
OUR_DQN = DqnSettings(discount=0.95, value_rate=3e-3)
OURS = LearningSettings(method=OUR_SAC, unit="deviation")
AS_PRINTED = LearningSettings(rewards="centred", standardised=False, steady=1.0)


def learners() -> dict[str, Entry]:
    """SAC and DQN with all that a station knows and constants that were fitted, and as the paper has them."""
    return {
        SAC: Entry(OURS),
        DQN: Entry(replace(OURS, method=OUR_DQN)),
        PAPER_SAC: Entry(replace(AS_PRINTED, method=SacSettings()), "paper"),
        PAPER_DQN: Entry(replace(AS_PRINTED, method=DqnSettings()), "paper"),
    }


@dataclass(frozen=True, kw_only=True)
class ContestSettings:
    """A world, who learns in it, and on how many trajectories a seed rules are tuned and all are judged."""

    world: SyncSettings = field(default_factory=SyncSettings)
    gru: GruSettings = field(default_factory=GruSettings)
    learners: Mapping[str, Entry] = field(default_factory=learners)
    tuning: int = 200
    judged: int = 500


@dataclass(frozen=True)
class Contest:
    """What became of all policies, seed by seed."""

    earned: Mapping[str, Sequence[Earned]]  # by policy; S of them
    constants: Mapping[str, Sequence[float]]  # by family of rules; S of them
    bound: Sequence[float]  # (S,) the mean return of a policy that sees the future
    trainings: Mapping[str, Training]

    def means(self, name: str) -> Floats:
        """The mean return of a policy by seed, (S,)."""
        return np.array([each.returns.mean() for each in self.earned[name]])

    def best_rule(self) -> str:
        """The rule with the highest mean over all seeds."""
        return max((name for name in RULES if name in self.earned), key=lambda name: self.means(name).mean())


@dataclass(frozen=True)
class Arena:
    """One seed's world, and what its twin predicts by."""

    settings: SyncSettings
    predictor: Predictor | None

    def maker(self, observed: Observed = "full") -> Maker:
        """Copies of it that observe so much."""
        settings = replace(self.settings, observed=observed)
        return lambda copies, rng: Copies(settings, copies, rng, self.predictor)

    def columns(self) -> Columns:
        """Where an observation of the kind full holds what."""
        return Columns(features(replace(self.settings, observed="full")), self.settings.slots)


def contest(
    settings: ContestSettings, seeds: Sequence[int], arenas: Sequence[Arena] | None = None
) -> Work[Contest]:
    """Train all learners of all seeds, tune all rules, and judge everything on the same trajectories.

    The seeds' `arenas`, if they are known, need not be made again.
    """
    arenas = arenas or (yield from _arenas(settings, seeds))
    trained: dict[str, tuple[Training, Observed]] = {}
    for name, entry in settings.learners.items():
        makers = [arena.maker(entry.observed) for arena in arenas]
        columns = arenas[0].columns() if entry.observed == "full" else None
        work = learning(makers, entry.learning, seeds, columns=columns)
        trained[name] = (yield from renamed(work, name)), entry.observed
    return (yield from judged_contest(settings, seeds, arenas, trained))


def judged_contest(
    settings: ContestSettings,
    seeds: Sequence[int],
    arenas: Sequence[Arena],
    trained: Mapping[str, tuple[Training, Observed]],
) -> Work[Contest]:
    """Tune all rules and judge them, and what was learned, on the same trajectories."""
    earned: dict[str, list[Earned]] = {}
    constants: dict[str, list[float]] = {}
    bound = []
    for place, (seed, arena) in enumerate(zip(seeds, arenas, strict=True)):
        policies, chosen = _rules(settings, arena, seed)
        for name, (training, observed) in trained.items():
            policies |= _learned(name, training, place, arena.maker(observed))
        for name, found in compared(policies, settings.judged, final_worlds(seed)).items():
            earned.setdefault(name, []).append(found)
        for family, constant in chosen.items():
            constants.setdefault(family, []).append(constant)
        bound.append(_bound(settings, arena, seed))
        yield Step("judge", place + 1, len(seeds), unit="seeds")
    return Contest(earned, constants, bound, {name: training for name, (training, _) in trained.items()})


def _arenas(settings: ContestSettings, seeds: Sequence[int]) -> Work[list[Arena]]:
    arenas = []
    for seed in seeds:
        mine = replace(settings.world, seed=seed)
        predictor = None
        if mine.foresight == "gru":
            predictor = yield from predictor_of(mine, drawn_mobility(mine), settings.gru)
        arenas.append(Arena(mine, predictor))
    return arenas


def _rules(
    settings: ContestSettings, arena: Arena, seed: int
) -> tuple[dict[str, tuple[Maker, Policy]], dict[str, float]]:
    """All rules, the families tuned, and the constants that were chosen."""
    maker = arena.maker()
    policies: dict[str, tuple[Maker, Policy]] = {NEVER: (maker, never), ALWAYS: (maker, always)}
    constants = {}
    for family in FAMILIES:
        best = tuned(maker, arena.columns(), family, settings.tuning, tuning_worlds(seed))
        policies[family], constants[family] = (maker, best.policy), best.constant
    return policies, constants


def _learned(name: str, training: Training, place: int, maker: Maker) -> dict[str, tuple[Maker, Policy]]:
    """A learner's policy by its surer action and, of SAC, by actions drawn as it says."""
    policy = training.policies()[place]
    found: dict[str, tuple[Maker, Policy]] = {name: (maker, policy)}
    if isinstance(training.settings.method, SacSettings):
        rng = np.random.default_rng(np.random.SeedSequence(training.seeds[place], spawn_key=(9,)))
        found[name + DRAWN] = (maker, replace(policy, rng=rng))
    return found


def _bound(settings: ContestSettings, arena: Arena, seed: int) -> float:
    rng = np.random.default_rng(final_worlds(seed))
    copies = Copies(arena.settings, settings.judged, rng, arena.predictor)
    copies.reset()
    course = copies.course
    plan = best_plan(arena.settings, course, arena.predictor)
    return float(returns(copies, course, plan).mean())


def contest_values(found: Contest, weight: float) -> list[list[Value]]:
    """The rows of a contest, seed by seed: curves, and what each policy's return is made of."""
    seeds = len(found.bound)
    values: list[list[Value]] = [[] for _ in range(seeds)]
    for name, training in found.trainings.items():
        curve = training.curve
        for place in range(seeds):
            for kind, means in (("", curve.surest), (DRAWN, curve.drawn)):
                values[place] += [
                    ("curve", name + kind, str(epoch), float(mean))
                    for epoch, mean in zip(curve.epochs, means[:, place], strict=True)
                ]
    for name, several in found.earned.items():
        for place, earned in enumerate(several):
            values[place] += [("returns", name, column, value) for column, value in _parts(earned, weight)]
    for place, bound in enumerate(found.bound):
        values[place].append(("returns", BOUND, "return", bound))
    for family, constants in found.constants.items():
        for place, constant in enumerate(constants):
            values[place].append(("constants", family, "chosen", constant))
    return values


def _parts(earned: Earned, weight: float) -> list[tuple[str, float]]:
    rate = weight * earned.rates.mean()
    return [
        ("return", float(earned.returns.mean())),
        ("rate", float(rate)),
        ("error", float(rate - earned.returns.mean())),
        ("refreshes", float(earned.refreshes.mean())),
        ("refused", float(earned.refused.mean())),
    ]


@cache
def _known_arenas(seeds: tuple[int, ...]) -> list[Arena]:
    return finished(_arenas(ContestSettings(), seeds))


def learner_values(name: str, seeds: Sequence[int]) -> dict[int, list[Value]]:
    """The rows of Fig. 3 that are one learner's."""
    rows = _values_of({name: learners()[name]}, seeds)
    return {seed: [row for row in rows[seed] if row[1] in (name, name + DRAWN)] for seed in seeds}


def rule_values(seeds: Sequence[int]) -> dict[int, list[Value]]:
    """The rows of Fig. 3 that nothing is learned for: of rules, their constants and the bound."""
    return _values_of({}, seeds)


def _values_of(taught: Mapping[str, Entry], seeds: Sequence[int]) -> dict[int, list[Value]]:
    settings = ContestSettings(learners=taught)
    found = finished(contest(settings, seeds, _known_arenas(tuple(seeds))))
    return dict(zip(seeds, contest_values(found, settings.world.weight), strict=True))
