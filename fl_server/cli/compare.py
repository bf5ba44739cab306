"""`vhtwin compare`: finished runs side by side."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import InputError
from data.store import refuse_existing_file, whole_file
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.run_comparison import (
    COUNTS,
    Figure,
    Finished,
    change,
    comparison_warnings,
    differing_settings,
    figure_names,
    figures_of,
    finished_runs,
)

MOST_LETTERS = 40  # of a list in the table
EXAMPLES = """examples:
  vhtwin compare runs/twin-milan25-1 runs/twin-milan25-2
  vhtwin compare runs/psi-* --out psi.csv                 a line a run, to plot
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `compare` to the command's verbs."""
    parser = verbs.add_parser(
        "compare",
        help="put finished runs side by side",
        description="Put finished runs side by side: how their settings differ, and what came of each.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN", help="two or more; percentages are of the first"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write a CSV file, a line a run")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare them."""
    if len(arguments.folders) < 2:
        raise InputError(f"one run, {arguments.folders[0]}, compares with nothing; name at least two")
    if arguments.out:
        refuse_existing_file(arguments.out, overwrite=arguments.overwrite)
    runs = finished_runs(arguments.folders)
    settings = differing_settings(runs)
    figures = [figures_of(each) for each in runs]
    if arguments.out:
        _write(arguments.out, runs, settings, figures)
    if arguments.json:
        table = {"table": str(arguments.out)} if arguments.out else {}
        print_json(_answer(runs, settings, figures) | table)
    else:
        _print(runs, settings, figures)
        if arguments.out:
            print_text(f"table: {arguments.out}")
    return 0


def _answer(
    runs: Sequence[Finished], settings: dict[str, list[Any]], figures: Sequence[dict[str, Figure]]
) -> dict[str, object]:
    rows = [
        {
            "run": run.name,
            "settings": {name: column[place] for name, column in settings.items()},
            "figures": found,
            "percent": {name: change(value, figures[0][name]) for name, value in found.items()},
        }
        for place, (run, found) in enumerate(zip(runs, figures, strict=True))
    ]
    return {"runs": rows, "warnings": comparison_warnings(runs)}


def _write(
    path: Path,
    runs: Sequence[Finished],
    settings: dict[str, list[Any]],
    figures: Sequence[dict[str, Figure]],
) -> None:
    columns: dict[str, list[Any]] = {"run": [run.name for run in runs]}
    columns |= {name: list(map(_written, column)) for name, column in settings.items()}
    columns |= {name: [found[name] for found in figures] for name in figure_names()}
    with whole_file(path) as partial:
        pl.DataFrame(columns, strict=False).write_csv(partial)


def _print(
    runs: Sequence[Finished], settings: dict[str, list[Any]], figures: Sequence[dict[str, Figure]]
) -> None:
    names = [run.name for run in runs]
    if settings:
        rows = [(name, *map(_short, column)) for name, column in settings.items()]
        print_table("settings that differ", ["setting", *names], rows)
    else:
        print_text("the runs were asked for the same")
    shown = [
        (name, words)
        for name, words in figure_names().items()
        if any(each[name] is not None for each in figures)
    ]
    for title, some in (
        ("errors", [each for each in shown if each[0] not in COUNTS]),
        ("what it took", [each for each in shown if each[0] in COUNTS]),
    ):
        rows = [(words, *_cells(name, figures)) for name, words in some]
        print_table(f"{title}, and the difference from {names[0]}", ["", *names], rows)
    for warning in comparison_warnings(runs):
        print_text(f"warning: {warning}")


def _cells(name: str, figures: Sequence[dict[str, Figure]]) -> list[str]:
    """The figure of the first run, and those of the others with their differences."""
    first, *others = (found[name] for found in figures)
    return [_figure(first), *(f"{_figure(each)}{_percent(change(each, first))}" for each in others)]


def _figure(value: Figure) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if value < 10 else f"{value:,.1f}"


def _percent(percent: float | None) -> str:
    return " " * 10 if percent is None else f" {percent:+7.1f} %"


def _short(value: Any) -> str:  # Any: a setting
    """What a table has room for: the weights of a learned gate are a setting too, and --json has them."""
    text = _written(value)
    if not isinstance(value, list) or len(text) <= MOST_LETTERS:
        return text
    return f"{text[:MOST_LETTERS]}… ({len(value):,} values)"


def _written(value: Any) -> str:  # Any: a setting
    return value if isinstance(value, str) else json.dumps(value)
