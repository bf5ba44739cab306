"""A fleet whose stations live in this process, some thousand to a host."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bs_client.host import Host, host
from bs_client.station import answers
from clustering.signatures import SignatureSettings
from data.messages import Answer, Failure, Order, TrainOrder
from data.traffic import StationId, Traffic, of_columns
from data.windows import varying_columns
from forecasting.recipe import Recipe

STATIONS_A_HOST = 1000  # bounds the memory that making the windows takes


@dataclass
class LocalFleet:
    """Stations in this process; what is posted is computed when the first of its answers is collected."""

    stations: tuple[StationId, ...]
    hosts: list[Host]
    _posted: list[TrainOrder] = field(default_factory=list)
    _answers: dict[StationId, Answer] = field(default_factory=dict)

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """The answers of all stations to `orders`."""
        return [answer for each in self.hosts for answer in answers(each, orders)]

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Keep `orders` until an answer to one of them is wanted."""
        self._posted += orders

    def collect(self, stations: Sequence[StationId]) -> list[Answer]:
        """The answers of `stations` to the posted orders."""
        if any(station not in self._answers for station in stations):
            self._answers |= {answer.station: answer for answer in self.ask(self._posted)}
            self._posted.clear()
        return [self._answers.pop(each, Failure(each, "was not asked for anything")) for each in stations]


def local_fleet(traffic: Traffic, recipe: Recipe, signature: SignatureSettings) -> LocalFleet:
    """A fleet of the stations in `traffic` that vary in the training part."""
    columns = varying_columns(traffic, recipe.split, native_step=recipe.native_step)
    parts = np.array_split(columns, -(-len(columns) // STATIONS_A_HOST))
    hosts = [host(of_columns(traffic, part), recipe, signature) for part in parts]
    return LocalFleet(tuple(station for each in hosts for station in each.place), hosts)
