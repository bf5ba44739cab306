"""Flower's strategies, and subclasses of them, used for their aggregation.

A Flower strategy speaks in messages and remembers in its attributes. Each call makes it anew, gives it back
what it remembered, shows it the tier's twin (`configure_train`) and hands it the updates as replies
(`aggregate_train`), all in this process and on copies. The attributes that differ from those of a fresh
object become our state. Flower's private parts are touched in `_identity` only.
"""

import copy
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from data.errors import InputError
from fl_server.aggregation.flower_state import NotStorableError, restored, same, stored
from fl_server.aggregation.specs import Rule, demand, nearest, settings_of
from fl_server.aggregation.updates import Doubles, Floats, State, Updates, as_floats, layer_sizes

PREFIX = "flower:"
USABLE = (
    "Bulyan", "FedAdagrad", "FedAdam", "FedAvg", "FedAvgM", "FedMedian",
    "FedTrimmedAvg", "FedYogi", "Krum", "MultiKrum",
)  # fmt: skip
UNUSABLE = {
    "FedProx": "its proximal term is added by the stations: use fedprox:mu=…",
    "QFedAvg": "it needs the losses of the stations, which do not come with their weights",
    "FedXgbBagging": "it merges trees, not weights",
    "FedXgbCyclic": "it passes trees on, it merges no weights",
}
WRAPPER = "DifferentialPrivacy"  # how the names of Flower's wrappers begin
ROUND = "round"
TWIN = "current_arrays"  # Flower's name for the tier's twin, which our caller keeps
ASKED = 3  # configure_train asks for the nodes twice; one that asks on waits for more to connect


@dataclass(frozen=True)
class FlowerStrategy:
    """A strategy of Flower; `make` gives a fresh object of it."""

    title: str
    make: Callable[[], Any]  # an object of a class that is imported late

    def __call__(self, current: Floats, updates: Updates, state: State) -> tuple[Floats, State]:
        """What Flower's aggregation makes of the updates; when it makes nothing of them, the twin stays."""
        number = int(state[ROUND]) + 1 if state else 1
        with _quiet(), _identity():
            strategy = self.make()
            fresh = copy.deepcopy(vars(strategy))
            for name, value in _remembered(state).items():
                setattr(strategy, name, value)
            _show(strategy, current, updates, number)
            record, _ = strategy.aggregate_train(number, _replies(updates))
        weights = current.copy() if record is None else _weights(record, updates, self.title)
        return weights, {ROUND: np.array(number), **_changes(strategy, fresh, self.title)}


def flower_strategy(named: str | Rule, texts: Mapping[str, str], title: str) -> FlowerStrategy:
    """Flower's own strategy of that name, or a user's subclass of one, with its settings."""
    rule = _built_in(named, title) if isinstance(named, str) else named
    demand(
        hasattr(rule, "aggregate_train"),
        f"{title} has no aggregate_train, expected a Strategy of flwr.serverapp.strategy",
    )
    for base in getattr(rule, "__mro__", ()):
        if base.__module__.startswith("flwr.") and base.__name__ in UNUSABLE:
            raise InputError(f"{title} cannot be used: {UNUSABLE[base.__name__]}")
    settings = settings_of(rule, texts, title, arguments=0)
    strategy = FlowerStrategy(title, partial(rule, **settings))
    try:
        with _quiet():
            strategy.make()
    except Exception as error:  # whatever the class says of its settings
        raise InputError(f"{title} could not be made: {type(error).__name__}: {error}") from error
    return strategy


def _built_in(name: str, title: str) -> Rule:
    from flwr.serverapp import strategy as strategies

    if name.startswith(WRAPPER):
        raise InputError(f"{title} cannot be used: it wraps another strategy, which cannot be named here")
    if name not in USABLE and name not in UNUSABLE:
        raise InputError(
            f"unknown Flower strategy {name!r}, expected one of {', '.join(USABLE)}{nearest(name, USABLE)}"
        )
    rule: Rule = getattr(strategies, name)
    return rule


