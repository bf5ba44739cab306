"""How like generated requests are to real ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.cells import homes
from hetnet.caching.classics import hits
from hetnet.caching.fidelity import (
    FidelitySettings,
    count_autocorrelation,
    fidelity,
    lru_rates,
    total_variation,
    total_variation_floor,
)
from hetnet.caching.popularity import PopularitySettings, drawn_popularity
from hetnet.caching.requests import Requests, RequestSettings, drawn_requests, requests_of

SETTINGS = RequestSettings(requests=40_000, hours=96)


def drawn(settings: RequestSettings = SETTINGS, seed: int = 0) -> Requests:
    return drawn_requests(settings, np.random.default_rng(seed))


def at(times: list[float]) -> Requests:
    nothing = np.zeros(len(times), np.int64)
    return Requests(np.array(times), nothing, nothing, 1, 1)


def test_distances_worked_by_hand() -> None:
    # shares 1/2 1/2 0 and 1/4 1/4 1/2: apart by 1/4, 1/4 and 1/2, half of which is 1/2
    assert total_variation(np.array([2, 2, 0]), np.array([1, 1, 2])) == pytest.approx(0.5)
    assert total_variation(np.array([3, 0]), np.array([0, 1])) == 1.0
    assert total_variation(np.array([3, 6]), np.array([1, 2])) == 0.0


COUNTS = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any).map(np.array)


@given(one=COUNTS, other=COUNTS, third=COUNTS)
def test_the_distance_is_one(one: np.ndarray, other: np.ndarray, third: np.ndarray) -> None:
    apart = total_variation(one, other)
    assert 0 <= apart <= 1 + 1e-12
    assert apart == pytest.approx(total_variation(other, one))
    assert apart <= total_variation(one, third) + total_variation(third, other) + 1e-12


@pytest.mark.parametrize("requests", [300, 5000])
def test_the_floor_is_the_mean_distance_of_samples_of_one_distribution(requests: int) -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(200, 0.3))
    pairs = rng.multinomial(requests, shares, (50, 2))
    distances = [total_variation(*pair) for pair in pairs]
    floors = [total_variation_floor(*pair) for pair in pairs]
    assert np.mean(floors) == pytest.approx(np.mean(distances), rel=0.15)


def test_autocorrelation_worked_by_hand() -> None:
    # Counts 2 0 2 0 and one more that is not whole: apart from the mean 1 by 1 -1 1 -1, variance 4.
    # One apart: -1 -1 -1 = -3; two apart: 1 + 1 = 2.
    found = count_autocorrelation(at([0, 0, 2, 2.5, 4]), FidelitySettings(step_seconds=1, lags=2))
    assert found == pytest.approx([-0.75, 0.5])


def test_counts_that_never_change_have_no_autocorrelation() -> None:
    steps = FidelitySettings(step_seconds=1, lags=3)
    assert count_autocorrelation(at([0.5 + hour for hour in range(9)]), steps).tolist() == [0, 0, 0]


def test_requests_are_wholly_like_themselves() -> None:
    found = fidelity(drawn(), drawn())
    assert found.popularity == found.autocorrelation_error == 0
    assert not found.hit_rate_errors.any()


def test_another_draw_of_the_same_world_is_nearly_alike_and_another_world_is_not() -> None:
    calm = replace(SETTINGS, session=1, popularity=PopularitySettings(bursts_per_day=0))
    world = drawn_popularity(calm.popularity, 40, 96, np.random.default_rng(0))
    real, again = (requests_of(calm, world, np.random.default_rng(seed)) for seed in (1, 2))
    alike, other = fidelity(real, again), fidelity(real, drawn(calm, 9))
    assert alike.popularity == pytest.approx(alike.popularity_floor, rel=0.1)
    assert other.popularity > 4 * other.popularity_floor
    assert alike.autocorrelation_error < 0.03
    assert np.abs(alike.hit_rate_errors).max() < 0.01


def test_requests_without_a_day_show_in_the_autocorrelation() -> None:
    assert fidelity(drawn(), drawn(replace(SETTINGS, swing=0.0))).autocorrelation_error > 0.3


def test_flatter_popularity_shows_in_the_hit_rates() -> None:
    flat = replace(SETTINGS, popularity=PopularitySettings(exponent=0.3))
    assert (fidelity(drawn(), drawn(flat)).hit_rate_errors < -0.1).all()


def test_each_station_can_have_its_own_cache() -> None:
    real, home = drawn(), homes(40, 5)
    (rate,) = lru_rates(real, (150,), home)
    found = np.concatenate(
        [hits("lru", real.contents[home[real.clients] == station], 150) for station in range(5)]
    )
    assert rate == pytest.approx(found.mean())


def test_what_cannot_be_compared_is_refused() -> None:
    real = drawn()
    with pytest.raises(InputError, match="10 contents generated and 1000 real ones, expected the same"):
        fidelity(real, drawn(replace(SETTINGS, popularity=PopularitySettings(contents=10))))
    nothing = replace(real, times=real.times[:0], clients=real.clients[:0], contents=real.contents[:0])
    with pytest.raises(InputError, match="found no generated request, expected some"):
        fidelity(real, nothing)
    with pytest.raises(InputError, match="expected one of each of 40 clients"):
        fidelity(real, real, home=np.zeros(3, np.int64))
    short = drawn(replace(SETTINGS, hours=10))
    with pytest.raises(InputError, match="are 9 whole steps of 3600, expected 26 at least for 24 lags"):
        fidelity(short, short)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"step_seconds": 0.0}, "step_seconds is 0.0, expected a positive number"),
        ({"lags": 0}, "lags is 0, expected 1 or more"),
        ({"slots": ()}, r"slots are \(\), expected sizes of 1 or more"),
        ({"slots": (0, 1)}, r"slots are \(0, 1\), expected sizes of 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        FidelitySettings(**wrong)  # type: ignore[arg-type]  # of one kind each
