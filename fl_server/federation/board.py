"""What a federation is doing, for whoever asks: the run, its stations, what has crossed the wire."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from data.progress import Step
from data.traffic import StationId
from fl_server.federation.fleet import FlowerFleet
from fl_server.run import Plan
from fl_server.running import State

StationState = Literal["training", "waiting", "asleep", "lost"]


@dataclass
class Board:
    """What is known at this moment; other threads read it while a run writes."""

    run: str = ""
    nodes: int = 0  # that are connected
    names: tuple[str, ...] = ()  # of these, where keys have names
    step: Step | None = None
    error: str = ""  # why the last run ended before its end
    fleet: FlowerFleet | None = None
    asleep: frozenset[StationId] = frozenset()
    heads: tuple[tuple[StationId, ...], ...] = ()  # the stations of each cluster head, where there are any
    lost_below: frozenset[StationId] = frozenset()  # those that their heads have lost
    runs: dict[str, str] = field(default_factory=dict)  # how each run of this server ended

    def stations(self) -> dict[StationId, StationState]:
        """What every station of the fleet is at."""
        if self.fleet is None:
            return {}
        training, lost = self.fleet.training(), {*self.fleet.lost, *self.lost_below}
        training |= {each for group in self.heads if training & {*group} for each in group}
        return {station: _state(station, training, lost, self.asleep) for station in self.fleet.stations}

    def counted(self) -> dict[str, int]:
        """How many stations are at what."""
        return dict(Counter(self.stations().values()))

    def told(self, version: str) -> dict[str, Any]:  # Any: what JSON holds
        """All of it, as JSON can hold it."""
        step, fleet = self.step, self.fleet
        return {
            "version": version,
            "nodes": self.nodes,
            "names": list(self.names),
            "run": self.run,
            "stage": step.stage if step else "",
            "done": step.done if step else 0,
            "total": step.total if step else 0,
            "detail": step.detail if step else "",
            "error": self.error,
            "runs": dict(self.runs),
            "stations": self.stations(),
            "heads": [list(group) for group in self.heads],
            "counts": self.counted(),
            "held_twice": list(fleet.held_twice) if fleet else [],
            "left_out": dict(fleet.left_out) if fleet else {},
            "wire": asdict(fleet.crossed) if fleet else {},
        }


def _state(
    station: StationId, training: set[StationId], lost: set[StationId], asleep: frozenset[StationId]
) -> StationState:
    if station in lost:
        return "lost"
    if station in training:
        return "training"
    return "asleep" if station in asleep else "waiting"


def asleep_in(plan: Plan, state: State) -> frozenset[StationId]:
    """The stations that sleep or are away at the step of the stream where a run stands."""
    run = state.hierarchical
    if run.stage != "horizontal" or run.turn >= plan.stream_steps:
        return frozenset()
    away = np.flatnonzero(~plan.behaviour.reachable[:, run.turn])
    return frozenset(plan.stations[place] for place in away)


def words(counts: Mapping[str, int]) -> str:
    """How many stations are at what, in words."""
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def metrics(told: Mapping[str, Any]) -> str:  # Any: what JSON holds
    """The board in the text format of Prometheus."""
    wire = told["wire"]
    lines = [
        "# TYPE vhtwin_nodes gauge",
        f"vhtwin_nodes {told['nodes']}",
        "# TYPE vhtwin_stations gauge",
        *(f'vhtwin_stations{{state="{state}"}} {count}' for state, count in sorted(told["counts"].items())),
        "# TYPE vhtwin_turns_done gauge",
        f'vhtwin_turns_done{{stage="{told["stage"]}"}} {told["done"]:g}',
        f'vhtwin_turns{{stage="{told["stage"]}"}} {told["total"]:g}',
    ]
    for name in ("orders", "order_bytes", "answers", "answer_bytes"):
        lines += [f"# TYPE vhtwin_{name}_total counter", f"vhtwin_{name}_total {wire.get(name, 0)}"]
    refused = sum(wire.get("refused", {}).values())
    lines += ["# TYPE vhtwin_refused_total counter", f"vhtwin_refused_total {refused}"]
    return "\n".join(lines) + "\n"
