"""A server that waits for stations and for runs, and takes one run after the other to its end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from queue import Empty
from threading import Event
from typing import Any

from data.errors import InputError
from data.progress import Step, Steps, Work
from data.sets.tables import ReadSettings
from fl_server.cli import twinning
from fl_server.cli.twinning import Cast, How
from fl_server.federation.board import Board, asleep_in
from fl_server.federation.control import Control, Wanted
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.federation.link import Link
from fl_server.run import Plan, planned
from fl_server.run_folder import (
    FEDERATION,
    SUMMARY,
    Record,
    held,
    kept_state,
    new_run,
    read_record,
    read_summary,
)
from fl_server.running import State

Tell = Callable[[str, dict[str, Any]], None]  # an event and what belongs to it; Any: what JSON holds
LOOK_SECONDS = 0.5
STAYS_GOOD = "what was kept of it before that stays good, and can be gone on with"


class StoppedError(Exception):
    """Somebody wants the present run to stop."""


@dataclass
class Runner:
    """Runs in folders below `runs`, with the stations that come to the link."""

    link: Link
    runs: Path
    control: Control
    tell: Tell
    ended: Event = field(default_factory=Event)

    @property
    def board(self) -> Board:
        """What the control shows."""
        return self.control.board

    def serve(self) -> None:
        """Take runs until `ended` is set."""
        self.control.summary_of = self._summary
        while not self.ended.is_set():
            try:
                wanted = self.control.wanted.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            self.control.stop.clear()
            self.board.run, self.board.error = wanted.name, ""
            try:
                self._run(wanted)
                self._end(wanted, "finished")
            except StoppedError:
                self._end(wanted, "stopped; it can be gone on with")
            except InputError as error:
                self._end(wanted, f"failed: {error}")
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                self._end(wanted, f"failed: {where}{error.strerror or error}; {STAYS_GOOD}")

    def _end(self, wanted: Wanted, how: str) -> None:
        self.board.runs[wanted.name] = how
        self.board.error = how if how.startswith("failed") else ""
        self.board.run, self.board.step = "", None
        self.tell("run ended", {"run": wanted.name, "how": how})

    def _run(self, wanted: Wanted) -> None:
        folder = self.runs / wanted.name
        record = self._record(wanted, folder)
        grid = self.link.grid()
        try:
            patience = Patience(answer_seconds=wanted.answer_seconds)
            fleet = FlowerFleet(grid, setup_of(record.settings), patience, grid.pause)
            self.board.fleet = fleet
            self._gather(fleet, wanted, _stations_kept(folder) if wanted.resume else 0)
            plan = planned(fleet, record.settings)
            if wanted.resume:
                twinning.refuse_changed(record, plan)
            else:
                record = replace(record, data=plan.data)
                new_run(folder, record, overwrite=False)
            self._finish(folder, record, Cast(fleet, plan), wanted)
        finally:
            grid.end()

    def _finish(self, folder: Path, record: Record, cast: Cast, wanted: Wanted) -> None:
        how = How(
            show=self._shown, keep_every=wanted.keep_every, look=lambda state: self._look(cast.plan, state)
        )
        with held(folder):
            state = twinning.resumed(folder, record, cast.plan)
            twinning.finished(folder, record, cast, state, how)

    def _record(self, wanted: Wanted, folder: Path) -> Record:
        if wanted.resume:
            return read_record(folder)
        if folder.exists():
            raise InputError(f"a run {wanted.name} is there already; choose another name, or go on with it")
        links = twinning.links(wanted.settings)
        return Record(metadata.version("vhtwin"), FEDERATION, "", ReadSettings(), wanted.settings, links)

    def _gather(self, fleet: FlowerFleet, wanted: Wanted, at_least: int) -> None:
        """Wait for the stations, of which `at_least` so many must be fit to take part."""
        expected = max(wanted.stations, at_least)
        while True:
            for there in fleet.gathered(expected):
                self._tell_gathered(wanted.name, there, expected)
            if len(fleet.stations) >= at_least:
                return
            expected = there + 1

    def _tell_gathered(self, name: str, there: int, expected: int) -> None:
        step = Step("gathering", there, expected or there, unit="stations")
        if self.board.step != step:
            self.board.step = step
            self.tell("stations", {"run": name, "there": there, "wanted": expected})
        if self.control.stop.is_set() or self.ended.is_set():
            raise StoppedError

    def _shown(self, work: Work[State]) -> State:
        steps = Steps(work)
        for step in steps:
            self.board.step = step
            about = {"stage": step.stage, "done": step.done, "total": step.total, "detail": step.detail}
            self.tell("step", about | {"stations": self.board.counted()})
        return steps.result

    def _look(self, plan: Plan, state: State) -> None:
        self.board.asleep = asleep_in(plan, state)
        if self.control.stop.is_set() or self.ended.is_set():
            raise StoppedError

    def _summary(self, name: str) -> dict[str, Any] | None:  # Any: what JSON holds
        folder = self.runs / name
        return read_summary(folder) if (folder / SUMMARY).exists() else None


def _stations_kept(folder: Path) -> int:
    """How many stations take part in a run that was stopped, as far as it has kept anything."""
    state = kept_state(folder)
    return len(state.hierarchical.tree.cluster_of) if state else 0


def json_line(event: str, about: dict[str, Any]) -> str:  # Any: what JSON holds
    """An event as one line of JSON."""
    return json.dumps({"event": event, **about}, ensure_ascii=False)
