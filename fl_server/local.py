"""A fleet whose stations live in this process, at most a thousand to a host, hosts spread over threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from bs_client.host import Host, host
from bs_client.station import answers
from clustering.signatures import SignatureSettings
from data.errors import InputError
from data.messages import Answer, Failure, Order, Single, Summed, TrainOrder
from data.traffic import StationId, Traffic, in_order, of_columns
from data.windows import GAPPY, NEVER_VARIES, refuse_still, varying_columns
from fl_server.fleet import Fleet
from forecasting.recipe import Recipe

STATIONS_A_HOST = 1000  # bounds the memory that making the windows takes


@dataclass
class LocalFleet:
    """Stations in this process; what is posted is computed when the first of its answers is collected."""

    stations: tuple[StationId, ...]
    hosts: list[Host]
    threads: int = 1
    left_out: dict[StationId, str] = field(default_factory=dict)
    _posted: list[TrainOrder] = field(default_factory=list)
    _answers: dict[StationId, Single] = field(default_factory=dict)

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers of all stations to `orders`."""
        if self.threads == 1 or len(self.hosts) == 1:
            return [answer for each in self.hosts for answer in answers(each, orders)]
        asked = [_threads(self.threads).submit(answers, each, orders) for each in self.hosts]
        return [answer for each in asked for answer in each.result()]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Keep `orders` until an answer to one of them is wanted."""
        self._posted += orders

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """The answers of `stations` to the posted orders."""
        if any(station not in self._answers for station in stations):
            asked = self.ask(self._posted)
            self._answers |= {answer.station: answer for answer in asked if not isinstance(answer, Summed)}
            self._posted.clear()
        return [self._answers.pop(each, Failure(each, "was not asked for anything")) for each in stations]


def local_fleet(
    traffic: Traffic, recipe: Recipe, signature: SignatureSettings, threads: int = 1
) -> LocalFleet:
    """A fleet of the stations in `traffic` that vary in the training part, with a host for each thread."""
    if threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    varying = varying_columns(traffic, recipe.split, native_step=recipe.native_step)
    refuse_still(len(varying))
    column_of = {traffic.stations[column]: column for column in varying}
    columns = [column_of[station] for station in in_order(column_of)]
    parts = max(-(-len(columns) // STATIONS_A_HOST), min(threads, len(columns)))
    hosts = [host(of_columns(traffic, part), recipe, signature) for part in np.array_split(columns, parts)]
    left_out = dict.fromkeys((each for each in traffic.stations if each not in column_of), NEVER_VARIES)
    left_out |= dict.fromkeys(traffic.gappy, GAPPY)
    return LocalFleet(tuple(station for each in hosts for station in each.place), hosts, threads, left_out)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Threads that stay: compiled training runs beside the Python of other hosts."""
    return ThreadPoolExecutor(count)


def remembering(fleet: Fleet, folder: Path) -> None:
    """Let stations of this process keep in `folder` what they remember, and look there for it."""
    for each in fleet.hosts if isinstance(fleet, LocalFleet) else ():
        each.memory.folder = folder
        if each.recipe.privacy.on:
            each.budget.keep_in(folder)
