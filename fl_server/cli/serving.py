"""A server that waits for stations and for runs, and takes one run after the other to its end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from queue import Empty
from secrets import token_hex
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
from fl_server.federation.link_grid import LinkGrid
from fl_server.run import Plan, planned
from fl_server.run_folder import (
    FEDERATION,
    RECORD,
    SUMMARY,
    Record,
    held,
    new_run,
    read_record,
    read_summary,
)
from fl_server.running import State
from fl_server.settings import TwinSettings
from fl_server.stored_runs import stations_of_clusters
from fl_server.tier.backhaul import Heads
from fl_server.tier.head import head_setup
from fl_server.tier.heads import kept_by_heads, over_heads, settings_over_heads

Tell = Callable[[str, dict[str, Any]], None]  # an event and what belongs to it; Any: what JSON holds
LOOK_SECONDS = 0.5
HEADS_TIMES, HEADS_SECONDS = 3, 10.0  # a head may wait so many times in a turn, and needs a while itself
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
        self.control.summary_of, self.control.refusal_of = self._summary, self._refusal
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
                begun = (self.runs / wanted.name / RECORD).exists()
                self._end(wanted, "stopped; it can be gone on with" if begun else "stopped before it began")
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
        record = read_record(folder) if wanted.resume else self._record(wanted)
        grid = LinkGrid(self.link)
        try:
            fleet = self._fleet(grid, record, wanted)
            self.board.fleet, self.board.heads = fleet, ()
            self._gather(fleet, wanted)
            if over_heads(record.settings):
                record = _over_heads(record, fleet, wanted)
                self.board.heads = fleet.groups
            before = twinning.remembered(folder, record, fleet) if wanted.resume else None
            plan = planned(fleet, record.settings, before)
            if wanted.resume:
                twinning.refuse_changed(record, plan)
            else:
                reading = replace(record.reading, only=fleet.stations)
                record = replace(record, data=plan.data, reading=reading)
                new_run(folder, record, overwrite=False)
            self._finish(folder, record, Cast(fleet, plan), wanted)
        finally:
            grid.end()

    def _fleet(self, grid: LinkGrid, record: Record, wanted: Wanted) -> FlowerFleet:
        """The stations that are to take part, or the heads that have them."""
        only, seconds = frozenset(record.reading.only), wanted.answer_seconds
        if over_heads(record.settings):
            setup = head_setup(record.settings, record.known_as, seconds)
            patience = Patience(answer_seconds=HEADS_SECONDS + HEADS_TIMES * seconds)
            return FlowerFleet(grid, setup, patience, grid.pause, only, growing=True)
        patience = Patience(answer_seconds=seconds)
        return FlowerFleet(grid, setup_of(record.settings, record.known_as), patience, grid.pause, only)

    def _finish(self, folder: Path, record: Record, cast: Cast, wanted: Wanted) -> None:
        told = set[str]()

        def keep_below(state: State) -> None:
            if not over_heads(record.settings):
                return
            for failure in kept_by_heads(Heads(cast.fleet, cast.plan, state.hierarchical)):
                if failure.reason not in told:
                    told.add(failure.reason)
                    self.tell("not kept", {"station": failure.station, "why": failure.reason})

        how = How(
            show=self._shown,
            keep_every=wanted.keep_every,
            look=lambda state: self._look(cast.plan, state),
            before_keeping=keep_below,
        )
        with held(folder):
            state = twinning.resumed(folder, record, cast.plan)
            twinning.finished(folder, record, cast, state, how)

    def _refusal(self, wanted: Wanted) -> str:
        """Why a run cannot begin, or be gone on with, if it cannot."""
        folder = self.runs / wanted.name
        try:
            if wanted.resume:
                read_record(folder)
                if (folder / SUMMARY).exists():
                    return f"the run {wanted.name} is finished; there is nothing to go on with"
            elif folder.exists():
                return f"a run {wanted.name} is there already; choose another name, or go on with it"
            if over_heads(wanted.settings) and (wanted.only or wanted.only_clusters):
                return "stations under cluster heads are chosen where they join, not by name in a run"
            stations_of_clusters(wanted.only_clusters, self.runs)
        except InputError as error:
            return str(error)
        return ""

    def _record(self, wanted: Wanted) -> Record:
        chosen = [*wanted.only, *stations_of_clusters(wanted.only_clusters, self.runs)]
        reading, links = ReadSettings(only=tuple(chosen)), twinning.links(wanted.settings)
        known_as = f"{wanted.name}-{token_hex(4)}"
        version = metadata.version("vhtwin")
        return Record(version, FEDERATION, "", reading, wanted.settings, links, known_as)

    def _gather(self, fleet: FlowerFleet, wanted: Wanted) -> None:
        """Wait for the stations."""
        expected = len(fleet.only) or wanted.stations
        for there in fleet.gathered(expected):
            step = Step(
                "gathering",
                there,
                expected or there,
                fleet.missing() or fleet.trouble().removeprefix("; "),
                unit="stations",
            )
            self._tell_gathered(wanted.name, step)

    def _tell_gathered(self, name: str, step: Step) -> None:
        if self.board.step != step:
            self.board.step = step
            self.tell(
                "stations",
                {"run": name, "there": step.done, "wanted": step.total, "missing": step.detail},
            )
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
        self.board.lost_below = frozenset(
            station for mark in state.hierarchical.heads for station in mark.lost
        )
        if self.control.stop.is_set() or self.ended.is_set():
            raise StoppedError

    def _summary(self, name: str) -> dict[str, Any] | None:  # Any: what JSON holds
        folder = self.runs / name
        return read_summary(folder) if (folder / SUMMARY).exists() else None


def _over_heads(record: Record, fleet: FlowerFleet, wanted: Wanted) -> Record:
    """The record of a run whose clusters are the nodes of `fleet`; one that is gone on with has the same."""
    settings = settings_over_heads(record.settings, fleet.groups)
    if wanted.resume and _sorted(settings) != _sorted(record.settings):
        raise InputError("stations are under other heads than when the run began; expected the same")
    return record if wanted.resume else replace(record, settings=settings)


def _sorted(settings: TwinSettings) -> list[tuple[str, ...]]:
    return sorted(tuple(sorted(group)) for group in settings.segment.how.groups)


def json_line(event: str, about: dict[str, Any]) -> str:  # Any: what JSON holds
    """An event as one line of JSON."""
    return json.dumps({"event": event, **about}, ensure_ascii=False)
