"""A run of an experiment over processes: a server, and a process for every station of the cell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from data.city.synthetic import write_city
from data.errors import InputError
from data.progress import Step, Work, finished
from data.sets.tables import ReadSettings
from fl_server.experiments.catalogue import Experiment, cells
from fl_server.experiments.cells import TIMES, Cell, Row, ended, row_of
from fl_server.experiments.sources import CITY_SETTINGS, Source, reading_of
from fl_server.federation.fleet import Patience, setup_of
from fl_server.federation.link import quiet
from fl_server.federation.stations import Crewing, federated
from fl_server.local import local_fleet
from fl_server.running import State

PATIENCE = Patience(answer_seconds=600)


@dataclass(frozen=True)
class Beside:
    """The same run in one process and over many: what differs, by the names of the figures."""

    cell: Cell
    inside: Row
    outside: Row
    twins_differ: bool

    @property
    def differing(self) -> list[str]:
        """The figures that are not the same, the seconds apart."""
        return [name for name in self.inside if name not in TIMES and self.inside[name] != self.outside[name]]


def chosen_cell(experiment: Experiment, sources: tuple[Source, ...], name: str) -> Cell:
    """The cell that SOURCE:LABEL names, with the first seed."""
    wanted, _, label = name.partition(":")
    several = [cell for source in sources for cell in cells(experiment, source, 1)[0]]
    found = [cell for cell in several if (cell.source.name, cell.label) == (wanted, label)]
    if not found:
        names = ", ".join(f"{cell.source.name}:{cell.label}" for cell in several)
        raise InputError(f"{name}: no such entry of {experiment.name}, expected one of {names}")
    return found[0]


def beside(cell: Cell) -> Work[Beside]:
    """Make the run of a cell in this process, then over processes."""
    stage = f"{cell.experiment}, {cell.source.name}:{cell.label}"
    yield Step(stage, 0, 2, "in one process")
    traffic = cell.traffic()
    settings = cell.settings(traffic)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    began = monotonic()
    here = ended(fleet, settings)
    inside = row_of(cell, here, (monotonic() - began) / 60)
    yield Step(stage, 1, 2, f"over {cell.stations} processes")
    quiet()
    with _on_the_disk(cell.source, cell.channel) as (folder, reading):
        only = replace(reading, only=traffic.stations)
        with federated(Crewing(folder, only), setup_of(settings), PATIENCE) as crew:
            for _ in crew.fleet.gathered(cell.stations):
                pass
            began = monotonic()
            there = ended(crew.fleet, settings)
            outside = row_of(cell, there, (monotonic() - began) / 60)
    yield Step(stage, 2, 2)
    return Beside(cell, inside, outside, _twins(here.state) != _twins(there.state))


@contextmanager
def _on_the_disk(source: Source, channel: str) -> Iterator[tuple[Path, ReadSettings]]:
    """Where the stations' processes read a source, and how; the city is written for them."""
    if source.folder:
        yield Path(source.folder), reading_of(source.folder, channel)
        return
    with TemporaryDirectory(prefix="vhtwin-") as folder:
        finished(write_city(CITY_SETTINGS, Path(folder)))
        yield Path(folder), ReadSettings(channel=channel)


def _twins(state: State) -> list[bytes]:
    """Every twin that a run ended with."""
    runs = [run for run in (state.hierarchical, state.single_level) if run is not None]
    return [twin for run in runs for twin in (run.tree.top.tobytes(), run.tree.clusters.tobytes())]