def _show(strategy: Any, current: Floats, updates: Updates, number: int) -> None:  # a Flower strategy
    """Let the strategy send out the tier's twin, as it would at the beginning of a round."""
    from flwr.app import ConfigRecord

    needed = (getattr(strategy, name, 0) for name in ("min_available_nodes", "min_train_nodes"))
    nodes = _Nodes(max(len(updates.weights), *needed))
    twin = _record(current, layer_sizes(updates))
    drawn = random.getstate()  # Flower chooses nodes by the global generator
    try:
        list(strategy.configure_train(number, twin, ConfigRecord(), nodes))  # nobody receives the messages
    finally:
        random.setstate(drawn)


class _Nodes:
    """As much of Flower's Grid as a strategy needs to choose nodes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._asked = 0

    def get_node_ids(self) -> list[int]:
        """The ids of as many nodes as sent updates, or as the strategy demands."""
        self._asked += 1
        if self._asked > ASKED:
            raise InputError(f"a strategy of Flower waits for more than {self._count} nodes")
        return list(range(1, self._count + 1))


def _replies(updates: Updates) -> list[Any]:  # Flower's Messages
    from flwr.app import Message, MessageType, MetricRecord, RecordDict

    samples = updates.samples if updates.samples.sum() > 0 else np.ones_like(updates.samples)
    replies = []
    for node, (weights, count) in enumerate(zip(updates.weights, samples, strict=True), start=1):
        order = Message(RecordDict(), dst_node_id=node, message_type=MessageType.TRAIN)
        metrics = MetricRecord({"num-examples": int(count)})
        content = RecordDict({"arrays": _record(weights, layer_sizes(updates)), "metrics": metrics})
        replies.append(Message(content, reply_to=order))
    return replies


def _record(weights: Floats, sizes: tuple[int, ...]) -> Any:  # Flower's ArrayRecord
    """One array a layer, in float64 so that the sums run in it."""
    from flwr.app import Array, ArrayRecord

    layers = np.split(weights.astype(np.float64), np.cumsum(sizes)[:-1])
    return ArrayRecord({_layer(place): Array(layer) for place, layer in enumerate(layers)})


def _weights(record: Any, updates: Updates, title: str) -> Floats:  # Flower's ArrayRecord
    sizes = layer_sizes(updates)
    layers: dict[str, Doubles] = {
        name: np.asarray(array.numpy(), np.float64) for name, array in record.items()
    }
    expected = {_layer(place): (size,) for place, size in enumerate(sizes)}
    found = {name: layer.shape for name, layer in layers.items()}
    demand(found == expected, f"{title} returned arrays {found}, expected {expected}")
    return as_floats(np.concatenate([layers[name] for name in expected]))


def _layer(place: int) -> str:
    return f"layer-{place}"


def _remembered(state: State) -> dict[str, Any]:  # attributes of any kind
    return restored({name: array for name, array in state.items() if name != ROUND}) if state else {}


def _changes(strategy: Any, fresh: Mapping[str, object], title: str) -> State:  # a Flower strategy
    """The attributes that aggregation left different from a fresh object's."""
    changed = {
        name: value
        for name, value in vars(strategy).items()
        if name != TWIN and (name not in fresh or not same(value, fresh[name]))
    }
    try:
        return stored(changed)
    except NotStorableError as error:
        raise InputError(
            f"{title} cannot be resumed: among what it remembers ({', '.join(changed)}) is a value of type "
            f"{error}, expected numbers, arrays, lists and dictionaries of them"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Flower tells of every round; only its errors are let through."""
    logger = logging.getLogger("flwr")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _identity() -> Iterator[None]:
    """Flower makes messages only in a process that has a task; outside of one, lend it a task."""
    from flwr.supercore.task_identity import TaskIdentity

    names = ("_task_id", "_run_id", "_node_id")
    before = {name: getattr(TaskIdentity, name) for name in names}
    for name in names:
        setattr(TaskIdentity, name, 1 if before[name] is None else before[name])
    try:
        yield
    finally:
        for name in names:
            setattr(TaskIdentity, name, before[name])
