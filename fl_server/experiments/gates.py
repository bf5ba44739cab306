"""What gates of H-twinning trade: refreshes of the network twin against what the network does not know.

Beside the paper's fixed threshold stand plain rules and a learned policy. Thresholds and policies are chosen
on the days before the test days; all are told on the test days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from data.progress import finished
from fl_server.experiments.claims import Claim, Effects, Interval, interval
from fl_server.experiments.sources import sources_in, traffic_of
from fl_server.experiments.studies import Study, Value, relative, value_of
from fl_server.fleet import Fleet
from fl_server.gate_streams import Streamed, stream_begin, streamed, taught
from fl_server.local import local_fleet
from fl_server.run import Plan, Run
from fl_server.settings import TwinSettings
from fl_server.sync_picture import draw_tradeoff
from hetnet.sync.gate_learning import GateLearningSettings
from hetnet.sync.gates import GateSettings, opens

STATIONS = 20
THRESHOLDS = (1e-7, 3e-7, 5e-7, 7e-7, 1e-6, 1.5e-6, 2e-6, 3e-6, 5e-6, 1e-5, 3e-5)
PERIODS = (1, 2, 3, 4, 6, 10)
ERRORS = (0.9, 0.95, 1.0, 1.05, 1.1)
ALL_SENT = "every, 1"
UNITS = (1e-6, 3e-6, 1e-5)  # prices of a sending, in ε


@dataclass(frozen=True)
class Ground:
    """Stations at the begin of a stream."""

    fleet: Fleet
    plan: Plan
    run: Run

    def streamed(self, gate: GateSettings, psi: float) -> Streamed:
        """What a gate comes to here."""
        return streamed(self.fleet, self.plan, self.run, partial(opens, gate, psi))


def gate_values(seed: int) -> list[Value]:
    """What every gate sends and leaves unknown on the test days, and what that costs by the price."""
    days_before, test_days = _ground(seed, before=True), _ground(seed, before=False)
    values: list[Value] = []
    for label, gate, psi in _fixed():
        values += _told(label, test_days.streamed(gate, psi))
    before = {psi: days_before.streamed(GateSettings(), psi) for psi in THRESHOLDS}
    for unit in UNITS:
        settings = GateLearningSettings(unit=unit, seed=seed)
        made = finished(taught(days_before.fleet, days_before.plan, days_before.run, settings))
        found = test_days.streamed(GateSettings(rule="learned", learned=made.gate), unit)
        best = min(THRESHOLDS, key=lambda psi: cost(before[psi], unit))
        values += _told(f"learned, {unit:g}", found)
        for column, each in {
            "learned": found,
            "the best psi": test_days.streamed(GateSettings(), best),
            "psi at the price": test_days.streamed(GateSettings(), unit),
            "always": test_days.streamed(GateSettings(rule="always"), unit),
            "never": test_days.streamed(GateSettings(rule="never"), unit),
        }.items():
            values.append(("costs", f"{unit:g}", column, cost(each, unit)))
    return values


def cost(found: Streamed, unit: float) -> float:
    """What a report costs, in sendings: those, and what the network does not know, at this price."""
    return found.sent / max(found.reports, 1) + found.distance / unit


def _ground(seed: int, *, before: bool) -> Ground:
    """Stations of the city before its test days, or before the week ahead of these."""
    settings = TwinSettings()
    split = replace(settings.recipe.split, validation_days=settings.recipe.split.test_days if before else 0)
    settings = replace(settings, recipe=replace(settings.recipe, seed=seed, split=split))
    traffic = traffic_of(sources_in(None)[0], "internet", STATIONS, seed)
    fleet = local_fleet(traffic, settings.station_recipe, settings.segment.signature)
    return Ground(fleet, *stream_begin(fleet, settings))


def _fixed() -> Iterator[tuple[str, GateSettings, float]]:
    for psi in THRESHOLDS:
        yield f"psi, {psi:g}", GateSettings(), psi
    for every in PERIODS:
        yield f"every, {every}", GateSettings(rule="every", every=every), 1.0
    for error in ERRORS:
        yield f"error, {error:g}", GateSettings(rule="error", error=error), 1.0


def _told(line: str, found: Streamed) -> list[Value]:
    columns = {
        "sent, share": found.sent / max(found.reports, 1),
        "MB": found.megabytes,
        "ε left, 1e-6": found.distance * 1e6,
        "MSE of the G-NDT": found.mse,
        "MSE of the C-NDTs": found.cluster_mse,
    }
    return [("gates", line, column, float(value)) for column, value in columns.items()]


def _ahead(unit: float, of: str, rows: pl.DataFrame) -> Effects:
    mine = rows.filter(part="costs")
    return relative(value_of(mine, f"{unit:g}", "learned"), value_of(mine, f"{unit:g}", of))


def _draw(path: Path, rows: pl.DataFrame) -> None:
    mine = rows.filter(part="gates")
    names = {
        "psi": "fixed threshold ψ",
        "every": "every k-th report",
        "error": "error grown",
        "learned": "learned",
    }
    lines = {
        name: sorted(
            (
                _points(mine, line)
                for line in mine["line"].unique(maintain_order=True)
                if line.startswith(f"{kind},")
            ),
            key=lambda point: point[0],
        )
        for kind, name in names.items()
    }
    draw_tradeoff(path, lines, f"What gates trade: {STATIONS} stations of the city, a week of stream")


def _points(rows: pl.DataFrame, line: str) -> tuple[float, Interval, Interval]:
    """MB sent, ε left, and by how much the network twin errs more than where everything is sent, in %."""
    sent, left = (rows.filter(line=line, column=name)["value"].to_list() for name in ("MB", "ε left, 1e-6"))
    mse = relative(*(value_of(rows, each, "MSE of the G-NDT") for each in (line, ALL_SENT)))
    return sum(sent) / len(sent), interval(left), interval([100 * each for each in mse.values()])


GATES = Study(
    "sync-gates",
    "Twin synchronisation in a run: what gates trade (not a figure of the paper)",
    gate_values,
    {"costs": "price of a sending, ε", "gates": "gate"},
    _draw,
    tuple(
        Claim(
            f"a learned gate costs less than the best fixed threshold at a price of {unit:g}",
            partial(_ahead, unit, "the best psi"),
            -1,
        )
        for unit in UNITS
    ),
    slow=True,
)
