"""The server's view of its stations, wherever they are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from data.messages import Answer, Order, Single, TrainOrder
from data.traffic import StationId


class Fleet(Protocol):
    """Stations that take orders and answer them."""

    @property
    def stations(self) -> tuple[StationId, ...]:
        """The stations, in a fixed order."""

    @property
    def left_out(self) -> Mapping[StationId, str]:
        """Stations that are there and cannot take part, and why."""

    def ask(self, orders: Sequence[Order]) -> list[Answer]:
        """Send `orders`, wait, and return what came back: at most one answer a station and order."""

    def post(self, orders: Sequence[TrainOrder]) -> None:
        """Send `orders` without waiting; a station has at most one of them open."""

    def collect(self, stations: Sequence[StationId]) -> list[Single]:
        """Wait for the answers of `stations` to what was posted to them, and return those that came."""
