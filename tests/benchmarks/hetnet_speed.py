"""How long the parts of the heterogeneous network take, each on one thread.

python -m tests.benchmarks.hetnet_speed
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import get_args

import numpy as np

from hetnet.causality import benefits, granger
from hetnet.decomposition import StlSettings, causal_components, decomposed
from hetnet.entropy import sample_entropies
from hetnet.figures_orchestration import step_time
from hetnet.forecasters import paper_forecasters
from hetnet.higher import HigherSettings, higher_twin, station_supply, valued_attributes
from hetnet.lower import at_use, chosen_neighbours
from hetnet.network import Network, rates
from hetnet.orchestration import Method, OrchestrationSettings
from hetnet.resampling import Kernel, resampled
from hetnet.scene import Scene, SceneSettings, generator, network_at, resized
from hetnet.situation import Situation, made_situation
from hetnet.world import World, WorldSettings, made_world


def best_seconds(work: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few runs of `work`."""
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return min(taken)


def _instant(scene: Scene) -> Network:
    return network_at(scene, scene.users.positions, generator(1, 9))


def print_network() -> None:
    """Two months of history, one instant, and the rates of that instant, by size of the network."""
    for users in (200, 1000, 2000):
        settings = resized(SceneSettings(), users)
        found = made_situation(settings)
        scene, network = found.scene, found.network
        history = best_seconds(partial(made_situation, settings), 1)
        instant = best_seconds(partial(_instant, scene))
        carried = best_seconds(partial(rates, network))
        print(
            f"{users:5} users, {len(scene.stations):3} stations: situation with 62 days {history:5.2f} s, "
            f"an instant {1000 * instant:6.1f} ms, its rates {1000 * carried:5.2f} ms"
        )


def print_higher() -> None:
    """The kernels of the higher-layer twin beside their goals, and its whole look by size of the network."""
    rng = generator(1, 10)
    series, others = rng.standard_normal((2, 1000, 1488))
    pairs = np.column_stack([np.arange(1000)] * 2)
    entropy = best_seconds(partial(sample_entropies, series))
    tests = best_seconds(partial(granger, series, others, pairs))
    print(f"sample entropy of 1,000 series of 1,488 points: {entropy:.3f} s (goal: 1 s)")
    print(f"1,000 Granger tests of 1,488 points: {tests:.3f} s (goal: .3 s)")
    for users in (200, 1000, 2000):
        found = made_situation(resized(SceneSettings(), users))
        look = best_seconds(partial(higher_twin, found.network, found.history, found.satisfaction), 2)
        stations = len(found.network.stations)
        print(f"{users:5} users, {stations:3} stations: the whole look {look:.2f} s, {_parts(found)}")


def _parts(found: Situation) -> str:
    """How long each part of a look takes."""
    settings, network, history = HigherSettings(), found.network, found.history
    steps = history.attributes.shape[-1]
    weights = network.users.weights
    parts: dict[str, Callable[[], object]] = {
        "entropy": partial(sample_entropies, history.attributes.reshape(-1, steps)),
        "benefits": partial(benefits, history.attributes, history.conditions, weights),
        "all values": partial(valued_attributes, history, weights, settings),
        "supply": partial(station_supply, network, history, settings),
    }
    return ", ".join(f"{name} {best_seconds(work, 2):.2f} s" for name, work in parts.items())


def print_lower() -> None:
    """What the lower-layer twin takes for 200 series of 1,488 points with three neighbours each."""
    rng = generator(1, 11)
    day = np.sin(2 * np.pi * np.arange(1488) / 24)
    series = day + 0.4 * rng.standard_normal((200, 1488))
    possible = ~np.eye(200, dtype=np.bool_)
    neighbours = (np.arange(200)[:, None] + np.arange(1, 4)) % 200
    stl = StlSettings()
    causal_components(series[:1], stl)
    decomposed(series[:1], stl)
    stamps, grid = np.sort(rng.uniform(0, 200, 200)), np.arange(200.0)
    known = best_seconds(partial(causal_components, series, stl))
    whole = best_seconds(partial(decomposed, series, stl))
    choice = best_seconds(partial(chosen_neighbours, series, possible))
    process = best_seconds(partial(resampled, stamps, series[0, :200], grid, Kernel(length=3.0)))
    print(f"STL at each step {known:.2f} s, of the whole {whole:.2f} s, neighbours {choice:.2f} s")
    print(f"resampling 200 readings {1000 * process:.1f} ms")
    last = 1487 - np.arange(200) % 4
    for forecaster in paper_forecasters():
        begun = perf_counter()
        issuer = forecaster.fit(series[:, :1320], neighbours)
        fitted = perf_counter() - begun
        use = best_seconds(partial(at_use, issuer, series, last, 1490), 2)
        print(f"{forecaster.name:34} fitted in {fitted:6.2f} s, used in {1000 * use:6.1f} ms")


def print_orchestration() -> None:
    """One orchestration of everyone after screening, by size of the network and by how powers are found."""
    for users, goal in ((50, None), (200, 0.1), (500, None), (1000, None), (2000, 10.0)):
        steps = [step_time(orchestrated_world(users, seed)) for seed in (1, 2, 3)]
        worst = max(steps, key=lambda step: step.orchestration)
        size = f"{users:5} users, {worst.stations:3} stations"
        aim = f" (goal: {1000 * goal:.0f} ms)" if goal else ""
        print(
            f"{size}: orchestration {1000 * worst.orchestration:7.1f} ms{aim}, association alone "
            f"{1000 * worst.association:6.1f} ms; screening {worst.screening:.2f} s, fitting twins "
            f"{worst.twins:.2f} s"
        )
    world = orchestrated_world(200, 1)
    for method in get_args(Method):
        taken = step_time(world, OrchestrationSettings(power=method)).orchestration
        print(f"  200 users, powers by {method}: {1000 * taken:.1f} ms")


def orchestrated_world(users: int, seed: int) -> World:
    """A short world of so many users, as dense as the paper's."""
    scene = replace(resized(SceneSettings(), users), seed=seed)
    return made_world(scene, WorldSettings(days=8, hours=1, seed=seed))


if __name__ == "__main__":
    print_network()
    print_higher()
    print_lower()
    print_orchestration()
