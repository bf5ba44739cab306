"""How policies are learned: worlds are played, what they bring is remembered and learned from, by epochs.

Axes: S seeds, E copies of the world, B samples, F features, C points of the curve.

An epoch is one episode of all copies of every seed. Everything that is drawn in it comes from generators of
the seed and the epoch, so a training that was stored and resumed ends as one that was not stopped.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from data.artefacts import read_artefact, write_artefact
from data.errors import InputError
from data.progress import Step, Work
from hetnet.sync.agents import Learner, Replay
from hetnet.sync.dqn import Dqn, DqnSettings
from hetnet.sync.evaluation import Floats, Maker, Slot, World, earned
from hetnet.sync.rules import ERROR, KNOWN, PRICE, Columns, Floats32, Layers, Perceptron
from hetnet.sync.sac import Sac, SacSettings

Method = SacSettings | DqnSettings
METHODS: dict[str, type[SacSettings] | type[DqnSettings]] = {"sac": SacSettings, "dqn": DqnSettings}
Rewards = Literal["whole", "centred", "own"]
Unit = Literal["one", "deviation"]
KIND = "synchronisation training"
MEASURED = ("centre", "unit", "middle", "spread")
MOST_EPOCHS = 1_000_000
CONSTANT = 1e-6  # an input that deviates less is left as it is
TUNING, HELD_OUT, TRAJECTORIES, LEARNING, INITIAL = range(5)  # what a seed is used for


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """How much is played and learned, and from which rewards.

    `updates` are made after every slot; the first `warmup` epochs are played by chance, each copy with a
    chance of its own to refresh, and nothing is learned in them. `kept` slots of all copies are remembered.
    `rewards` are learned from whole; "centred" takes their mean in the warm-up from them, "own" what the
    slot would bring without a refresh and without an error, so that the price or the error is left. Neither
    depends on actions, so neither changes which policy is best. "own" is read off an observation of the
    kind `full`. All are multiplied by `reward_scale`: the larger, the less a temperature counts.
    After a share of `steady` epochs the learning rates fall, in a straight line, to 0 at the end.
    Inputs are `standardised` by mean and deviation in the warm-up, and `places`, the users' positions in an
    observation of the kind `full`, are counted so much less than the rest: beside error and price they tell
    little of what a refresh is worth, and what a net reads into them is mostly noise. Every `judged_every`
    epochs `judged` copies of held-out worlds judge the policy.
    """

    method: Method = field(default_factory=SacSettings)
    epochs: int = 300
    copies: int = 64
    warmup: int = 4
    updates: int = 1
    batch: int = 256
    kept: int = 900
    rewards: Rewards = "own"
    unit: Unit = "one"
    reward_scale: float = 1.0
    standardised: bool = True
    places: float = 0.1
    steady: float = 0.5
    judged: int = 64
    judged_every: int = 10

    def __post_init__(self) -> None:
        for name in ("epochs", "copies", "warmup", "batch", "judged", "judged_every"):
            if getattr(self, name) < 1:
                raise InputError(f"learning: {name} is {getattr(self, name)}, expected 1 or more")
        if self.epochs > MOST_EPOCHS:
            raise InputError(f"learning: epochs is {self.epochs:,}, expected {MOST_EPOCHS:,} at most")
        if self.kept < 2 or self.updates < 0 or not min(self.reward_scale, self.places) > 0:
            raise InputError(
                f"learning: kept is {self.kept}, updates {self.updates}, reward_scale {self.reward_scale}, "
                f"places {self.places}, expected at least 2, at least 0 and two positive numbers"
            )
        if not 0 <= self.steady <= 1:
            raise InputError(f"learning: steady is {self.steady}, expected a share, 0 to 1")
        if self.rewards not in get_args(Rewards):
            raise InputError(
                f"learning: rewards are {self.rewards!r}, expected {' or '.join(get_args(Rewards))}"
            )
        if self.unit not in get_args(Unit):
            raise InputError(f"learning: unit is {self.unit!r}, expected {' or '.join(get_args(Unit))}")


@dataclass(frozen=True)
class Curve:
    """Mean returns in held-out worlds: of the surer action, and of actions drawn as the policy says.

    DQN has no policy but that of the better action, so the two are the same.
    """

    epochs: tuple[int, ...]  # (C,)
    surest: Floats  # (C, S)
    drawn: Floats  # (C, S)


@dataclass
class Training:
    """Where a training stands: S seeds, what they learned and remember, how well they did."""

    settings: LearningSettings
    seeds: tuple[int, ...]
    learner: Learner
    replay: Replay
    columns: Columns | None
    centre: Floats32  # (S,) what rewards are taken less
    unit: Floats32  # (S,) what they are counted in
    middle: Floats32  # (S, F) of inputs
    spread: Floats32  # (S, F) of inputs
    epoch: int  # epochs done
    curve: Curve

    def policies(self) -> list[Perceptron]:
        """What each seed learned: the surer action for an observation as the world gives it."""
        nets = self.learner.outputs()
        return [
            Perceptron(_of_plain_inputs(nets.of_seed(place), self.middle[place], self.spread[place]))
            for place in range(len(self.seeds))
        ]


def learning(
    makers: Sequence[Maker],
    settings: LearningSettings,
    seeds: Sequence[int],
    *,
    columns: Columns | None = None,
    start: Training | None = None,
    stop: int | None = None,
) -> Work[Training]:
    """Train S seeds, each in the worlds of its maker, until `stop` or the end; carry on `start`, in place.

    `columns` say where an observation holds price and error, for rewards of the kind "own".
    """
    training = start or _begun(makers, settings, seeds, columns)
    if training.settings != settings or training.seeds != tuple(seeds):
        raise InputError("the training to carry on has other settings or seeds than those asked for")
    end = settings.epochs if stop is None else min(stop, settings.epochs)
    while training.epoch < end:
        _play(training, makers)
        training.epoch += 1
        if training.epoch % settings.judged_every == 0 or training.epoch == settings.epochs:
            training.curve = _judged(training, makers)
        yield Step("learn", training.epoch, settings.epochs, _word(training.curve), "epochs")
    return training


def _word(curve: Curve) -> str:
    return f"return {curve.surest[-1].mean():.2f}"


def _of_plain_inputs(layers: Layers, middle: Floats32, spread: Floats32) -> Layers:
    """The same net for inputs that are not standardised."""
    (weight, bias), *others = layers
    plain = weight / spread[:, None]
    return ((plain, bias - middle @ plain), *others)


def _begun(
    makers: Sequence[Maker], settings: LearningSettings, seeds: Sequence[int], columns: Columns | None
) -> Training:
    if not seeds or len(makers) != len(seeds):
        raise InputError(f"learning: {len(makers)} worlds for {len(seeds)} seeds, expected one each")
    if settings.rewards == "own" and columns is None:
        raise InputError("learning: rewards of the kind own need an observation of the kind full")
    features = makers[0](1, np.random.default_rng(0)).reset().shape[1]
    shape = (len(seeds), settings.copies, features)
    training = Training(
        settings,
        tuple(seeds),
        _fresh(settings.method, features, seeds),
        Replay(settings.kept, shape),
        columns,
        np.zeros(len(seeds), np.float32),
        np.ones(len(seeds), np.float32),
        np.zeros((len(seeds), features), np.float32),
        np.ones((len(seeds), features), np.float32),
        0,
        Curve((), np.zeros((0, len(seeds))), np.zeros((0, len(seeds)))),
    )
    training.curve = _judged(training, makers)
    return training


def _fresh(method: Method, features: int, seeds: Sequence[int]) -> Learner:
    rngs = [np.random.default_rng(_sequence(seed, INITIAL)) for seed in seeds]
    return Sac(method, features, rngs) if isinstance(method, SacSettings) else Dqn(method, features, rngs)


def _sequence(seed: int, use: int, epoch: int = 0) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(use, epoch))


def tuning_worlds(seed: int) -> np.random.SeedSequence:
    """The trajectories on which this seed's rules are tuned; no policy is judged on them."""
    return _sequence(seed, TUNING)


