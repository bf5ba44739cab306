"""The federation of a run: who trains, waits, sleeps or is away, the gate, what has crossed; from its folder.

Axes: N stations, C clusters, S steps of the stream.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.traffic import StationId
from fl_server.behaviour import drawn_behaviour
from fl_server.cluster_stream import distance
from fl_server.run import Row, Run
from fl_server.run_folder import kept_state, read_record, read_summary
from fl_server.running import State
from fl_server.settings import TwinSettings
from fl_server.stored_runs import is_finished, reached
from fl_server.twins import cluster_name
from fl_server.web.network import Network

Figures = dict[str, Any]  # Any: what JSON holds
MOST_ROWS = 2000
STATES = ("training", "answered", "waiting", "asleep", "away")


def federation_of(network: Network) -> Figures:
    """What the run in the folder of `network` is at, or has come to."""
    folder = network.folder
    settings = read_record(folder).settings
    if is_finished(folder):
        return _finished(folder, settings)
    state, words = kept_state(folder), reached(folder).words
    if state is None:
        return _blank(settings) | {"stage": "begun", "words": words}
    run = _open_run(state)
    states = _states(network, run, settings)
    return _blank(settings) | {
        "stage": run.stage,
        "words": words,
        "turn": run.turn,
        "turns": settings.vertical.epochs if run.stage == "vertical" else len(network.stream),
        "states": states,
        "counts": dict(Counter(states)),
        "gate": _gate(run, settings),
        "exchange": _exchange(run),
        "history": [_row(row) for row in run.history[-MOST_ROWS:]],
        "failures": {**run.vertical.failures, **run.horizontal.failures},
    }


def _open_run(state: State) -> Run:
    single = state.single_level
    if state.hierarchical.stage == "done" and single is not None and single.stage != "done":
        return single
    return state.hierarchical


def _blank(settings: TwinSettings) -> Figures:
    return {
        "finished": False,
        "stage": "",
        "words": "",
        "turn": 0,
        "turns": 0,
        "states": [],
        "counts": {},
        "gate": {"psi": settings.horizontal.psi, "rule": settings.horizontal.gate.rule, "clusters": []},
        "exchange": {},
        "history": [],
        "failures": {},
    }


def _finished(folder: Path, settings: TwinSettings) -> Figures:
    summary = read_summary(folder)
    told = _blank(settings)
    phases: Figures = summary["phases"]  # type: ignore[assignment]  # what JSON holds
    gate = told["gate"] | {"sent": summary.get("updates", 0), "spared": summary.get("spared", 0)}
    return told | {
        "finished": True,
        "stage": "done",
        "words": "finished",
        "gate": gate,
        "exchange": {letter: phase["exchange"] for letter, phase in phases.items()},
        "history": [_row(row) for row in _rows(folder)[-MOST_ROWS:]],
        "failures": {
            reason: count for phase in phases.values() for reason, count in phase["failures"].items()
        },
    }


def _rows(folder: Path) -> list[Row]:
    file = folder / "history.csv"
    if not file.exists():
        return []
    table = pl.read_csv(file, schema_overrides={"error": pl.Float64, "stability": pl.Float64})
    return [Row(**row) for row in table.to_dicts()]


def _row(row: Row) -> Figures:
    return asdict(row)


def _states(network: Network, run: Run, settings: TwinSettings) -> list[str]:
    """What each station is at, (N,); in a round of V-twinning all that take part are training."""
    count = len(network.stations)
    if run.stage == "done" or len(run.tree.cluster_of) != count:
        return ["waiting"] * count
    if run.stage == "vertical" or run.stream is None:
        return ["training"] * count
    states = np.full(count, "waiting", "U8")
    for open_order in run.stream.open:
        states[open_order.places[open_order.due > run.turn]] = "training"
    states[[each.place for each in run.stream.waiting]] = "answered"
    step = min(run.turn, len(network.stream) - 1)
    asleep, away = _absent(network.stations, _clock(network), settings)
    states[asleep[:, step]] = "asleep"
    states[away[:, step]] = "away"
    return [str(state) for state in states]


def _clock(network: Network) -> NDArray[np.datetime64]:
    return network.clock[network.stream.start : network.stream.stop]


def _absent(
    stations: Sequence[StationId], clock: NDArray[np.datetime64], settings: TwinSettings
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """When each station sleeps and when it has dropped out, (N, S) each."""
    seed = settings.recipe.seed
    staying = replace(settings.behaviour, dropouts=0.0)
    awake = drawn_behaviour(stations, clock, staying, seed).reachable
    there = drawn_behaviour(stations, clock, settings.behaviour, seed).reachable
    return ~awake, awake & ~there


def _gate(run: Run, settings: TwinSettings) -> Figures:
    """The threshold, and how far each cluster's twin lies from the last G-NDT that it saw."""
    horizontal, stream = settings.horizontal, run.stream
    told: Figures = {
        "psi": horizontal.psi,
        "rule": horizontal.gate.rule,
        "sent": 0,
        "spared": 0,
        "clusters": [],
    }
    if stream is None or len(stream.seen) != len(run.tree.clusters):
        return told
    clusters = [
        {
            "cluster": cluster_name(number),
            "distance": distance(run.tree.clusters[number], stream.seen[number], horizontal),
            "sent_at": int(stream.sendings.step[number]),
            "spared_since": int(stream.sendings.reports[number]),
            "version": int(run.tree.cluster_versions[number]),
        }
        for number in range(len(run.tree.clusters))
    ]
    return told | {"sent": stream.sent, "spared": stream.spared, "clusters": clusters}


def _exchange(run: Run) -> Figures:
    phases = {"v": run.vertical, "h": run.horizontal}
    return {
        letter: {tier: flow for tier, flow in asdict(phase.exchange).items() if any(flow.values())}
        for letter, phase in phases.items()
    }
