"""The world in arrays: rewards as printed, what is seen, and a course that no decision changes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from data.errors import InputError
from hetnet.network import Floats
from hetnet.sync.predictors import Hold, Predictor
from hetnet.sync.settings import SyncSettings
from hetnet.sync.walk import Mobility, drawn_mobility, expected_next
from hetnet.sync.world import Copies, Stepped, features

LONG_STEPS = SyncSettings(foresight="drift", step=6.0)


@dataclass(frozen=True)
class Expectation:
    """The predictor that the compiled foresight "drift" has to equal."""

    memory: int = 1

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:
        return expected_next(mobility, past[:, -1])


@dataclass(frozen=True)
class Trend:
    """A predictor that reads two states: users go on as they went last, by half."""

    memory: int = 2

    def __call__(self, past: Floats, mobility: Mobility) -> Floats:
        ahead: Floats = past[:, -1] + 0.5 * (past[:, -1] - past[:, -2])
        return ahead


def copies(settings: SyncSettings, count: int = 4, seed: int = 0, by: Predictor | None = None) -> Copies:
    return Copies(settings, count, np.random.default_rng(seed), by)


def actions(count: int, slots: int = 30, seed: int = 1) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, 2, (slots, count))


def played(world: Copies, chosen: NDArray[np.int64]) -> list[Stepped]:
    world.reset()
    return [world.step(each) for each in chosen]


def best_sum(carried: Floats) -> float:
    return float(carried[linear_sum_assignment(carried, maximize=True)].sum())


def plain_rewards(settings: SyncSettings, world: Copies, copy: int, chosen: NDArray[np.int64]) -> list[float]:
    """Rewards of one copy, slot by slot, from (2), (15) and (17) with scipy's assignment."""
    course, mobility = world.course, drawn_mobility(settings)
    everywhere = (world.copies, settings.slots + 1, settings.users + 1, settings.blocks)
    fading = np.broadcast_to(course.fading, everywhere)[copy]
    levels = np.broadcast_to(course.levels, (*everywhere[:2], settings.blocks))[copy]
    positions = course.positions[copy]
    twin = positions[settings.memory - 1]
    share = settings.users if settings.error_counted == "once" else 1
    rewards = []
    for slot in range(settings.slots):
        true = positions[settings.memory + slot]
        twin = twin if settings.foresight == "hold" else expected_next(mobility, twin[None])[0]
        unwanted = levels[slot] + settings.bandwidth * settings.noise
        gains = fading[slot, :-1] * np.maximum(np.linalg.norm(true, axis=1), 1)[:, None] ** -2
        carried = settings.bandwidth * np.log2(1 + settings.power * gains / unwanted)
        to_cloud = settings.bandwidth * np.log2(1 + settings.power * fading[slot, -1] / 800 / unwanted)
        fast = np.flatnonzero(settings.size / to_cloud <= settings.deadline)
        if chosen[slot] and len(fast):
            twin = true
            rewards.append(
                settings.weight * max(best_sum(np.delete(carried, block, axis=1)) for block in fast)
            )
        else:
            penalty = (1 - settings.weight) / share * float(np.square(true - twin).sum())
            rewards.append(settings.weight * best_sum(carried) - penalty)
    return rewards


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"foresight": "hold", "border": "open"},
        {"foresight": "hold", "border": "stay", "error_counted": "users", "redrawn": "slot"},
        {"fading": "users", "redrawn": "world", "interference": (1e-4, 1e-1)},
        {"fading": "blocks", "redrawn": "slot", "interference": (1e-4, 1e-1), "blocks": 4},
        {"users": 2, "blocks": 5, "bandwidth": 2.0, "power": 0.5},
        {"memory": 1, "slots": 12},
    ],
)
def test_rewards_are_those_of_the_paper(change: dict[str, Any]) -> None:
    settings = replace(LONG_STEPS, **change)
    world, chosen = copies(settings), actions(4, settings.slots)
    found = np.array([came.rewards for came in played(world, chosen)])
    for copy in range(4):
        assert found[:, copy] == pytest.approx(plain_rewards(settings, world, copy, chosen[:, copy]))


