"""Powers: targets are met with the least power there is, limits are kept, and what cannot be is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.errors import InputError
from hetnet.network import Interference, Network, Stations, Users, sinr
from hetnet.power import Cells, equal_power, sinr_of, sinr_target, target_power, totals
from tests.hetnet.radio import NOISE, cells, targets

Floats = NDArray[np.float64]


def by_iterating(case: Cells, wanted: Floats, rounds: int = 2000) -> Floats:
    """The fixed point as it is usually found: each user asks for what it needs, again and again."""
    sent = np.zeros(len(wanted))
    for _ in range(rounds):
        heard = np.array([_heard(case, sent, user) for user in range(len(wanted))])
        with np.errstate(divide="ignore", invalid="ignore"):
            sent = np.where(case.serving == -1, 0.0, wanted * heard / case.own)
    return sent


def _heard(case: Cells, sent: Floats, user: int) -> float:
    """What disturbs a user, summed one by one."""
    heard = case.noise
    for other, station in enumerate(case.serving):
        inside = station == case.serving[user]
        if station != -1 and other != user and not (inside and case.interference == "sound"):
            heard += case.gain[user, station] * sent[other]
    return heard


@pytest.mark.parametrize("interference", ["sound", "own-cell"])
@pytest.mark.parametrize("seed", range(5))
def test_the_fixed_point_is_the_one_that_iterating_finds(seed: int, interference: Interference) -> None:
    case = cells(seed, 12, 5, interference)
    wanted = targets(seed, 12, 0.2)
    found = target_power(case, wanted)
    assert found.unmet.tolist() == [11]  # the user without a station
    assert found.sent == pytest.approx(by_iterating(case, wanted), rel=1e-6)
    assert sinr_of(case, found.sent)[:11] == pytest.approx(wanted[:11])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["sound", "own-cell", "literal"]), st.floats(0.1, 30))
def test_limits_are_kept_and_whoever_is_not_named_has_the_target(
    seed: int, interference: Interference, most: float
) -> None:
    case = cells(seed, 25, 6, interference)
    wanted = targets(seed, 25, most)
    found = target_power(case, wanted)
    assert (totals(case, found.sent) <= case.limits * (1 + 1e-9)).all()
    assert np.isfinite(found.sent).all()
    assert (found.sent >= 0).all()
    reached = sinr_of(case, found.sent)
    met = np.setdiff1d(np.arange(25), found.unmet)
    assert (reached[met] >= wanted[met] * (1 - 1e-6)).all()
    assert reached[found.unmet] == pytest.approx(
        np.expm1(found.share[found.unmet] * np.log1p(wanted[found.unmet])), rel=1e-6
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["sound", "own-cell"]), st.floats(0.1, 10))
def test_what_power_is_left_raises_users_above_their_targets_and_costs_nobody_anything(
    seed: int, interference: Interference, most: float
) -> None:
    case = cells(seed, 20, 5, interference)
    wanted = targets(seed, 20, most)
    least, more = target_power(case, wanted), target_power(case, wanted, greater=(2.0, 4.0))
    assert (more.unmet == least.unmet).all()
    assert (totals(case, more.sent) <= case.limits * (1 + 1e-9)).all()
    before, after = sinr_of(case, least.sent), sinr_of(case, more.sent)
    factor = np.round(after[more.share > 0] / before[more.share > 0], 6)
    assert set(factor) <= {1.0, 2.0, 4.0}


def test_two_users_by_hand() -> None:
    """Gains 1 and 1, disturbed with 1/2 and 1/4; targets 1 and noise 1: p = 1 + q/2, q = 1 + p/4."""
    gain = np.array([[1.0, 0.5], [0.25, 1.0]])
    case = Cells(gain, np.array([0, 1]), np.array([10.0, 10.0]), np.zeros(2), 1.0)
    found = target_power(case, np.ones(2))
    assert found.sent == pytest.approx([12 / 7, 10 / 7])
    assert found.explained() == ""


def test_targets_that_cannot_be_met_together_are_named() -> None:
    gain = np.array([[1.0, 1.0], [1.0, 1.0]])
    case = Cells(gain, np.array([0, 1]), np.array([10.0, 10.0]), np.zeros(2), 1.0)
    found = target_power(case, np.array([2.0, 2.5]), lesser=())
    assert found.explained() == "targets that cannot be met beside the others: 1 user (1)"
    assert found.sent == pytest.approx([2.0, 0.0])


def test_power_that_others_have_already_disturbs_and_is_no_longer_there_to_send() -> None:
    gain = np.array([[1.0, 0.5]])
    case = Cells(gain, np.array([0]), np.array([2.0, 4.0]), np.array([0.5, 4.0]), 1.0)
    assert target_power(case, np.array([0.5])).sent == pytest.approx([1.5])  # .5 (1 + .5 · 4)
    assert len(target_power(case, np.array([0.6])).unmet) == 1
    assert equal_power(case) == pytest.approx([1.5])


def test_a_target_out_of_this_world_is_an_unmet_target() -> None:
    case = Cells(np.array([[0.0], [1.0], [1.0]]), np.array([0, 0, 0]), np.array([1.0]), np.zeros(1), 0.1)
    found = target_power(case, np.array([1.0, np.inf, 1.0]))
    assert found.unmet.tolist() == [0, 1]
    assert np.isfinite(found.sent).all()
    assert sinr_target(np.array([1e12]), 1e6).tolist() == [np.inf]


def test_a_station_without_power_serves_nobody() -> None:
    case = Cells(np.ones((2, 2)), np.array([0, 1]), np.array([0.0, 1.0]), np.zeros(2), 0.1)
    assert target_power(case, np.ones(2)).unmet.tolist() == [0]
    assert equal_power(case).tolist() == [0, 1]


@pytest.mark.parametrize("interference", ["sound", "own-cell", "literal"])
@pytest.mark.parametrize("seed", range(3))
def test_the_sinr_is_that_of_the_network(seed: int, interference: Interference) -> None:
    case = cells(seed, 20, 5, interference)
    sent = equal_power(case)
    stations = Stations(np.zeros((5, 2)), np.ones(5, bool), case.limits, np.ones(5), np.ones(5, np.int64))
    weights = np.full((20, 3), 1 / 3)
    users = Users(np.zeros((20, 2)), np.zeros(20, np.int64), np.ones((20, 3)), weights)
    network = Network(stations, users, case.gain, case.serving, sent, 20e6, NOISE)
    assert sinr_of(case, sent) == pytest.approx(sinr(network, interference))


@pytest.mark.parametrize("wanted", [np.array([-1.0]), np.array([np.nan]), np.ones(2)])
def test_targets_that_are_none_are_refused(wanted: Floats) -> None:
    case = Cells(np.ones((1, 1)), np.array([0]), np.ones(1), np.zeros(1), 0.1)
    with pytest.raises(InputError, match="expected \\(1,\\) of 0 or more"):
        target_power(case, wanted)


@pytest.mark.parametrize("rate", [np.nan, -1.0])
def test_a_rate_that_is_none_has_no_target(rate: float) -> None:
    with pytest.raises(InputError, match="rates that are negative or not a number"):
        sinr_target(np.array([1e6, rate]), 1e6)
    with pytest.raises(InputError, match=r"the bandwidth is 0\.0 Hz"):
        sinr_target(np.array([1e6]), 0.0)


@pytest.mark.parametrize("station", [-2, 1, 5])
def test_a_station_that_there_is_not_is_refused(station: int) -> None:
    with pytest.raises(InputError, match=r"expected -1 for none, or 0 … 0"):
        Cells(np.ones((2, 1)), np.array([0, station]), np.ones(1), np.zeros(1), 0.1)


def test_an_unknown_interference_is_refused() -> None:
    unknown: Interference = "bogus"  # type: ignore[assignment]  # what a person may type
    with pytest.raises(InputError, match="unknown interference 'bogus', expected one of sound, literal"):
        Cells(np.ones((1, 1)), np.array([0]), np.ones(1), np.zeros(1), 0.1, unknown)


def test_cells_that_fit_nothing_are_refused() -> None:
    one = np.ones(1)
    with pytest.raises(InputError, match="expected \\(users, stations\\)"):
        Cells(np.ones((2, 1)), np.array([0]), one, one, 0.1)
    with pytest.raises(InputError, match="already sends 2 W, expected at most its limit of 1 W"):
        Cells(np.ones((1, 1)), np.array([0]), one, 2 * one, 0.1)
    with pytest.raises(InputError, match="gains that are negative or not finite"):
        Cells(np.full((1, 1), np.nan), np.array([0]), one, one, 0.1)
    with pytest.raises(InputError, match="expected it to be positive"):
        Cells(np.ones((1, 1)), np.array([0]), one, one, 0.0)
