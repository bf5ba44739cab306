"""Who was a member: the attacks find them where nothing hides them, and guess where noise is strong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.inputs import Layout
from fl_server.experiments.membership import ATTACKERS, Ground, _games, _of_another, _scores, _without_day
from fl_server.trust.membership import Game, area, bound, deviation, found_at, informed_score, sent
from forecasting.networks import build_network, initial_weights
from forecasting.private import PrivacySettings
from forecasting.recipe import Recipe
from forecasting.settings import TrainingSettings
from forecasting.stations import full_samples

STRONG = PrivacySettings(kind="series", epsilon=0.1, releases=1)
LOOSE = PrivacySettings(kind="series", epsilon=1e6, releases=1)
NONE = PrivacySettings()
scores = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


def over_trained() -> Ground:
    """Stations whose readings are random, so that all that they can learn of them is by heart."""
    rng, layout = np.random.default_rng(5), Layout(periodic=3, recent=3, extra=0)
    inputs = rng.standard_normal((8, 72, 6)).astype(np.float32)
    targets = rng.standard_normal((8, 72)).astype(np.float32)
    network = build_network("mlp", layout, (64,))
    by_heart = TrainingSettings(epochs=80, batch_size=16, learning_rate=0.02, momentum=0.9)
    start = initial_weights(network, np.random.default_rng(1))
    days = np.tile(np.array([0, 24, 48]), (8, 1))
    return Ground(network, Recipe(vertical=by_heart), full_samples(inputs, targets), [start], days)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    ground, rng = over_trained(), np.random.default_rng(9)
    games, tried = _games(ground, 1, _without_day)
    return {
        name: _scores(games, tried, ground, budget, rng)
        for name, budget in {"none": NONE, "strong": STRONG}.items()
    }


@pytest.mark.parametrize(("attacker", "least"), [("loss", 0.9), ("shadows", 0.9), ("knows all", 0.999)])
def test_members_of_an_over_trained_net_are_found(
    found: dict[str, dict[str, tuple[list[float], list[float]]]], attacker: str, least: float
) -> None:
    ins, outs = found["none"][attacker]
    assert area(ins, outs) > least


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_under_strong_noise_nobody_can_but_guess(
    found: dict[str, dict[str, tuple[list[float], list[float]]]], attacker: str
) -> None:
    """Within four standard errors of one half."""
    ins, outs = found["strong"][attacker]
    error = np.sqrt((len(ins) + len(outs) + 1) / (12 * len(ins) * len(outs)))
    assert area(ins, outs) == pytest.approx(0.5, abs=4 * error + 0.03)  # which ε = .1 allows


def test_another_series_is_found_where_nothing_hides_it() -> None:
    ground = over_trained()
    games, tried = _games(ground, 1, _of_another)
    ins, outs = _scores(games, tried, ground, LOOSE, np.random.default_rng(3))["knows all"]
    assert area(ins, outs) > 0.999


def test_who_knows_all_does_as_well_as_theory_lets_it() -> None:
    """Two normal distributions a distance d apart: an area of Φ(d / √2), and no one can do better."""
    rng = np.random.default_rng(2)
    inside, outside = rng.standard_normal((2, 3, 50)) * 1e-3
    budget = replace(STRONG, epsilon=2.0, clip=1.0, releases=3)
    apart = np.linalg.norm(inside - outside)
    budget = replace(budget, clip=float(apart / 2 / budget.multiplier))  # a deviation as long as that
    game = Game(inside * 0.1, outside * 0.1, inside[None], outside[None])
    d = 0.1 * apart / deviation(budget)
    ins, outs = (
        [informed_score(sent(each, budget, rng), game, budget) for _ in range(4000)]
        for each in (game.inside, game.outside)
    )
    assert area(ins, outs) == pytest.approx(stats.norm.cdf(d / np.sqrt(2)), abs=0.02)


@given(scores, scores)
def test_the_area_is_how_often_a_member_scores_higher(ins: list[float], outs: list[float]) -> None:
    pairs = [1.0 if one > other else 0.5 if one == other else 0.0 for one in ins for other in outs]
    assert area(ins, outs) == pytest.approx(np.mean(pairs))


@given(scores, scores, st.floats(0.0, 0.99))
def test_no_more_false_alarms_than_allowed(ins: list[float], outs: list[float], rare: float) -> None:
    threshold = np.sort(outs)[len(outs) - 1 - int(rare * len(outs))]
    assert np.mean(np.asarray(outs) > threshold) <= rare
    assert found_at(ins, outs, rare) == np.mean(np.asarray(ins) > threshold)


@given(st.floats(0.05, 50.0), st.floats(1e-9, 0.001), st.floats(0.001, 0.5))
def test_the_bound_holds_for_the_best_attack_on_noise_that_is_just_enough(
    epsilon: float, delta: float, rare: float
) -> None:
    """A test of Neyman and Pearson on Gaussian noise of the deviation that dp-accounting wants."""
    deviation = PrivacySettings(kind="series", epsilon=epsilon, delta=delta, releases=1).multiplier
    assert rare <= stats.norm.cdf(stats.norm.ppf(rare) + 1 / deviation) <= bound(epsilon, delta, rare) + 1e-6


@pytest.mark.parametrize(("epsilon", "most"), [(1e-9, 0.01), (1e4, 1.0)])
def test_the_bound_at_its_ends(epsilon: float, most: float) -> None:
    assert bound(epsilon, 0.0) == pytest.approx(most)
