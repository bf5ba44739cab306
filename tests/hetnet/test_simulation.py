"""Systems orchestrate with what their twins know, and with nothing that comes later."""

from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from hetnet.forecasters import linear, seasonal_naive
from hetnet.network import ATTRIBUTES, served, transmitted
from hetnet.orchestration import Selection, everything
from hetnet.scene import SceneSettings
from hetnet.simulation import (
    SYSTEMS,
    Hour,
    Known,
    SimulationSettings,
    System,
    expected,
    fitted_twins,
    known_for,
    next_held,
    simulated,
)
from hetnet.world import World, WorldSettings, made_world, network_in, strongest

USERS = 60
SCENE = SceneSettings(users=USERS, macro=2, small=6, hotspots=4, half_width=350, seed=2)
LATE = SimulationSettings(twins_an_hour=100.0)
BY_NAME = {system.name: system for system in SYSTEMS}


@pytest.fixture(scope="module")
def world() -> World:
    return made_world(SCENE, WorldSettings(days=14, hours=4, fades=5, seed=2))


@pytest.fixture(scope="module")
def hours(world: World) -> list[Hour]:
    return list(simulated(world))


def mean(hours: list[Hour], name: str, value: str) -> float:
    return float(np.mean([getattr(hour.outcome, value) for hour in hours if hour.system.name == name]))


def test_every_system_orchestrates_every_hour_within_slots_and_limits(
    world: World, hours: list[Hour]
) -> None:
    assert len(hours) == len(SYSTEMS) * 4
    for hour in hours:
        network = network_in(world, world.start + hour.hour, hour.held)
        assert (served(network) <= network.stations.slots).all()
        assert (transmitted(network) <= network.stations.power * (1 + 1e-9)).all()
        assert np.isfinite([hour.outcome.award, hour.cost, hour.literal_cost, hour.late]).all()


def test_the_hierarchy_models_less_than_everything_and_radio_models_nothing(hours: list[Hour]) -> None:
    for hour in hours:
        if hour.system.scope == "all":
            assert hour.twins == USERS * len(ATTRIBUTES)
        elif hour.system.scope == "hierarchical":
            assert 0 <= hour.twins < USERS * len(ATTRIBUTES)
            assert 0 < hour.cost < next(each.cost for each in hours if each.system.scope == "all")
        else:
            assert hour.twins == hour.cost == hour.literal_cost == 0
        assert hour.literal_cost >= hour.cost


def test_twins_of_everyone_serve_users_better_than_the_strongest_signal(hours: list[Hour]) -> None:
    without = mean(hours, "strongest signal", "award")
    assert mean(hours, "all-inclusive, synchronised", "award") > without
    assert mean(hours, "random", "award") < without


@pytest.mark.parametrize(
    "name", ["hierarchical, synchronised", "hierarchical", "all-inclusive, synchronised"]
)
def test_what_comes_after_the_latest_reading_changes_no_decision(world: World, name: str) -> None:
    """Loads and places of the hour and after are other ones; what is put in force for it is the same.

    What stations measure of their own, in reach or not, is of the hour: so users stay where they are.
    """
    hour, system = world.start + 1, BY_NAME[name]
    offered, where = world.offered.copy(), world.where
    offered[hour:] *= 7
    other = replace(world, offered=offered, where=where)
    held = strongest(world, world.start)
    found = [
        next_held(each, fitted_twins(each, LATE, linear()), system, hour, held, LATE).held
        for each in (world, other)
    ]
    assert np.array_equal(found[0].serving, found[1].serving)
    assert np.array_equal(found[0].sent, found[1].sent)


@pytest.mark.parametrize("synchronised", [True, False])
def test_nothing_after_a_users_latest_reading_is_looked_at(world: World, synchronised: bool) -> None:
    users, hour = USERS, world.start + 3
    late = np.random.default_rng(1).integers(1, 4, users)
    known = Known(everything(users, 8), np.ones(users), np.zeros(users, bool), late)
    offered, where = world.offered.copy(), world.where.copy()
    for user in range(users):
        offered[hour - late[user] + 1 :, user] *= 5
        where[hour - late[user] + 1 :, user] ^= 1
    other = replace(world, offered=offered, where=where)
    held = strongest(world, world.start)
    twins = fitted_twins(world, LATE, linear())
    found = [expected(each, twins, known, hour, held, synchronised=synchronised) for each in (world, other)]
    assert np.array_equal(found[0][1], found[1][1])
    assert np.array_equal(found[0][0].gain, found[1][0].gain)


def test_synchronised_twins_tell_of_the_hour_of_use(world: World) -> None:
    """What was seen a week before the hour of use, not a week before the hour after the latest reading."""
    hour, late = world.start + 3, np.full(USERS, 3)
    known = Known(everything(USERS, 8), np.ones(USERS), np.zeros(USERS, bool), late)
    twins = fitted_twins(world, LATE, seasonal_naive(168))
    held = strongest(world, world.start)
    for synchronised, looked_back in ((True, hour - 168), (False, hour - 2 - 168)):
        _, offered = expected(world, twins, known, hour, held, synchronised=synchronised)
        assert offered == pytest.approx(world.offered[looked_back])


def test_what_is_not_modelled_is_as_it_was_read_last(world: World) -> None:
    hour, late = world.start + 3, np.full(USERS, 2)
    nothing = Selection(np.ones(USERS, bool), np.ones(8, bool), np.zeros((USERS, 5), bool))
    known = Known(nothing, np.zeros(USERS), np.zeros(USERS, bool), late)
    twins = fitted_twins(world, LATE, linear())
    network, offered = expected(world, twins, known, hour, strongest(world, hour), synchronised=True)
    assert offered == pytest.approx(world.offered[hour - 2])
    places = world.scene.places[world.where[hour - 2], np.arange(USERS)]
    assert network.users.positions == pytest.approx(places)


def test_twins_are_the_later_the_more_there_are(world: World) -> None:
    held, hour = strongest(world, world.start), world.start + 1
    twins = fitted_twins(world, LATE, linear())
    ages = [known_for(world, twins, scope, hour, held, LATE).late.mean() for scope in ("hierarchical", "all")]
    assert ages[0] < ages[1]
    assert ages[1] >= USERS * 5 / 100


@pytest.mark.parametrize(
    ("scene", "sentence"),
    [
        (
            SceneSettings(users=20, macro=10, small=0, macro_reach=2000.0),
            "all users are satisfied: there is nothing to do",
        ),
        (
            SceneSettings(users=10, macro_slots=0, small_slots=0),
            "10 users lack something, but none was found that can be helped",
        ),
        (
            SceneSettings(users=1, macro_slots=0, small_slots=0),
            "1 user lacks something, but none was found that can be helped",
        ),
    ],
)
def test_nothing_to_do_and_nothing_to_be_done_are_told_apart(scene: SceneSettings, sentence: str) -> None:
    made = made_world(scene, WorldSettings(days=8, hours=1, fades=3))
    (found,) = simulated(made, systems=[BY_NAME["hierarchical"]])
    assert found.twins == 0
    assert found.explained == sentence


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="twins_an_hour is 0\\.0, expected a positive number"):
        SimulationSettings(twins_an_hour=0.0)
    with pytest.raises(InputError, match="report_hours is -1\\.0"):
        SimulationSettings(report_hours=-1.0)


def test_systems_are_told_apart_by_name() -> None:
    assert len(BY_NAME) == len(SYSTEMS)
    assert System("a", "all") == System("a", "all", synchronised=False)
