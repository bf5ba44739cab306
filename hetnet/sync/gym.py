"""The world as environments of Gymnasium: `vhtwin/Sync-v0`, one copy or many, registered by importing this.

`gymnasium.make("vhtwin/Sync-v0", settings=SyncSettings(...))` has one copy, `gymnasium.make_vec` with
`num_envs` as many as wanted in one step. The slots of an episode are all there are, so it ends as terminated.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import register
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from hetnet.network import Floats, Mask
from hetnet.sync.predictors import Predictor
from hetnet.sync.settings import SyncSettings
from hetnet.sync.world import FEATURES, Copies, Singles

NAME = "vhtwin/Sync-v0"
DEFAULT = SyncSettings(foresight="drift")  # a world without a predictor that would have to be trained first
Image = NDArray[np.uint8]
Info = dict[str, Any]  # as Gymnasium types it
Colour = tuple[int, int, int]

PIXELS, STRIP = 480, 80  # the area's side, and the height of the strip with the slots below it
WHITE, INK, GREY = (255, 255, 255), (40, 44, 52), (205, 208, 214)
TWIN, ERROR, REFRESH, REFUSED = (214, 117, 40), (240, 190, 150), (79, 138, 91), (170, 30, 40)


class SyncEnv(gymnasium.Env[Singles, np.int64]):
    """One station that decides in each slot whether to refresh its twin: 1, or not: 0."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self,
        settings: SyncSettings | None = None,
        predictor: Predictor | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.settings, self.render_mode = settings or DEFAULT, render_mode
        self.observation_space = observation_space(self.settings)
        self.action_space = Discrete(2)
        self._copies = Copies(self.settings, 1, self.np_random, predictor)
        self._past: list[tuple[float, bool, bool]] = []  # of each slot the error, refreshed, refused

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Singles, Info]:
        """A new episode; users walk by the same probabilities, whatever the seed."""
        super().reset(seed=seed, options=options)
        self._copies.rng = self.np_random
        self._past = []
        return self._copies.reset()[0], {}

    def step(self, action: np.int64) -> tuple[Singles, float, bool, bool, Info]:
        """One slot; what it brought is told apart in the last part."""
        came = self._copies.step(np.array([action]))
        error, synced, refused = float(came.errors[0]), bool(came.synced[0]), bool(came.refused[0])
        self._past.append((error, synced, refused))
        told = {"rates": float(came.rates[0]), "error": error, "synced": synced, "refused": refused}
        return came.observations[0], float(came.rewards[0]), came.ended, False, told

    def render(self) -> Image | None:
        """The area with users and their twins, and the slots so far; None without a render mode."""
        if self.render_mode is None:
            return None
        copies = self._copies
        true = copies.course.positions[0, self.settings.memory + copies.slot]
        area = drawn_area(self.settings, true, copies.twins.estimates[0])
        return np.concatenate([area, drawn_slots(self._past, self.settings.slots)])


