"""Strategies by name, by the dotted path of a function or class of the user's own, or out of Flower."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from fl_server.aggregation.attention import FedAtt, FedDA
from fl_server.aggregation.flower import PREFIX, flower_strategy
from fl_server.aggregation.means import FedProx, mean, weighted_mean
from fl_server.aggregation.robust import GeometricMedian, Krum, MultiKrum, TrimmedMean, median
from fl_server.aggregation.server_optimizers import FedAdam, FedYogi, Momentum
from fl_server.aggregation.specs import Rule, demand, nearest, settings_of, signature_of, split_spec
from fl_server.aggregation.updates import Floats, State, Strategy, Updates

RULES: dict[str, tuple[Rule, str]] = {
    "mean": (mean, "arithmetic mean, each contributor once"),
    "weighted-mean": (weighted_mean, "mean weighted by samples (FedAvg)"),
    "median": (median, "median of each parameter"),
    "trimmed-mean": (TrimmedMean, "mean without the lowest and highest share (share=0.1)"),
    "krum": (Krum, "the update nearest to its neighbours (faulty=1)"),
    "multi-krum": (MultiKrum, "mean of the updates nearest to their neighbours (faulty=1, kept=K-faulty-2)"),
    "geometric-median": (GeometricMedian, "least sum of distances (smoothing=1e-6, iterations=100)"),
    "momentum": (Momentum, "server momentum, FedAvgM (rate=1, beta=0.9)"),
    "fedadam": (FedAdam, "adaptive server steps (rate=0.01, beta1=0.9, beta2=0.99, tau=0.001)"),
    "fedyogi": (FedYogi, "fedadam with additive second moments (same settings)"),
    "fedatt": (FedAtt, "attention over contributors, layer by layer (rate=1)"),
    "fedda": (FedDA, "attention over contributors and over a slow prior (rate=1, rho=0.2, memory=0.9)"),
    "fedprox": (FedProx, "mean; stations are held near the tier's twin while they train (mu=0.01)"),
}
NAMES: dict[str, str] = {name: line for name, (_, line) in RULES.items()}
ARGUMENTS = 3  # current, updates, state


def chosen_strategy(spec: str) -> Strategy:
    """The strategy that `spec` names: `name`, `package.module.rule` or `flower:Class`.

    Each may be followed by `:setting=value,…`. A function gets the settings beside its three arguments, a
    class is made with them.
    """
    if spec.startswith(PREFIX):
        path, texts = split_spec(spec.removeprefix(PREFIX))
        return flower_strategy(_imported(path) if "." in path else path, texts, f"{PREFIX}{path}")
    name, texts = split_spec(spec)
    if name in RULES:
        return _settled(RULES[name][0], texts, name)
    if "." not in name:
        raise InputError(
            f"unknown strategy {name!r}, expected one of {', '.join(NAMES)}, the dotted path of a "
            f"function or class, or {PREFIX}CLASS{nearest(name, NAMES)}"
        )
    rule = _imported(name)
    if hasattr(rule, "aggregate_train"):
        return flower_strategy(rule, texts, name)
    return _settled(rule, texts, name)


def proximal_of(spec: str) -> float:
    """The weight mu of the stations' proximal term: fedprox has one, for every other strategy it is 0."""
    strategy = chosen_strategy(spec)
    return strategy.mu if isinstance(strategy, FedProx) else 0.0