def final_worlds(seed: int) -> np.random.SeedSequence:
    """The trajectories that judge this seed's policies in the end; not those of the curve."""
    return _sequence(seed, HELD_OUT, 1)


def _generators(training: Training, use: int) -> list[np.random.Generator]:
    return [np.random.default_rng(_sequence(seed, use, training.epoch)) for seed in training.seeds]


def _play(training: Training, makers: Sequence[Maker]) -> None:
    """One episode of all copies of all seeds, and what is learned after each of its slots."""
    settings = training.settings
    trajectories, drawing = (_generators(training, use) for use in (TRAJECTORIES, LEARNING))
    worlds = [maker(settings.copies, rng) for maker, rng in zip(makers, trajectories, strict=True)]
    observations, ended = _stacked([world.reset() for world in worlds]), False  # (S, E, F)
    warming = training.epoch < settings.warmup
    while not ended:
        actions = (_uniform(drawing, settings.copies) < _chances(training, observations)).long()
        slots = _stepped(worlds, actions.numpy())
        ended = slots[0].ended
        training.replay.keep(observations, actions, _rewards(training, slots, observations), ended)
        observations = _stacked([slot.observations for slot in slots])
        if not warming:
            _learn(training, drawing)
    if training.epoch + 1 == settings.warmup:
        _measure(training)


