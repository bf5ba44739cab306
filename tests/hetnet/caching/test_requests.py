"""The process of requests. Axes: R requests, T rows of an intensity, B stations."""

import time
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.errors import InputError
from hetnet.caching.cells import CellSettings, homes
from hetnet.caching.popularity import PopularitySettings, drawn_popularity, group_shares
from hetnet.caching.requests import (
    Requests,
    RequestSettings,
    between,
    drawn_requests,
    following,
    requests_of,
    usual_intensity,
)
from hetnet.network import Floats

CALM = PopularitySettings(memory_hours=np.inf, bursts_per_day=0, shifts_per_week=0)
SMALL = RequestSettings(requests=20_000, hours=48)
POISSON = RequestSettings(requests=20_000, hours=48, popularity=CALM, session=1)


def drawn(settings: RequestSettings, seed: int = 0, intensity: Floats | None = None) -> Requests:
    return drawn_requests(settings, np.random.default_rng(seed), intensity)


def same(one: Requests, other: Requests) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Requests)]
    return all(np.array_equal(left, right) for left, right in pairs)


def test_one_seed_gives_one_sequence() -> None:
    assert same(drawn(SMALL, 1), drawn(SMALL, 1))
    assert not same(drawn(SMALL, 1), drawn(SMALL, 2))


def test_as_many_requests_are_drawn_as_expected() -> None:
    counts = [len(drawn(POISSON, seed)) for seed in range(20)]
    assert np.mean(counts) == pytest.approx(20_000, rel=0.005)
    assert np.std(counts, ddof=1) == pytest.approx(np.sqrt(20_000), rel=0.5)  # as a Poisson law has it


def test_sessions_do_not_change_how_many_requests_there_are() -> None:
    assert len(drawn(SMALL)) == pytest.approx(20_000, rel=0.03)


def test_300_000_requests_are_drawn_within_a_second() -> None:
    begun = time.perf_counter()
    found = drawn(RequestSettings())
    assert time.perf_counter() - begun < 1
    assert len(found) == pytest.approx(300_000, rel=0.02)


def test_gaps_of_a_poisson_process_are_exponential() -> None:
    found = drawn(replace(POISSON, swing=0.0))
    gaps = np.diff(found.times)
    assert stats.kstest(gaps / gaps.mean(), "expon").pvalue > 0.001


def test_a_calm_world_of_one_taste_asks_as_zipf_says() -> None:
    settings = replace(POISSON, popularity=replace(CALM, contents=50, taste=0.0, exponent=1.0))
    world = drawn_popularity(settings.popularity, 40, 48, np.random.default_rng(0))
    found = requests_of(settings, world, np.random.default_rng(1))
    counts = np.bincount(found.contents, minlength=50)
    assert stats.chisquare(counts, group_shares(world, 0.0)[0] * counts.sum()).pvalue > 0.001


def test_stations_are_asked_as_the_intensity_says() -> None:
    intensity = np.array([[0.0, 1, 2, 3, 4], [5, 0, 0, 0, 5]])
    found = drawn(POISSON, intensity=intensity)
    late = (found.times >= 24 * 3600).astype(np.int64)
    counts = np.zeros((2, 5))
    np.add.at(counts, (late, homes(40, 5)[found.clients]), 1)
    assert (counts[intensity == 0] == 0).all()
    assert counts / counts.sum() == pytest.approx(intensity / 20, abs=0.01)


def test_another_intensity_leaves_what_is_popular_as_it_is() -> None:
    settings = replace(SMALL, popularity=PopularitySettings(bursts_per_day=0, memory_hours=1e6))
    one, other = drawn(settings), drawn(settings, intensity=np.arange(1.0, 6.0)[None])
    elsewhere = drawn(settings, 9)
    counts = [np.bincount(each.contents, minlength=1000) for each in (one, other, elsewhere)]
    assert stats.pearsonr(counts[0], counts[1]).statistic > 0.95
    assert stats.pearsonr(counts[0], counts[2]).statistic < 0.5


