"""What base stations do with the orders of the server, each on its own series.

A host holds the series of one station or of many. Stations that are asked for the same thing are computed
together, which changes the speed and nothing else: the answer of a station depends on its own series, on the
order and on the recipe, never on who else is there. A station remembers nothing from one order to the next,
unless updates cross in fewer bytes than they have (see memory.py).

Axes: K stations of a host, S samples, F features, P parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bs_client.budget import SPENT
from bs_client.host import Host, places
from bs_client.learning import history, learned, personal
from bs_client.private import private_signatures
from clustering.signatures import Signatures, signatures
from data.errors import InputError
from data.messages import (
    Answer,
    DescribeOrder,
    Description,
    Errors,
    EvaluateOrder,
    Failure,
    IntroduceOrder,
    KeepOrder,
    Kept,
    KeysOrder,
    MaskOrder,
    MomentsAnswer,
    MomentsOrder,
    Order,
    SharesOrder,
    Spent,
    SpentOrder,
    Timeline,
    TrainOrder,
    UnmaskOrder,
)
from data.traffic import StationId, until_step
from data.windows import Task
from forecasting.metrics import Tally, tally
from forecasting.moments import station_moments
from forecasting.networks import build_network
from forecasting.training import predict

MINUTES_A_DAY = 1440
NO_ERRORS = "keeps its errors to itself under a privacy budget"


def answers(host: Host, orders: Sequence[Order]) -> list[Answer]:
    """The answer of each of the host's stations to each order that names it."""
    training = [order for order in orders if isinstance(order, TrainOrder)]
    given = list(learned(host, training))
    for order in orders:
        match order:
            case IntroduceOrder():
                given += host.introductions
            case DescribeOrder():
                given += _described(host, order)
            case EvaluateOrder():
                given += _evaluated(host, order)
            case MomentsOrder():
                given += _moments(host, order)
            case KeysOrder() | SharesOrder() | UnmaskOrder():
                given += _masks(host, order)
            case SpentOrder():
                mine = [station for station in order.stations if station in host.place]
                given += [Spent(station, host.budget.releases(station)) for station in mine]
            case KeepOrder():
                host.memory.keep()
                given += [Kept(station) for station in order.stations if station in host.place]
    return given


def _masks(host: Host, order: MaskOrder) -> Iterator[Answer]:
    """What stations say in a session, before and after their masked updates."""
    for station in order.stations:
        if station not in host.place:
            continue
        try:
            match order:
                case KeysOrder():
                    yield host.sessions.opened(station, order.session)
                case SharesOrder():
                    yield host.sessions.shared(station, order)
                case UnmaskOrder():
                    yield host.sessions.opened_shares(station, order)
        except InputError as error:
            yield Failure(station, str(error))


def _described(host: Host, order: DescribeOrder) -> Iterator[Answer]:
    task = host.task
    until = task.train_steps if order.until is None else order.until
    found = signatures(until_step(task.traffic, until), host.signature)
    timeline = Timeline(
        task.traffic.start, task.traffic.step_minutes, task.first_step, task.train_steps, len(task.load)
    )
    if host.recipe.privacy.on:
        yield from _described_in_private(host, order, found, timeline)
        return
    for place in places(host, order.stations):
        yield Description(
            station=task.traffic.stations[place],
            day=found.day[place],
            week=found.week[place],
            mean=float(task.scaler.mean[place]),
            scale=float(task.scaler.scale[place]),
            timeline=timeline,
            layout=task.windows.layout,
        )


def _described_in_private(
    host: Host, order: DescribeOrder, found: Signatures, timeline: Timeline
) -> Iterator[Answer]:
    """Noised signatures of those who can afford one; nobody tells the mean and the scale of its load."""
    stations = host.task.traffic.stations
    until = host.task.train_steps if order.until is None else order.until
    profiles = {
        stations[place]: np.concatenate([found.day[place], found.week[place]])
        for place in places(host, order.stations)
    }
    told = private_signatures(host, profiles, until)
    for station in profiles:
        if station in told:
            yield Description(station, *told[station], 0.0, 1.0, timeline, host.task.windows.layout)
        else:
            yield Failure(station, SPENT)


def _windows_between(task: Task, first: int, last: int) -> slice:
    """Which windows have their target from step `first` on and before `last`."""
    return slice(max(first - task.first_step, 0), max(last - task.first_step, 0))


def _evaluated(host: Host, order: EvaluateOrder) -> Iterator[Answer]:
    task, chosen = host.task, places(host, order.stations)
    if not len(chosen):
        return
    if host.recipe.privacy.silent:
        yield from (Failure(task.traffic.stations[place], NO_ERRORS) for place in chosen)
        return
    if host.recipe.privacy.on and (order.trial or order.first < task.train_steps):
        named = [task.traffic.stations[place] for place in chosen]
        yield from (
            Failure(station, "keeps its history to itself under a privacy budget") for station in named
        )
        return
    steps = _windows_between(task, order.first, order.last)
    inputs = task.windows.inputs[chosen, steps]  # (K, S, F)
    targets = task.windows.targets[chosen, steps]
    weights = order.weights[None]
    if order.personal:
        samples = history(host, chosen, np.full(len(chosen), order.first), 0)
        weights = personal(host, chosen, np.tile(weights, (len(chosen), 1)), samples)
    network = build_network("linear", task.windows.layout) if order.linear else host.network
    shape = len(weights), targets.size // len(weights), inputs.shape[-1]  # (1, K · S, F) of shared weights
    flat = predict(network, weights, inputs.reshape(shape), host.recipe.vertical.engine)
    forecast = flat.reshape(targets.shape)  # (K, S)
    sums = tally(forecast, targets, task.windows.measured[chosen, steps], task.scaler.scale[chosen])
    if order.trial:
        nothing = np.zeros(len(chosen))
        sums = Tally(sums.count, sums.squared, nothing, nothing, nothing)
    elif targets.shape[1] * task.traffic.step_minutes < MINUTES_A_DAY:
        sums = replace(sums, spread=np.zeros(len(chosen)))
    for row, place in enumerate(chosen):
        yield _errors(task.traffic.stations[place], sums, row)


def _errors(station: StationId, sums: Tally, row: int) -> Answer:
    if not np.isfinite([sums.squared[row], sums.raw_absolute[row], sums.spread[row]]).all():
        return Failure(station, "has errors beyond all numbers")
    return Errors(
        station=station,
        count=int(sums.count[row]),
        squared=float(sums.squared[row]),
        absolute=float(sums.absolute[row]),
        raw_absolute=float(sums.raw_absolute[row]),
        spread=float(sums.spread[row]),
    )


def _moments(host: Host, order: MomentsOrder) -> Iterator[Answer]:
    task = host.task
    if host.recipe.privacy.on:
        named = [task.traffic.stations[place] for place in places(host, order.stations)]
        yield from (
            Failure(station, "keeps its moments to itself under a privacy budget") for station in named
        )
        return
    steps = _windows_between(task, order.first, order.until)
    for place in places(host, order.stations):
        station = task.traffic.stations[place]
        inputs, targets = task.windows.inputs[place, steps], task.windows.targets[place, steps]
        yield MomentsAnswer(station, station_moments(inputs, targets))
