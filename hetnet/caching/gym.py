"""The world as environments of Gymnasium: `vhtwin/Cache-v0`, one copy or many, registered by importing this.

A step is a request. An action says which of the stations that the client reaches serves it (its home, or the
other one), and which slot makes room for the content if it is missed, or that none does. An observation holds
for either station whether there is one, whether it holds the content, whether it is the home, its load and
the load that its own clients will ask of it; and then what is known of the content asked for and of what is
in each slot: how many requests an hour for it are to be expected, by what the station has heard, by what the
twin foretells, and by how long ago it was last asked for.

Axes: E copies, S slots, F = 8 features, D of an observation.
"""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import register
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from data.compiling import cached
from data.errors import InputError
from hetnet.caching.cache_world import CacheSettings, CacheWorld, course_of, drawn_world, rules_of
from hetnet.caching.requests import RequestSettings
from hetnet.caching.safety import NOWHERE, load_ratios
from hetnet.caching.stations import (
    EMPTY,
    FEATURES,
    HOUR,
    RECENT,
    SOON,
    SUMS,
    TOLD,
    Course,
    Policy,
    Rules,
    State,
    ahead_ratios,
    copied,
    fade_loads,
    hear,
    hear_all,
    new_state,
    offer,
    put,
    secured,
    tell,
)
from hetnet.network import Counts, Floats, Mask

NAME = "vhtwin/Cache-v0"
DEFAULT = CacheSettings(requests=RequestSettings(requests=60_000, hours=36.0), history_hours=24.0)
STEPS = 1000  # of an episode
STARTS = 8  # moments of the history at which episodes begin
KNOWN = 5  # of a station: there, holds, home, load, load ahead
Singles = NDArray[np.float32]
Info = dict[str, Any]  # as Gymnasium types it


class Episodes:
    """Episodes of the history of a world: where stations stand at several moments of it, having heard all."""

    def __init__(self, world: CacheWorld, steps: int, *, safe: bool) -> None:
        history = world.history
        if not 1 <= steps <= len(history) - STARTS:
            raise InputError(
                f"caches: episodes of {steps} requests, expected 1 to {len(history) - STARTS}, as many as "
                "the history has"
            )
        self.settings, self.steps, self.rules = world.settings, steps, rules_of(world.settings, safe=safe)
        self.course = course_of(world.twin, history, growth=world.growth)
        self.begins = np.linspace(0, len(history) - steps, STARTS).astype(np.int64)
        state = new_state(self.course.amounts.shape[0], world.settings.slots, history.content_count)
        self.heard: list[State] = []
        for before, begin in zip([0, *self.begins], self.begins, strict=False):
            hear_all(self.course, state, int(before), int(begin), self.rules.load_seconds)
            self.heard.append(copied(state))

    @property
    def width(self) -> int:
        """How many figures an observation has."""
        return 2 * (KNOWN + FEATURES * (1 + self.settings.slots))


class CacheEnv(gymnasium.Env[Singles, np.int64]):
    """Stations of one world that serve its clients, request by request."""

    metadata = {"render_modes": []}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        settings: CacheSettings | None = None,
        world: CacheWorld | None = None,
        steps: int = STEPS,
        safe: bool = False,
        render_mode: None = None,
    ) -> None:
        if render_mode is not None:
            raise InputError(f"caches: the render mode is {render_mode!r}, expected none: nothing is drawn")
        self.episodes = Episodes(world or drawn_world(settings or DEFAULT), steps, safe=safe)
        self.observation_space = _observations(self.episodes)
        self.action_space = Discrete(2 * (self.episodes.settings.slots + 1))
        self._state, self._place, self._last = self.episodes.heard[0], 0, 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Singles, Info]:
        """Empty caches, at one of some moments of the history."""
        super().reset(seed=seed, options=options)
        start = int(self.np_random.integers(STARTS))
        self._state = copied(self.episodes.heard[start])
        self._place = int(self.episodes.begins[start])
        self._last = self._place + self.episodes.steps
        return self._observed(), {}

    def step(self, action: np.int64) -> tuple[Singles, float, bool, bool, Info]:
        """Serve a request; the episode is cut off after its last one."""
        told = acted(self.episodes.course, self._state, self.episodes.rules, self._place, int(action))
        self._place += 1
        ended = self._place == self._last
        seen = np.zeros(self.episodes.width, np.float32) if ended else self._observed()
        return seen, float(told[1]), False, ended, _words(told)

    def _observed(self) -> Singles:
        seen = np.zeros(self.episodes.width, np.float32)
        observe(self.episodes.course, self._state, self.episodes.rules, self._place, seen)
        return seen