class SyncVectorEnv(VectorEnv[Singles, NDArray[np.int64], Floats | Mask]):
    """Many stations, stepped together; all episodes begin and end in the same slot."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as Gymnasium has it

    def __init__(
        self, num_envs: int = 1, settings: SyncSettings | None = None, predictor: Predictor | None = None
    ) -> None:
        self.settings, self.num_envs = settings or DEFAULT, num_envs
        self.single_observation_space = observation_space(self.settings)
        self.single_action_space = Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._copies = Copies(self.settings, num_envs, self.np_random, predictor)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Singles, Info]:
        """New episodes of all copies."""
        super().reset(seed=seed, options=options)
        self._copies.rng = self.np_random
        return self._copies.reset(), {}

    def step(self, actions: NDArray[np.int64]) -> tuple[Singles, Floats, Mask, Mask, Info]:
        """One slot; the step after the last begins new episodes, whatever the actions."""
        copies = self.num_envs
        if self._copies.slot == self.settings.slots:
            nothing = np.zeros(copies, np.bool_)
            return self._copies.reset(), np.zeros(copies), nothing, nothing.copy(), {}
        came = self._copies.step(actions)
        told = {"rates": came.rates, "error": came.errors, "synced": came.synced, "refused": came.refused}
        ended = np.full(copies, came.ended)
        return came.observations, came.rewards, ended, np.zeros(copies, np.bool_), told


def observation_space(settings: SyncSettings) -> Space[Singles]:
    """The range of each feature: positions within the area or as far as users can walk."""
    reach = settings.side / 2
    if settings.border == "open":
        reach += (settings.memory + settings.slots) * settings.step
    places = np.full(2 * settings.users, reach / settings.side * (1 + 1e-6), np.float32)
    if settings.observed == "paper":
        return Box(-places, places, dtype=np.float32)
    most = np.finfo(np.float32).max
    high = {"age": 2.0, "error": most, "growth": most, "price": most, "feasible": 1.0, "left": 1.0}
    low = dict.fromkeys(high, 0.0) | {"growth": -most}
    rest_low, rest_high = (np.array([of[name] for name in FEATURES], np.float32) for of in (low, high))
    low_all, high_all = np.concatenate([-places, rest_low]), np.concatenate([places, rest_high])
    return Box(low_all, high_all, dtype=np.float32)


def drawn_area(settings: SyncSettings, true: Floats, twin: Floats) -> Image:
    """Users (dark) where they are and (orange) where the twin has them; station and cloud as squares."""
    image = np.full((PIXELS, PIXELS, 3), WHITE, np.uint8)
    image[[0, -1]] = image[:, [0, -1]] = GREY
    square(image, pixel(settings, np.array(settings.station)), 7, INK)
    square(image, pixel(settings, np.array(settings.cloud)), 6, REFRESH)
    for user in range(settings.users):
        here, there = pixel(settings, true[user]), pixel(settings, twin[user])
        for share in np.linspace(0, 1, 2 * int(np.abs(here - there).max()) + 2):
            square(image, here + share * (there - here), 1, ERROR)
        disc(image, there, 6, TWIN)
        disc(image, here, 4, INK)
    return image


def drawn_slots(past: list[tuple[float, bool, bool]], slots: int) -> Image:
    """A bar for each slot so far: the error in it, or that the twin was refreshed, or was not able to be."""
    image = np.full((STRIP, PIXELS, 3), WHITE, np.uint8)
    image[0] = GREY
    most = max((error for error, _, _ in past), default=0.0) or 1.0
    edges = np.linspace(0, PIXELS, slots + 1).astype(int)
    for slot, (error, synced, refused) in enumerate(past):
        columns = slice(edges[slot] + 1, max(edges[slot + 1] - 1, edges[slot] + 2))
        height = STRIP // 6 if synced else round(error / most * (STRIP - 4))
        image[STRIP - height :, columns] = REFRESH if synced else REFUSED if refused else ERROR
    return image


def pixel(settings: SyncSettings, place: Floats) -> Floats:
    """Row and column of a place in the picture of the area, the second coordinate upwards."""
    shares = place / settings.side + 0.5
    return (PIXELS - 1) * np.array([1 - shares[1], shares[0]])


def square(image: Image, centre: Floats, half: int, colour: Colour) -> None:
    """Paint a square, as far as it is within the picture, in place."""
    row, column = np.rint(centre).astype(int)
    rows = slice(max(row - half, 0), max(row + half + 1, 0))
    image[rows, max(column - half, 0) : max(column + half + 1, 0)] = colour


def disc(image: Image, centre: Floats, radius: int, colour: Colour) -> None:
    """Paint a disc, as far as it is within the picture, in place."""
    rows, columns = np.ogrid[:PIXELS, :PIXELS]
    image[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2] = colour


register(id=NAME, entry_point="hetnet.sync.gym:SyncEnv", vector_entry_point="hetnet.sync.gym:SyncVectorEnv")
