"""What base stations do with the orders of the server, each on its own series.

A host holds the series of one station or of many. Stations that are asked for the same thing are computed
together, which changes the speed and nothing else: the answer of a station depends on its own series, on the
order and on the recipe, never on who else is there. A station remembers nothing from one order to the next.

Axes: K stations of a host, S samples, F features, P parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from clustering.signatures import SignatureSettings, signatures
from data.errors import InputError
from data.inputs import INPUTS
from data.messages import (
    Answer,
    DescribeOrder,
    Description,
    Errors,
    EvaluateOrder,
    Failure,
    Moments,
    MomentsOrder,
    Order,
    Timeline,
    TrainOrder,
    Update,
)
from data.traffic import StationId, Traffic, until_step
from data.windows import Task, forecast_task
from forecasting.metrics import Tally, tally
from forecasting.moments import station_moments
from forecasting.networks import Network, build_network
from forecasting.personal import personal_heads
from forecasting.recipe import Recipe
from forecasting.settings import TrainingSettings
from forecasting.stations import (
    Floats,
    Samples,
    fresh_optimizer,
    station_number,
    station_rngs,
)
from forecasting.training import predict, train

PHASES = ("vertical", "settling", "horizontal", "personal")  # each draws random numbers of its own


@dataclass(frozen=True)
class Host:
    """The stations of one process, and their series."""

    task: Task
    recipe: Recipe
    network: Network
    signature: SignatureSettings
    place: dict[StationId, int]  # of each station among the K
    numbers: tuple[int, ...]  # of each station, for its random numbers


def host(traffic: Traffic, recipe: Recipe, signature: SignatureSettings) -> Host:
    """A host of all stations in `traffic` that vary; the others have no z-score and cannot take part."""
    task = forecast_task(traffic, INPUTS[recipe.inputs], recipe.split, native_step=recipe.native_step)
    stations = task.traffic.stations
    return Host(
        task=task,
        recipe=recipe,
        network=build_network(recipe.model, task.windows.layout, recipe.hidden),
        signature=signature,
        place={station: place for place, station in enumerate(stations)},
        numbers=tuple(station_number(station) for station in stations),
    )


def answers(host: Host, orders: Sequence[Order]) -> list[Answer]:
    """The answer of each of the host's stations to each order that names it."""
    training = [order for order in orders if isinstance(order, TrainOrder)]
    given = list(_trained(host, training))
    for order in orders:
        match order:
            case DescribeOrder():
                given += _described(host, order)
            case EvaluateOrder():
                given += _evaluated(host, order)
            case MomentsOrder():
                given += _moments(host, order)
    return given


def _places(host: Host, stations: Sequence[StationId]) -> NDArray[np.int64]:
    """The places of those of `stations` that this host has."""
    return np.array([host.place[each] for each in stations if each in host.place], np.int64)


def _described(host: Host, order: DescribeOrder) -> Iterator[Answer]:
    task = host.task
    until = task.train_steps if order.until is None else order.until
    found = signatures(until_step(task.traffic, until), host.signature)
    timeline = Timeline(
        task.traffic.start, task.traffic.step_minutes, task.first_step, task.train_steps, len(task.load)
    )
    for place in _places(host, order.stations):
        yield Description(
            station=task.traffic.stations[place],
            day=found.day[place],
            week=found.week[place],
            mean=float(task.scaler.mean[place]),
            scale=float(task.scaler.scale[place]),
            timeline=timeline,
            layout=task.windows.layout,
        )


def _trained(host: Host, orders: Sequence[TrainOrder]) -> Iterator[Answer]:
    """The updates of the stations that orders name, those of the same turn trained together."""
    for _, alike in groupby(orders, key=lambda order: (order.phase, order.turn, order.turns)):
        group = list(alike)
        chosen = [_places(host, order.stations) for order in group]
        places = np.concatenate(chosen)
        if not len(places):
            continue
        sizes = [len(each) for each in chosen]
        weights = np.repeat(np.stack([order.weights for order in group]), sizes, axis=0)  # (K, P)
        until = np.repeat([order.until for order in group], sizes)
        memory = host.recipe.memory_days if group[0].phase == "horizontal" else 0
        samples = _history(host, places, until, memory)
        if group[0].phase == "personal":
            made, losses = _personal(host, places, weights, samples), np.zeros(len(places), np.float32)
        else:
            occasion = Occasion(
                PHASES.index(group[0].phase), group[0].turn, training_of(host.recipe, group[0])
            )
            made, losses = _training(host, places, weights, samples, occasion)
        for row, place in enumerate(places):
            station = host.task.traffic.stations[place]
            yield _update(station, made[row], int(samples.counts[row]), losses[row])


def training_of(recipe: Recipe, order: TrainOrder) -> TrainingSettings:
    """The training that an order asks for; its schedule spans all turns of the phase."""
    phases = {"vertical": recipe.vertical, "settling": recipe.settling, "horizontal": recipe.horizontal}
    if order.phase not in phases:
        raise InputError(f"unknown phase {order.phase!r} in an order, expected one of {', '.join(phases)}")
    settings = phases[order.phase]
    return replace(settings, horizon=settings.horizon or order.turns * settings.epochs)


