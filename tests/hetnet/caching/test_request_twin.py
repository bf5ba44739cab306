"""The twin of the request process: what it learns, that it foretells from the past alone, what it draws."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.cells import Cells, drawn_cells
from hetnet.caching.fidelity import FidelitySettings, fidelity, total_variation
from hetnet.caching.generation import generated
from hetnet.caching.popularity import HOUR, PopularitySettings
from hetnet.caching.request_twin import (
    RequestTwin,
    TwinSettings,
    chances,
    components,
    fitted_mixture,
    learned_twin,
    next_shares,
)
from hetnet.caching.requests import Requests, RequestSettings, between, drawn_requests
from hetnet.caching.taste_learning import learned_groups

PROCESS = RequestSettings(requests=120_000, hours=72)
CALM = PopularitySettings(shifts_per_week=0, bursts_per_day=0, memory_hours=1e4, taste=0.8)
TRUE_FOLLOWER = np.arange(1000) // 10 * 10 + (np.arange(1000) + 1) % 10


@cache
def world(calm: bool = False) -> tuple[Cells, Requests]:
    process = replace(PROCESS, popularity=CALM) if calm else PROCESS
    rng = np.random.default_rng(5)
    return drawn_cells(process.cells, rng), drawn_requests(process, rng)


@cache
def twin(calm: bool = False) -> RequestTwin:
    cells, requests = world(calm)
    return learned_twin(between(requests, 0, 48 * HOUR), cells)


def test_sessions_are_learned_as_they_were_drawn() -> None:
    sessions = twin().sessions
    assert sessions.length == pytest.approx(3.0, rel=0.15)
    assert sessions.gap_seconds == pytest.approx(60.0, rel=0.15)
    assert sessions.follows == pytest.approx(0.25, abs=0.04)
    known = sessions.follower >= 0
    assert known.mean() > 0.6
    assert (sessions.follower[known] == TRUE_FOLLOWER[known]).mean() > 0.9


def test_groups_are_those_that_were_drawn() -> None:
    rng = np.random.default_rng(5)
    drawn_cells(PROCESS.cells, rng)
    true = rng.spawn(2)[0].spawn(3)[0].integers(0, CALM.groups, PROCESS.cells.clients)
    found = twin(calm=True).tastes.groups
    pairs = np.triu_indices(len(true), 1)
    together = (true[:, None] == true)[pairs] == (found[:, None] == found)[pairs]
    assert together.mean() > 0.95


def test_how_fast_ranks_drift_is_learned_roughly() -> None:
    drifts = []
    for memory in (24.0, 200.0):
        popularity = PopularitySettings(shifts_per_week=0, bursts_per_day=0, memory_hours=memory)
        process = RequestSettings(requests=150_000, hours=96, popularity=popularity)
        requests = drawn_requests(process, np.random.default_rng(1))
        drifts.append(learned_twin(requests, world()[0]).tastes.memory_hours)
    assert 12 < drifts[0] < 48
    assert drifts[1] > 2 * drifts[0]


def test_foretelling_beats_what_the_history_was_asked_for() -> None:
    _, requests = world()
    later = requests.times >= 48 * HOUR
    counts = np.bincount(requests.contents[~later], minlength=1000) + 0.5
    static = -np.log((counts / counts.sum())[requests.contents[later]]).mean()
    assert -np.log(chances(twin(), requests)[later]).mean() < static - 0.5


@given(place=st.integers(100, 3000), client=st.integers(0, 39))
@settings(max_examples=20, deadline=None)
def test_what_is_foretold_is_a_distribution(place: int, client: int) -> None:
    past = between(world()[1], 0, 2 * HOUR)
    shares = next_shares(twin(), past, client, float(past.times[place]))
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()


def test_compiled_chances_are_those_of_the_distribution() -> None:
    past = between(world()[1], 0, 2 * HOUR)
    compiled = chances(twin(), past)
    for place in (1, 50, 500, 2500):
        time, client = float(past.times[place]), int(past.clients[place])
        shares = next_shares(twin(), past, client, time)
        assert compiled[place] == pytest.approx(shares[past.contents[place]], rel=1e-9)


@given(seed=st.integers(0, 1000), place=st.integers(1, 1500))
@settings(max_examples=20, deadline=None)
def test_nothing_of_the_future_is_in_what_is_foretold(seed: int, place: int) -> None:
    past = between(world()[1], 0, HOUR)
    place = min(place, len(past) - 1)
    rng = np.random.default_rng(seed)
    contents, clients = past.contents.copy(), past.clients.copy()
    contents[place + 1 :] = rng.integers(0, 1000, len(past) - place - 1)
    clients[place + 1 :] = rng.integers(0, 40, len(past) - place - 1)
    other = replace(past, contents=contents, clients=clients)
    assert np.array_equal(chances(twin(), past)[: place + 1], chances(twin(), other)[: place + 1])
    time = float(past.times[place])
    assert np.array_equal(next_shares(twin(), past, 3, time), next_shares(twin(), other, 3, time))


def test_the_mixture_finds_the_component_that_requests_came_from() -> None:
    # what came had a share of .9 in the first component and .1 in the second, in four of five cases
    shares = np.array([[0.9, 0.1]] * 400 + [[0.1, 0.9]] * 100)
    mixture = fitted_mixture(shares)
    # the likelihood 400 log(.1 + .8 m) + 100 log(.9 - .8 m) is largest where m = .875
    assert mixture == pytest.approx([0.875, 0.125], abs=1e-3)


def test_components_worked_by_hand() -> None:
    zero = np.zeros(3, np.int64)
    requests = Requests(np.array([0.0, 10.0, 20.0]), zero, np.array([0, 1, 0]), 1, 4)
    found = components(requests, np.zeros(1, np.int64), np.array([10.0]))
    first, second = np.exp(-2.0), np.exp(-1.0)
    assert found[0] == pytest.approx([0.25, 0.25, 0.25])  # nothing is known yet
    assert found[1] == pytest.approx([0, 0, 0.25])
    assert found[2] == pytest.approx([first / (first + second)] * 2 + [0.25])


def test_generated_requests_are_like_later_ones() -> None:
    cells, requests = world(calm=True)
    later = between(requests, 48 * HOUR, np.inf)
    made = generated(twin(calm=True), 24.0, np.random.default_rng(0))
    found = fidelity(later, made, FidelitySettings(lags=12), cells.home)
    assert found.popularity < 0.2
    assert np.abs(found.hit_rate_errors).max() < 0.05


def test_rare_requests_hold_what_common_ones_do_not() -> None:
    calm = twin(calm=True)
    common, rare = (generated(calm, 48.0, np.random.default_rng(1), kind) for kind in ("common", "rare"))

    def drift(requests: Requests) -> float:
        halves = between(requests, 0, 24 * HOUR), between(requests, 24 * HOUR, np.inf)
        return total_variation(*(np.bincount(half.contents, minlength=1000) for half in halves))

    assert drift(rare) > drift(common) + 0.05


def test_one_seed_draws_one_sequence() -> None:
    one, same, other = (generated(twin(), 6.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.contents, same.contents)
    assert not np.array_equal(one.contents[:100], other.contents[:100])


def test_stations_are_as_busy_as_is_foretold() -> None:
    cells, _ = world()
    intensity = np.ones((6, 5)) * 500
    intensity[:, 2] = 5000
    requests = generated(twin(), 6.0, np.random.default_rng(1), intensity=intensity)
    at = np.bincount(cells.home[requests.clients], minlength=5)
    assert at[2] == pytest.approx(30_000, rel=0.05)
    assert at[0] == pytest.approx(3000, rel=0.15)


def test_who_asks_alike_is_found_in_the_smallest_case() -> None:
    clients, contents = np.array([0, 1, 2, 3] * 10), np.array([0, 1, 0, 1] * 10)
    requests = Requests(np.arange(40.0), clients, contents, 4, 2)
    groups = learned_groups(requests, 2, np.random.default_rng(0))
    assert groups[0] == groups[2] != groups[1] == groups[3]


def test_what_no_twin_can_be_learned_from_is_refused() -> None:
    cells, requests = world()
    few = between(requests, 0, 60)
    with pytest.raises(InputError, match="expected 1000 at least"):
        learned_twin(few, cells)
    with pytest.raises(InputError, match="one content only"):
        learned_twin(replace(requests, contents=np.zeros_like(requests.contents)), cells)
    with pytest.raises(InputError, match="at one moment"):
        learned_twin(replace(requests, times=np.zeros_like(requests.times)), cells)
    with pytest.raises(InputError, match="are in cells"):
        learned_twin(replace(requests, client_count=41), cells)
    with pytest.raises(InputError, match="kind 'odd'"):
        generated(twin(), 1.0, np.random.default_rng(0), "odd")  # type: ignore[arg-type]  # what is refused
    with pytest.raises(InputError, match="groups is 0"):
        TwinSettings(groups=0)