def _rewards(training: Training, slots: Sequence[Slot], observations: torch.Tensor) -> torch.Tensor:
    """What is learned from, (S, E), but for centre and scale."""
    if training.settings.rewards != "own" or training.columns is None:
        return torch.from_numpy(np.stack([slot.rewards for slot in slots])).float()
    price, error = (observations[..., training.columns.names.index(name)] for name in (PRICE, ERROR))
    synced = torch.from_numpy(np.stack([slot.synced for slot in slots]))
    return -torch.where(synced, price, error)


def _measure(training: Training) -> None:
    """Note how rewards and inputs of the warm-up are distributed."""
    seen = slice(0, training.replay.seen)
    if training.settings.rewards == "centred":
        training.centre = training.replay.rewards[seen].mean(dim=(0, 2)).numpy()
    if training.settings.unit == "deviation":
        unit = training.replay.rewards[seen].double().std(dim=(0, 2), correction=0).numpy()
        training.unit = np.where(unit > CONSTANT, unit, 1.0).astype(np.float32)
    if training.settings.standardised:
        inputs = training.replay.observations[seen].double()  # (R, S, E, F)
        spread = inputs.std(dim=(0, 2), correction=0).numpy()
        training.middle = inputs.mean(dim=(0, 2)).numpy().astype(np.float32)
        spread = np.where(spread > CONSTANT, spread, 1.0)
        training.spread = (spread / _shares(training)).astype(np.float32)


def _shares(training: Training) -> Floats:
    """How much each input counts, (F,)."""
    names = training.columns.names if training.columns else ()
    shares = [1.0 if name in KNOWN else training.settings.places for name in names]
    return np.array(shares) if shares else np.ones(training.middle.shape[1])


def _chances(training: Training, observations: torch.Tensor) -> torch.Tensor:
    """How probable a refresh is (S, E); in the warm-up from nearly never to nearly always, copy by copy."""
    if training.epoch >= training.settings.warmup:
        return training.learner.chances(_standardised(training, observations))
    copies = observations.shape[1]
    return ((torch.arange(copies) + 0.5) / copies).square().expand(observations.shape[:2])


def _standardised(training: Training, observations: torch.Tensor) -> torch.Tensor:
    """Observations (S, E, F) as learners see them."""
    middle, spread = (torch.from_numpy(each)[:, None] for each in (training.middle, training.spread))
    return (observations - middle) / spread


