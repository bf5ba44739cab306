"""What the server keeps at hand: networks that were read, forecasts that were made, jobs, the federation."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.progress import Work
from fl_server.run_folder import RECORD, SUMMARY, read_summary
from fl_server.stored_runs import is_finished
from fl_server.web.hindsight import Hindsight, hindsight
from fl_server.web.jobs import Job, Jobs
from fl_server.web.network import Network, network_of
from fl_server.web.shelf import Shelf, UnknownError

MOST_NETWORKS = 3  # a large one takes some hundred MB
FORECASTS = "forecasts"
Stamp = tuple[Path, int, int]
Figures = dict[str, Any]  # Any: what JSON holds


@dataclass
class Desk:
    """All that requests share; `status` asks a server of a federation, where there is one."""

    shelf: Shelf
    status: Callable[[], Figures] | None = None
    newer: Path | None = None  # a set of the runs' stations in which data arrive
    jobs: Jobs = field(default_factory=Jobs)
    _networks: OrderedDict[Stamp, Network] = field(default_factory=OrderedDict)
    _kept: dict[tuple[Stamp, str], Any] = field(default_factory=dict)  # Any: what jobs made
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def network(self, key: str) -> Network:
        """The network of the run called `key`, read again once the run has changed."""
        stamp = self._stamp(key)
        with self._lock:
            if stamp not in self._networks:
                self._networks[stamp] = network_of(stamp[0])
                while len(self._networks) > MOST_NETWORKS:
                    old, _ = self._networks.popitem(last=False)
                    self._kept = {each: made for each, made in self._kept.items() if each[0] != old}
            self._networks.move_to_end(stamp)
            return self._networks[stamp]

    def warm(self) -> None:
        """Read the first run that can be read, which is the one that the page shows first."""
        for key in self.shelf.folders():
            with suppress(InputError, UnknownError, OSError):
                self.network(key)
                return

    def _stamp(self, key: str) -> Stamp:
        folder = self.shelf.folder(key)
        summary = (folder / SUMMARY).stat().st_mtime_ns if is_finished(folder) else 0
        return folder, (folder / RECORD).stat().st_mtime_ns, summary

    def kept(self, key: str, what: str) -> Any:  # Any: what a job made
        """What a job made for the run called `key`, or None."""
        return self._kept.get((self._stamp(key), what))

    def keep(self, key: str, what: str, made: object) -> None:
        """Keep what a job made."""
        stamp = self._stamp(key)
        with self._lock:
            self._kept[stamp, what] = made

    def forecasts(self, key: str) -> Hindsight | None:
        """The forecasts of the stream, once they have been made."""
        found: Hindsight | None = self.kept(key, FORECASTS)
        return found

    def begin_forecasts(self, key: str) -> Job:
        """The job that makes the forecasts of the stream."""
        network = self.network(key)
        read_summary(network.folder), network.series  # refuse what cannot be forecast before there is a job

        def work() -> Work[Figures]:
            made = yield from hindsight(network)
            self.keep(key, FORECASTS, made)
            return {"steps": len(made.forecast), "stations": len(network.stations)}

        return self.jobs.start(key, FORECASTS, "forecast the stream one step ahead", work)