def result_of(strategy: Strategy, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
    """What `strategy` returns, checked; it sees read-only arrays, and its result shares memory with none."""
    name = title_of(strategy)
    shown = Updates(_read_only(updates.weights), _read_only(updates.samples), updates.layers)
    remembered = {key: _read_only(array) for key, array in state.items()}
    try:
        returned: object = strategy(_read_only(current), shown, remembered)
    except InputError:
        raise
    except Exception as error:  # a user's rule may raise anything
        raise InputError(f"the strategy {name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise InputError(f"the strategy {name} returned {_kind(returned)}, expected (weights, state)")
    weights, after = cast("tuple[object, object]", returned)
    return _checked_weights(weights, current.shape, name), _checked_state(after, name)


def title_of(strategy: Strategy) -> str:
    """What a strategy is called in sentences."""
    rule: Any = strategy.func if isinstance(strategy, partial) else strategy  # functions, partials or objects
    for name, (known, _) in RULES.items():
        if rule is known or type(rule) is known:
            return name
    named = rule if hasattr(rule, "__qualname__") else type(rule)
    return str(getattr(rule, "title", f"{named.__module__}.{named.__qualname__}"))


def _settled(rule: Rule, texts: Mapping[str, str], name: str) -> Strategy:
    """`rule` with its settings, fit to be called with a strategy's three arguments."""
    if inspect.isclass(rule):
        settings = settings_of(rule, texts, name, arguments=0)
        try:
            strategy = rule(**settings)
        except InputError:
            raise
        except Exception as error:  # a user's class may raise anything
            raise InputError(f"{name} could not be made: {type(error).__name__}: {error}") from error
        demand(callable(strategy), f"{name} makes objects that cannot be called, expected a __call__ method")
    else:
        settings = settings_of(rule, texts, name, ARGUMENTS)
        strategy = partial(rule, **settings) if settings else rule
    try:
        signature_of(cast("Rule", strategy), name).bind(*range(ARGUMENTS))
    except TypeError as error:
        raise InputError(f"{name} cannot be called with (current, updates, state): {error}") from error
    return cast("Strategy", strategy)


def _imported(path: str) -> Rule:
    """The function or class at a dotted path; modules of the current folder are found too."""
    module, _, name = path.rpartition(".")
    try:
        with _current_folder_last():
            home = import_module(module)
    except Exception as error:  # a user's module may raise anything when it is imported
        raise InputError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(home, name):
        raise InputError(f"the module {module} has no {name!r}")
    found = getattr(home, name)
    if not callable(found):
        raise InputError(f"{path} is {_kind(found)}, expected a function or a class")
    return cast("Rule", found)


@contextmanager
def _current_folder_last() -> Iterator[None]:
    """An installed command does not look in the current folder by itself."""
    added = [folder for folder in [str(Path.cwd())] if folder not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)


def _checked_weights(weights: object, shape: tuple[int, ...], name: str) -> Floats:
    if not isinstance(weights, np.ndarray) or weights.dtype.kind != "f" or weights.shape != shape:
        raise InputError(
            f"the strategy {name} returned {_kind(weights)} as weights, expected floats of shape {shape}"
        )
    with np.errstate(over="ignore"):
        floats: Floats = np.array(weights, dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(floats)))
    demand(
        bad == 0, f"the strategy {name} returned {bad} weights of {len(floats)} that are not finite numbers"
    )
    return floats


def _checked_state(state: object, name: str) -> State:
    """The state as arrays; so do numpy's single numbers count, which sums of 0-dimensional arrays are."""
    if not isinstance(state, Mapping):
        raise InputError(
            f"the strategy {name} returned {_kind(state)} as state, expected a mapping of arrays"
        )
    for key, array in state.items():
        demand(isinstance(key, str), f"the strategy {name} returned a state called {key!r}, expected a word")
        storable = isinstance(array, np.ndarray | np.generic) and array.dtype.kind in "biuf"
        found = f"the strategy {name} returned {_kind(array)} as state {key!r}"
        demand(storable, f"{found}, expected numbers in an array")
    return {key: np.array(array) for key, array in state.items()}


def _read_only(array: NDArray[Any]) -> NDArray[Any]:  # weights, samples or state: any numbers
    shown = array.view()
    shown.flags.writeable = False
    return shown


def _kind(value: object) -> str:
    """A value in a sentence: the shape and type of an array, else its type."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"a value of type {type(value).__name__}"
