"""One run of an experiment, as a row of figures."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib import metadata
from time import monotonic, process_time
from typing import Any

from data.plain import plain
from data.traffic import Traffic
from fl_server.experiments.sources import Source, traffic_of
from fl_server.fleet import Fleet
from fl_server.local import local_fleet
from fl_server.presets import Table, laid_over, nested, preset, settings_of
from fl_server.results import Figures, figures
from fl_server.run import Plan, planned
from fl_server.running import State, first_state, states
from fl_server.settings import HorizontalSettings, TwinSettings, VerticalSettings

Row = dict[str, Any]  # Any: words and figures
MEASURES = ("mse", "mae", "nrmse")
BACKHAUL_MBIT, ACCESS_MBIT = 10.0, 100.0  # of the lines to the network's server, and to a cluster's head
PHASES = ("v_seconds", "h_seconds", "single_v_seconds", "single_h_seconds")
COSTS = ("mapping_seconds", "single_mapping_seconds", "h_cost", "h_alike_cost", "single_h_cost")
TIMES = {*PHASES, *COSTS, "minutes"}  # differ from run to run
BRIEF: dict[str, Any] = {  # Any: settings of several kinds
    "vertical": VerticalSettings(epochs=1),
    "horizontal": HorizontalSettings(epochs=0),
    "single_level": False,
}


@dataclass(frozen=True)
class Cell:
    """A run with the paper's settings and `changes` to them: what makes up one entry of a table.

    `label` says where in the table it stands, `seed` draws the stations and all else.
    """

    experiment: str
    source: Source
    label: str
    stations: int
    seed: int
    changes: Mapping[str, Any]  # Any: values of settings, by their places
    channel: str = "internet"

    def settings(self, traffic: Traffic) -> TwinSettings:
        """All settings of the run."""
        changes: Table = {"recipe": {"seed": self.seed, "split": plain(self.source.split(traffic), {})}}
        for place, value in self.changes.items():
            changes = laid_over(changes, nested(place, value))
        return settings_of(preset("paper"), changes)

    def traffic(self) -> Traffic:
        """The series of the stations."""
        return traffic_of(self.source, self.channel, self.stations, self.seed)

    @cached_property
    def key(self) -> str:
        """What this run is known by: two cells with the same key have the same figures."""
        what = [
            self.source.name,
            self.source.digest,
            self.stations,
            self.seed,
            dict(self.changes),
            self.channel,
        ]
        whole = json.dumps([metadata.version("vhtwin"), preset("paper"), what], sort_keys=True)
        return sha256(whole.encode()).hexdigest()[:16]


def measured(cell: Cell) -> Row:
    """Make the run in this process, on one thread."""
    began = monotonic()
    traffic = cell.traffic()
    settings = cell.settings(traffic)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    ended(fleet, replace(settings, **BRIEF))  # what is compiled or loaded once is in no figure
    run = ended(fleet, settings)
    return row_of(cell, run, (monotonic() - began) / 60)


@dataclass(frozen=True)
class Ended:
    """A run at its end, and the seconds of processor that each system took for V-twinning in this process."""

    plan: Plan
    state: State
    mapping_seconds: Mapping[str, float]


def ended(fleet: Fleet, settings: TwinSettings) -> Ended:
    """A run with the stations of a fleet, at its end."""
    plan = planned(fleet, settings)
    seconds: defaultdict[str, float] = defaultdict(float)
    before, last = process_time(), first_state(plan)
    for state in states(fleet, plan, last):
        now = process_time()
        run = state.hierarchical if state.hierarchical is not last.hierarchical else state.single_level
        if run is not None and run.history and run.history[-1].stage == "vertical":
            seconds[run.system] += now - before
        before, last = now, state
    return Ended(plan, last, seconds)


def row_of(cell: Cell, run: Ended, minutes: float) -> Row:
    """The figures of a finished run."""
    plan, state = run.plan, run.state
    found = figures(state, plan)
    place = {"source": cell.source.name, "label": cell.label, "stations": cell.stations, "seed": cell.seed}
    row = {"key": cell.key, **place, **dict(_errors(found)), **_costs(found, run.mapping_seconds)}
    turns = state.hierarchical.history
    for letter, stage in (("v", "vertical"), ("h", "horizontal")):
        row[f"{letter}_clusters"] = next(
            (each.clusters for each in reversed(turns) if each.stage == stage), None
        )
    share = state.hierarchical.quality
    return row | {"largest_share": share.largest_share if share else None, "minutes": round(minutes, 4)}


def _errors(found: Figures) -> Iterator[tuple[str, float]]:
    """The errors of V and H: the G-NDT, the C-NDTs, and single-level twinning."""
    for letter in ("v", "h"):
        for measure in MEASURES:
            yield f"{letter}_{measure}", found[letter][measure]
            yield f"{letter}_cluster_{measure}", found[letter]["cluster"][measure]
            if found["single_level"]:
                yield f"single_{letter}_{measure}", found["single_level"][letter][measure]


def _costs(found: Figures, mapping_seconds: Mapping[str, float]) -> Row:
    """Seconds of each phase, and what was sent in it between which tiers, in each direction."""
    row: Row = {"updates": found["updates"], "spared": found["spared"]}
    for system, name in (("hierarchical", "mapping_seconds"), ("single-level", "single_mapping_seconds")):
        if system in mapping_seconds:
            row[name] = round(mapping_seconds[system], 4)
    several = {"": found["phases"]} | (
        {"single_": found["single_level"]["phases"]} if found["single_level"] else {}
    )
    for system, phases in several.items():
        for letter, phase in phases.items():
            row[f"{system}{letter}_seconds"] = phase["seconds"]
            for tier, short in (
                ("cluster_network", "backhaul"),
                ("station_cluster", "access"),
                ("station_network", "access"),
            ):
                flow = phase["exchange"].get(tier)
                if flow:
                    row |= {f"{system}{letter}_{short}_{name}": value for name, value in flow.items()}
    for letter in ("v", "h"):
        for name in ("messages_up", "messages_down", "bytes_up", "bytes_down"):
            row.setdefault(f"{letter}_backhaul_{name}", 0)
    return row | _h_cost(row)


def _h_cost(row: Row) -> Row:
    """What H-twinning costs in seconds of training and of sending, with clusters and without.

    A training takes as long as one takes on average in V-twinning without clusters, on one core, and all are
    added up; bytes of both directions cross lines of a fixed rate. `alike` takes all lines for as slow as
    those to the network's server.
    """
    made: Row = {
        f"{letter}_messages_up": row[f"{letter}_backhaul_messages_up"] + row[f"{letter}_access_messages_up"]
        for letter in ("v", "h")
    }
    if "single_mapping_seconds" not in row:
        return made
    training = row["single_mapping_seconds"] / max(row["single_v_access_messages_up"], 1)
    backhaul = _sending(row, "h_backhaul", BACKHAUL_MBIT)
    sent = {
        "h": backhaul + _sending(row, "h_access", ACCESS_MBIT),
        "h_alike": backhaul + _sending(row, "h_access", BACKHAUL_MBIT),
        "single_h": _sending(row, "single_h_access", BACKHAUL_MBIT),
    }
    trainings = {name: row[f"{name.removesuffix('_alike')}_access_messages_up"] for name in sent}
    costs = {f"{name}_cost": trainings[name] * training + seconds for name, seconds in sent.items()}
    return made | {name: round(seconds, 4) for name, seconds in costs.items()}


def _sending(row: Row, flow: str, mbit: float) -> float:
    seconds: float = (row[f"{flow}_bytes_up"] + row[f"{flow}_bytes_down"]) * 8e-6 / mbit
    return seconds
