"""A world goes on whoever orchestrates it; networks hand users over without any twin."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from hetnet.network import NOBODY, in_range, served, transmitted
from hetnet.scene import SceneSettings
from hetnet.world import (
    Held,
    World,
    WorldSettings,
    at_random,
    conditions_in,
    handed_over,
    made_world,
    network_in,
    nobody,
    strongest,
)

SCENE = SceneSettings(users=40, macro=2, small=4, hotspots=3, half_width=250, seed=3)
BRIEF = WorldSettings(days=8, hours=6, fades=5, seed=3)


@pytest.fixture(scope="module")
def world() -> World:
    return made_world(SCENE, BRIEF)


def test_the_history_ends_where_the_hours_begin(world: World) -> None:
    assert world.start == 8 * 24 + 6
    assert list(world.hours) == list(range(198, 204))
    assert world.history.attributes.shape == (40, 5, 198)
    assert world.where.shape == world.offered.shape == (204, 40)
    assert np.array_equal(world.history.offered, world.offered[:198])


def test_a_world_is_that_of_its_seed(world: World) -> None:
    again, other = made_world(SCENE, BRIEF), made_world(SCENE, replace(BRIEF, seed=4))
    held = strongest(world, 200)
    assert np.array_equal(conditions_in(world, 200, held), conditions_in(again, 200, held))
    assert not np.array_equal(world.offered, other.offered)


def test_what_has_happened_does_not_depend_on_how_long_it_goes_on(world: World) -> None:
    longer = made_world(SCENE, replace(BRIEF, hours=18))
    assert np.array_equal(world.where, longer.where[:204])


@pytest.mark.parametrize("associate", [strongest, at_random])
def test_networks_without_twins_keep_slots_ranges_and_limits(
    world: World, associate: Callable[[World, int], Held]
) -> None:
    network = network_in(world, 199, associate(world, 199))
    rows = np.flatnonzero(network.serving != NOBODY)
    assert len(rows) > 0
    assert in_range(network.users, network.stations)[rows, network.serving[rows]].all()
    assert (served(network) <= network.stations.slots).all()
    assert (transmitted(network) <= network.stations.power * (1 + 1e-9)).all()


def test_users_out_of_reach_are_handed_over_and_others_left_alone(world: World) -> None:
    night, day = 199, 203  # before and after people have gone to work
    held = strongest(world, night)
    network = network_in(world, day, held)
    after = handed_over(network)
    reachable = in_range(network.users, network.stations)
    stays = (held.serving != NOBODY) & reachable[np.arange(40), held.serving]
    assert (after.serving[stays] == held.serving[stays]).all()
    assert (after.sent[stays] == held.sent[stays]).all()
    rows = np.flatnonzero(after.serving != NOBODY)
    assert reachable[rows, after.serving[rows]].all()
    found = replace(network, serving=after.serving, sent=after.sent)
    assert (served(found) <= found.stations.slots).all()
    assert (transmitted(found) <= found.stations.power * (1 + 1e-9)).all()


def test_whoever_no_station_serves_gets_nothing_and_no_number_is_missing(world: World) -> None:
    found = conditions_in(world, 200, nobody(world))
    assert np.isfinite(found).all()
    assert (found[:, 0] == 0).all()
    assert (found[:, 2] == 1).all()


def test_more_fading_draws_come_closer_to_the_mean(world: World) -> None:
    held = strongest(world, 200)
    many = conditions_in(replace(world, settings=replace(BRIEF, fades=400)), 200, held)[:, 0]
    apart = [
        np.abs(
            conditions_in(replace(world, settings=replace(BRIEF, fades=fades)), 200, held)[:, 0] - many
        ).mean()
        for fades in (2, 50)
    ]
    assert apart[1] < apart[0] / 2


def test_what_holds_is_all_that_counts(world: World) -> None:
    held = strongest(world, 200)
    same = Held(held.serving.copy(), held.sent.copy())
    assert np.array_equal(conditions_in(world, 200, held), conditions_in(world, 200, same))


def test_people_go_to_work_by_the_clock_of_the_week_with_which_the_demand_begins() -> None:
    loads = np.ones((204, 3))
    monday, saturday = (made_world(SCENE, BRIEF, loads=loads, first=first) for first in (0, 5 * 24))
    at_work = [made.where[12 : 24 * 5 : 24].sum(axis=1) for made in (monday, saturday)]  # five noons
    assert (at_work[0] > 0).all()
    assert at_work[1][:2].tolist() == [0, 0]
    assert saturday.history.first_hour == 120


def test_users_may_stay_at_home_for_whole_days(world: World) -> None:
    always = made_world(SCENE, replace(BRIEF, absent=1.0))
    some = made_world(SCENE, replace(BRIEF, absent=0.3))
    assert (always.where == 0).all()
    days = some.where[:192].reshape(8, 24, 40), world.where[:192].reshape(8, 24, 40)
    away = (days[0] != days[1]).any(axis=1)
    assert 0 < away.sum() < 8 * 40
    assert (days[0].max(axis=1)[away] == 0).all()
    with pytest.raises(InputError, match="expected a share from 0 to 1"):
        WorldSettings(absent=2.0)


def test_too_short_a_forecast_of_demand_is_refused() -> None:
    with pytest.raises(InputError, match="100 hours of demand, expected 204"):
        made_world(SCENE, BRIEF, loads=np.ones((100, 3)))
    with pytest.raises(InputError, match="days is 1, expected 8 or more"):
        WorldSettings(days=1)