def _update(station: StationId, weights: Floats, samples: int, loss: float) -> Answer:
    if samples == 0:
        return Failure(station, "has no window to train on yet")
    if not np.isfinite(weights).all():
        return Failure(station, "its training diverged; lower the learning rate")
    return Update(station, weights, samples, float(loss))


@dataclass(frozen=True)
class Occasion:
    """Which training this is: it decides the random numbers, and where in the schedule it begins."""

    phase: int
    turn: int
    settings: TrainingSettings


def _training(
    host: Host, places: NDArray[np.int64], weights: Floats, samples: Samples, occasion: Occasion
) -> tuple[Floats, NDArray[np.float32]]:
    """The weights (K, P) that training makes of `weights`, and the mean loss of its last epoch, (K,)."""
    settings, numbers = occasion.settings, [host.numbers[place] for place in places]
    rngs = station_rngs(host.recipe.seed, numbers, occasion.phase, occasion.turn)
    begun = occasion.turn * settings.epochs if settings.schedule != "constant" else 0
    state = replace(fresh_optimizer(weights, settings), epochs=begun)
    made = train(host.network, weights, samples, settings, rngs, state)
    return made.weights, made.losses[:, -1]


def _history(host: Host, places: NDArray[np.int64], until: NDArray[np.int64], memory_days: float) -> Samples:
    """The windows of each station whose target came before its `until`; of the last `memory_days` if set.

    With every station of the host and no memory these are the host's own arrays, not copies.
    """
    windows = host.task.windows
    counts = np.maximum(until - host.task.first_step, 0)
    if memory_days:
        return _latest(host, places, counts, memory_days)
    if np.array_equal(places, np.arange(len(windows.targets))):
        return Samples(windows.inputs, windows.targets, counts)
    longest = counts.max()
    return Samples(windows.inputs[places, :longest], windows.targets[places, :longest], counts)


def _latest(host: Host, places: NDArray[np.int64], counts: NDArray[np.int64], days: float) -> Samples:
    windows = host.task.windows
    kept = np.minimum(counts, round(days * 1440 / host.task.traffic.step_minutes))
    shape = len(places), int(kept.max(initial=0))
    inputs = np.zeros((*shape, windows.layout.features), np.float32)
    targets = np.zeros(shape, np.float32)
    for row, (place, count, wanted) in enumerate(zip(places, counts, kept, strict=True)):
        inputs[row, :wanted] = windows.inputs[place, count - wanted : count]
        targets[row, :wanted] = windows.targets[place, count - wanted : count]
    return Samples(inputs, targets, kept)


def _evaluated(host: Host, order: EvaluateOrder) -> Iterator[Answer]:
    task, places = host.task, _places(host, order.stations)
    if not len(places):
        return
    steps = slice(order.first - task.first_step, order.last - task.first_step)
    inputs = task.windows.inputs[places, steps]  # (K, S, F)
    targets = task.windows.targets[places, steps]
    weights = order.weights[None]
    if order.personal:
        samples = _history(host, places, np.full(len(places), order.first), 0)
        weights = _personal(host, places, np.tile(weights, (len(places), 1)), samples)
    network = build_network("linear", task.windows.layout) if order.linear else host.network
    flat = predict(
        network, weights, inputs.reshape(len(weights), -1, inputs.shape[-1]), host.recipe.vertical.engine
    )
    forecast = flat.reshape(targets.shape)  # (K, S)
    sums = tally(forecast, targets, task.windows.measured[places, steps], task.scaler.scale[places])
    for row, place in enumerate(places):
        yield _errors(task.traffic.stations[place], sums, row)


def _personal(host: Host, places: NDArray[np.int64], weights: Floats, samples: Samples) -> Floats:
    """The weights (K, P) that each station makes for itself of those it was sent."""
    recipe = host.recipe
    if recipe.personal == "head":
        return personal_heads(host.network, weights, samples, recipe.head_strength)
    occasion = Occasion(PHASES.index("personal"), 0, recipe.personal_training)
    return _training(host, places, weights, samples, occasion)[0]


def _errors(station: StationId, sums: Tally, row: int) -> Errors:
    return Errors(
        station=station,
        count=int(sums.count[row]),
        squared=float(sums.squared[row]),
        absolute=float(sums.absolute[row]),
        raw_absolute=float(sums.raw_absolute[row]),
        lowest=float(sums.lowest[row]),
        highest=float(sums.highest[row]),
    )


def _moments(host: Host, order: MomentsOrder) -> Iterator[Answer]:
    task = host.task
    steps = slice(order.first - task.first_step, order.until - task.first_step)
    for place in _places(host, order.stations):
        station = task.traffic.stations[place]
        inputs, targets = task.windows.inputs[place, steps], task.windows.targets[place, steps]
        yield Moments(station, *astuple(station_moments(inputs, targets)))
