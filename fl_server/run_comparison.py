"""Finished runs side by side: in which settings they differ, what came of each, and whether that compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.plain import plain
from fl_server.run_folder import Record, read_record, read_summary

MEASURES = {"mse": "MSE", "mae": "MAE", "nrmse": "NRMSE", "raw_mae": "raw MAE"}
TWINS = {"": "G-NDT", "cluster.": "C-NDT", "personal.": "personal"}
COUNTS = {
    "clusters": "clusters",
    "updates": "H  updates of the G-NDT",
    "spared": "H  updates spared",
    "bytes": "H  bytes, cluster and network",
    "phases.v.seconds": "V  seconds",
    "phases.h.seconds": "H  seconds",
    "single_level.phases.v.seconds": "V  seconds, single-level",
    "single_level.phases.h.seconds": "H  seconds, single-level",
}
Figure = int | float | None


@dataclass(frozen=True)
class Finished:
    """A finished run as it is stored."""

    name: str
    record: Record
    summary: Mapping[str, Any]  # Any: what JSON holds


def finished_runs(folders: Sequence[Path]) -> list[Finished]:
    """The runs in `folders`, each called by its folder's name, or its path where names are the same."""
    names = [folder.resolve().name for folder in folders]
    unique = len(set(names)) == len(names)
    return [
        Finished(name if unique else str(folder), read_record(folder), read_summary(folder))
        for name, folder in zip(names, folders, strict=True)
    ]


def figure_names() -> dict[str, str]:
    """What can be compared, by its place in a summary, and what people call it."""
    errors = {}
    for measure, words in MEASURES.items():
        for letter in ("v", "h"):
            for place, twin in TWINS.items():
                errors[f"{letter}.{place}{measure}"] = f"{letter.upper()}  {twin}  {words}"
            errors[f"single_level.{letter}.{measure}"] = f"{letter.upper()}  single-level  {words}"
    return errors | COUNTS


def figures_of(run: Finished) -> dict[str, Figure]:
    """Every figure of a run; None where it has no such twin or phase."""
    return {name: _at(run.summary, name.split(".")) for name in figure_names()}


def _at(values: Any, path: Sequence[str]) -> Figure:  # Any: what JSON holds
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values if isinstance(values, int | float) else None


def change(value: Figure, first: Figure) -> float | None:
    """By how many percent of `first` the value differs from it; None where that says nothing."""
    return None if value is None or not first else 100 * (value / first - 1)


def differing_settings(runs: Sequence[Finished]) -> dict[str, list[Any]]:
    """The settings that are not the same in all runs, by their dotted names, with the value of each run."""
    flat = [_asked(run.record) for run in runs]
    names = dict.fromkeys(name for each in flat for name in each)
    columns = {name: [each.get(name) for each in flat] for name in names}
    return {name: column for name, column in columns.items() if any(each != column[0] for each in column)}


def _asked(record: Record) -> dict[str, Any]:
    """All that the run was asked for; the names are those that vhtwin twin --set takes."""
    named = plain(record, {})
    around = {name: value for name, value in named.items() if name not in ("data", "settings")}
    return _flat(around | named["settings"])


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return found


def comparison_warnings(runs: Sequence[Finished]) -> list[str]:
    """Why errors of some runs do not compare with those of the first."""
    first, said = runs[0], []
    for run in runs[1:]:
        if run.record.data != first.record.data:
            said.append(f"{run.name} and {first.name} are of different traffic: their errors do not compare")
        elif run.summary["stream"] != first.summary["stream"]:
            said.append(
                f"{run.name} and {first.name} forecast different streams, {_stream(run)} and "
                f"{_stream(first)}: their errors do not compare"
            )
        elif run.summary.get("left_out") != first.summary.get("left_out"):
            said.append(
                f"{run.name} and {first.name} leave out different stations: their errors do not compare"
            )
    return said


def _stream(run: Finished) -> str:
    return " to ".join(run.summary["stream"])
