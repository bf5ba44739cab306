"""Classic policies where clients may choose stations. Axes: R requests."""

import numpy as np
import pytest

from data.errors import InputError
from hetnet.caching.cache_world import course_of, rules_of
from hetnet.caching.classic_stations import HELD, Held, stations_hits
from hetnet.caching.classics import station_hits
from hetnet.caching.stations import HIT, MOVED, STATION
from hetnet.network import Floats
from tests.hetnet.caching.worlds import SMALL, small_world

COUNTS = rules_of(SMALL, safe=False)._replace(refuses=False)


def told(policy: Held, *, choice: bool, safe: bool = False) -> Floats:
    world = small_world()
    rules = COUNTS._replace(safe=safe)
    course = course_of(world.twin, world.requests)
    return stations_hits(policy, course, rules, slots=60, contents=1000, choice=choice)


@pytest.mark.parametrize("policy", HELD)
def test_at_home_each_policy_is_the_one_that_libcachesim_bears_out(policy: Held) -> None:
    world = small_world()
    at = world.cells.home[world.requests.clients]
    wanted = station_hits(policy, world.requests.contents, at, 60)
    assert np.array_equal(told(policy, choice=False)[:, HIT].astype(bool), wanted)


@pytest.mark.parametrize("policy", [each for each in HELD if each != "static"])
def test_choosing_where_a_content_is_held_hits_more_often(policy: Held) -> None:
    assert told(policy, choice=True)[:, HIT].mean() > told(policy, choice=False)[:, HIT].mean()


def test_belady_with_a_choice_hits_most() -> None:
    rates = {policy: told(policy, choice=True)[:, HIT].mean() for policy in HELD}
    assert max(rates, key=lambda policy: rates[policy]) == "belady"


def test_safety_modules_move_requests_of_classic_policies_too() -> None:
    found = told("lru", choice=True, safe=True)
    assert found[:, MOVED].sum() > 0
    reached = course_of(small_world().twin, small_world().requests).reached[small_world().requests.clients]
    assert (reached == found[:, STATION][:, None]).any(axis=1).all()


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InputError, match="unknown policy 'odd'"):
        told("odd", choice=True)  # type: ignore[arg-type]  # what is refused
