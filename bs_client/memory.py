"""What stations remember from one training to the next where updates cross in fewer bytes than they have.

Two things: the weights that each was sent last, from which the next order may count, and what the codings of
its updates have left out so far. A server that is started anew goes back to the last state that it kept, or
to the one before; stations keep what belongs to these two when they are told to, on the disk where they have
been given a folder. A station whose weights are lost says so and is sent them whole.

Axes: P parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.artefacts import read_artefact, write_artefact
from data.coding import digest
from data.traffic import StationId

Floats = NDArray[np.float32]
KIND = "memory of stations"
STATES = 2  # that the server may come back to
ANSWERS = 2  # of a state: the last one may not have come to the server by then, and is asked for again


@dataclass(frozen=True, order=True)
class Moment:
    """A training of a station, in the order in which they come."""

    phase: int
    turn: int


@dataclass(frozen=True)
class Left:
    """What codings have left out up to a moment, (P,); `kept` counts the states, 0 is in none of them."""

    course: str
    moment: Moment
    weights: Floats
    kept: int = 0


@dataclass
class Memory:
    """The memory of the `stations` of one host."""

    stations: tuple[StationId, ...] = ()
    folder: Path | None = None
    _sent: dict[StationId, tuple[str, Floats]] = field(default_factory=dict)
    _left: dict[StationId, tuple[Left, ...]] | None = None  # None: not looked up on the disk yet
    _states: int = 1

    def sent(self, station: StationId, known_as: str) -> Floats | None:
        """The weights (P,) that a station was sent last, if they are those that are known as this."""
        found = self._sent.get(station)
        return found[1] if found is not None and found[0] == known_as else None

    def note_sent(self, stations: Iterable[StationId], weights: Floats) -> None:
        """Remember which weights (P,) stations were sent."""
        self._sent |= dict.fromkeys(stations, (digest(weights), weights))

    def left(self, station: StationId, course: str, moment: Moment) -> Floats | None:
        """What had been left out before a moment, (P,); None where nothing had."""
        before = [each for each in self._all().get(station, ()) if _earlier(each, course, moment)]
        return max(before, key=lambda each: each.moment).weights if before else None

    def note_left(self, station: StationId, left: Left) -> None:
        """Remember what has been left out, in the place of all that came later or is not wanted any more."""
        known = self._all()
        before = [each for each in known.get(station, ()) if not _repeated(each, left)]
        known[station] = (*self._wanted(before, ANSWERS - 1), left)

    def keep(self) -> None:
        """Keep what is remembered now, and what belongs to the state that was kept before."""
        self._states += 1
        known = self._all()
        for station, several in known.items():
            last = [replace(each, kept=self._states) for each in several[-ANSWERS:]]
            known[station] = (*self._wanted(several[:-ANSWERS], 0), *last)
        if self.folder is not None and known:
            self._write(self.folder)

    def _wanted(self, several: Sequence[Left], last: int) -> list[Left]:
        """Those that belong to states that the server may come back to, and so many of the last."""
        since, end = self._states - STATES + 1, len(several) - last
        return [each for place, each in enumerate(several) if place >= end or each.kept >= max(since, 1)]

    def _all(self) -> dict[StationId, tuple[Left, ...]]:
        if self._left is None:
            found = _found_in(self.folder) if self.folder else {}
            self._left = {station: found[station] for station in self.stations if station in found}
        return self._left

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        header: list[list[str | int]] = []
        arrays: dict[str, Floats] = {}
        for station, several in self._all().items():
            for each in several:
                arrays[str(len(header))] = each.weights
                header.append([station, each.course, each.moment.phase, each.moment.turn])
        name = sha256("\n".join(self.stations).encode()).hexdigest()[:16]
        write_artefact(folder / f"memory-{name}", KIND, {"left": header}, arrays)


def _found_in(folder: Path) -> dict[StationId, tuple[Left, ...]]:
    """What is kept in a folder; of files of several partings of the stations the latest counts."""
    found: dict[StationId, tuple[Left, ...]] = {}
    for file in sorted(folder.glob("memory-*"), key=lambda each: each.stat().st_mtime_ns):
        found |= _read(file)
    return found


def _read(file: Path) -> dict[StationId, tuple[Left, ...]]:
    header, arrays = read_artefact(file, KIND)
    found: dict[StationId, tuple[Left, ...]] = {}
    for place, (station, course, phase, turn) in enumerate(header["left"]):
        left = Left(course, Moment(phase, turn), arrays[str(place)], kept=1)
        found[station] = (*found.get(station, ()), left)
    return found


def _earlier(left: Left, course: str, moment: Moment) -> bool:
    return left.course == course and left.moment < moment


def _repeated(left: Left, by: Left) -> bool:
    return left.course == by.course and left.moment >= by.moment
