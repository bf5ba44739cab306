"""Stations that serve requests: against a plain loop, and without the future."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.cache_world import CacheSettings, Overload, course_of, rules_of
from hetnet.caching.safety import NOWHERE
from hetnet.caching.stations import (
    EMPTY,
    HIT,
    MOVED,
    REFUSED,
    STATION,
    UNEVEN,
    Course,
    Policy,
    State,
    faded_weights,
    hear,
    new_state,
    served,
    worth,
)
from hetnet.caching.systems import RELIABLE_TWIN, first_parameters, policy_of
from hetnet.network import Floats
from tests.hetnet.caching.worlds import SMALL, small_world

HOME = 1e6  # so much in favour of a client's home that nothing else counts


def plain(weights: Sequence[float], home: float = 0.0, held: float = 0.0, margin: float = 1.0) -> Policy:
    return Policy(np.array(weights, float), margin, held, home, 0.0, 0.0, 0.0, 0.0)


def course() -> Course:
    world = small_world()
    return course_of(world.twin, world.requests)


def run(policy: Policy, *, safe: bool = False, overload: Overload = "counts", count: int = 6000) -> Floats:
    world = small_world()
    mine = replace(world.settings, overload=overload)
    return served(course(), new_state(5, mine.slots, 1000), policy, rules_of(mine, safe=safe), (0, count))


def test_sums_are_those_of_a_plain_loop() -> None:
    here, state = course(), new_state(5, 60, 1000)
    for place in range(3000):
        hear(here, state, place)
    now, content = float(here.times[2999]) + 100.0, int(here.contents[2500])
    station = int(here.reached[here.clients[2500], 0])
    found = []
    for feature in range(8):
        weights = np.zeros(8)
        weights[feature] = 1.0
        found.append(worth(state, station, content, faded_weights(here, state, weights, now), now))
    reaches = (here.reached == station).any(axis=1)[here.clients[:3000]]
    mine = here.contents[:3000] == content
    ages = now - here.times[:3000]
    for feature, memory in enumerate(here.memories[:3]):
        faded = np.exp(-ages / memory) * 3600 / memory
        assert found[feature] == pytest.approx(faded[mine & reaches].sum())
    for feature, memory in enumerate(here.memories[3:6]):
        amounts = here.amounts[station, here.groups[here.clients[:3000]], feature]
        assert found[3 + feature] == pytest.approx((amounts * np.exp(-ages / memory))[mine].sum())
    leads = here.follower[here.contents[:3000]] == content
    following = here.follows * np.exp(-ages / here.memories[6]) * 3600 / here.memories[6]
    assert found[6] == pytest.approx(following[leads & reaches].sum())
    assert found[7] == pytest.approx(3600 / (ages[mine & reaches].min() + 60))


def test_recency_alone_is_lru_among_what_stations_hear() -> None:
    told = run(plain([0] * 7 + [1], home=HOME))
    here, caches = course(), [dict[int, float]() for _ in range(5)]
    heard = [dict[int, int]() for _ in range(5)]
    for place in range(6000):
        content = int(here.contents[place])
        for station in here.reached[here.clients[place]]:
            if station != NOWHERE:
                heard[station][content] = place
        station = int(here.reached[here.clients[place], 0])
        cache = caches[station]
        assert (content in cache) == bool(told[place, HIT])
        if content not in cache and len(cache) == 60:
            del cache[min(cache, key=lambda each: heard[station][each])]
        cache[content] = 0.0


def test_caches_hold_what_they_say_they_hold() -> None:
    state = new_state(5, 60, 1000)
    policy = policy_of(RELIABLE_TWIN, first_parameters(RELIABLE_TWIN))
    served(course(), state, policy, rules_of(SMALL, safe=True), (0, 6000))
    for station in range(5):
        held = state.held[station][state.held[station] != EMPTY]
        assert len(np.unique(held)) == len(held) == state.filled[station] == 60
        assert (state.held[station][state.slot_of[station][held]] == held).all()
        assert (state.slot_of[station] != EMPTY).sum() == 60


@given(seed=st.integers(0, 1000), place=st.integers(10, 1900))
@settings(max_examples=15, deadline=None)
def test_nothing_of_the_future_is_in_what_is_done(seed: int, place: int) -> None:
    here, rng = course(), np.random.default_rng(seed)
    contents, clients = here.contents.copy(), here.clients.copy()
    contents[place + 1 :] = rng.permutation(contents[place + 1 :])
    clients[place + 1 :] = rng.permutation(clients[place + 1 :])
    other = here._replace(contents=contents, clients=clients)
    policy, rules = policy_of(RELIABLE_TWIN, first_parameters(RELIABLE_TWIN)), rules_of(SMALL, safe=True)
    one, two = (
        served(each, new_state(5, 60, 1000), policy, rules, (0, 2000))[: place + 1] for each in (here, other)
    )
    assert np.array_equal(one, two)


def test_clients_are_served_by_stations_that_they_reach() -> None:
    told, here = run(plain([1, 1, 1, 0, 0, 0, 0, 0], held=1.0), safe=True), course()
    reached = here.reached[here.clients[:6000]]
    assert (reached == told[:, STATION][:, None]).any(axis=1).all()


def test_safety_evens_loads_and_is_counted() -> None:
    policy = plain([1, 1, 1, 0, 0, 0, 0, 0], held=5.0, home=1.0)
    free, safe = run(policy), run(policy, safe=True)
    assert safe[3000:, UNEVEN].mean() < free[3000:, UNEVEN].mean() - 0.05
    assert free[:, MOVED].sum() == 0
    assert safe[:, MOVED].sum() > 50


def test_overloaded_stations_turn_requests_away_only_where_they_are_to() -> None:
    policy = plain([1, 1, 1, 0, 0, 0, 0, 0], held=5.0, home=1.0)
    counts, refuses = run(policy), run(policy, overload="refuses")
    assert counts[:, REFUSED].sum() == 0
    assert refuses[:, REFUSED].sum() > 50
    assert not (refuses[:, HIT] * refuses[:, REFUSED]).any()


def test_a_newcomer_must_be_worth_its_place() -> None:
    never = run(plain([1, 1, 1, 0, 0, 0, 0, 0], home=HOME, margin=1e9))
    assert never[:, HIT].sum() > 0  # slots that are empty are filled
    always = run(plain([1, 1, 1, 0, 0, 0, 0, 0], home=HOME, margin=0.0))
    assert not np.array_equal(never[:, HIT], always[:, HIT])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"slots": 0}, "0 slots"),
        ({"limit": 1.0}, "more than 1"),
        ({"margin": 2.0}, "margin is 2.0"),
        ({"penalty": -1.0}, "penalty or price"),
        ({"overload": "waits"}, "refuses or counts"),
        ({"warm_hours": 100.0}, "expected them to rise"),
        ({"load_minutes": 0.0}, "load_minutes"),
    ],
)
def test_bad_settings_are_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        replace(CacheSettings(), **changed)


def test_a_state_is_whole() -> None:
    assert len(new_state(2, 3, 4)) == len(State._fields)