@pytest.mark.parametrize(("foresight", "by"), [("drift", Expectation()), ("hold", Hold())])
@pytest.mark.parametrize("border", ["reflect", "stay"])
def test_compiled_foresight_is_that_of_a_predictor(foresight: Any, by: Predictor, border: Any) -> None:
    settings = replace(LONG_STEPS, border=border, foresight=foresight)
    chosen = actions(4)
    compiled = played(copies(settings), chosen)
    asked = played(copies(replace(settings, foresight="gru"), by=by), chosen)
    for one, other in zip(compiled, asked, strict=True):
        assert one.errors == pytest.approx(other.errors)
        assert one.rewards == pytest.approx(other.rewards)


def test_a_predictor_reads_the_states_of_the_twin_not_those_of_the_users() -> None:
    settings = replace(LONG_STEPS, foresight="gru", slots=4, memory=3)
    world = copies(settings, 1, by=Trend())
    came = played(world, np.array([[0], [1], [0], [0]]))
    true = world.course.positions[0, 2:]  # from the last that is known beforehand
    before = world.course.positions[0, 1]
    first = true[0] + 0.5 * (true[0] - before)
    third = true[2] + 0.5 * (true[2] - first)  # refreshed in the second slot, after a predicted first
    fourth = third + 0.5 * (third - true[2])
    assert [float(each.errors[0]) for each in came] == pytest.approx(
        [
            np.square(true[1] - first).sum(),
            0,
            np.square(true[3] - third).sum(),
            np.square(true[4] - fourth).sum(),
        ]
    )


@pytest.mark.parametrize("fading", ["none", "blocks"])
def test_one_seed_brings_one_course_whatever_is_decided(fading: Any) -> None:
    settings = replace(LONG_STEPS, fading=fading, redrawn="slot")
    one, other = copies(settings, seed=3), copies(settings, seed=3)
    for episode in range(3):
        played(one, actions(4, seed=episode))
        played(other, np.zeros((30, 4), np.int64))
        for mine, theirs in zip(one.course, other.course, strict=True):
            assert (mine == theirs).all()
    played(other, actions(4))
    assert not np.allclose(one.course.positions, other.course.positions)  # each episode has its own


def test_a_refresh_costs_its_price_and_saves_the_error() -> None:
    settings = LONG_STEPS
    with_it, without = copies(settings, 50), copies(settings, 50)
    seen = with_it.reset()
    without.reset()
    name = features(settings).index
    gained = with_it.step(np.ones(50, np.int64)).rewards - without.step(np.zeros(50, np.int64)).rewards
    assert gained == pytest.approx(seen[:, name("error")] - seen[:, name("price")], abs=1e-4)


def test_after_a_refresh_the_twin_has_no_error_and_begins_to_age() -> None:
    world = copies(LONG_STEPS)
    world.reset()
    age = features(LONG_STEPS).index("age")
    aged = [world.step(np.zeros(4, np.int64)).observations[:, age] for _ in range(3)]
    assert np.allclose(np.array(aged) * 30, [[2], [3], [4]])
    came = world.step(np.array([1, 0, 1, 0]))
    assert came.synced.tolist() == [True, False, True, False]
    assert came.errors[[0, 2]].tolist() == [0, 0]
    assert (came.errors[[1, 3]] > 0).all()
    assert np.allclose(came.observations[:, age] * 30, [1, 5, 1, 5])


@pytest.mark.parametrize("fading", ["none", "blocks"])
def test_a_refresh_that_no_block_is_fast_enough_for_is_refused_and_costs_nothing(fading: Any) -> None:
    settings = replace(LONG_STEPS, deadline=1e-6, fading=fading)
    asked, silent = copies(settings), copies(settings)
    seen = asked.reset()
    silent.reset()
    name = features(settings).index
    assert (seen[:, [name("feasible"), name("price")]] == 0).all()
    came, other = asked.step(np.ones(4, np.int64)), silent.step(np.zeros(4, np.int64))
    assert came.refused.all()
    assert not came.synced.any()
    assert not other.refused.any()
    assert (came.rewards == other.rewards).all()
    assert (came.observations == other.observations).all()


@pytest.mark.parametrize("foresight", ["hold", "drift"])
def test_the_error_grows_by_as_much_as_is_expected(foresight: Any) -> None:
    settings = replace(LONG_STEPS, foresight=foresight, border="open", slots=4)
    world = copies(settings, 20_000)
    name = features(settings).index
    seen = world.reset()
    for _ in range(3):
        after = world.step(np.zeros(20_000, np.int64)).observations
        grown = after[:, name("error")] - seen[:, name("error")]
        missed = grown - seen[:, name("growth")]
        assert abs(missed.mean()) < 4 * missed.std() / np.sqrt(20_000)
        seen = after


