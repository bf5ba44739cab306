"""The small world whose best policy is known: the programme is right, and Copies step the same world."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from hetnet.sync.clairvoyant import best_plan
from hetnet.sync.lattice import (
    Lattice,
    best_actions,
    lattice_settings,
    lattice_states,
    made_lattice,
    optimum,
    state_numbers,
    value,
)
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import MOVES, drawn_mobility
from hetnet.sync.world import Copies

TINY = replace(lattice_settings(), side=2.0, slots=4, memory=2, foresight="hold")


def decisions(world: Lattice, wanted: bool) -> Any:
    slots, states = world.settings.slots, len(world.first)
    return np.full((slots, slots, states, states), wanted)


def by_hand(settings: SyncSettings) -> float:
    """The best mean return for one user whose twin holds, by trying both actions in every history."""
    chances = drawn_mobility(settings).probabilities[0]
    half = settings.side / 2
    levels = made_level(settings)

    def onward(place: tuple[int, int]) -> list[tuple[float, tuple[int, int]]]:
        found = []
        for chance, move in zip(chances, MOVES, strict=True):
            there = (round(place[0] + move[0]), round(place[1] + move[1]))
            found.append((float(chance), there if max(map(abs, there)) <= half else place))
        return found

    @cache
    def ahead(slot: int, known: tuple[int, int], place: tuple[int, int]) -> float:
        if slot == settings.slots:
            return 0.0
        distance = max(float(np.hypot(*place)), 1.0)
        rate = float(np.log2(1 + distance**-2 / (levels + settings.noise)))
        error = (place[0] - known[0]) ** 2 + (place[1] - known[1]) ** 2
        without = settings.weight * rate - (1 - settings.weight) * error
        without += sum(chance * ahead(slot + 1, known, there) for chance, there in onward(place))
        refreshed = sum(chance * ahead(slot + 1, place, there) for chance, there in onward(place))
        return max(without, refreshed)

    line = range(-round(half), round(half) + 1)
    starts = [(x, y) for x in line for y in line]
    total = 0.0
    for start in starts:  # two states are known: the start and the one after it
        for chance, known in onward(start):
            total += sum(chance * further * ahead(0, known, place) for further, place in onward(known))
    return total / len(starts)


def made_level(settings: SyncSettings) -> float:
    """The interference of the only block, as the copies of this world have it."""
    copies = Copies(settings, 1, np.random.default_rng(0))
    copies.reset()
    return float(copies.course.levels[0, 0, 0])


def test_the_best_value_is_that_of_trying_everything() -> None:
    assert optimum(made_lattice(TINY)).value == pytest.approx(by_hand(TINY))


@pytest.mark.parametrize("users", [1, 2])
@pytest.mark.parametrize("foresight", ["hold", "drift"])
def test_the_best_policy_earns_its_value_in_the_copies(users: int, foresight: Any) -> None:
    settings = replace(lattice_settings(users), foresight=foresight)
    best = optimum(made_lattice(settings))
    copies = Copies(settings, 20_000, np.random.default_rng(1))
    copies.reset()
    earned = sum(copies.step(best_actions(best, copies)).rewards for _ in range(settings.slots))
    assert abs(np.mean(earned) - best.value) < 4 * np.std(earned) / np.sqrt(20_000)


@pytest.mark.parametrize("wanted", [False, True])
def test_never_and_always_are_worth_what_copies_earn_by_them(wanted: bool) -> None:
    settings = replace(lattice_settings(2), memory=3, border="reflect")
    world = made_lattice(settings)
    copies = Copies(settings, 20_000, np.random.default_rng(2))
    copies.reset()
    same = np.full(20_000, wanted, np.int64)
    earned = sum(copies.step(same).rewards for _ in range(settings.slots))
    told = value(world, decisions(world, wanted))
    assert abs(np.mean(earned) - told) < 4 * np.std(earned) / np.sqrt(20_000)


def test_the_best_policy_is_worth_its_value_by_its_own_table() -> None:
    world = made_lattice(lattice_settings())
    best = optimum(world, discount=0.8)
    assert value(world, best.refresh, discount=0.8) == pytest.approx(best.value)


@pytest.mark.parametrize("users", [1, 2])
def test_never_always_and_every_few_slots_are_far_from_the_best(users: int) -> None:
    world = made_lattice(lattice_settings(users))
    ages = np.arange(world.settings.slots)[None, :, None, None]
    fixed = [value(world, decisions(world, True) & (ages >= every)) for every in range(11)]
    assert len(set(fixed)) > 5
    assert max(fixed) < 0.93 * optimum(world).value


def test_where_a_refresh_is_not_possible_the_best_is_never() -> None:
    world = made_lattice(replace(lattice_settings(), deadline=1e-6))
    assert not world.feasible.any()
    assert optimum(world).value == pytest.approx(value(world, decisions(world, False)))
    assert value(world, decisions(world, True)) == pytest.approx(optimum(world).value)


def test_who_sees_the_future_does_better_still() -> None:
    settings = lattice_settings()
    copies = Copies(settings, 5_000, np.random.default_rng(3))
    copies.reset()
    assert best_plan(settings, copies.course).expected.mean() > optimum(made_lattice(settings)).value


def test_states_are_numbered_in_the_order_they_are_listed_in() -> None:
    settings = lattice_settings(2)
    states = lattice_states(settings)
    assert states.shape == (81, 2, 2)
    assert (state_numbers(settings, states) == np.arange(81)).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"foresight": "gru"}, "foresight"),
        ({"fading": "users"}, "fading"),
        ({"redrawn": "episode"}, "redrawn"),
        ({"starts": "anywhere"}, "starts"),
        ({"border": "open"}, "open"),
        ({"side": 4.5}, "whole number"),
        ({"side": 100.0}, "expected fewer"),
        ({"users": 3}, "expected fewer"),
    ],
)
def test_a_world_that_cannot_be_counted_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made_lattice(replace(lattice_settings(), **change))
