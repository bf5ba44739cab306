"""`vhtwin score`: how good the twins of finished runs are, as one figure and by attribute."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fl_server.cli.report import print_json, print_table, print_text
from fl_server.trust.quality import UNITS, QualitySettings, Scored, quality_settings, scored_run

EXAMPLES = """examples:
  vhtwin score RUN                          fidelity, freshness, coverage, cost, calibration, and the score
  vhtwin score runs/first runs/second       side by side
  vhtwin score RUN --settings weights.toml  with curves and weights of your own, such as
                                            [freshness]
                                            worst = 24
                                            weight = 0.5
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "score",
        help="say how good the twins of runs are",
        description="Score the twins of finished runs by multi-attribute utility.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="folders of finished runs")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file of curves and weights")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score them."""
    settings = quality_settings(arguments.settings)
    found = [scored_run(folder, settings) for folder in arguments.folders]
    names = [str(folder) for folder in arguments.folders]
    if arguments.json:
        print_json({name: asdict(each) for name, each in zip(names, found, strict=True)})
        return 0
    print_table("", ["attribute", "weight", *names], _rows(found, settings))
    print_text("what was measured, and in brackets its utility from 0 to 1; the score is their weighted mean")
    for name, each in zip(names, found, strict=True):
        if each.caveat:
            print_text(f"the score of {name} is {each.caveat}")
    return 0


def _rows(found: Sequence[Scored], settings: QualitySettings) -> list[list[str]]:
    rows = [
        [f"{name}: {unit}", f"{getattr(settings, name).weight:g}", *(_cell(each, name) for each in found)]
        for name, unit in UNITS.items()
    ]
    return [*rows, ["score", "", *(f"{each.score:.3f}" for each in found)]]


def _cell(found: Scored, name: str) -> str:
    value, utility = found.measured[name], found.utilities[name]
    return "not measured" if value is None or utility is None else f"{value:.4g} ({utility:.2f})"