def test_what_is_seen_has_names_and_is_of_the_users_in_sides_of_the_area() -> None:
    world = copies(LONG_STEPS)
    seen = world.reset()
    assert seen.dtype == np.float32
    assert seen.shape == (4, len(features(LONG_STEPS)))
    places = world.course.positions[:, 5].reshape(4, -1) / 100
    assert seen[:, :20] == pytest.approx(places, abs=1e-6)
    assert features(LONG_STEPS)[:3] == ("x of user 0", "y of user 0", "x of user 1")


def test_the_observation_of_the_paper_holds_positions_alone() -> None:
    settings = replace(LONG_STEPS, observed="paper")
    world, full = copies(settings), copies(LONG_STEPS)
    assert len(features(settings)) == 20
    assert (world.reset() == full.reset()[:, :20]).all()
    one, other = world.step(np.ones(4, np.int64)), full.step(np.ones(4, np.int64))
    assert (one.observations == other.observations[:, :20]).all()
    assert (one.rewards == other.rewards).all()


def test_an_error_counted_for_each_user_weighs_as_much_more() -> None:
    once = copies(replace(LONG_STEPS, weight=0.0))
    each = copies(replace(LONG_STEPS, weight=0.0, error_counted="users"))
    still = np.zeros((30, 4), np.int64)
    for one, other in zip(played(once, still), played(each, still), strict=True):
        assert other.rewards == pytest.approx(10 * one.rewards)


@pytest.mark.parametrize(
    ("redrawn", "shape"), [("world", (1, 1, 6)), ("episode", (4, 1, 6)), ("slot", (4, 31, 6))]
)
def test_interference_is_redrawn_as_the_settings_say(redrawn: Any, shape: tuple[int, ...]) -> None:
    world = copies(replace(LONG_STEPS, redrawn=redrawn, interference=(1e-4, 1e-2)))
    world.reset()
    first = world.course.levels
    assert first.shape == shape
    assert ((first >= 1e-4) & (first <= 1e-2)).all()
    world.reset()
    assert (redrawn == "world") == bool((first == world.course.levels).all())


def test_fading_is_one_on_average_and_the_same_on_all_blocks_where_it_is_of_users() -> None:
    world = copies(replace(LONG_STEPS, fading="blocks"), 200)
    world.reset()
    assert world.course.fading.shape == (200, 31, 11, 6)
    assert world.course.fading.mean() == pytest.approx(1, abs=0.01)
    users = copies(replace(LONG_STEPS, fading="users"))
    users.reset()
    assert users.course.fading.shape == (4, 31, 11, 1)


def test_an_episode_ends_for_all_copies_and_must_then_be_reset() -> None:
    world = copies(LONG_STEPS)
    with pytest.raises(InputError, match="expected a reset"):
        world.step(np.zeros(4, np.int64))
    ended = [came.ended for came in played(world, actions(4))]
    assert ended == [False] * 29 + [True]
    with pytest.raises(InputError, match="expected a reset"):
        world.step(np.zeros(4, np.int64))
    assert world.reset()[0, features(LONG_STEPS).index("left")] == 1


def test_actions_of_another_shape_or_kind_are_refused() -> None:
    world = copies(LONG_STEPS)
    world.reset()
    with pytest.raises(InputError, match=r"expected \(4,\)"):
        world.step(np.zeros(3, np.int64))
    with pytest.raises(InputError, match="neither 0"):
        world.step(np.array([0, 1, 2, 0]))


def test_a_predictor_goes_with_the_foresight_gru_alone() -> None:
    with pytest.raises(InputError, match="none was given"):
        copies(SyncSettings())
    with pytest.raises(InputError, match="one was given"):
        copies(LONG_STEPS, by=Hold())
    with pytest.raises(InputError, match="keeps 1"):
        copies(SyncSettings(memory=1), by=Trend())
    with pytest.raises(InputError, match="0 copies"):
        copies(LONG_STEPS, 0)


@pytest.mark.parametrize(
    "settings", [SyncSettings(blocks=10**9), SyncSettings(users=10**8), SyncSettings(slots=10**8)]
)
def test_a_world_that_would_fill_the_memory_is_refused(settings: SyncSettings) -> None:
    with pytest.raises(InputError, match="expected at most 0 of that size"):
        copies(replace(settings, foresight="drift"))
    with pytest.raises(
        InputError, match=r"10,000,000 copies of a world .* expected at most 158,730 of that size"
    ):
        copies(LONG_STEPS, 10**7)
