"""Forecasting a set: train a network, put its forecasts beside the baselines', score them all alike.

Axes: K stations, C calibration steps, S test steps, P parameters, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.inputs import INPUTS
from data.progress import Step, Work, renamed
from data.traffic import Traffic, level_shift
from data.windows import SplitSettings, Task, forecast_task, middle_of_test
from forecasting.baselines import BASELINES, Forecast
from forecasting.intervals import (
    Intervals,
    IntervalSettings,
    adaptive_intervals,
    coverage,
    mean_width,
    part_of,
)
from forecasting.metrics import Scores, mean_scores, scores
from forecasting.networks import Network, build_network, initial_weights
from forecasting.settings import Engine, TrainingSettings
from forecasting.stations import full_samples, start_rng, station_number, station_rngs
from forecasting.training import predict, training

Scope = Literal["central", "station"]
OTHER_SCOPE = "other scope"  # as a baseline: the same network trained the other way
SCOPE_WORDS: dict[Scope, str] = {"central": "one for all", "station": "one per station"}


# Chosen on days 16 to 23 of the real set milan25, never on its test days: see forecasting/README.md.
CENTRAL_TRAINING = TrainingSettings(
    epochs=30,
    batch_size=256,
    learning_rate=2e-3,
    schedule="cosine",
    optimizer="adamw",
    weight_decay=1.0,
    loss="huber",
)
STATION_TRAINING = replace(CENTRAL_TRAINING, epochs=60, batch_size=32)


def usual_inputs(model: str) -> str:
    """The name of the inputs with which a network does best; the two-branch LSTM needs periodic ones."""
    return "day" if model == "two-branch-lstm" else "profile"


@dataclass(frozen=True, kw_only=True)
class ForecastSettings:
    """What is forecast, by which network, beside which baselines; `seeds` networks are trained and averaged.

    `level_shift` multiplies all loads from the middle of the test part on, to see what that does.
    """

    model: str = "mlp"
    hidden: tuple[int, ...] | None = None
    inputs: str = "profile"
    scope: Scope = "central"
    native_step: bool = False
    baselines: tuple[str, ...] = (*BASELINES, OTHER_SCOPE)
    seed: int = 1
    seeds: int = 1
    level_shift: float = 1.0
    split: SplitSettings = field(default_factory=SplitSettings)
    central_training: TrainingSettings = CENTRAL_TRAINING
    station_training: TrainingSettings = STATION_TRAINING
    interval: IntervalSettings = field(default_factory=IntervalSettings)

    def __post_init__(self) -> None:
        if self.inputs not in INPUTS:
            raise InputError(f"unknown inputs {self.inputs!r}, expected one of {', '.join(INPUTS)}")
        if self.seeds < 1 or self.seed < 0:
            raise InputError(
                f"seeds must be at least 1 and seed at least 0, got {self.seeds} and {self.seed}"
            )
        known = (*BASELINES, OTHER_SCOPE)
        for name in self.baselines:
            if name not in known:
                raise InputError(f"unknown baseline {name!r}, expected one of {', '.join(known)}")
        if len(set(self.baselines)) < len(self.baselines):
            raise InputError(f"each baseline may stand once, got {', '.join(self.baselines)}")
        if self.level_shift != 1 and self.split.tested_days <= 2:
            raise InputError(f"a level shift needs more than 2 tested days, got {self.split.tested_days:g}")

    @property
    def other_scope(self) -> Scope:
        """The scope that the network is not trained for, which is a baseline."""
        return "station" if self.scope == "central" else "central"


@dataclass(frozen=True)
class Predictor:
    """One predictor's forecasts of the test part and what they are worth, averaged over the seeds.

    `coverage` and `width` are those of its intervals; a level shift splits `coverage` in the shares
    before it, in the day after it, and later. `forecast` and `intervals` are those of the first seed.
    """

    name: str
    scores: Scores
    mse_spread: float  # standard deviation over the seeds
    forecast: Forecast  # (K, S) z-scored
    intervals: Intervals  # (K, S) each, z-scored
    coverage: float
    width: float
    coverage_around_shift: tuple[float, ...] | None


@dataclass(frozen=True)
class Comparison:
    """All predictors over the same test steps, and the baselines that could not be had, with the reason."""

    task: Task
    predictors: tuple[Predictor, ...]
    left_out: dict[str, str]


def comparison(traffic: Traffic, settings: ForecastSettings) -> Work[Comparison]:
    """Train and score the network of `settings` and its baselines on `traffic`."""
    task = forecast_task(
        _shifted(traffic, settings), INPUTS[settings.inputs], settings.split, native_step=settings.native_step
    )
    name = f"{settings.model}, {SCOPE_WORDS[settings.scope]}"
    several = yield from network_forecasts(task, settings, settings.scope)
    predictors, left_out = [_scored(task, name, several, settings)], {}
    for number, baseline in enumerate(settings.baselines):
        yield Step("baselines", number, len(settings.baselines), baseline)
        if baseline == OTHER_SCOPE:
            name = f"{settings.model}, {SCOPE_WORDS[settings.other_scope]}"
            several = yield from network_forecasts(task, settings, settings.other_scope)
            predictors.append(_scored(task, name, several, settings))
            continue
        try:
            predictors.append(_scored(task, baseline, [BASELINES[baseline](task)], settings))
        except InputError as error:
            left_out[baseline] = str(error)
    yield Step("baselines", len(settings.baselines), len(settings.baselines), "done")
    return Comparison(task, tuple(predictors), left_out)


def network_forecasts(task: Task, settings: ForecastSettings, scope: Scope) -> Work[list[Forecast]]:
    """Forecasts (K, C + S) by networks of each seed: one network for all stations, or one per station."""
    network = build_network(settings.model, task.train.layout, settings.hidden)
    stations, samples = task.train.targets.shape
    if scope == "central":
        data = full_samples(
            task.train.inputs.reshape(1, stations * samples, -1), task.train.targets.reshape(1, -1)
        )
    else:
        data = full_samples(task.train.inputs, task.train.targets)
    numbers = [0] if scope == "central" else [station_number(each) for each in task.traffic.stations]
    how = settings.central_training if scope == "central" else settings.station_training
    several = []
    for seed in range(settings.seed, settings.seed + settings.seeds):
        weights = np.tile(initial_weights(network, start_rng(seed)), (len(data.counts), 1))  # (1 or K, P)
        rngs = station_rngs(seed, numbers)
        stage = f"{settings.model}, {SCOPE_WORDS[scope]}, seed {seed}"
        yield Step(stage, 0, how.epochs, "starting (kernels are compiled on their first use)")
        trained = yield from renamed(training(network, weights, data, how, rngs), stage)
        if not np.isfinite(trained.weights).all():
            raise InputError(f"{stage}: training diverged; lower the learning rate or its like")
        several.append(_forecast(network, trained.weights, task.issued.inputs, how.engine))
    return several


def _forecast(
    network: Network, weights: NDArray[np.float32], inputs: NDArray[np.float32], engine: Engine
) -> Forecast:
    """Forecasts (K, C + S) for `inputs` (K, C + S, F) by weights (K, P), or (1, P) for all stations."""
    flat = inputs.reshape(len(weights), -1, inputs.shape[-1])
    return predict(network, weights, flat, engine).reshape(inputs.shape[:2])


def _shifted(traffic: Traffic, settings: ForecastSettings) -> Traffic:
    """The traffic as it is, or with a level shift in the middle of the test part."""
    if settings.level_shift == 1:
        return traffic
    step = middle_of_test(traffic, settings.split, native_step=settings.native_step)
    return level_shift(traffic, step, settings.level_shift)


def _scored(task: Task, name: str, several: Sequence[Forecast], settings: ForecastSettings) -> Predictor:
    """What the forecasts (K, C + S) of each seed are worth, on average."""
    calibration = task.calibration_steps
    each = [scores(task, forecast[:, calibration:]) for forecast in several]
    intervals = [_intervals(task, forecast, settings.interval) for forecast in several]
    around = [_coverage_around_shift(task, one) for one in intervals] if settings.level_shift != 1 else []
    return Predictor(
        name=name,
        scores=mean_scores(each),
        mse_spread=float(np.std([score.mse for score in each])),
        forecast=several[0][:, calibration:],
        intervals=intervals[0],
        coverage=float(np.mean([coverage(one, task.test.targets, task.test.measured) for one in intervals])),
        width=float(np.mean([mean_width(one) for one in intervals])),
        coverage_around_shift=tuple(np.mean(around, axis=0).tolist()) if around else None,
    )


def _intervals(task: Task, forecast: Forecast, settings: IntervalSettings) -> Intervals:
    """Intervals of the test steps, started from the errors that the forecast (K, C + S) made before them."""
    calibration = task.calibration_steps
    errors = forecast[:, :calibration] - task.issued.targets[:, :calibration]
    return adaptive_intervals(forecast[:, calibration:], task.test.targets, errors, settings)


def _coverage_around_shift(task: Task, intervals: Intervals) -> tuple[float, float, float]:
    """Coverage before a shift in the middle of the test part, in the day after it, and later."""
    test = task.test
    middle, day = test.targets.shape[1] // 2, 1440 // task.traffic.step_minutes
    spans = slice(None, middle), slice(middle, middle + day), slice(middle + day, None)
    before, after, later = (
        coverage(part_of(intervals, span), test.targets[:, span], test.measured[:, span]) for span in spans
    )
    return before, after, later