def test_the_usual_day_is_busiest_at_18_hours_and_at_the_last_station() -> None:
    usual = usual_intensity(RequestSettings())
    assert usual.shape == (168, 5)
    assert usual.argmax() % 5 == 4
    assert usual.argmax() // 5 % 24 in (17, 18)
    assert usual.max(axis=1) / usual.min(axis=1) == pytest.approx(2.0)


def test_requests_within_a_session_go_on_with_the_series() -> None:
    cells = CellSettings(stations=1, clients_each=1, reached=1)
    settings = RequestSettings(
        cells=cells, popularity=CALM, requests=3000, hours=1000, session=50, follows=0.8, gap_seconds=0.01
    )
    contents = drawn(settings).contents
    goes_on = contents[1:] == following(contents[:-1], np.ones(len(contents) - 1, np.int64), 10, 1000)
    assert goes_on.mean() == pytest.approx(0.8 * 49 / 50, abs=0.05)


@given(count=st.integers(1, 40), series=st.integers(1, 12), steps=st.integers(0, 100))
def test_series_go_round(count: int, series: int, steps: int) -> None:
    contents = np.arange(count)
    later = following(contents, np.full(count, steps), series, count)
    one = contents
    for _ in range(steps):
        one = following(one, np.ones(count, np.int64), series, count)
    assert (later == one).all()
    assert (later // series == contents // series).all()
    assert sorted(later) == contents.tolist()


def test_one_content_alone_is_all_that_is_asked_for() -> None:
    found = drawn(replace(SMALL, popularity=PopularitySettings(contents=1)))
    assert not found.contents.any()


def test_a_part_holds_what_was_asked_for_meanwhile() -> None:
    found = drawn(SMALL)
    parts = [between(found, begin * 3600, (begin + 24) * 3600) for begin in (0, 24)]
    assert len(parts[0]) + len(parts[1]) == len(found)
    assert parts[1].times.min() >= 24 * 3600 > parts[0].times.max()
    assert (np.concatenate([part.contents for part in parts]) == found.contents).all()


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"requests": 0}, "0 of them, expected 1 to 50,000,000"),
        ({"hours": -1.0}, "hours is -1.0, expected a positive number"),
        ({"hours": 1e9}, "expected 100,000,000 ranks at most"),
        ({"session": 0.5}, "session is 0.5, expected 1 or more"),
        ({"follows": 2.0}, "follows is 2.0, expected 0 to 1"),
    ],
)
def test_a_process_that_cannot_be_is_refused(wrong: dict[str, float], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        RequestSettings(**wrong)  # type: ignore[arg-type]  # of one kind each


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [
        (np.ones((3, 4)), r"found the shape \(3, 4\), expected \(rows, 5 stations\)"),
        (np.ones((0, 5)), r"expected \(rows, 5 stations\)"),
        (np.full((1, 5), -1.0), "negative or not finite"),
        (np.full((1, 5), np.nan), "negative or not finite"),
        (np.zeros((1, 5)), "all values are 0"),
    ],
)
def test_an_intensity_that_cannot_be_is_refused(intensity: Floats, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        drawn(SMALL, intensity=intensity)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"times": np.array([1.0, 0.5])}, "times that go back"),
        ({"times": np.array([1.0, np.nan])}, "not finite"),
        ({"times": np.array([1.0])}, "expected one of each for every request"),
        ({"clients": np.array([0, 2])}, "found clients 0 to 2, expected 0 to 1"),
        ({"contents": np.array([-1, 2])}, "found contents -1 to 2, expected 0 to 2"),
        ({"client_names": ("a",)}, "found 1 client names, expected 2 or none"),
    ],
)
def test_requests_that_cannot_be_are_refused(changes: dict[str, object], expected: str) -> None:
    right = {"times": np.zeros(2), "clients": np.array([0, 1]), "contents": np.array([2, 2])}
    counts = {"client_count": 2, "content_count": 3}
    assert len(Requests(**right, **counts)) == 2  # type: ignore[arg-type]  # of several kinds
    with pytest.raises(InputError, match=expected):
        Requests(**{**right, **counts, **changes})  # type: ignore[arg-type]  # of several kinds
