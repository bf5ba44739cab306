"""Many copies of the twin-synchronisation paper's world, stepped together: (4), (5), (15), (17).

Axes: E copies, M states that the twin knows before the first slot, T slots, U users, N blocks, F features.
A course holds one slot more than is decided on, so that the last observation is of a state like any other.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached
from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.scene import generator
from hetnet.sync.blocks import rate_sums
from hetnet.sync.predictors import Predictor
from hetnet.sync.settings import SyncSettings, refuse_too_many
from hetnet.sync.walk import LEVELS_KEY, Mobility, drawn_mobility, drawn_starts, foresee, walked

Singles = NDArray[np.float32]

FEATURES = ("age", "error", "growth", "price", "feasible", "left")  # after the users' positions


class Course(NamedTuple):
    """All that happens in an episode whatever is decided; a tuple because compiled functions read it."""

    positions: Floats  # (E, M + T + 1, U, 2) where users are; the first M before the first slot
    rates: Floats  # (E, T + 1, 2) largest sums of rates without and with a refresh; the same if not feasible
    feasible: Mask  # (E, T + 1) whether a block is fast enough for the cloud
    levels: Floats  # (E or 1, T + 1 or 1, N) interference
    fading: Floats  # (E or 1, T + 1 or 1, U + 1, N or 1) of users and of the cloud


class Twins(NamedTuple):
    """What the copies' twins hold in the slot that is to be decided on, if they are not refreshed."""

    estimates: Floats  # (E, U, 2)
    ages: Counts  # (E,) slots since what they were made of was true
    errors: Floats  # (E,) ||s - s'||^2


class Scales(NamedTuple):
    """How rewards are counted and observations scaled."""

    weight: float  # of the sum of rates: ε
    penalty: float  # of the squared error: 1 - ε, divided by the users where it is counted once
    side: float
    scatter: float  # what a slot adds to the squared error of a twin that has it right now
    astray: Floats  # (U, 2) by how much users are expected to move away from what the twin has them do
    full: bool  # whether more than positions is observed


@dataclass(frozen=True)
class Stepped:
    """What came of one decision in each copy, and what is seen next."""

    observations: Singles  # (E, F)
    rewards: Floats  # (E,)
    ended: bool  # for all copies at once
    rates: Floats  # (E,) sum of rates
    errors: Floats  # (E,) ||s - s'||^2 after the action
    synced: Mask  # (E,)
    refused: Mask  # (E,) a refresh was wanted, but no block is fast enough


class Copies:
    """E copies of the world; two whose generators have one seed see the same course whatever is decided.

    Its twins know where users were until the slot before the first. `predictor` is what they predict by
    with the foresight "gru"; the others are compiled.
    """

    course: Course
    twins: Twins

    def __init__(
        self,
        settings: SyncSettings,
        copies: int,
        rng: np.random.Generator,
        predictor: Predictor | None = None,
    ) -> None:
        _check(settings, copies, predictor)
        self.settings, self.copies, self.rng, self.predictor = settings, copies, rng, predictor
        self.mobility = drawn_mobility(settings)
        self.slot = settings.slots  # as after an episode: it must be reset first
        self._scales = scales(settings, self.mobility)
        self._beliefs = believed(settings, self.mobility).ways
        self._past = np.empty(0)  # (E, M, U, 2) the last states of the twins, kept for a predictor only

    def reset(self) -> Singles:
        """Begin an episode on a new course; what is observed first (E, F)."""
        return self.begin(drawn_course(self.settings, self.mobility, self.copies, self.rng))

    def begin(self, course: Course) -> Singles:
        """Begin an episode on this course; what is observed first (E, F)."""
        known = self.settings.memory
        self.course, self.slot = course, 0
        self.twins = Twins(
            course.positions[:, known - 1].copy(), np.ones(self.copies, np.int64), np.empty(self.copies)
        )
        if self.predictor:
            self._past = course.positions[:, :known].copy()
        return self._look()

    def step(self, actions: NDArray[np.integer]) -> Stepped:
        """Refresh the twins where `actions` (E,) are 1 and not where they are 0, and go on by one slot."""
        if self.slot >= self.settings.slots:
            raise InputError(f"sync: the episode of {self.settings.slots} slots is over, expected a reset")
        if actions.shape != (self.copies,):
            raise InputError(f"sync: actions of the shape {actions.shape}, expected ({self.copies},)")
        chosen = actions.astype(np.int64, copy=False)
        known, rewards, rates, errors, synced, refused = _settle(
            self.twins, self.course, chosen, self.slot, self._scales
        )
        if not known:
            raise InputError("sync: found an action that is neither 0 (no refresh) nor 1 (refresh)")
        self.slot += 1
        if self.predictor:
            self._past = np.concatenate([self._past[:, 1:], self.twins.estimates[:, None]], axis=1)
        ended = self.slot == self.settings.slots
        return Stepped(self._look(), rewards, ended, rates, errors, synced, refused)

    def _look(self) -> Singles:
        """Let the twins predict the slot that begins, and observe it."""
        if self.predictor:
            past = self._past[:, self.settings.memory - self.predictor.memory :]
            self.twins.estimates[:] = self.predictor(past, self.mobility)
        else:
            foresee(self.twins.estimates, self._beliefs, self.mobility.limits)
        return _observed(self.twins, self.course, self.slot, self._scales)


