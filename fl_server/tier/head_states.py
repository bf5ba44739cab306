"""What a cluster head has come to in a run, on its disk: two turns; the server may return to either."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.artefacts import read_artefact, write_artefact
from data.plain import Arrays, plain, rebuilt
from data.traffic import StationId
from fl_server.run import Run

KIND = "state of a cluster head"


@dataclass(frozen=True)
class Stored:
    """What is kept of a run, by turns, and the stations that it has."""

    states: Mapping[int, Run]
    stations: tuple[StationId, ...]


def store(folder: Path, run: str, kept: Stored) -> None:
    """Keep what turns of a run came to; of those that were kept before the last of earlier ones stays."""
    folder.mkdir(parents=True, exist_ok=True)
    others = set(stored_turns(folder, run)) - kept.states.keys()
    for turn, state in kept.states.items():
        arrays: Arrays = {}
        header = {"state": plain(state, arrays), "stations": list(kept.stations)}
        write_artefact(_file(folder, run, turn), KIND, header, arrays)
    earlier = max((turn for turn in others if turn < min(kept.states)), default=None)
    for turn in others - {earlier}:
        _file(folder, run, turn).unlink()


def stored(folder: Path, run: str) -> Stored:
    """What is kept of a run; nothing of one that is new."""
    states, stations = {}, list[StationId]()
    for turn in stored_turns(folder, run):
        header, arrays = read_artefact(_file(folder, run, turn), KIND)
        states[turn] = rebuilt(Run, header["state"], arrays)
        stations = header["stations"]
    return Stored(states, tuple(stations))


def stored_turns(folder: Path, run: str) -> list[int]:
    """The turns of a run of which something is kept."""
    ends = (file.name.rpartition("@")[2] for file in folder.glob(f"{run}@*"))
    return [int(end) for end in ends if end.isdecimal()]


def _file(folder: Path, run: str, turn: int) -> Path:
    return folder / f"{run}@{turn}"
