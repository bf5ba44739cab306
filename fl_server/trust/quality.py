"""How good the twins of a finished run are: several attributes, each made a utility, weighed together.

Multi-attribute utility (Keeney and Raiffa 1976), which the paper on digital network twins asks for: a curve
turns what was measured into a utility from 0 to 1, and the weighted mean of these is the score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.plain import plain, rebuilt
from fl_server.presets import table_of
from fl_server.run_folder import read_summary
from fl_server.stored_runs import data_end, twins_of
from fl_server.trust.at_hand import at_hand
from forecasting.twin import Twin


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A utility that is 1 at `best` and 0 at `worst`, and bends by `shape`: 1 is a straight line."""

    best: float
    worst: float
    shape: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < abs(self.best - self.worst) < np.inf:
            raise InputError(
                f"best and worst must be two finite numbers, got {self.best:g} and {self.worst:g}"
            )
        if not 0 < self.shape < np.inf or not 0 <= self.weight < np.inf:
            raise InputError(
                f"shape must be positive and weight 0 or more, got {self.shape} and {self.weight}"
            )

    def utility(self, value: float) -> float:
        """The utility of what was measured."""
        share = (value - self.worst) / (self.best - self.worst)
        return float(np.clip(share, 0, 1) ** self.shape) + 0.0  # no -0


@dataclass(frozen=True, kw_only=True)
class QualitySettings:
    """The curve and the weight of each attribute; see README.md for what each measures."""

    fidelity: Curve = field(default_factory=lambda: Curve(best=0.0, worst=1.0, weight=0.4))
    freshness: Curve = field(default_factory=lambda: Curve(best=0.0, worst=168.0, weight=0.2))
    coverage: Curve = field(default_factory=lambda: Curve(best=1.0, worst=0.5, weight=0.15))
    cost: Curve = field(default_factory=lambda: Curve(best=0.0, worst=20.0, weight=0.1))
    calibration: Curve = field(default_factory=lambda: Curve(best=0.0, worst=0.2, weight=0.15))

    def __post_init__(self) -> None:
        weights = [getattr(self, each.name).weight for each in fields(self)]
        if not 0 < sum(weights) < np.inf:
            raise InputError(
                f"the weights of all attributes must have a sum above 0 that is finite, got {weights}"
            )


HELD = 0.9  # the share of truths that intervals should hold
UNITS = {
    "fidelity": "MSE of the C-NDTs",
    "freshness": "hours old at the data end",
    "coverage": "share of the stations with a twin",
    "cost": "MB sent for a station",
    "calibration": "by how much 90 % intervals hold more or less than that",
}


@dataclass(frozen=True)
class Scored:
    """What was measured of each attribute, its utility, and the score; None where it cannot be measured.

    `without` are the attributes that have a weight and could not be measured.
    """

    measured: Mapping[str, float | None]
    utilities: Mapping[str, float | None]
    score: float
    without: tuple[str, ...] = ()

    @property
    def caveat(self) -> str:
        """What is to be said beside the score: nothing where all was measured."""
        if not self.without:
            return ""
        return f"without {', '.join(self.without)}, not measured: compares with no score that has it"


def quality_settings(file: Path | None) -> QualitySettings:
    """The settings in a TOML file, laid over the usual ones; the usual ones without a file."""
    if file is None:
        return QualitySettings()
    table = table_of(file)
    usual: dict[str, Any] = plain(QualitySettings(), {})
    for name, values in table.items():
        if name not in usual or not isinstance(values, dict):
            raise InputError(f"{file}: found {name!r}, expected tables called {', '.join(usual)}")
        usual[name] |= values
    try:
        return rebuilt(QualitySettings, usual)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def scored_run(folder: Path, settings: QualitySettings) -> Scored:
    """How good the twins in the folder of a finished run are."""
    summary = read_summary(folder)
    twins = [twin for _, twin in twins_of(folder) if isinstance(twin, Twin) and twin.scope == "cluster"]
    measured = measured_of(summary)
    measured["coverage"] = sum(len(twin.stations) for twin in twins) / stations_of_set(summary)
    if twins:
        ages = [twin.age_hours(data_end(summary)) for twin in twins]
        measured["freshness"] = float(np.average(ages, weights=[len(twin.stations) for twin in twins]))
        measured["calibration"] = _miscalibration(folder, twins)
    return weighed(measured, settings)


def _miscalibration(folder: Path, twins: Sequence[Twin]) -> float | None:
    """By how much intervals of the twins hold more or less than they should; None without the set."""
    try:
        stations = at_hand(folder)
    except InputError:
        return None
    return abs(stations.coverage([(twin.stations, twin.weights) for twin in twins], HELD) - HELD)


def weighed(measured: Mapping[str, float | None], settings: QualitySettings) -> Scored:
    """The utilities, and their mean by the weights; what could not be measured has no weight."""
    utilities = {
        name: None if value is None else getattr(settings, name).utility(value)
        for name, value in measured.items()
    }
    known = {name: value for name, value in utilities.items() if value is not None}
    weights = {name: getattr(settings, name).weight for name in known}
    total = sum(weights.values())
    without = tuple(name for name in measured if name not in known and getattr(settings, name).weight)
    if not total:
        raise InputError("no attribute that has a weight can be measured in this run")
    score = sum(weights[name] * known[name] for name in known) / total
    return Scored(measured, utilities, score, without)


def stations_of_set(summary: Mapping[str, Any]) -> int:
    """How many stations the set of a run has, those among them that were left out."""
    return int(summary["stations"]) + len(summary.get("left_out", ()))


def measured_of(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """What a summary says of each attribute; coverage, freshness and calibration the stored twins tell."""
    scores, stations = summary["h"] or summary["v"], summary["stations"]
    phases = summary["phases"].values()
    flows = [flow for phase in phases for flow in phase["exchange"].values()]
    sent = sum(flow["bytes_up"] + flow["bytes_down"] for flow in flows)
    return {
        "fidelity": None if scores is None else scores.get("cluster", scores)["mse"],
        "freshness": None,
        "coverage": None,
        "cost": sent / 1e6 / stations,
        "calibration": None,
    }
