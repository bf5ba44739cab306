"""The noise of privacy: as much as dp-accounting wants, on vectors no longer than it counts on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.errors import InputError
from data.plain import plain, rebuilt
from forecasting.private import PrivacySettings, clipped, noised, normals, spent

EIGHT = PrivacySettings(kind="series", epsilon=8.0, releases=40)
KEY = bytes(range(32))
numbers = st.floats(-1e300, 1e300)


@pytest.mark.parametrize(("epsilon", "releases"), [(0.5, 1), (1.0, 30), (8.0, 121)])
def test_a_whole_run_spends_what_it_may_by_the_accountant_of_the_library(
    epsilon: float, releases: int
) -> None:
    """The oracle composes the releases by their privacy loss distributions."""
    from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    settings = PrivacySettings(kind="series", epsilon=epsilon, releases=releases)
    accountant = PLDAccountant()
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(settings.multiplier), releases))
    assert accountant.get_epsilon(settings.delta) == pytest.approx(epsilon, rel=1e-3)
    assert spent(settings, releases) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize("made", [1, 7, 40])
def test_fewer_releases_have_spent_less_by_the_same_accountant(made: int) -> None:
    from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant()
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(EIGHT.multiplier), made))
    assert spent(EIGHT, made) == pytest.approx(accountant.get_epsilon(EIGHT.delta), rel=1e-3)
    assert spent(EIGHT, made - 1) < spent(EIGHT, made) <= 8 * (1 + 1e-9)


def test_the_noise_is_enough_by_moments_too() -> None:
    """Rényi moments bound the same ε from above, by another way."""
    from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant()
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(EIGHT.multiplier), EIGHT.releases))
    assert EIGHT.epsilon <= accountant.get_epsilon(EIGHT.delta) < 1.12 * EIGHT.epsilon


@given(st.lists(numbers, min_size=1, max_size=30), st.floats(1e-6, 1e6))
def test_nothing_is_longer_than_the_clip_and_what_is_short_stays(values: list[float], length: float) -> None:
    vector = np.array(values)
    cut = clipped(vector, length)
    assert np.linalg.norm(cut) <= length * (1 + 1e-9)
    with np.errstate(over="ignore"):
        if np.linalg.norm(vector) <= length * (1 - 1e-9):
            assert cut.tolist() == vector.tolist()
    assert (np.sign(cut) * np.sign(vector) >= 0).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_change(odd: float) -> None:
    assert clipped(np.array([1.0, odd]), 1.0).tolist() == [0.0, 0.0]


def test_noise_is_normal_with_the_deviation_that_was_asked_for() -> None:
    found = noised(np.full(200_000, 3.0), 0.5, 4.0, KEY) - 3.0
    assert stats.kstest(found / (2 * 0.5 * 4.0), "norm").pvalue > 1e-3
    assert found.std() == pytest.approx(4.0, rel=0.01)


def test_keys_make_noise_that_has_nothing_in_common() -> None:
    one, other = normals(KEY, 100_000), normals(bytes(32), 100_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    assert normals(KEY, 100_000).tobytes() == one.tobytes()


@pytest.mark.parametrize(
    "bad",
    [
        {"epsilon": 0.0},
        {"epsilon": -1.0},
        {"epsilon": float("nan")},
        {"epsilon": float("inf")},
        {"delta": 0.0},
        {"delta": 1.0},
        {"delta": 0.0011},
        {"delta": float("nan")},
        {"clip": 0.0},
        {"clip": float("inf")},
        {"clip": 1001.0},
        {"clip": 1e300},
        {"releases": -1},
        {"epsilon": "much"},
        {"kind": "windows"},
    ],
)
def test_budgets_that_mean_nothing_are_refused_over_the_wire_too(
    bad: dict[str, object],
) -> None:
    sent = plain(EIGHT, {})
    assert isinstance(sent, dict)
    with pytest.raises(InputError):
        rebuilt(PrivacySettings, {**sent, **bad})


def test_releases_that_were_named_stand() -> None:
    assert replace(EIGHT, releases=0).planned(12).releases == 12
    assert EIGHT.planned(12).releases == 40