class CacheVectorEnv(VectorEnv[Singles, NDArray[np.int64], Floats | Mask]):
    """Many copies of one world at several moments, stepped together."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        num_envs: int = 1,
        settings: CacheSettings | None = None,
        world: CacheWorld | None = None,
        steps: int = STEPS,
        safe: bool = False,
    ) -> None:
        self.episodes = Episodes(world or drawn_world(settings or DEFAULT), steps, safe=safe)
        self.num_envs = num_envs
        self.single_observation_space = _observations(self.episodes)
        self.single_action_space = Discrete(2 * (self.episodes.settings.slots + 1))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._places, self._done = np.zeros(num_envs, np.int64), 0
        self._states = _stacked([self.episodes.heard[0]] * num_envs)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Singles, Info]:
        """Empty caches, each copy at one of some moments of the history."""
        super().reset(seed=seed, options=options)
        return self._begun(), {}

    def step(self, actions: NDArray[np.int64]) -> tuple[Singles, Floats, Mask, Mask, Info]:
        """Serve a request of each copy; the step after the last begins new episodes, whatever the actions."""
        nothing = np.zeros(self.num_envs, np.bool_)
        if self._done == self.episodes.steps:
            return self._begun(), np.zeros(self.num_envs), nothing, nothing.copy(), {}
        course, rules = self.episodes.course, self.episodes.rules
        told = acted_many(course, self._states, rules, self._places, np.asarray(actions, np.int64))
        self._places += 1
        self._done += 1
        ended = np.full(self.num_envs, self._done == self.episodes.steps)
        seen = np.zeros((self.num_envs, self.episodes.width), np.float32)
        if not ended.any():
            observe_many(course, self._states, rules, self._places, seen)
        return seen, told[:, 1], nothing, ended, _words(told.T)

    def _begun(self) -> Singles:
        starts = self.np_random.integers(STARTS, size=self.num_envs)
        self._places, self._done = self.episodes.begins[starts].copy(), 0
        self._states = _stacked([self.episodes.heard[start] for start in starts])
        seen = np.zeros((self.num_envs, self.episodes.width), np.float32)
        observe_many(self.episodes.course, self._states, self.episodes.rules, self._places, seen)
        return seen


def _observations(episodes: Episodes) -> Space[Singles]:
    most = np.full(episodes.width, np.finfo(np.float32).max, np.float32)
    return Box(np.zeros_like(most), most, dtype=np.float32)


def _words(told: Floats) -> Info:
    """What is told of a request, by name."""
    names = ("hit", "reward", "turned away", "moved", "uneven", "jain", "overloaded", "station")
    return dict(zip(names, told.tolist(), strict=True))


def _stacked(states: list[State]) -> State:
    """The states of copies with the copies as the first axis of each part."""
    parts = [np.stack(several) for several in zip(*states, strict=True)]
    return State(*parts)


@cached
def observe(course: Course, state: State, rules: Rules, place: int, seen: Singles) -> None:
    """Hear a request, and write down what is known before it is served, (D,), in place."""
    now, client, content = course.times[place], course.clients[place], course.contents[place]
    fade_loads(state, now, rules.load_seconds)
    hear(course, state, place)
    ratios, ahead = load_ratios(state.loads[0]), ahead_ratios(course, state, now)
    faded = np.ones(SUMS)
    for each in range(SUMS):
        faded[each] = np.exp((state.since[each] - now) / course.memories[each])
    half = len(seen) // 2
    for side in range(2):
        station, at = course.reached[client, side], side * half
        if station == NOWHERE:
            continue
        seen[at], seen[at + 1] = 1.0, state.slot_of[station, content] != EMPTY
        seen[at + 2], seen[at + 3], seen[at + 4] = side == 0, ratios[station], ahead[station]
        at += KNOWN
        _features(state, station, content, faded, now, seen[at : at + FEATURES])
        for slot in range(state.filled[station]):
            at += FEATURES
            held = state.held[station, slot]
            _features(state, station, held, faded, now, seen[at : at + FEATURES])


@cached
def _features(state: State, station: int, content: int, faded: Floats, now: float, seen: Singles) -> None:
    for each in range(SUMS):
        seen[each] = faded[each] * state.sums[station, content, each]
    seen[RECENT] = HOUR / (now - state.recent[station, content] + SOON)


@cached
def acted(course: Course, state: State, rules: Rules, place: int, action: int) -> Floats:
    """Serve a request that was heard as an action has it; what became of it, (8,).

    Where the safety modules move it, or its station turns it away, nothing makes room for anything.
    """
    slots = state.held.shape[1]
    side, slot = action // (slots + 1), action % (slots + 1)
    client, content = course.clients[place], course.contents[place]
    chosen = course.reached[client, side]
    if chosen == NOWHERE:
        chosen = course.reached[client, 0]
    station = secured(course, state, chosen, rules, place) if rules.safe else chosen
    taken = offer(state, station, rules)
    hit = taken and state.slot_of[station, content] != EMPTY
    if taken and not hit and slot < slots and station == chosen:
        put(state, station, min(slot, state.filled[station]), content)
    told = np.zeros(TOLD)
    tell(told, state, station, (hit, not taken, station != chosen), rules)
    return told


@cached
def _of_copy(states: State, copy: int) -> State:
    return State(
        states.held[copy],
        states.slot_of[copy],
        states.filled[copy],
        states.sums[copy],
        states.since[copy],
        states.recent[copy],
        states.loads[copy],
        states.clock[copy],
    )


@cached
def observe_many(course: Course, states: State, rules: Rules, places: Counts, seen: Singles) -> None:
    """What is known in each copy, (E, D), in place."""
    for copy in range(len(places)):
        observe(course, _of_copy(states, copy), rules, places[copy], seen[copy])


@cached
def acted_many(course: Course, states: State, rules: Rules, places: Counts, actions: Counts) -> Floats:
    """Serve a request of each copy; what became of them, (E, 8)."""
    told = np.zeros((len(places), TOLD))
    for copy in range(len(places)):
        told[copy] = acted(course, _of_copy(states, copy), rules, places[copy], actions[copy])
    return told


def action_of(policy: Policy, seen: Singles, rules: Rules) -> int:
    """What a learned policy does at an observation (D,): the same as `stations.served` has it do."""
    sides = seen.reshape(2, -1).astype(np.float64)
    known = sides[:, :KNOWN]
    worths = sides[:, KNOWN:].reshape(2, -1, FEATURES) @ policy.weights  # (2, 1 + S)
    there, holds, home, load, ahead = known.T
    beyond = np.maximum(load - rules.limits.limit + rules.limits.margin, 0.0)
    scores = policy.worth * np.log(worths[:, 0] + 1e-9) - policy.load * load - policy.ahead * ahead
    scores += policy.held * holds + policy.home * home - policy.near * beyond
    side = int(np.argmax(np.where(there > 0, scores, -np.inf)))
    slots = worths.shape[1] - 1
    filled = int((sides[side, KNOWN + FEATURES :].reshape(slots, FEATURES)[:, RECENT] > 0).sum())
    slot: int = filled if filled < slots else int(np.argmin(worths[side, 1:]))
    least = 0.0 if filled < slots else worths[side, 1 + slot]
    admits = bool(worths[side, 0] >= policy.margin * least)
    action: int = side * (slots + 1) + (slot if admits else slots)
    return action


def smaller(settings: CacheSettings, requests: int, hours: float, history: float) -> CacheSettings:
    """The same world with fewer requests, for what is to be quick."""
    return replace(
        settings,
        requests=replace(settings.requests, requests=requests, hours=hours),
        history_hours=history,
        warm_hours=min(settings.warm_hours, history),
    )


register(
    id=NAME, entry_point="hetnet.caching.gym:CacheEnv", vector_entry_point="hetnet.caching.gym:CacheVectorEnv"
)