def features(settings: SyncSettings) -> tuple[str, ...]:
    """The names of what an observation holds.

    Positions are counted in sides of the area, age and slots left in slots of an episode; the error that
    the twin stands at if it is not refreshed, by how much that is expected to grow in a slot and the price
    of a refresh in rewards.
    """
    places = tuple(f"{axis} of user {user}" for user in range(settings.users) for axis in "xy")
    return places + FEATURES if settings.observed == "full" else places


def scales(settings: SyncSettings, mobility: Mobility) -> Scales:
    """How rewards of this world are counted and its observations scaled."""
    astray = mobility.drift if settings.foresight == "hold" else np.zeros_like(mobility.drift)
    shares = settings.users if settings.error_counted == "once" else 1
    return Scales(
        weight=settings.weight,
        penalty=(1 - settings.weight) / shares,
        side=settings.side,
        scatter=float((mobility.variances + np.square(astray).sum(axis=1)).sum()),
        astray=astray,
        full=settings.observed == "full",
    )


def believed(settings: SyncSettings, mobility: Mobility) -> Mobility:
    """How twins without a trained predictor have users walk: as they do, or not at all."""
    if settings.foresight == "hold":
        return replace(mobility, probabilities=np.eye(1, 5).repeat(settings.users, axis=0))
    return mobility


def drawn_course(settings: SyncSettings, mobility: Mobility, copies: int, rng: np.random.Generator) -> Course:
    """What happens in one episode of so many copies: walks, interference, fading, and the rates in them."""
    starts = drawn_starts(settings, copies, rng)
    positions = walked(mobility, starts, rng, settings.memory + settings.slots + 1)
    levels, fading = drawn_levels(settings, copies, rng), drawn_fading(settings, copies, rng)
    rates = rate_sums(settings, positions[:, settings.memory :], levels, fading)
    feasible = ~np.isnan(rates[..., 1])
    rates[..., 1] = np.where(feasible, rates[..., 1], rates[..., 0])
    return Course(positions, rates, feasible, levels, fading)


def drawn_levels(settings: SyncSettings, copies: int, rng: np.random.Generator) -> Floats:
    """The interference I_n, even in decibels: (E, T + 1, N), axes of length 1 where nothing is redrawn."""
    shape = {
        "world": (1, 1, settings.blocks),
        "episode": (copies, 1, settings.blocks),
        "slot": (copies, settings.slots + 1, settings.blocks),
    }[settings.redrawn]
    source = generator(settings.seed, LEVELS_KEY) if settings.redrawn == "world" else rng
    low, high = np.log(settings.interference)
    return np.exp(source.uniform(low, high, shape))


