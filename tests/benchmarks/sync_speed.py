"""How fast the world of twin synchronisation is stepped, on one thread, the assignment of blocks included.

python -m tests.benchmarks.sync_speed

Whole episodes are timed, with the drawing of their courses: all walks, interference, and both assignments of
every slot (without and with the cloud's block). Actions are drawn beforehand. The goal is 30,000 steps of
one copy in a second.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter

import gymnasium
import numpy as np

from hetnet.sync.blocks import assigned_sums, ranked_sums, served
from hetnet.sync.clairvoyant import best_plan
from hetnet.sync.gym import DEFAULT, NAME
from hetnet.sync.lattice import lattice_settings, made_lattice, optimum
from hetnet.sync.settings import SyncSettings
from hetnet.sync.world import Copies

FADED = replace(DEFAULT, fading="blocks")


def best_seconds(work: Callable[[], object], times: int = 7) -> float:
    """The shortest of a few runs of `work`, after one that compiles what is not compiled yet."""
    work()
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return min(taken)


def array_episodes(settings: SyncSettings, copies: int, episodes: int = 1) -> float:
    """Steps of one copy in a second, when so many are stepped together."""
    world = Copies(settings, copies, np.random.default_rng(0))
    actions = np.random.default_rng(1).integers(0, 2, (settings.slots, copies))

    def played() -> None:
        for _ in range(episodes):
            world.reset()
            for chosen in actions:
                world.step(chosen)

    return episodes * copies * settings.slots / best_seconds(played)


def single_episodes(env: gymnasium.Env[np.ndarray, np.int64], episodes: int = 100) -> float:
    """Steps in a second of an environment that is stepped alone."""
    actions = np.random.default_rng(1).integers(0, 2, DEFAULT.slots)

    def played() -> None:
        for _ in range(episodes):
            env.reset()
            for chosen in actions:
                env.step(chosen)

    return episodes * DEFAULT.slots / best_seconds(played, 5)


def print_arrays() -> None:
    """The array step by how many copies are stepped together and by what decides the assignment."""
    for name, settings in (("no fading", DEFAULT), ("fading on each block", FADED)):
        for copies, episodes in ((1, 100), (10, 20), (100, 3), (1000, 1)):
            rate = array_episodes(settings, copies, episodes)
            print(f"array of {copies:5} copies, {name:21} {rate:9,.0f} steps/s")


def print_environments() -> None:
    """Gymnasium's environments, bare and as `make` wraps them."""
    for name, settings in (("no fading", DEFAULT), ("fading on each block", FADED)):
        made = gymnasium.make(NAME, settings=settings)
        bare, wrapped = single_episodes(made.unwrapped), single_episodes(made)
        print(f"Gymnasium's single environment, {name:21} {bare:9,.0f} steps/s, as made {wrapped:9,.0f}")
    many = gymnasium.make_vec(NAME, num_envs=1000)
    actions = np.random.default_rng(1).integers(0, 2, (DEFAULT.slots + 1, 1000))

    def played() -> None:
        many.reset(seed=0)
        for chosen in actions[: DEFAULT.slots]:
            many.step(chosen)

    print(
        f"Gymnasium's vector environment of 1,000 copies {1000 * DEFAULT.slots / best_seconds(played):9,.0f}"
    )


def print_assignments() -> None:
    """One assignment without and one with the cloud, 10 users and 6 blocks."""
    rng = np.random.default_rng(0)
    carried, fast = rng.exponential(1.0, (1000, 30, 10, 6)), rng.random((1000, 30, 6)) < 0.8
    ranked = best_seconds(partial(ranked_sums, carried[..., 0].copy(), rng.random((1000, 30, 6)), fast))
    assigned = best_seconds(partial(assigned_sums, carried, fast))
    print(f"both assignments: by rank {ranked / 30e-3:.2f} µs, by shortest paths {assigned / 30e-3:.2f} µs")
    one = best_seconds(partial(served, carried[0, 0], fast[0, 0], True))
    print(f"whom blocks serve, one instant: {1e6 * one:.1f} µs")


def print_bounds() -> None:
    """What is known of the best: with the whole course seen, and in a small world."""
    world = Copies(DEFAULT, 1000, np.random.default_rng(0))
    world.reset()
    print(
        f"best plans of 1,000 known courses: {best_seconds(partial(best_plan, DEFAULT, world.course)):.3f} s"
    )
    for users in (1, 2):
        small = made_lattice(lattice_settings(users))
        taken = best_seconds(partial(optimum, small))
        print(f"optimum on the lattice, {users} users, {len(small.first)} states: {1000 * taken:.1f} ms")


if __name__ == "__main__":
    print_arrays()
    print_environments()
    print_assignments()
    print_bounds()
