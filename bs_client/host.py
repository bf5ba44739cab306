"""The series of the stations that one process holds, one station or thousands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bs_client.budget import Budget
from bs_client.masking import Sessions
from bs_client.memory import Memory
from clustering.signatures import SignatureSettings
from data.inputs import INPUTS
from data.messages import Introduction
from data.traffic import StationId, Traffic, fingerprints, of_columns
from data.windows import Task, forecast_task
from forecasting.networks import Network, build_network
from forecasting.recipe import Recipe
from forecasting.stations import station_number


@dataclass(frozen=True)
class Host:
    """The stations of one process, and their series."""

    task: Task
    recipe: Recipe
    network: Network
    signature: SignatureSettings
    place: dict[StationId, int]  # of each station among the K
    numbers: tuple[int, ...]  # of each station, for its random numbers
    introductions: tuple[Introduction, ...]
    sessions: Sessions  # of sums of which the server sees the sum alone
    memory: Memory  # of one order in the next, where updates cross in fewer bytes
    budget: Budget  # of privacy, where the run has one


def host(traffic: Traffic, recipe: Recipe, signature: SignatureSettings) -> Host:
    """A host of all stations in `traffic` that vary; the others have no z-score and cannot take part."""
    task = forecast_task(traffic, INPUTS[recipe.inputs], recipe.split, native_step=recipe.native_step)
    stations = task.traffic.stations
    column_of = {station: column for column, station in enumerate(traffic.stations)}
    return Host(
        task=task,
        recipe=recipe,
        network=build_network(recipe.model, task.windows.layout, recipe.hidden),
        signature=signature,
        place={station: place for place, station in enumerate(stations)},
        numbers=tuple(station_number(station) for station in stations),
        introductions=introductions(of_columns(traffic, [column_of[station] for station in stations])),
        sessions=Sessions(),
        memory=Memory(stations),
        budget=Budget(stations, recipe.privacy),
    )


def introductions(traffic: Traffic, unfit: str = "") -> tuple[Introduction, ...]:
    """Who the stations in `traffic` are, all of them fit to take part or for one reason not."""
    filled = np.zeros(len(traffic.stations)) if traffic.gaps is None else traffic.gaps.sum(axis=0)
    return tuple(
        Introduction(
            station=station,
            longitude=float(traffic.positions[place, 0]),
            latitude=float(traffic.positions[place, 1]),
            channel=traffic.channel,
            step_minutes=traffic.step_minutes,
            timezone=traffic.timezone,
            filled=int(filled[place]),
            fingerprint=found,
            unfit=unfit,
        )
        for place, (station, found) in enumerate(zip(traffic.stations, fingerprints(traffic), strict=True))
    )


def places(host: Host, stations: Sequence[StationId]) -> NDArray[np.int64]:
    """The places of those of `stations` that this host has."""
    return np.array([host.place[each] for each in stations if each in host.place], np.int64)
