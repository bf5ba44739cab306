"""A world so small that its best policy can be computed, for learners to be measured against.

One or two users walk on a lattice of a few points; interference and fading are fixed. What is known of the
future is then told by the slot, where users are (p), where they were at the last refresh (a), and how long
ago that was (k). A dynamic programme backwards over the slots gives the optimum of all policies that do not
see the future. `Copies` steps the same world.

Axes: S states of all users, L points of the lattice, T slots, K ages, U users.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask
from hetnet.scene import generator
from hetnet.sync.blocks import rate_sums
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import MOVES, Mobility, drawn_mobility, expected_next, lattice_line, moved
from hetnet.sync.world import Copies, believed, drawn_fading, drawn_levels, scales

LARGEST = 200_000_000  # entries of the table of decisions, a byte each
NEEDED = {"starts": ("lattice",), "redrawn": ("world",), "fading": ("none",), "foresight": ("hold", "drift")}


@dataclass(frozen=True)
class Lattice:
    """The small world as a Markov decision process."""

    settings: SyncSettings
    moves: Floats  # (S, S) probability to go from one state to another
    first: Floats  # (S,) probability of the state in the slot before the first, which the twin knows
    kept: Floats  # (K, S, S) reward without a refresh when what is known, a, is k slots old, in p
    renewed: Floats  # (S,) reward with a refresh in p
    feasible: Mask  # (S,) whether a refresh is possible in p


@dataclass(frozen=True)
class Optimum:
    """The best that can be done in a small world without seeing the future."""

    value: float  # mean return
    refresh: Mask  # (T, K, S, S) whether to, by slot, age less 1, a and p


def lattice_settings(users: int = 1) -> SyncSettings:
    """A small world in which the best policy is far from never, from always, and from every k slots.

    There are as many blocks as users, so that a refresh costs one of them all of its rate, and how much that
    is depends on where users are.
    """
    return SyncSettings(
        users=users,
        blocks=users,
        side=4.0 if users == 1 else 2.0,
        slots=10,
        step=1.0,
        memory=1,
        stay=(0.1, 0.5),
        border="stay",
        interference=(0.1, 0.2),
        redrawn="world",
        weight=0.4,
        error_counted="users",
        foresight="drift",
        starts="lattice",
        cloud=(2.0, 2.0),
    )


def made_lattice(settings: SyncSettings) -> Lattice:
    """The decision process of a world of one or two users on a lattice."""
    _check(settings)
    mobility = drawn_mobility(settings)
    counted, points = scales(settings, mobility), lattice_states(settings)
    carried = counted.weight * _rates(settings, points)  # (S, 2)
    feasible = ~np.isnan(carried[:, 1])
    moves: Floats = np.ones((1, 1))
    for user in range(settings.users):
        moves = np.kron(moves, _user_moves(settings, mobility, user)).astype(np.float64)
    return Lattice(
        settings=settings,
        moves=moves,
        first=np.linalg.matrix_power(moves, settings.memory - 1).mean(axis=0),
        kept=carried[:, 0] - counted.penalty * _errors(settings, mobility, points),
        renewed=np.where(feasible, carried[:, 1], carried[:, 0]),
        feasible=feasible,
    )


def lattice_states(settings: SyncSettings) -> Floats:
    """Where users are in each state, (S, U, 2): the first user's point changes slowest."""
    line = lattice_line(settings)
    return np.array(list(product(list(product(line, line)), repeat=settings.users)))


def state_numbers(settings: SyncSettings, positions: Floats) -> Counts:
    """Which state users at `positions` (…, U, 2) are in."""
    line = lattice_line(settings)
    steps = np.rint((positions - line[0]) / settings.step).astype(np.int64)
    points = steps[..., 0] * len(line) + steps[..., 1]  # (…, U)
    numbers: Counts = points @ (len(line) ** 2) ** np.arange(settings.users)[::-1]
    return numbers


def optimum(lattice: Lattice, discount: float = 1.0) -> Optimum:
    """The best policy of a small world and its mean return, later rewards counted less by `discount`."""
    slots, states = lattice.settings.slots, len(lattice.first)
    refresh = np.zeros((slots, slots, states, states), np.bool_)
    ahead = np.zeros((slots + 1, states, states))  # (K, S, S) what the slots to come are worth
    for slot in reversed(range(slots)):
        after, without = _worths(lattice, ahead, slot, discount)
        refresh[slot, : slot + 1] = lattice.feasible & (after > without)
        ahead[: slot + 1] = np.where(refresh[slot, : slot + 1], after, without)
    return Optimum(_mean(lattice, ahead), refresh)


