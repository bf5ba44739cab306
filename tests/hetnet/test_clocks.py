import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from data.errors import InputError
from hetnet.clocks import Clock, Variant, clock_of, clock_offset, clock_skew, lower_hull
from hetnet.lags import Floats

CLOCK = Clock(skew=50e-6, offset=0.2, at=100.0)


def readings(
    seed: int, clock: Clock = CLOCK, count: int = 600, delay: float = 0.005
) -> tuple[Floats, Floats]:
    """Even stamps of the device's own clock, and when each arrived."""
    rng = np.random.default_rng(seed)
    stamps = 100.0 + np.arange(count, dtype=np.float64)
    return stamps, clock.true_time(stamps) + 0.01 + rng.exponential(delay, count)


def exchange(clock: Clock, sent: float, there: float, back: float) -> list[float]:
    """The stamps of an exchange that is `there` and `back` seconds under way and answered after 2 ms."""
    moments = np.array([sent, sent + there, sent + there + 0.002, sent + there + 0.002 + back])
    shown = clock.shown(moments)
    return [float(shown[0]), float(moments[1]), float(moments[2]), float(shown[3])]


@given(skew=st.floats(-1e-3, 1e-3), offset=st.floats(-100, 100), time=st.floats(0, 1e6))
def test_the_true_time_of_what_a_clock_shows_is_the_time(skew: float, offset: float, time: float) -> None:
    clock = Clock(skew, offset, 50.0)
    assert clock.true_time(clock.shown(np.array([time])))[0] == pytest.approx(time, abs=1e-6)


def test_the_offset_of_an_even_exchange_is_exact() -> None:
    # sent at 7.2 by a clock .2 s fast, there after 10 ms, answered after 2 ms, back after 10 ms:
    # ½[(7.2 - 7.01) + (7.222 - 7.012)] = ½[.19 + .21] = .2
    offset, at = clock_offset(np.array([[7.2, 7.01, 7.012, 7.222]]))
    assert offset == pytest.approx(0.2)
    assert at == pytest.approx(7.011)


def test_the_quickest_exchange_is_trusted_and_the_literal_one_averages() -> None:
    clock = Clock(0.0, 0.2, 0.0)
    stamps = np.array([exchange(clock, 1.0, 0.010, 0.010), exchange(clock, 2.0, 0.090, 0.010)])
    assert clock_offset(stamps)[0] == pytest.approx(0.2)
    assert clock_offset(stamps, "literal")[0] == pytest.approx(0.2 - 0.02)  # half of half of 80 ms


@pytest.mark.parametrize("variant", ["sound", "literal"])
def test_without_a_varying_delay_the_skew_is_exact(variant: Variant) -> None:
    stamps, received = readings(1, delay=0.0)
    assert clock_skew(stamps, received, variant) == pytest.approx(50e-6, rel=1e-6)


def test_the_line_under_all_arrivals_finds_the_skew_that_the_end_points_miss() -> None:
    errors = {"sound": [], "literal": []}  # type: dict[str, list[float]]
    for seed in range(30):
        stamps, received = readings(seed)
        errors["sound"].append(clock_skew(stamps, received, "sound") - 50e-6)
        errors["literal"].append(clock_skew(stamps, received, "literal") - 50e-6)
    sound, literal = (float(np.sqrt(np.mean(np.square(errors[each])))) for each in ("sound", "literal"))
    assert sound < 0.5e-6
    assert literal > 10 * sound


def test_the_line_under_all_arrivals_solves_the_linear_programme() -> None:
    stamps, received = readings(3, count=80)
    x, y = stamps - stamps[0], received - stamps
    # largest Σ (a x + b) under a x + b ≤ y
    found = linprog(
        [-x.sum(), -float(len(x))], A_ub=np.stack([x, np.ones_like(x)], axis=1), b_ub=y, bounds=(None, None)
    )
    assert found.x is not None
    slope = float(found.x[0])
    assert clock_skew(stamps, received) == pytest.approx(-slope / (1 + slope), rel=1e-6)


