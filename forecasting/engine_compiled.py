"""The fast engine on a processor: kernels compiled by numba, one station at a time, stations over threads.

The first call on a machine compiles for some seconds; the result is kept beside the modules, or where
NUMBA_CACHE_DIR says. Axes: K stations, S samples, F features, P parameters, E epochs.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from functools import cache

import numpy as np

from data.progress import Step, Work
from forecasting.kernels import forecast, train_epoch
from forecasting.kernels_plan import Plan, build_plan
from forecasting.kernels_training import ADAM, MOMENTUM, SGD, Data, Moving, Rule
from forecasting.networks import Name, Network
from forecasting.settings import TrainingSettings, learning_rate
from forecasting.stations import Floats, OptimizerState, Samples, Trained, sample_orders

NETWORKS: tuple[Name, ...] = ("linear", "mlp", "gru", "lstm", "two-branch-lstm")
FORGETS = True  # a state without room for moments stands for a fresh optimizer, good for one epoch
STATIONS_AT_ONCE = 8  # in one compiled call; an interrupt and a progress line wait for its end


@dataclass(frozen=True)
class _Run:
    """What all calls of a training run share; the arrays of `moving` are this run's own copies."""

    plan: Plan
    settings: TrainingSettings
    samples: Samples
    rngs: Sequence[np.random.Generator]
    moving: Moving


def epochs(
    network: Network,
    weights: Floats,
    samples: Samples,
    settings: TrainingSettings,
    rngs: Sequence[np.random.Generator],
    state: OptimizerState,
) -> Work[Trained]:
    """Train K stations from `weights` (K, P), all of them through one epoch before the next.

    The arrays of `state` are used up: they become those of the result.
    """
    moving = Moving(
        np.array(weights, np.float32, order="C"),
        _plain(state.first),
        _plain(state.second),
        state.steps,
        start=_plain(weights) if settings.proximal else np.zeros((len(weights), 0), np.float32),
    )
    data = Samples(_plain(samples.inputs), _plain(samples.targets), np.array(samples.counts, np.int64))
    run = _Run(build_plan(network), settings, data, rngs, moving)
    losses = np.zeros((len(weights), settings.epochs), np.float32)
    done, total = 0, len(weights) * settings.epochs
    for epoch in range(settings.epochs):
        rule = _rule(settings, learning_rate(settings, state.epochs + epoch))
        for stations, part in _epoch(run, rule):
            losses[stations, epoch] = part
            done += len(part)
            yield Step("train", done, total, f"loss {part.mean():.4f}", "epochs")
    made = OptimizerState(moving.first, moving.second, moving.steps, state.epochs + settings.epochs)
    return Trained(moving.weights, losses, made)


def forecasts(network: Network, weights: Floats, inputs: Floats) -> Floats:
    """The forecasts (K, S) for `inputs` (K, S, F).

    Stations that all have the same weights are one with all their samples, so that these are laid out once.
    """
    weights, inputs = _plain(weights), _plain(inputs)
    wide = inputs
    if len(weights) > 1 and (weights[1:] == weights[0]).all():
        weights, wide = weights[:1], inputs.reshape(1, -1, inputs.shape[2])
    result = np.empty(wide.shape[:2], np.float32)
    forecast(build_plan(network), weights, wide, result)
    return result.reshape(inputs.shape[:2])


def _plain(values: Floats) -> Floats:
    """`values` as the one kind of array the kernels are compiled for, copied only where that is needed."""
    return np.require(values, np.float32, ["C", "W"])


def _epoch(run: _Run, rule: Rule) -> Iterator[tuple[slice, Floats]]:
    """Train every station once; yields the mean losses of a few stations whenever they are done."""
    count = len(run.samples.counts)
    size = max(1, min(STATIONS_AT_ONCE, count // run.settings.threads))
    groups = [slice(first, first + size) for first in range(0, count, size)]
    if run.settings.threads == 1:
        yield from ((stations, _trained(run, rule, stations)) for stations in groups)
        return
    pool = _threads(run.settings.threads)
    futures = {pool.submit(_trained, run, rule, stations): stations for stations in groups}
    try:
        yield from ((futures[future], future.result()) for future in as_completed(futures))
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Threads that stay for the next call: a round over small networks takes no longer than starting some."""
    return ThreadPoolExecutor(count)


def _trained(run: _Run, rule: Rule, stations: slice) -> Floats:
    """Train some stations once, in place; their mean losses."""
    samples = run.samples.part(stations)
    size, rngs = samples.targets.shape[1], run.rngs[stations]
    orders = sample_orders(samples.counts, size, rngs, shuffle=run.settings.shuffle)
    data = Data(samples.inputs, samples.targets, orders, samples.counts)
    losses: Floats = train_epoch(run.plan, rule, _part(run.moving, stations), data)
    return losses


def _part(moving: Moving, stations: slice) -> Moving:
    """Views of some of the stations."""
    first, second = moving.first[stations], moving.second[stations]
    return Moving(moving.weights[stations], first, second, moving.steps[stations], moving.start[stations])


def _rule(settings: TrainingSettings, rate: float) -> Rule:
    decoupled = settings.optimizer == "adamw"
    return Rule(
        kind=ADAM if settings.second_moment else MOMENTUM if settings.first_moment else SGD,
        batch=settings.batch_size,
        rate=np.float32(rate),
        momentum=np.float32(settings.momentum),
        faster=settings.betas[0],
        slower=settings.betas[1],
        epsilon=np.float32(settings.epsilon),
        decay=np.float32(0 if decoupled else settings.weight_decay),
        shrink=np.float32(settings.weight_decay if decoupled else 0),
        proximal=np.float32(settings.proximal),
        clip=np.float32(settings.clip_norm),
        huber=np.float32(settings.huber_delta if settings.loss == "huber" else 0),
    )