def value(lattice: Lattice, refresh: Mask, discount: float = 1.0) -> float:
    """The mean return of a policy, told as a table (T, K, S, S); what is not feasible is not done."""
    slots, states = lattice.settings.slots, len(lattice.first)
    ahead = np.zeros((slots + 1, states, states))
    for slot in reversed(range(slots)):
        after, without = _worths(lattice, ahead, slot, discount)
        ahead[: slot + 1] = np.where(lattice.feasible & refresh[slot, : slot + 1], after, without)
    return _mean(lattice, ahead)


def best_actions(best: Optimum, copies: Copies) -> Counts:
    """What the best policy does in the slot that copies of its world are in, (E,)."""
    settings, rows, ages = copies.settings, np.arange(copies.copies), copies.twins.ages
    now = settings.memory + copies.slot
    here = state_numbers(settings, copies.course.positions[:, now])
    known = state_numbers(settings, copies.course.positions[rows, now - ages])
    wanted: Mask = best.refresh[copies.slot, ages - 1, known, here]
    return wanted.astype(np.int64)


def _worths(lattice: Lattice, ahead: Floats, slot: int, discount: float) -> tuple[Floats, Floats]:
    """What it is worth to refresh (S,), and not to (K, S, S), from the worth of the slots `ahead`."""
    ages = slot + 1
    after = lattice.renewed + discount * (lattice.moves * ahead[0]).sum(axis=1)
    without = lattice.kept[:ages] + discount * ahead[1 : ages + 1] @ lattice.moves.T
    return after, without


def _mean(lattice: Lattice, ahead: Floats) -> float:
    """The mean worth of a state in the first slot, when all was known in the one before."""
    return float(lattice.first @ (lattice.moves * ahead[0]).sum(axis=1))


def _user_moves(settings: SyncSettings, mobility: Mobility, user: int) -> Floats:
    """The probability of a user to go from one point of the lattice to another, (L, L)."""
    line = lattice_line(settings)
    points = list(product(line, line))
    moves = np.zeros((len(points), len(points)))
    for number, point in enumerate(points):
        for chance, direction in zip(mobility.probabilities[user], settings.step * MOVES, strict=True):
            there = [moved(point[axis], direction[axis], mobility.limits) for axis in range(2)]
            column, row = np.rint((np.array(there) - line[0]) / settings.step).astype(int)
            moves[number, column * len(line) + row] += chance
    return moves


def _rates(settings: SyncSettings, points: Floats) -> Floats:
    """The sums of rates in each state without and with a refresh, (S, 2)."""
    fixed = generator(settings.seed)  # nothing is drawn of it
    levels, fading = drawn_levels(settings, 1, fixed), drawn_fading(settings, 1, fixed)
    sums: Floats = rate_sums(settings, points[None], levels, fading)[0]
    return sums


def _errors(settings: SyncSettings, mobility: Mobility, points: Floats) -> Floats:
    """The squared error (K, S, S) of a twin that knew the state a, k slots ago, when users are in p."""
    estimates, errors = points, []
    for _ in range(settings.slots):
        estimates = expected_next(believed(settings, mobility), estimates)
        errors.append(np.square(points[None] - estimates[:, None]).sum(axis=(2, 3)))
    return np.array(errors)


def _check(settings: SyncSettings) -> None:
    """Refuse a world whose states cannot be counted, or are too many."""
    for name, able in NEEDED.items():
        if getattr(settings, name) not in able:
            raise InputError(
                f"lattice: {name} is {getattr(settings, name)!r}, expected {' or '.join(map(repr, able))}"
            )
    steps = settings.side / 2 / settings.step
    if settings.border == "open" or abs(steps - round(steps)) > 1e-9:
        raise InputError(
            f"lattice: {steps:g} steps of {settings.step:g} to a border that is {settings.border!r}, "
            "expected a whole number of steps to one that users do not cross"
        )
    states = len(lattice_line(settings)) ** (2 * settings.users)
    if (settings.slots * states) ** 2 > LARGEST:
        raise InputError(
            f"lattice: {states:,} states in {settings.slots} slots, expected fewer: slots times states may "
            f"be {int(LARGEST**0.5):,} at most"
        )