@given(seed=st.integers(0, 10_000), count=st.integers(3, 60))
@settings(max_examples=40)
def test_the_lower_hull_is_the_lower_part_of_the_whole_hull(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=count)), rng.normal(size=count)
    hull = lower_hull(x, y)
    assert set(hull) <= set(ConvexHull(np.stack([x, y], axis=1)).vertices)
    assert (np.interp(x, x[hull], y[hull]) <= y + 1e-12).all()


def test_a_clock_is_found_and_put_right() -> None:
    stamps, received = readings(5)
    exchanges = np.array([exchange(CLOCK, 100.0, 0.01, 0.01), exchange(CLOCK, 110.0, 0.02, 0.01)])
    found = clock_of(exchanges, stamps, received)
    np.testing.assert_allclose(found.true_time(stamps), CLOCK.true_time(stamps), atol=5e-4)


def test_even_stamps_of_its_own_do_not_show_that_a_clock_is_fast() -> None:
    stamps, _ = readings(1)
    assert clock_skew(stamps, stamps + 0.2) == pytest.approx(0, abs=1e-12)


def test_missing_receive_stamps_are_named() -> None:
    stamps, _ = readings(1)
    with pytest.raises(InputError, match="the readings have no receive stamps"):
        clock_of(np.array([[7.2, 7.01, 7.012, 7.222]]), stamps, None)


def test_readings_may_come_in_any_order_and_twice() -> None:
    stamps, received = readings(6, count=50)
    order = np.random.default_rng(1).permutation(50)
    twice = clock_skew(np.r_[stamps[order], stamps], np.r_[received[order], received + 1])
    assert twice == pytest.approx(clock_skew(stamps, received))


@pytest.mark.parametrize(
    ("stamps", "received", "words"),
    [
        ([1.0], [1.0], "expected at least 2"),
        ([1.0, 1.0], [1.0, 2.0], "expected at least 2"),
        ([1.0, 2.0], [1.0], "expected one for each reading"),
        ([1.0, np.nan], [1.0, 2.0], "stamps must be finite"),
    ],
)
def test_readings_that_show_no_skew_are_refused(
    stamps: list[float], received: list[float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        clock_skew(np.array(stamps), np.array(received))


@pytest.mark.parametrize("variant", ["sound", "literal"])
@pytest.mark.parametrize(
    ("received", "words"),
    [
        (np.ones(5), "all 5 receive stamps are 1, expected that they go on"),
        (np.r_[np.ones(4), 1 + 1e-9], "the receive stamps go on by .* s for each second"),
        (np.arange(5.0)[::-1], "the receive stamps go on by -1 s for each second .* expected 0.5 to 2"),
        (10 * np.arange(5.0), "the receive stamps go on by 10 s for each second"),
    ],
)
def test_receive_stamps_that_do_not_go_on_as_the_stamps_do_are_refused(
    received: Floats, words: str, variant: Variant
) -> None:
    with pytest.raises(InputError, match=words):
        clock_of(np.array([[7.2, 7.01, 7.012, 7.222]]), np.arange(5.0), received, variant)


def test_an_unknown_way_of_finding_clocks_is_refused() -> None:
    stamps, received = readings(1)
    exchanges = np.array([[7.2, 7.01, 7.012, 7.222]])
    unknown: Variant = "bogus"  # type: ignore[assignment]  # what a person may type
    for attempt in (
        lambda: clock_of(exchanges, stamps, received, unknown),
        lambda: clock_offset(exchanges, unknown),
        lambda: clock_skew(stamps, received, unknown),
    ):
        with pytest.raises(InputError, match="unknown variant 'bogus', expected one of sound, literal"):
            attempt()


def test_an_exchange_needs_four_stamps() -> None:
    with pytest.raises(InputError, match=r"expected at least one with four stamps \(X, 4\), got \(1, 3\)"):
        clock_offset(np.zeros((1, 3)))
