"""Training: the same from the same seed, alone or beside others, in one go or stopped and resumed."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.progress import Steps, finished
from hetnet.sync.dqn import DqnSettings
from hetnet.sync.figures_learning import OUR_SAC
from hetnet.sync.sac import SacSettings
from hetnet.sync.training import (
    LearningSettings,
    Method,
    Training,
    final_worlds,
    learning,
    load_training,
    save_training,
    tuning_worlds,
)
from tests.hetnet.sync.toys import COLUMNS, RATE, SLOTS, best_return, toy

METHODS = (SacSettings(hidden=(8,), entropy=0.3), DqnSettings(hidden=(8,)))


def _short(method: Method) -> LearningSettings:
    return LearningSettings(
        method=method, epochs=6, copies=4, warmup=2, batch=16, kept=40, judged=5, judged_every=2
    )


def _same(one: Training, other: Training) -> None:
    for mine, theirs in zip(one.policies(), other.policies(), strict=True):
        for each, that in zip(mine.layers, theirs.layers, strict=True):
            np.testing.assert_array_equal(each[0], that[0])
            np.testing.assert_array_equal(each[1], that[1])
    np.testing.assert_array_equal(one.curve.surest, other.curve.surest)
    np.testing.assert_array_equal(one.curve.drawn, other.curve.drawn)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seeds_learn_the_same(method: Method) -> None:
    first, second = (finished(learning([toy] * 2, _short(method), (3, 4), columns=COLUMNS)) for _ in range(2))
    _same(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_learns_the_same_alone_and_beside_another(method: Method) -> None:
    both = finished(learning([toy] * 2, _short(method), (3, 4), columns=COLUMNS))
    alone = finished(learning([toy], _short(method), (4,), columns=COLUMNS))
    for each, that in zip(both.policies()[1].layers, alone.policies()[0].layers, strict=True):
        np.testing.assert_allclose(each[0], that[0], atol=1e-4)
    np.testing.assert_allclose(both.curve.drawn[:2, 1], alone.curve.drawn[:2, 0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [1, 3])
def test_a_stored_training_ends_as_one_that_was_not_stopped(
    method: Method, stop: int, tmp_path: Path
) -> None:
    whole = finished(learning([toy] * 2, _short(method), (3, 4), columns=COLUMNS))
    stopped = finished(learning([toy] * 2, _short(method), (3, 4), stop=stop, columns=COLUMNS))
    save_training(tmp_path / "training", stopped)
    resumed = load_training(tmp_path / "training")
    _same(stopped, resumed)
    assert resumed.settings == stopped.settings
    _same(finished(learning([toy] * 2, _short(method), (3, 4), start=resumed, columns=COLUMNS)), whole)


def test_every_epoch_is_a_step_and_the_curve_has_what_was_asked_for() -> None:
    steps = Steps(learning([toy], _short(METHODS[0]), (3,), columns=COLUMNS))
    assert [(step.done, step.total) for step in steps] == [(float(done), 6.0) for done in range(1, 7)]
    assert steps.result.curve.epochs == (0, 2, 4, 6)
    assert steps.result.curve.surest.shape == steps.result.curve.drawn.shape == (4, 1)


def test_only_a_policy_of_chances_is_drawn_from() -> None:
    sac, dqn = (finished(learning([toy], _short(each), (3,), columns=COLUMNS)) for each in METHODS)
    assert (sac.curve.drawn != sac.curve.surest).any()
    np.testing.assert_array_equal(dqn.curve.drawn, dqn.curve.surest)


def test_rewards_can_be_taken_less_what_chance_earned() -> None:
    settings = replace(_short(METHODS[0]), rewards="centred")
    training = finished(learning([toy], settings, (3,), stop=2))
    earned = training.replay.rewards[: training.replay.seen]
    assert float(training.centre[0]) == pytest.approx(float(earned.mean()), rel=1e-5)
    assert RATE - 3 < float(training.centre[0]) < RATE
    assert training.replay.seen == 2 * SLOTS


def test_rewards_of_its_own_are_the_whole_ones_less_the_rate_without_a_refresh() -> None:
    whole, own = (
        finished(learning([toy], replace(_short(METHODS[0]), rewards=kind), (3,), columns=COLUMNS, stop=2))
        for kind in ("whole", "own")
    )
    np.testing.assert_allclose(own.replay.rewards[:24], whole.replay.rewards[:24] - RATE, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_in_the_unit_of_their_deviation_rewards_teach_the_same_however_large(method: Method) -> None:
    settings = replace(_short(method), unit="deviation")
    once, often = (
        finished(learning([partial(toy, scale=scale)], settings, (3,), columns=COLUMNS))
        for scale in (1.0, 64.0)
    )
    warm = finished(learning([toy], settings, (3,), columns=COLUMNS, stop=2)).replay
    deviation = float(warm.rewards[: warm.seen].std(correction=0))
    assert float(once.unit[0]) == pytest.approx(deviation, rel=1e-5)
    assert often.unit == pytest.approx(64 * once.unit)
    np.testing.assert_allclose(often.curve.surest[1:], 64 * once.curve.surest[1:], rtol=1e-5)


def test_where_returns_are_large_it_does_not_settle_on_never_refreshing() -> None:
    method = replace(OUR_SAC, hidden=(16, 16))
    settings = LearningSettings(
        method=method, unit="deviation", epochs=40, copies=16, batch=64, judged_every=40
    )
    large = partial(toy, scale=100.0)
    training = finished(learning([large] * 3, settings, (1, 2, 3), columns=COLUMNS))
    assert (100 * best_return() - training.curve.surest[-1] < 0.02 * 100 * best_return()).all()


def test_a_policy_reads_observations_as_the_world_gives_them() -> None:
    training = finished(learning([toy], _short(METHODS[0]), (3,), columns=COLUMNS, stop=2))
    seen = training.replay.observations[:24, 0].reshape(-1, len(COLUMNS.names))
    standard = (seen - torch.from_numpy(training.middle[0])) / torch.from_numpy(training.spread[0])
    np.testing.assert_allclose(standard.mean(0), 0, atol=1e-5)
    spread = standard.std(0, correction=0)
    np.testing.assert_allclose(spread, [1, 1, 0, 1, 1], atol=1e-5)  # the toy's error always grows alike
    outputs = training.learner.outputs()(standard[None]).detach()[0]
    lead = training.policies()[0].lead(seen.numpy())
    np.testing.assert_allclose(lead, outputs[:, 1] - outputs[:, 0], atol=1e-4)


def test_rules_are_tuned_and_judged_on_different_trajectories() -> None:
    first, second = (np.random.default_rng(use(1)).random(5) for use in (tuning_worlds, final_worlds))
    assert not set(first) & set(second)


def test_a_training_of_other_settings_is_not_carried_on() -> None:
    begun = finished(learning([toy], _short(METHODS[0]), (3,), stop=1, columns=COLUMNS))
    with pytest.raises(InputError, match="other settings"):
        finished(learning([toy], replace(_short(METHODS[0]), batch=8), (3,), start=begun, columns=COLUMNS))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="kind full"):
        finished(learning([toy], _short(METHODS[0]), (3,)))
    with pytest.raises(InputError, match="epochs"):
        LearningSettings(epochs=0)
    with pytest.raises(InputError, match="reward_scale"):
        LearningSettings(reward_scale=0.0)
    with pytest.raises(InputError, match="unit is 'metre'"):
        LearningSettings(unit="metre")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InputError, match="2 worlds for 1 seeds"):
        finished(learning([toy] * 2, _short(METHODS[0]), (3,), columns=COLUMNS))
