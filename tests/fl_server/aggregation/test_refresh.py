"""How the G-NDT is refreshed when C-NDTs arrive one by one."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from fl_server.aggregation.refresh import REFRESHES, Arrival, Refresh, Staleness, chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy
from fl_server.aggregation.updates import Floats, State
from tests.fl_server.aggregation.cases import drawn_case, updates_of

KNOWN = updates_of([[1, 1], [3, 5]])
MEAN = chosen_strategy("mean")


def floats(*values: float) -> Floats:
    """Values as a twin's weights."""
    return np.array(values, dtype=np.float32)


def arrival(weights: Floats, start: Floats, staleness: int = 0, cluster: int = 0) -> Arrival:
    """A C-NDT of ten samples."""
    return Arrival(cluster, weights, start, staleness, samples=10)


def replayed(refresh: Refresh, current: Floats, arrivals: Sequence[Arrival]) -> tuple[Floats, int]:
    """The G-NDT after all arrivals, and how many versions were made."""
    state: State = {}
    versions = 0
    for one in arrivals:
        refreshed, state = refresh(current, one, KNOWN, state)
        if refreshed is not None:
            current, versions = refreshed, versions + 1
    return current, versions


@pytest.mark.parametrize(
    ("settings", "golden"),
    [
        (Staleness(staleness="constant"), {0: 1, 1: 1, 100: 1}),
        (Staleness(staleness="polynomial"), {0: 1, 1: 1 / 2**0.5, 3: 0.5, 8: 1 / 3, 99: 0.1}),
        (Staleness(staleness="polynomial", power=1), {0: 1, 1: 0.5, 4: 0.2}),
        (Staleness(staleness="polynomial", power=0), {0: 1, 50: 1}),
        (Staleness(staleness="hinge"), {0: 1, 4: 1, 5: 1 / 11, 6: 1 / 21}),
        (Staleness(staleness="hinge", hinge=1, slope=0.5), {0: 1, 1: 1, 2: 1 / 1.5, 3: 0.5}),
    ],
)
def test_trust_by_age(settings: Staleness, golden: dict[int, float]) -> None:
    assert {age: settings.trust(age) for age in golden} == pytest.approx(golden, rel=1e-12)


@given(age=st.integers(0, 1000), fading=st.sampled_from(["constant", "polynomial", "hinge"]))
def test_trust_never_grows_with_age(age: int, fading: str) -> None:
    settings = Staleness(staleness=fading)  # type: ignore[arg-type]  # one of the three
    assert 0 < settings.trust(age + 1) <= settings.trust(age) <= 1


def test_cluster_mean_merges_the_latest_of_every_cluster() -> None:
    refresh = chosen_refresh("cluster-mean", MEAN)
    refreshed, _ = refresh(floats(9, 9), arrival(floats(3, 5), floats(0, 0)), KNOWN, {})
    np.testing.assert_array_equal(refreshed, [2, 3])  # (1 + 3)/2, (1 + 5)/2: the present G-NDT has no part


def test_cluster_mean_keeps_the_state_of_its_strategy() -> None:
    refresh = chosen_refresh("cluster-mean", chosen_strategy("momentum:rate=1,beta=0.5"))
    first, state = refresh(floats(0, 0), arrival(floats(3, 5), floats(0, 0)), KNOWN, {})
    assert first is not None
    second, _ = refresh(first, arrival(floats(3, 5), floats(0, 0)), KNOWN, state)
    np.testing.assert_array_equal(first, [2, 3])
    np.testing.assert_array_equal(second, [3, 4.5])  # the mean has not moved, half of the velocity goes on


def test_cluster_mean_checks_what_its_strategy_returns() -> None:
    refresh = chosen_refresh("cluster-mean", chosen_strategy("momentum:rate=1e60"))
    with pytest.raises(
        InputError, match=r"^the strategy momentum returned 2 weights of 2 that are not finite"
    ):
        refresh(floats(0, 0), arrival(floats(3, 5), floats(0, 0)), KNOWN, {})


def test_mix_moves_by_the_rate_and_the_trust() -> None:
    refresh = chosen_refresh("mix:rate=0.5,staleness=polynomial,power=1", MEAN)
    fresh, _ = refresh(floats(0, 4), arrival(floats(8, 0), floats(0, 4)), KNOWN, {})
    stale, _ = refresh(floats(0, 4), arrival(floats(8, 0), floats(7, 7), staleness=1), KNOWN, {})
    np.testing.assert_array_equal(fresh, [4, 2])  # a fresh arrival has all of the rate: .5
    np.testing.assert_array_equal(stale, [2, 3])  # .5 · 1/2


def test_a_full_rate_without_staleness_replaces_the_twin() -> None:
    case = drawn_case(4)
    refresh = chosen_refresh("mix:rate=1,staleness=constant", MEAN)
    refreshed, _ = refresh(case.current, arrival(case.updates.weights[0], case.current, 7), KNOWN, {})
    np.testing.assert_array_equal(refreshed, case.updates.weights[0])


def test_the_rate_of_mixing_does_not_decay() -> None:
    refresh = chosen_refresh("mix:rate=0.5", MEAN)
    current, _ = replayed(refresh, floats(0), [arrival(floats(1), floats(0))] * 4)
    assert current[0] == 1 - 0.5**4  # each arrival halves what is left


