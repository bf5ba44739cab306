"""Every bad value of a run's settings is refused with a sentence when the settings are made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.windows import SplitSettings
from fl_server.settings import (
    BehaviourSettings,
    HorizontalSettings,
    SegmentSettings,
    Strategies,
    TwinSettings,
    VerticalSettings,
)
from forecasting.recipe import Recipe

INF, NAN = float("inf"), float("nan")
PHASES = ("vertical", "settling", "horizontal")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: VerticalSettings(epochs=-1), "epochs must not be negative, got -1"),
        (lambda: VerticalSettings(settling=1), "settling must be a share of the epochs in [0, 1), got 1"),
        (lambda: VerticalSettings(settling=NAN), "settling must be a share of the epochs in [0, 1), got nan"),
        (lambda: VerticalSettings(participation=0), "participation must lie in (0, 1], got 0"),
        (lambda: VerticalSettings(participation=1.1), "participation must lie in (0, 1], got 1.1"),
        (lambda: VerticalSettings(participation=NAN), "participation must lie in (0, 1], got nan"),
        (lambda: VerticalSettings(least_answers=0), "least_answers must be at least 1, got 0"),
        (lambda: HorizontalSettings(epochs=-3), "epochs must not be negative, got -3"),
        (lambda: HorizontalSettings(psi=0), "the threshold psi must be positive, got 0"),
        (lambda: HorizontalSettings(psi=-1e-6), "the threshold psi must be positive, got -1e-06"),
        (lambda: HorizontalSettings(psi=NAN), "the threshold psi must be positive, got nan"),
        (lambda: HorizontalSettings(psi=INF), "the threshold psi must be positive, got inf"),
        (lambda: HorizontalSettings(ready=0), "ready must lie in (0, 1], got 0"),
        (lambda: HorizontalSettings(ready=1.5), "ready must lie in (0, 1], got 1.5"),
        (lambda: HorizontalSettings(participation=-1), "participation must lie in (0, 1], got -1"),
        (
            lambda: HorizontalSettings(new_values=-1),
            "new_values must be at least 1, or 0 for the length of an epoch",
        ),
        (lambda: HorizontalSettings(patience_hours=0), "patience_hours must be positive, got 0"),
        (lambda: HorizontalSettings(patience_hours=INF), "patience_hours must be positive, got inf"),
        (lambda: BehaviourSettings(training_hours=0), "training_hours must be positive, got 0"),
        (lambda: BehaviourSettings(away_hours=NAN), "away_hours must be positive, got nan"),
        (lambda: BehaviourSettings(speed_spread=-1), "speed_spread must not be negative, got -1"),
        (lambda: BehaviourSettings(dropouts=INF), "dropouts must not be negative, got inf"),
        (lambda: BehaviourSettings(deadline=-0.5), "deadline must not be negative, got -0.5"),
        (lambda: BehaviourSettings(sleepers=1.2), "the share of sleepers must be in [0, 1], got 1.2"),
        (lambda: BehaviourSettings(sleepers=NAN), "the share of sleepers must be in [0, 1], got nan"),
        (lambda: SegmentSettings(degree=-1), "degree must be at least 1, or 0 for the usual one, got -1"),
        (
            lambda: SegmentSettings(every_vertical=-1),
            "segmentations must be 0 or more epochs apart, got -1 and 5",
        ),
        (
            lambda: SegmentSettings(every_horizontal=-2),
            "segmentations must be 0 or more epochs apart, got 10 and -2",
        ),
        (lambda: Strategies(cluster="meen"), "unknown strategy 'meen', expected one of"),
        (lambda: Strategies(top="krum:faulty=x"), "krum: "),
        (lambda: Strategies(refresh="cluster-meen"), "unknown refresh rule 'cluster-meen', expected one of"),
        (lambda: Recipe(model="mpl"), "unknown network 'mpl', expected one of linear, mlp"),
        (lambda: Recipe(inputs="week"), "unknown inputs 'week', expected one of paper"),
        (lambda: Recipe(memory_days=-1), "memory_days must not be negative, got -1"),
        (lambda: Recipe(memory_days=NAN), "memory_days must not be negative, got nan"),
        (lambda: Recipe(head_strength=0), "head_strength must be positive, got 0"),
        (lambda: Recipe(seed=-1), "the seed must not be negative, got -1"),
        (lambda: SplitSettings(test_days=0), "test_days must be positive, got 0"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        make()
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("name", ["cluster", "top", "refresh"])
def test_a_strategy_that_is_nearly_right_is_suggested(name: str) -> None:
    near, right = ("cluster-meen", "cluster-mean") if name == "refresh" else ("trimed-mean", "trimmed-mean")
    with pytest.raises(InputError, match=f"did you mean {right}"):
        Strategies(**{name: near})


def test_the_papers_epochs_are_the_defaults() -> None:
    """100 V and 20 H epochs; DCS every 10 of the first and every 5 of the second."""
    settings = TwinSettings()
    assert (settings.vertical.epochs, settings.horizontal.epochs) == (100, 20)
    assert (settings.segment.every_vertical, settings.segment.every_horizontal) == (10, 5)
    assert settings.strategies == Strategies(cluster="mean", top="mean", refresh="cluster-mean")


@given(st.floats(0, 9), st.floats(0, 9))
def test_stations_take_over_the_stronger_proximal_term_of_the_two_tiers(low: float, high: float) -> None:
    settings = TwinSettings(strategies=Strategies(cluster=f"fedprox:mu={low}", top=f"fedprox:mu={high}"))
    recipe = settings.station_recipe
    assert [getattr(recipe, name).proximal for name in PHASES] == [max(low, high)] * 3
    plain = [replace(getattr(recipe, name), proximal=0.0) for name in PHASES]
    without: dict[str, Any] = dict(zip(PHASES, plain, strict=True))  # Any: replace takes fields of all types
    assert replace(recipe, **without) == settings.recipe


def test_settling_is_a_share_of_the_epochs() -> None:
    """A tenth of 100, of 25 (2.5, to even) and of 3."""
    several = [VerticalSettings(epochs=epochs, settling=0.1) for epochs in (100, 25, 3)]
    assert [each.settling_epochs for each in several] == [10, 2, 0]


def test_without_a_proximal_strategy_the_recipe_is_as_it_is() -> None:
    settings = TwinSettings(recipe=Recipe(seed=4))
    assert settings.station_recipe is settings.recipe
