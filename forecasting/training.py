"""Many stations in one computation: every station is trained exactly as if it were alone.

Each station runs plain mini-batch SGD or Adam on its own samples in its own seeded order; stacking them
changes the speed and nothing else. Two engines compute it: `engine_torch.py` (every network, any device)
and `engine_compiled.py` (kernels compiled by numba for the networks that it lists).

Axes: K stations, S samples, F features, P parameters.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from data.errors import InputError
from data.progress import Work, finished
from forecasting.networks import Network
from forecasting.settings import Engine, TrainingSettings
from forecasting.stations import Floats, OptimizerState, Samples, Trained, copied, fresh_optimizer, no_moments

CUDA_DRIVER = Path("/dev/nvidiactl")  # stands where a Linux machine has the driver loaded


def train(
    network: Network,
    weights: Floats,
    samples: Samples,
    settings: TrainingSettings,
    rngs: Sequence[np.random.Generator],
    state: OptimizerState | None = None,
) -> Trained:
    """Train K stations from `weights` (K, P); `state` continues the optimizer of an earlier call."""
    return finished(training(network, weights, samples, settings, rngs, state))


def train_once(
    network: Network,
    weights: Floats,
    samples: Samples,
    settings: TrainingSettings,
    rngs: Sequence[np.random.Generator],
) -> Trained:
    """Train K stations as `train` does with a fresh optimizer, which need not be in the result.

    Bringing the moments of an optimizer in and out of a call takes as long as a tenth of a short epoch.
    """
    engine = _engine(network, settings.engine, len(weights), settings.device)
    if settings.epochs > 1 or not engine.FORGETS:
        return train(network, weights, samples, settings, rngs)
    _refuse_mismatch(network, weights, samples, rngs)
    start = no_moments(weights, settings)
    work: Work[Trained] = engine.epochs(network, weights, samples, settings, rngs, start)
    return finished(work)


def training(
    network: Network,
    weights: Floats,
    samples: Samples,
    settings: TrainingSettings,
    rngs: Sequence[np.random.Generator],
    state: OptimizerState | None = None,
) -> Work[Trained]:
    """`train` as work that reports each epoch."""
    _refuse_mismatch(network, weights, samples, rngs)
    engine = _engine(network, settings.engine, len(weights), settings.device)
    start = fresh_optimizer(weights, settings) if state is None else copied(state)
    result: Trained = yield from engine.epochs(network, weights, samples, settings, rngs, start)
    return result


def _refuse_mismatch(
    network: Network, weights: Floats, samples: Samples, rngs: Sequence[np.random.Generator]
) -> None:
    if weights.shape != (len(samples.counts), network.parameters) or len(rngs) != len(weights):
        raise ValueError(
            f"{len(samples.counts)} stations of {network.parameters} parameters need as many weights and "
            f"rngs, got weights {weights.shape} and {len(rngs)} rngs"
        )


def predict(network: Network, weights: Floats, inputs: Floats, engine: Engine = "auto") -> Floats:
    """The forecasts (K, S) of K stations' `weights` (K, P) for `inputs` (K, S, F)."""
    forecasts: Floats = _engine(network, engine, len(weights), "cpu").forecasts(network, weights, inputs)
    return forecasts


def _engine(network: Network, engine: Engine, stations: int, device: str) -> ModuleType:
    """The module that computes: the compiled kernels unless a device is wanted, or there are none."""
    if engine != "torch":
        from forecasting import engine_compiled

        wanted = device.startswith("cuda") or (device == "auto" and _worth_a_device(stations))
        on_device = engine == "auto" and wanted
        if network.name in engine_compiled.NETWORKS and not on_device:
            return engine_compiled
        if engine == "compiled":
            known = ", ".join(engine_compiled.NETWORKS)
            raise InputError(f"the compiled engine has no kernels for {network.name}, only for {known}")
    from forecasting import engine_torch

    return engine_torch


def _worth_a_device(stations: int) -> bool:
    """Whether a CUDA device should train; torch, slow to import, is asked only where a driver is."""
    if not CUDA_DRIVER.exists():
        return False
    from forecasting.engine_torch import worth_a_device

    return worth_a_device(stations)
