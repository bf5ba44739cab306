"""Correlation and Granger causality, held to statsmodels and scipy. Axes: S series, T time."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from data.errors import InputError
from hetnet.causality import (
    BenefitSettings,
    CausalitySettings,
    benefits,
    correlations,
    differences_needed,
    granger,
    is_stationary,
    unit_root_lags,
    without_season,
)
from hetnet.network import Counts, Floats
from hetnet.regression import unit_root_statistics

PLAIN = CausalitySettings(season=1, most_differences=0)  # what statsmodels does


def driven(series: int, points: int, pull: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Causes and effects, in which each cause moves its effect one step later by `pull`."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((series, points))
    effects = rng.standard_normal((series, points))
    for step in range(1, points):
        effects[:, step] += 0.4 * effects[:, step - 1] + pull * causes[:, step - 1]
    return causes, effects


def each_with_its_own(series: int) -> Counts:
    return np.column_stack([np.arange(series)] * 2)


def rhythms(series: int, points: int, seed: int = 0) -> Floats:
    """Series that share a daily rhythm and nothing else."""
    rng = np.random.default_rng(seed)
    day = np.tile(rng.gamma(1.0, size=24), points // 24 + 1)[:points]
    return 2 * day + rng.standard_normal((series, points))


def walks(series: int, points: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((series, points)).cumsum(axis=1)


@pytest.mark.parametrize("lags", [1, 2, 5])
def test_the_probability_is_that_of_statsmodels(lags: int) -> None:
    from statsmodels.tsa.stattools import grangercausalitytests

    causes, effects = driven(6, 300, 0.1)
    found = granger(causes, effects, each_with_its_own(6), CausalitySettings(season=1, lags=lags))
    for number in range(6):
        theirs = grangercausalitytests(np.column_stack([effects[number], causes[number]]), [lags])
        assert found.probability[number] == pytest.approx(theirs[lags][0]["ssr_ftest"][1], rel=1e-8)


def test_the_strength_is_what_the_cause_explains_of_the_rest() -> None:
    from statsmodels.tsa.stattools import grangercausalitytests

    causes, effects = driven(1, 300, 0.5)
    theirs = grangercausalitytests(np.column_stack([effects[0], causes[0]]), [2])[2][1]
    expected = 1 - theirs[1].ssr / theirs[0].ssr
    assert granger(causes, effects, each_with_its_own(1), PLAIN).strength == pytest.approx([expected])
    assert expected > 0.1


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_unit_root_statistic_and_its_limit_are_those_of_statsmodels() -> None:
    from statsmodels.tsa.stattools import adfuller

    series = np.concatenate([walks(4, 400), driven(4, 400, 0.0)[1], 0.05 * walks(4, 400) + walks(4, 400, 1)])
    lags = unit_root_lags(400)
    theirs = [adfuller(each, maxlag=lags, autolag=None)[:5:4] for each in series]
    assert unit_root_statistics(series, lags) == pytest.approx([each[0] for each in theirs], rel=1e-8)
    assert is_stationary(series).tolist() == [each[0] < each[1]["5%"] for each in theirs]


def test_the_adjusted_probabilities_are_those_of_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    causes, effects = driven(40, 200, 0.15)
    found = granger(causes, effects, each_with_its_own(40), PLAIN)
    refused, adjusted = multipletests(found.probability, alpha=0.05, method="fdr_bh")[:2]
    assert found.adjusted == pytest.approx(adjusted)
    assert found.significant.tolist() == refused.tolist()
    assert 0 < found.significant.sum() < (found.probability < 0.05).sum()


def test_a_series_is_differenced_until_it_has_no_unit_root() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((3, 500))
    series = np.concatenate([noise[:1], noise[1:2].cumsum(axis=1), noise[2:].cumsum(axis=1).cumsum(axis=1)])
    assert differences_needed(series, 2).tolist() == [0, 1, 2]
    assert differences_needed(series, 1).tolist() == [0, 1, 1]


def false_share(causes: Floats, effects: Floats, settings: CausalitySettings) -> float:
    """The share of pairs found causal at 5 % that are not."""
    found = granger(causes, effects, each_with_its_own(len(causes)), settings)
    return float((found.probability < 0.05).mean())


def test_random_walks_are_found_causal_for_each_other_no_more_than_by_chance() -> None:
    causes, effects = walks(1000, 300, 1), walks(1000, 300, 2)
    assert false_share(causes, effects, CausalitySettings(season=1)) < 0.07
    assert false_share(causes, effects, PLAIN) > 0.09


def test_series_with_one_daily_rhythm_are_found_causal_no_more_than_by_chance() -> None:
    series = rhythms(2000, 480)
    assert false_share(series[:1000], series[1000:], CausalitySettings()) < 0.07
    assert false_share(series[:1000], series[1000:], PLAIN) > 0.2


def test_constant_and_doubled_series_cannot_be_tested_and_spoil_nothing() -> None:
    causes, effects = driven(3, 200, 0.3)
    causes[0] = 7.3
    causes[1] = 2 * effects[1]
    found = granger(causes, effects, each_with_its_own(3), PLAIN)
    assert found.testable.tolist() == [False, False, True]
    assert found.strength[:2].tolist() == [0, 0]
    assert found.probability[:2].tolist() == [1, 1]
    alone = granger(causes[2:], effects[2:], each_with_its_own(1), PLAIN)
    assert found.adjusted[2] == alone.adjusted[0]


def test_an_effect_that_its_own_past_explains_wholly_cannot_be_tested() -> None:
    wave = np.sin(np.arange(200.0))[None]
    found = granger(driven(1, 200, 0.0)[0], wave, each_with_its_own(1), PLAIN)
    assert not found.testable.any()
    assert np.isfinite(found.strength).all()


def test_a_cause_that_explains_an_effect_wholly_is_certain() -> None:
    cause = driven(1, 200, 0.0)[0]
    found = granger(cause, np.roll(cause, 1, axis=1), each_with_its_own(1), PLAIN)
    assert found.probability[0] < 1e-12
    assert found.strength[0] > 0.9
    assert found.significant.all()


def test_what_is_taken_out_is_the_mean_of_each_hour() -> None:
    series = np.array([[1.0, 2.0, 3.0, 6.0]])
    assert without_season(series, 2).tolist() == [[-1, -2, 1, 2]]
    assert without_season(np.tile([0.1, 0.7], (1, 9)), 2).tolist() == [[0.0] * 18]


def test_a_correlation_is_scipys_and_0_of_a_constant() -> None:
    causes, effects = driven(4, 100, 1.0)
    found = correlations(causes, effects)
    assert found[1, 2] == pytest.approx(pearsonr(causes[1], effects[2])[0])
    causes[0] = 0.3
    assert correlations(causes, effects)[0].tolist() == [0, 0, 0, 0]


def one_user(
    causes: Floats, effects: Floats, settings: BenefitSettings, weights: tuple[float, ...]
) -> Floats:
    values: Floats = benefits(causes[None], effects[None], np.array([weights]), settings).values[0]
    return values


def test_the_algorithms_rule_raises_a_low_correlation_whose_cause_is_significant() -> None:
    causes, effects = driven(1, 500, 0.6)  # the cause acts a step later: no correlation at the same time
    settings = BenefitSettings(causality=PLAIN)
    found = benefits(causes[None], effects[None], np.ones((1, 1)), settings)
    assert abs(found.correlation[0, 0, 0]) < 0.1
    assert found.values[0, 0] == pytest.approx(np.sqrt(found.strength[0, 0, 0]))
    assert found.values[0, 0] > 0.3
    assert found.changed.all()
    assert one_user(causes, effects, BenefitSettings(rule="text", causality=PLAIN), (1.0,))[0] < 0.1


def test_the_texts_rule_drops_a_high_correlation_whose_cause_is_not_significant() -> None:
    rng = np.random.default_rng(0)
    effects = rng.standard_normal((1, 500))
    causes = effects + 0.3 * rng.standard_normal((1, 500))  # of the same moment, no cause of the next
    text = BenefitSettings(rule="text", causality=PLAIN)
    assert one_user(causes, effects, text, (1.0,)).tolist() == [0]
    assert one_user(causes, effects, BenefitSettings(causality=PLAIN), (1.0,))[0] > 0.9


def test_the_texts_rule_leaves_what_cannot_be_tested() -> None:
    effects = driven(1, 300, 0.0)[1]
    text = BenefitSettings(rule="text", causality=PLAIN)
    assert one_user(3 * effects, effects, text, (1.0,)) == pytest.approx([1])


def test_signed_sums_cancel_and_sound_ones_do_not() -> None:
    cause = driven(1, 300, 0.0)[0]
    effects = np.concatenate([cause, -cause])
    assert one_user(cause, effects, BenefitSettings(causality=PLAIN), (0.5, 0.5)) == pytest.approx([1])
    literal = BenefitSettings(objectives="literal", causality=PLAIN)
    assert one_user(cause, effects, literal, (0.5, 0.5)) == pytest.approx([0], abs=1e-12)


@given(
    st.integers(0, 10**6),
    st.sampled_from(["algorithm", "text"]),
    st.sampled_from(["sound", "literal"]),
    st.lists(st.sampled_from(["noise", "walk", "constant", "steps"]), min_size=3, max_size=3),
)
def test_a_benefit_lies_between_0_and_1(seed: int, rule: str, variant: str, kinds: list[str]) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((3, 60))
    made = {
        "noise": noise,
        "walk": noise.cumsum(axis=1),
        "constant": np.full((3, 60), 0.7),
        "steps": (noise > 1.5).astype(float),
    }
    series = np.stack([made[kind][place] for place, kind in enumerate(kinds)])
    settings = BenefitSettings(rule=rule, objectives=variant)  # type: ignore[arg-type]  # drawn as text
    found = benefits(series[None], series[None, :2], np.array([[0.3, 0.7]]), settings)
    assert np.isfinite(found.values).all()
    assert ((found.values >= 0) & (found.values <= 1)).all()
    assert np.isfinite(found.strength).all()


@pytest.mark.parametrize(
    ("causes", "effects", "message"),
    [
        (np.zeros((1, 40)), np.zeros((1, 40)), "two seasons of 24"),
        (np.zeros((1, 90)), np.zeros((1, 91)), "of the same time"),
        (np.full((1, 90), np.nan), np.zeros((1, 90)), "not finite"),
    ],
)
def test_series_that_cannot_be_tested_are_refused(causes: Floats, effects: Floats, message: str) -> None:
    with pytest.raises(InputError, match=message):
        granger(causes, effects, each_with_its_own(1))


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        CausalitySettings(lags=0)
    with pytest.raises(InputError, match="between 0 and 1"):
        CausalitySettings(false_discoveries=1)
    with pytest.raises(InputError, match="unknown rule"):
        BenefitSettings(rule="both")  # type: ignore[arg-type]  # what a person may type


@pytest.mark.long
def test_a_thousand_tests_take_less_than_three_tenths_of_a_second() -> None:
    causes, effects = driven(1000, 1488, 0.05)
    granger(causes[:1], effects[:1], each_with_its_own(1))
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        granger(causes, effects, each_with_its_own(1000))
        best = min(best, time.perf_counter() - began)
    assert best < 0.3