def _learn(training: Training, drawing: Sequence[np.random.Generator]) -> None:
    settings = training.settings
    centre, unit = (torch.from_numpy(each)[:, None] for each in (training.centre, training.unit))
    left = 1 - training.epoch / settings.epochs  # of the epochs, this one included
    pace = min(1.0, left / max(1 - settings.steady, 1 / settings.epochs))
    for _ in range(settings.updates):
        batch = training.replay.batch(_uniform(drawing, settings.batch))
        seen = replace(
            batch,
            observations=_standardised(training, batch.observations),
            following=_standardised(training, batch.following),
            rewards=(batch.rewards - centre) / unit * settings.reward_scale,
        )
        training.learner.update(seen, pace)


def _uniform(rngs: Sequence[np.random.Generator], count: int) -> torch.Tensor:
    """Even in [0, 1), drawn for each seed from its own generator, (S, count)."""
    return torch.from_numpy(np.stack([rng.random(count) for rng in rngs]))


def _stacked(observations: Sequence[Floats32]) -> torch.Tensor:
    return torch.from_numpy(np.stack(observations).astype(np.float32, copy=False))


def _stepped(worlds: Sequence[World], actions: NDArray[np.int64]) -> list[Slot]:
    return [world.step(mine) for world, mine in zip(worlds, actions, strict=True)]


def _judged(training: Training, makers: Sequence[Maker]) -> Curve:
    """The curve with a point more: every time the same worlds, in which nothing is learned."""
    settings, curve = training.settings, training.curve
    surest: list[float] = []
    drawn: list[float] = []
    for seed, maker, policy in zip(training.seeds, makers, training.policies(), strict=True):
        worlds = _sequence(seed, HELD_OUT)
        rng = np.random.default_rng(worlds.spawn(1)[0]) if isinstance(settings.method, SacSettings) else None
        chance = replace(policy, rng=rng)
        for means, judged in ((surest, policy), (drawn, chance)):
            world = maker(settings.judged, np.random.default_rng(_sequence(seed, HELD_OUT)))
            means.append(float(earned(world, judged).returns.mean()))
    return Curve(
        (*curve.epochs, training.epoch),
        np.vstack([curve.surest, surest]),
        np.vstack([curve.drawn, drawn]),
    )


def save_training(path: Path, training: Training) -> None:
    """Store all of `training` at `path`, what it remembers too."""
    header: dict[str, Any] = {  # dataclasses of numbers, texts and tuples become JSON
        "method": next(name for name, kind in METHODS.items() if isinstance(training.settings.method, kind)),
        "settings": asdict(training.settings),
        "seeds": list(training.seeds),
        "epoch": training.epoch,
        "judged": list(training.curve.epochs),
        "columns": None if training.columns is None else asdict(training.columns),
    }
    curve = {"curve.surest": training.curve.surest, "curve.drawn": training.curve.drawn}
    arrays = training.learner.arrays() | training.replay.arrays()
    measured = {name: getattr(training, name) for name in MEASURED}
    write_artefact(path, KIND, header, {**arrays, **measured, **curve})


def load_training(path: Path) -> Training:
    """The training that is stored at `path`."""
    header, arrays = read_artefact(path, KIND)
    written = dict(header["settings"])
    method = METHODS[header["method"]](**_tuples(written.pop("method")))
    settings = LearningSettings(method=method, **_tuples(written))
    seeds = tuple(header["seeds"])
    features = arrays["replay.observations"].shape[-1]
    learner = _fresh(method, features, seeds)
    learner.restore(arrays)
    replay = Replay(settings.kept, (len(seeds), settings.copies, features))
    replay.restore(arrays)
    curve = Curve(tuple(header["judged"]), arrays["curve.surest"], arrays["curve.drawn"])
    columns = None if header["columns"] is None else Columns(**_tuples(header["columns"]))
    return Training(
        settings=settings,
        seeds=seeds,
        learner=learner,
        replay=replay,
        columns=columns,
        **{name: arrays[name] for name in MEASURED},
        epoch=header["epoch"],
        curve=curve,
    )


def _tuples(written: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(each) if isinstance(each, list) else each for name, each in written.items()}
