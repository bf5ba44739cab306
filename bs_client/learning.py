"""How stations of a host train, those that were asked for the same at once.

Axes: K stations, S samples, F features, P parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bs_client.budget import SPENT
from bs_client.crossing import opened, written
from bs_client.host import Host, places
from bs_client.private import private_weights
from data.errors import InputError
from data.exact_sums import LARGEST, exact_sum
from data.masks import ROOM, whole_numbers
from data.messages import PHASES, Answer, Failure, MaskedUpdate, Summed, TrainOrder, Update
from data.traffic import StationId
from forecasting.personal import personal_heads
from forecasting.recipe import Recipe
from forecasting.settings import TrainingSettings
from forecasting.stations import Floats, Samples, station_rngs
from forecasting.training import train_once

Places = NDArray[np.int64]
KEPT = "keeps its own twin to itself under a privacy budget"
Made = tuple[Floats, NDArray[np.float32]]  # weights (K, P), the mean loss of the last epoch (K,)


@dataclass(frozen=True)
class Occasion:
    """Which training this is: it decides the random numbers, and where in the schedule it begins."""

    phase: int
    turn: int
    settings: TrainingSettings


def learned(host: Host, orders: Sequence[TrainOrder]) -> Iterator[Answer]:
    """The updates of the stations that orders name, those of the same turn trained together."""
    for _, alike in groupby(orders, key=lambda order: (order.phase, order.turn, order.turns)):
        found = opened(host, list(alike))
        yield from found.failures
        group = found.orders
        chosen = [places(host, order.stations) for order in group]
        if not group:
            continue
        rising = np.argsort(np.concatenate(chosen))  # so that a whole host is trained without a copy
        order_of = np.repeat(np.arange(len(group)), [len(each) for each in chosen])[rising]  # (K,)
        if len(rising):
            weights = np.stack([order.weights for order in group])[order_of]  # (K, P)
            until = np.array([order.until for order in group])[order_of]
            trained = _trained_together(host, np.concatenate(chosen)[rising], weights, until, group[0])
            for number, order in enumerate(group):
                yield from _answers(host, trained, np.flatnonzero(order_of == number), order)


@dataclass(frozen=True)
class Trained:
    """What came of a training of several stations."""

    stations: Sequence[StationId]
    weights: Floats  # (K, P)
    losses: NDArray[np.float32]  # (K,)
    samples: NDArray[np.int64]  # (K,)


def _trained_together(
    host: Host, stations: Places, weights: Floats, until: Places, order: TrainOrder
) -> Trained:
    """The training of stations whose orders differ from `order` in weights and `until` alone."""
    samples = history(host, stations, until, host.recipe.memory_days if order.phase == "horizontal" else 0)
    if order.phase == "personal":
        made, losses = personal(host, stations, weights, samples), np.zeros(len(stations), np.float32)
    else:
        made, losses = _trained(host, stations, weights, samples, _occasion(host.recipe, order))
    return Trained([host.task.traffic.stations[place] for place in stations], made, losses, samples.counts)


def _answers(host: Host, trained: Trained, rows: Places, order: TrainOrder) -> Iterator[Answer]:
    """The answers to an order, which was for the stations of these `rows`."""
    without = trained.samples[rows] == 0
    for row in rows[without]:
        yield Failure(trained.stations[row], "has no window to train on yet")
    rows = rows[~without]
    if host.recipe.privacy.on:
        if order.phase == "personal":
            yield from (Failure(trained.stations[row], KEPT) for row in rows)
            return
        trained, refused = _private(host, trained, rows, order)
        yield from (Failure(trained.stations[row], SPENT) for row in refused)
        rows = np.setdiff1d(rows, refused)
    sound = np.abs(trained.weights[rows]).max(axis=1, initial=0) <= LARGEST  # not so where one is NaN
    sound &= np.isfinite(trained.losses[rows])
    for row in rows[~sound]:
        yield Failure(trained.stations[row], "diverged in its training; lower the learning rate")
    rows = rows[sound]
    if order.masking is not None:
        yield from _masked(host, trained, rows, order)
        return
    if order.sum_by != "nothing" and len(rows) > 1:
        yield _summed(trained, rows, order)
        return
    updates = [_update(trained, row) for row in rows]
    yield from written(host, order, updates) if order.crossing and order.crossing.coding else updates


def _private(host: Host, trained: Trained, rows: Places, order: TrainOrder) -> tuple[Trained, Places]:
    """What came of a training as it may leave the stations of these `rows`; the rows that may send nothing.

    No loss is told, and what has diverged is sent as no change under noise: that it has is told neither.
    """
    names = [trained.stations[row] for row in rows]
    made = private_weights(host, names, trained.weights[rows], order)
    weights = trained.weights.copy()
    for row, name in zip(rows, names, strict=True):
        weights[row] = made.get(name, order.weights)
    refused = np.array([row for row, name in zip(rows, names, strict=True) if name not in made], np.int64)
    return replace(trained, weights=weights, losses=np.zeros_like(trained.losses)), refused


def _masked(host: Host, trained: Trained, rows: Places, order: TrainOrder) -> Iterator[Answer]:
    """The updates under masks; one that is too large for the sum would wrap around it."""
    assert order.masking is not None
    for row in rows:
        update = _update(trained, row)
        factor = update.samples if order.sum_by == "window" else 1
        if np.abs(update.weights).max() * factor * len(order.masking.members) >= ROOM:
            yield Failure(update.station, "diverged in its training; lower the learning rate")
            continue
        values = whole_numbers(update.weights, factor, update.loss, update.samples)
        try:
            hidden = host.sessions.masked(update.station, order.masking, values)
        except InputError as error:
            yield Failure(update.station, str(error))
            continue
        yield MaskedUpdate(update.station, hidden)


def _update(trained: Trained, row: int) -> Update:
    samples, loss = int(trained.samples[row]), float(trained.losses[row])
    return Update(trained.stations[row], trained.weights[row], samples, loss)


def _summed(trained: Trained, rows: Places, order: TrainOrder) -> Summed:
    samples = trained.samples[rows]
    factors = samples if order.sum_by == "window" else np.ones(len(rows), np.int64)
    return Summed(
        stations=tuple(trained.stations[row] for row in rows),
        sums=exact_sum(trained.weights, factors, rows),
        samples=tuple(samples.tolist()),
        losses=tuple(trained.losses[rows].tolist()),
    )


def _occasion(recipe: Recipe, order: TrainOrder) -> Occasion:
    """The training that an order asks for; its schedule spans all turns of the phase."""
    phases = {"vertical": recipe.vertical, "settling": recipe.settling, "horizontal": recipe.horizontal}
    if order.phase not in phases:
        raise InputError(f"unknown phase {order.phase!r} in an order, expected one of {', '.join(PHASES)}")
    settings = phases[order.phase]
    spanned = replace(settings, horizon=settings.horizon or order.turns * settings.epochs)
    return Occasion(PHASES.index(order.phase), order.turn, spanned)


def _trained(host: Host, stations: Places, weights: Floats, samples: Samples, occasion: Occasion) -> Made:
    settings, numbers = occasion.settings, [host.numbers[place] for place in stations]
    rngs = station_rngs(host.recipe.seed, numbers, occasion.phase, occasion.turn)
    begun = occasion.turn * settings.epochs if settings.schedule != "constant" else 0
    made = train_once(host.network, weights, samples, replace(settings, first_epoch=begun), rngs)
    return made.weights, made.losses[:, -1]


def personal(host: Host, stations: Places, weights: Floats, samples: Samples) -> Floats:
    """The weights (K, P) that each station makes for itself of those it was sent."""
    recipe = host.recipe
    if recipe.personal == "head":
        return personal_heads(host.network, weights, samples, recipe.head_strength)
    occasion = Occasion(PHASES.index("personal"), 0, recipe.personal_training)
    return _trained(host, stations, weights, samples, occasion)[0]


def history(host: Host, stations: Places, until: Places, memory_days: float) -> Samples:
    """The windows of each station whose target came before its `until`; of the last `memory_days` if set.

    With every station of the host and no memory these are the host's own arrays, not copies.
    """
    windows = host.task.windows
    counts = np.maximum(until - host.task.first_step, 0)
    if memory_days:
        return _latest(host, stations, counts, memory_days)
    if np.array_equal(stations, np.arange(len(windows.targets))):
        return Samples(windows.inputs, windows.targets, counts)
    longest = counts.max()
    return Samples(windows.inputs[stations, :longest], windows.targets[stations, :longest], counts)


def _latest(host: Host, stations: Places, counts: Places, days: float) -> Samples:
    windows = host.task.windows
    kept = np.minimum(counts, round(days * 1440 / host.task.traffic.step_minutes))
    shape = len(stations), int(kept.max(initial=0))
    inputs = np.zeros((*shape, windows.layout.features), np.float32)
    targets = np.zeros(shape, np.float32)
    for row, (place, count, wanted) in enumerate(zip(stations, counts, kept, strict=True)):
        inputs[row, :wanted] = windows.inputs[place, count - wanted : count]
        targets[row, :wanted] = windows.targets[place, count - wanted : count]
    return Samples(inputs, targets, kept)
