"""Users who walk at random, and where they are expected next (twin-synchronisation paper, (1)).

Axes: E trajectories, T slots, U users, 2 coordinates, 5 moves. The middle of the area is [0, 0], where the
paper puts the station.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from data.compiling import cached
from data.errors import InputError
from hetnet.network import Floats
from hetnet.scene import generator
from hetnet.sync.settings import Border, SyncSettings

MOVES = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0], [1.0, 0.0]])  # (5, 2) as in (1)
WAYS = np.array([[3, 4], [2, 1]])  # of the moves those back and forth along each axis
BORDERS: dict[Border, int] = {"open": 0, "stay": 1, "reflect": 2}
USERS_KEY, LEVELS_KEY = 71, 72  # what of a world is drawn from the settings' seed: walks, interference


class Limits(NamedTuple):
    """What compiled functions need to know of the area."""

    step: float
    half: float  # from the middle to the border
    border: int  # of BORDERS


@dataclass(frozen=True)
class Mobility:
    """How each user walks: the same in every slot, trajectory and copy of a world.

    With the border "reflect" a step over it comes back as from a mirror, with "stay" it is not taken, and
    with "open" there is none: users leave the area.
    """

    probabilities: Floats  # (U, 5) to stay, to go forward, backward, left and right
    step: float = 1.0  # Δl
    side: float = 100.0
    border: Border = "reflect"

    def __post_init__(self) -> None:
        found = self.probabilities
        if found.ndim != 2 or found.shape[1] != len(MOVES):
            raise InputError(f"walks: found probabilities of the shape {found.shape}, expected (users, 5)")
        if not ((found >= 0).all() and np.allclose(found.sum(axis=1), 1)):
            raise InputError("walks: found probabilities that are negative or do not sum to 1 for each user")

    @cached_property
    def drift(self) -> Floats:
        """The expected step of each user away from the border, (U, 2)."""
        means: Floats = self.step * self.probabilities @ MOVES
        return means

    @cached_property
    def variances(self) -> Floats:
        """How much a step of each user scatters about that, both coordinates together, (U,)."""
        squares = self.step**2 * (1 - self.probabilities[:, 0])
        scatter: Floats = squares - np.square(self.drift).sum(axis=1)
        return scatter

    @cached_property
    def ways(self) -> Floats:
        """The probabilities of each user to go back and forth along each axis, (U, 2, 2)."""
        return self.probabilities[:, WAYS]

    @cached_property
    def limits(self) -> Limits:
        """What compiled functions need to know of the area."""
        return Limits(float(self.step), self.side / 2, BORDERS[self.border])


def drawn_mobility(settings: SyncSettings) -> Mobility:
    """The users of a world: who seldom moves, who often does, and which way each prefers."""
    rng = generator(settings.seed, USERS_KEY)
    staying = rng.uniform(*settings.stay, settings.users)
    preferred = rng.integers(1, len(MOVES), settings.users)
    shares = np.full((settings.users, len(MOVES)), (1 - settings.bias) / 4)  # (U, 5)
    shares[np.arange(settings.users), preferred] += settings.bias
    shares[:, 0] = 0
    probabilities = (1 - staying)[:, None] * shares
    probabilities[:, 0] = staying
    return Mobility(probabilities, settings.step, settings.side, settings.border)


def drawn_starts(settings: SyncSettings, copies: int, rng: np.random.Generator) -> Floats:
    """Where users begin, (E, U, 2): anywhere in the area, or on multiples of a step within it."""
    shape, half = (copies, settings.users, 2), settings.side / 2
    if settings.starts == "anywhere":
        return rng.uniform(-half, half, shape)
    return rng.choice(lattice_line(settings), shape)


def steps_to_border(settings: SyncSettings) -> int:
    """How many whole steps lie between the middle and the border."""
    return int(np.floor(settings.side / 2 / settings.step + 1e-9))


def lattice_line(settings: SyncSettings) -> Floats:
    """The multiples of a step along one coordinate of the area, from border to border."""
    most = steps_to_border(settings)
    return settings.step * np.arange(-most, most + 1.0)


def walked(mobility: Mobility, starts: Floats, rng: np.random.Generator, slots: int) -> Floats:
    """Where users are in each of so many slots, `starts` (E, U, 2) being the first: (E, T, U, 2)."""
    copies, users = starts.shape[:2]
    chances = rng.random((copies, slots - 1, users))
    return _walked(starts, chances, np.cumsum(mobility.probabilities, axis=1), mobility.limits)


def expected_next(mobility: Mobility, positions: Floats) -> Floats:
    """Where users at `positions` (…, U, 2) are expected one slot later, what the border does included.

    That is l + E[step] away from the border, and the mean of the five places where (1) and the border can
    take a user near it: the predictor of least squared error for users whose position is known.
    """
    flat = positions.reshape(-1, *positions.shape[-2:]).astype(np.float64, order="C", copy=True)
    foresee(flat, mobility.ways, mobility.limits)
    return flat.reshape(positions.shape)


@cached
def _walked(starts: Floats, chances: Floats, cumulative: Floats, limits: Limits) -> Floats:
    """Trajectories (E, T, U, 2) from `starts` (E, U, 2) by chances (E, T-1, U), one each slot and user."""
    copies, steps, users = chances.shape
    positions = np.empty((copies, steps + 1, users, 2))
    for copy in range(copies):
        positions[copy, 0] = starts[copy]
        for slot in range(steps):
            for user in range(users):
                chance, right, forward = chances[copy, slot, user], 0.0, 0.0
                if chance >= cumulative[user, 3]:
                    right = limits.step
                elif chance >= cumulative[user, 2]:
                    right = -limits.step
                elif chance >= cumulative[user, 1]:
                    forward = -limits.step
                elif chance >= cumulative[user, 0]:
                    forward = limits.step
                x, y = positions[copy, slot, user, 0], positions[copy, slot, user, 1]
                positions[copy, slot + 1, user, 0] = moved(x, right, limits)
                positions[copy, slot + 1, user, 1] = moved(y, forward, limits)
    return positions


@cached
def moved(place: float, step: float, limits: Limits) -> float:
    """One coordinate after a step, the border observed."""
    after, half = place + step, limits.half
    if limits.border == 0 or (-half <= after <= half):
        return after
    if limits.border == 1:
        return place
    return 2 * half - after if after > half else -2 * half - after


@cached
def expected_move(place: float, back: float, forth: float, limits: Limits) -> float:
    """One coordinate as expected one slot later, for one who goes back or forth with these probabilities."""
    if limits.border == 0 or abs(place) + limits.step <= limits.half:  # no border within a step
        return place + (forth - back) * limits.step
    backward = moved(place, -limits.step, limits) - place
    forward = moved(place, limits.step, limits) - place
    return place + back * backward + forth * forward


@cached
def foresee(positions: Floats, ways: Floats, limits: Limits) -> None:
    """Move users from `positions` (E, U, 2) to where they are expected one slot later, in place."""
    copies, users, axes = positions.shape
    for copy in range(copies):
        for user in range(users):
            for axis in range(axes):
                positions[copy, user, axis] = expected_move(
                    positions[copy, user, axis], ways[user, axis, 0], ways[user, axis, 1], limits
                )
