"""`vhtwin twins list`: every twin that runs have stored, and how far unfinished runs have come."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.clock import wall_clock
from data.errors import InputError
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.cli.twin_output import MOST_LISTED
from fl_server.run_folder import read_summary, way_on
from fl_server.stored_runs import data_end, is_finished, reached, run_folders, twins_of
from forecasting.twin import Twin

RUNS = Path("runs")
INPUT_REFUSED = 3
COLUMNS = ("twin", "scope", "stations", "version", "trained until", "hours old", "network", "kB", "file")
EXAMPLES = """examples:
  vhtwin twins list                      the twins of every run in ./runs
  vhtwin twins list RUN                  those of one run
  vhtwin twins list RUN FOLDER --json    of a run, and of all runs below a folder

A run that is not finished is listed with how far it has come. A damaged file is named and passed over; the
exit code is then 3.
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `list` to the verbs of `twins`."""
    parser = verbs.add_parser(
        "list",
        help="list the twins of runs",
        description="List every stored twin of runs, and how far runs have come that are not finished.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs", type=Path, nargs="*", metavar="RUN", help="a run, or a folder of runs (default: ./runs)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    listed = [_listed(folder) for folder in run_folders(arguments.runs or [RUNS])]
    if arguments.json:
        print_json({"runs": listed})
    else:
        for each in listed:
            _print(each)
    return INPUT_REFUSED if any(each["refused"] for each in listed) else 0


def _listed(folder: Path) -> dict[str, Any]:
    """A run as a JSON object: its twins or how far it is, and what was refused of it."""
    try:
        if not is_finished(folder):
            how_far, resume = reached(folder), way_on(folder)
            return _object(folder) | {"reached": asdict(how_far), "resume": resume}
        return _object(folder) | _finished(folder)
    except InputError as refusal:
        return _object(folder) | {"refused": [str(refusal)]}


def _object(folder: Path) -> dict[str, Any]:
    nothing: dict[str, Any] = {"twins": [], "refused": []}
    return {"run": str(folder), "finished": is_finished(folder)} | nothing


def _finished(folder: Path) -> dict[str, Any]:
    summary = read_summary(folder)
    found = list(twins_of(folder))
    return {
        "twins": [twin_line(file, twin, summary) for file, twin in found if isinstance(twin, Twin)],
        "refused": [str(refusal) for _, refusal in found if isinstance(refusal, InputError)],
    }


def twin_line(file: Path, twin: Twin, summary: Mapping[str, Any]) -> dict[str, Any]:
    """A twin in a few words, times by the wall clock; `age_hours` is its age when the data of the run end."""
    (until,) = wall_clock(np.array([twin.trained_until]), summary.get("timezone"))
    return {
        "name": twin.name,
        "scope": twin.scope,
        "stations": len(twin.stations),
        "version": twin.version,
        "trained_until": str(until.astype("datetime64[m]")),
        "age_hours": twin.age_hours(data_end(summary)),
        "network": " ".join([twin.network.name, "-".join(map(str, twin.network.hidden))]).strip(),
        "bytes": file.stat().st_size,
        "file": str(file),
    }


def _print(listed: Mapping[str, Any]) -> None:
    if "reached" in listed:
        print_text(f"{listed['run']}: not finished: {listed['reached']['words']}; {listed['resume']}")
    twins = listed["twins"]
    if twins:
        print_table(listed["run"], COLUMNS, [_row(twin) for twin in twins[:MOST_LISTED]])
    if len(twins) > MOST_LISTED:
        print_text(f"and {len(twins) - MOST_LISTED:,} more twins; --json lists all")
    for sentence in listed["refused"]:
        print_text(f"refused: {sentence}")


def _row(twin: Mapping[str, Any]) -> Sequence[str]:
    return (
        twin["name"],
        twin["scope"],
        f"{twin['stations']:,}",
        f"{twin['version']:,}",
        twin["trained_until"],
        f"{twin['age_hours']:,.4g}",
        twin["network"],
        f"{twin['bytes'] / 1e3:,.1f}",
        Path(twin["file"]).name,
    )
