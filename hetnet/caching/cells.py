"""Which stations a client reaches: stations stand in a ring, and cells overlap with those beside them.

Axes: B stations, C clients.
"""

from dataclasses import dataclass

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Mask

MOST_REACHES = 100_000_000  # clients times stations: a byte each


@dataclass(frozen=True, kw_only=True)
class CellSettings:
    """The paper's five stations of eight clients each, where a client reaches two stations at most.

    The paper leaves open how many clients stand where cells overlap: `overlap` is their share in each cell.
    A half lets a station hand over much of its load, but never all of it. "Eight clients for each station"
    is read as eight that have it as their home; those of the cells beside come on top of them.
    """

    stations: int = 5
    clients_each: int = 8
    reached: int = 2
    overlap: float = 0.5

    def __post_init__(self) -> None:
        for name in ("stations", "clients_each", "reached"):
            if getattr(self, name) < 1:
                raise InputError(f"cells: {name} is {getattr(self, name)}, expected 1 or more")
        if self.reached > self.stations:
            raise InputError(
                f"cells: reached is {self.reached}, expected {self.stations} at most, as many as stations"
            )
        if not 0 <= self.overlap <= 1:
            raise InputError(f"cells: overlap is {self.overlap}, expected a share of 0 to 1")
        _refuse_too_many(self.clients, self.stations)

    @property
    def clients(self) -> int:
        """How many clients there are in all."""
        return self.stations * self.clients_each


def _refuse_too_many(clients: int, stations: int) -> None:
    if clients * stations > MOST_REACHES:
        raise InputError(
            f"cells: {clients:,} clients and {stations:,} stations, expected {MOST_REACHES // clients:,} "
            "stations at most beside so many clients"
        )


@dataclass(frozen=True)
class Cells:
    """Who is where; every client reaches its home."""

    home: Counts  # (C,) the station that serves a client unless another one is chosen
    reach: Mask  # (C, B) whether the client can be served by the station

    def __post_init__(self) -> None:
        clients, stations = self.reach.shape if self.reach.ndim == 2 else (0, 0)
        if self.home.shape != (clients,) or clients == 0 or stations == 0:
            raise InputError(
                f"cells: found homes of the shape {self.home.shape} and reaches of the shape "
                f"{self.reach.shape}, expected (clients,) and (clients, stations), neither of them 0"
            )
        if not ((self.home >= 0) & (self.home < stations)).all():
            raise InputError(f"cells: found a home that is no station, expected 0 to {stations - 1}")
        strangers = np.flatnonzero(~self.reach[np.arange(clients), self.home])
        if len(strangers):
            raise InputError(f"cells: client {strangers[0]} does not reach its home, expected that all do")


def homes(clients: int, stations: int) -> Counts:
    """The home of each of so many clients, (C,): as many at each station, the first ones at the first."""
    spread: Counts = np.arange(clients) * stations // clients
    return spread


def drawn_cells(settings: CellSettings, rng: np.random.Generator, clients: int | None = None) -> Cells:
    """Where clients are; `clients` is how many there are where that is known otherwise, as from a log.

    Of each station's clients the share `overlap`, drawn among them, also reaches the `reached` - 1 stations
    that follow on one side of the ring, each client on a side of its own.
    """
    count = settings.clients if clients is None else clients
    if count < 1:
        raise InputError(f"cells: {count} clients, expected 1 or more")
    _refuse_too_many(count, settings.stations)
    home = homes(count, settings.stations)
    reach = np.zeros((count, settings.stations), dtype=bool)
    reach[np.arange(count), home] = True
    sides = rng.choice([-1, 1], count)
    for station in range(settings.stations):
        here = rng.permutation(np.flatnonzero(home == station))
        shared = here[: round(settings.overlap * len(here))]
        for away in range(1, settings.reached):
            reach[shared, (station + sides[shared] * away) % settings.stations] = True
    return Cells(home, reach)