def test_a_buffer_refreshes_after_every_size_arrivals() -> None:
    refresh = chosen_refresh("buffered:size=3", MEAN)
    arrivals = [arrival(floats(3), floats(0))] * 7
    state: State = {}
    made = []
    for one in arrivals:
        refreshed, state = refresh(floats(0), one, KNOWN, state)
        made.append(refreshed is not None)
    assert made == [False, False, True, False, False, True, False]


def test_a_buffer_divides_by_its_size_and_counts_from_where_each_cluster_started() -> None:
    """Changes 4 − 1 = 3 and, three versions old, .5·(2 − 4) = −1: 10 + .5·(3 − 1)/2."""
    refresh = chosen_refresh("buffered:size=2,rate=0.5", MEAN)
    arrivals = [arrival(floats(4), floats(1)), arrival(floats(2), floats(4), staleness=3, cluster=1)]
    current, versions = replayed(refresh, floats(10), arrivals)
    assert versions == 1
    assert current[0] == 10.5


@given(seed=st.integers(0, 99), contributors=st.integers(1, 8))
def test_a_buffer_of_all_fresh_clusters_is_fedavg(seed: int, contributors: int) -> None:
    case = drawn_case(seed, contributors)
    refresh = chosen_refresh(f"buffered:size={contributors}", MEAN)
    arrivals = [
        arrival(weights, case.current, cluster=place) for place, weights in enumerate(case.updates.weights)
    ]
    found, _ = replayed(refresh, case.current, arrivals)
    expected, _ = MEAN(case.current, case.updates, {})
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_buffer_of_one_without_staleness_is_plain_descent() -> None:
    refresh = chosen_refresh("buffered:size=1,staleness=constant", MEAN)
    arrivals = [arrival(floats(2), floats(1), 9), arrival(floats(5), floats(7), 4)]
    current, versions = replayed(refresh, floats(10), arrivals)
    assert versions == 2
    assert current[0] == 10 + (2 - 1) + (5 - 7)


@given(seed=st.integers(0, 99), order=st.permutations(range(5)))
def test_the_order_within_a_buffer_is_irrelevant(seed: int, order: list[int]) -> None:
    case = drawn_case(seed, 5)
    arrivals = [arrival(weights, case.current, place) for place, weights in enumerate(case.updates.weights)]
    refresh = chosen_refresh("buffered:size=5,rate=0.7", MEAN)
    found, _ = replayed(refresh, case.current, arrivals)
    other, _ = replayed(refresh, case.current, [arrivals[place] for place in order])
    np.testing.assert_allclose(found, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spec", ["cluster-mean", "mix:staleness=hinge,hinge=1", "buffered:size=2"])
def test_replaying_a_log_gives_the_same_bytes_and_changes_nothing_in_it(spec: str) -> None:
    case = drawn_case(3, 5)
    log = [arrival(weights, case.current, place) for place, weights in enumerate(case.updates.weights)]
    before = [replace(one, weights=one.weights.copy(), start=one.start.copy()) for one in log]

    def replay() -> bytes:
        refresh, current = chosen_refresh(spec, MEAN), case.current
        remembered: State = {}
        for one in log:
            refreshed, remembered = refresh(current, one, case.updates, remembered)
            current = current if refreshed is None else refreshed
        return current.tobytes()

    assert replay() == replay()
    for one, copied in zip(log, before, strict=True):
        np.testing.assert_array_equal(one.weights, copied.weights)
        np.testing.assert_array_equal(one.start, copied.start)


@pytest.mark.parametrize("spec", REFRESHES)
def test_a_twin_that_arrives_as_it_started_changes_nothing(spec: str) -> None:
    """In `known` all are the same; the buffer is full at the fifth."""
    twin = drawn_case(1).current
    known = updates_of(np.tile(twin, (2, 1)).tolist())
    refresh = chosen_refresh(spec, MEAN)
    state: State = {}
    for _ in range(5):
        refreshed, state = refresh(twin, arrival(twin, twin, 2), known, state)
    assert refreshed is not None
    np.testing.assert_allclose(refreshed, twin, rtol=1e-6)
    assert not np.shares_memory(refreshed, twin)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            "mixx",
            r"unknown refresh rule 'mixx', expected one of cluster-mean, mix, buffered; did you mean mix\?",
        ),
        ("cluster-mean:rate=1", "cluster-mean has no settings, got rate"),
        ("mix:rate=0", r"mix: rate must be in \(0, 1\], got 0.0"),
        ("mix:rate=1.5", r"mix: rate must be in \(0, 1\], got 1.5"),
        ("mix:power=-1", "staleness: power must be 0 or more, got -1.0"),
        ("mix:size=2", "mix has no setting 'size', expected one of staleness, power, hinge, slope, rate"),
        (
            "mix:staleness=hinges",
            r"mix: staleness = 'hinges', expected one of constant, polynomial, hinge; did you mean hinge\?",
        ),
        ("buffered:size=0", "buffered: size must be 1 or more, got 0"),
        ("buffered:size=2.5", "buffered: size = '2.5', expected a whole number"),
        ("buffered:rate=0", "buffered: rate must be above 0, got 0.0"),
    ],
)
def test_what_cannot_be_used_is_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        chosen_refresh(spec, MEAN)
    assert re.fullmatch(sentence, str(caught.value))