def drawn_fading(settings: SyncSettings, copies: int, rng: np.random.Generator) -> Floats:
    """The fading o_u of the users' links and that to the cloud, exponential with mean 1 or always 1."""
    links = settings.users + 1
    if settings.fading == "none":
        return np.ones((1, 1, links, 1))
    blocks = settings.blocks if settings.fading == "blocks" else 1
    return rng.standard_exponential((copies, settings.slots + 1, links, blocks))


def _check(settings: SyncSettings, copies: int, predictor: Predictor | None) -> None:
    """Refuse what cannot be stepped."""
    if copies < 1:
        raise InputError(f"sync: {copies} copies of the world, expected 1 or more")
    refuse_too_many(settings, copies, "copies of a world")
    if (predictor is None) == (settings.foresight == "gru"):
        found = "none" if predictor is None else "one"
        raise InputError(
            f"sync: the foresight is {settings.foresight!r} and {found} was given as a predictor, expected "
            "a predictor with 'gru' (kept_gru of hetnet.sync.gru makes one), and none with 'drift' or 'hold'"
        )
    if predictor and predictor.memory > settings.memory:
        raise InputError(
            f"sync: the predictor reads {predictor.memory} states and the twin keeps {settings.memory}, "
            "expected as many at least (memory)"
        )


@cached
def _settle(
    twins: Twins, course: Course, actions: Counts, slot: int, scales: Scales
) -> tuple[bool, Floats, Floats, Floats, Mask, Mask]:
    """Refresh twins as decided, in place: whether all actions are known, and all that Stepped tells."""
    copies = actions.shape[0]
    at = course.positions.shape[1] - course.rates.shape[1] + slot
    known, rewards, rates, errors = True, np.empty(copies), np.empty(copies), np.empty(copies)
    synced, refused = np.empty(copies, np.bool_), np.empty(copies, np.bool_)
    for copy in range(copies):
        wanted = actions[copy] == 1
        known &= wanted or actions[copy] == 0
        synced[copy] = wanted and course.feasible[copy, slot]
        refused[copy] = wanted and not course.feasible[copy, slot]
        if synced[copy]:
            twins.estimates[copy] = course.positions[copy, at]
            twins.errors[copy] = 0.0
            twins.ages[copy] = 0
        twins.ages[copy] += 1
        rates[copy] = course.rates[copy, slot, 1 if synced[copy] else 0]
        errors[copy] = twins.errors[copy]
        rewards[copy] = scales.weight * rates[copy] - scales.penalty * errors[copy]
    return known, rewards, rates, errors, synced, refused


@cached
def _observed(twins: Twins, course: Course, slot: int, scales: Scales) -> Singles:
    """What is seen of the slot that is to be decided on (E, F); the twins' errors are renewed in place."""
    copies, users = twins.estimates.shape[:2]
    slots = course.rates.shape[1] - 1
    at = course.positions.shape[1] - course.rates.shape[1] + slot
    seen = np.empty((copies, 2 * users + (6 if scales.full else 0)), np.float32)
    for copy in range(copies):
        error, growth = 0.0, scales.scatter
        for user in range(users):
            for axis in range(2):
                place = course.positions[copy, at, user, axis]
                missed = place - twins.estimates[copy, user, axis]
                error += missed * missed
                growth += 2 * missed * scales.astray[user, axis]
                seen[copy, 2 * user + axis] = place / scales.side
        twins.errors[copy] = error
        if scales.full:
            lost = course.rates[copy, slot, 0] - course.rates[copy, slot, 1]
            seen[copy, 2 * users] = twins.ages[copy] / slots
            seen[copy, 2 * users + 1] = scales.penalty * error
            seen[copy, 2 * users + 2] = scales.penalty * growth
            seen[copy, 2 * users + 3] = scales.weight * max(lost, 0.0)  # a sum may be off by a rounding
            seen[copy, 2 * users + 4] = 1.0 if course.feasible[copy, slot] else 0.0
            seen[copy, 2 * users + 5] = (slots - slot) / slots
    return seen
