"""How policies are learned, kept and judged. Axes: P parameters, M policies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.progress import finished
from hetnet.caching.contest import BOUND, CHOSEN, POOLED, contest, judged
from hetnet.caching.learning import (
    LearningSettings,
    begun,
    generated_ground,
    joined,
    learned,
    training_grounds,
    utilities,
)
from hetnet.caching.requests import between
from hetnet.caching.systems import (
    PARAMETERS,
    RELIABLE,
    RELIABLE_TWIN,
    RL,
    RL_TWIN,
    SYSTEMS,
    System,
    allowed,
    first_parameters,
    policy_of,
)
from hetnet.caching.training_files import load_trainings, save_trainings
from tests.hetnet.caching.worlds import small_world

SHORT = LearningSettings(generations=4, pairs=4, requests=2000, windows=2, common=1, rare=1, judged_every=2)


def test_systems_have_what_they_may_know() -> None:
    known = {
        system.name: {n for n, has in zip(PARAMETERS, allowed(system), strict=True) if has}
        for system in SYSTEMS
    }
    assert "foretold, 6 h" not in known["RL"] | known["reliable RL"]
    assert "load" not in known["RL"] | known["RL + twin"]
    assert known["RL"] < known["RL + twin"] < known["reliable RL + twin"]
    assert "load ahead" not in known["reliable RL"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_parameters_that_a_system_lacks_change_nothing(system: System) -> None:
    changed = np.where(allowed(system), first_parameters(system), 9.0)
    one, two = policy_of(system, first_parameters(system)), policy_of(system, changed)
    assert np.array_equal(one.weights, two.weights)
    assert one[1:] == two[1:]


def test_utilities_worked_by_hand() -> None:
    # four policies: log 3 - log 1 and log 3 - log 2 for the better two, of sum log 4.5; less a quarter each
    total = np.log(4.5)
    found = utilities(np.array([0.1, 0.9, 0.2, 0.5]))
    assert found == pytest.approx([-0.25, np.log(3) / total - 0.25, -0.25, np.log(1.5) / total - 0.25])
    assert found.sum() == pytest.approx(0)


def test_learning_is_decided_by_its_seed() -> None:
    world = small_world()
    one, same = (finished(learned(world, begun(RL, 1, SHORT), SHORT)) for _ in range(2))
    other = finished(learned(world, begun(RL, 2, SHORT), SHORT))
    assert np.array_equal(one.mean, same.mean)
    assert not np.array_equal(one.mean, other.mean)


def test_a_training_that_was_stopped_and_stored_goes_on_to_the_same_end(tmp_path: Path) -> None:
    world = small_world()
    whole = finished(learned(world, begun(RELIABLE_TWIN, 1, SHORT), SHORT))
    half = finished(learned(world, begun(RELIABLE_TWIN, 1, SHORT), SHORT, stop=2))
    save_trainings(tmp_path / "half", {RELIABLE_TWIN.name: half})
    back = load_trainings(tmp_path / "half")[RELIABLE_TWIN.name]
    end = finished(learned(world, back, SHORT))
    assert np.array_equal(end.mean, whole.mean)
    assert np.array_equal(end.spread, whole.spread)
    assert np.array_equal(end.curve, whole.curve)


def test_learning_earns_more_on_what_it_learns_from() -> None:
    world = small_world()
    settings = replace(SHORT, generations=12)
    end = finished(learned(world, begun(RELIABLE, 1, settings), settings))
    assert end.curve[-1, 1] > end.curve[0, 1]


def test_only_the_twin_brings_requests_that_nobody_made() -> None:
    world = small_world()
    assert len(training_grounds(world, RL, SHORT)) == 2
    grounds = training_grounds(world, RL_TWIN, SHORT)
    assert len(grounds) == 4
    for ground in grounds[:2]:
        assert ground.course.times[-1] < world.cut
    for ground in grounds[2:]:
        assert ground.begin == len(world.history)


def test_nothing_after_the_history_is_learned_from() -> None:
    world = small_world()
    after = len(world.history)
    contents = world.requests.contents.copy()
    contents[after:] = np.random.default_rng(0).permutation(contents[after:])
    other = replace(world, requests=replace(world.requests, contents=contents))
    one, two = (finished(learned(each, begun(RL_TWIN, 1, SHORT), SHORT)) for each in (world, other))
    assert np.array_equal(one.mean, two.mean)


def test_generated_requests_go_on_from_the_history() -> None:
    world = small_world()
    ground = generated_ground(world, "rare", SHORT, np.random.default_rng(0))
    assert ground.end - ground.begin == 2000
    assert (np.diff(ground.course.times) >= 0).all()
    again = joined(world.history, between(world.requests, 0, 600))
    assert again.times[len(world.history)] >= world.history.times[-1]


def test_all_stand_below_what_bounds_them() -> None:
    world = small_world()
    policies = {system.name: (system, first_parameters(system)) for system in SYSTEMS}
    found = contest(world, policies)
    rates = {name: each.measures["hits"] for name, each in found.items()}
    assert all(rate <= rates[POOLED] for rate in rates.values())
    assert all(rates[name] <= rates[BOUND] for name in ("lru", "s3-fifo", "belady"))
    assert rates["belady" + CHOSEN] > rates["sieve" + CHOSEN]
    for each in found.values():
        assert each.shares.sum() == pytest.approx(1)
    assert found["RL"].measures == judged(world, RL, first_parameters(RL)).measures


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"generations": 0}, "generations is 0"),
        ({"warm": 1.0}, "warm is 1.0"),
        ({"spread": 0.0}, "spread is 0.0"),
        ({"rare": -1}, "common or rare"),
    ],
)
def test_bad_settings_are_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        replace(LearningSettings(), **changed)
