"""`vhtwin data compare`: put the figures and curves of two sets side by side."""

import argparse
from pathlib import Path

from data.figures.curves import space_curves, time_curves
from data.figures.statistics import Figures, figures
from data.sets.tables import read_set
from data.traffic import Traffic
from fl_server.cli import read_options
from fl_server.cli.report import print_json, print_table, print_text


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `compare` to the verbs of `data`."""
    parser = verbs.add_parser("compare", help="put two sets side by side, such as a real and a synthetic one")
    parser.add_argument("real", type=Path, metavar="REAL", help="one set")
    parser.add_argument("synthetic", type=Path, metavar="SYNTHETIC", help="the other")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw both to a .png, .pdf or .svg")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    read_options.add_to(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every figure that either set has, and draw both when asked."""
    settings = read_options.settings_from(arguments)
    sets = [read_set(folder, settings) for folder in (arguments.real, arguments.synthetic)]
    names = _names(arguments.real, arguments.synthetic)
    found = [figures(traffic) for traffic in sets]
    if arguments.picture:
        _draw(arguments.picture, names, sets)
    if arguments.json:
        picture = {"picture": str(arguments.picture)} if arguments.picture else {}
        print_json({"sets": list(names), "rows": json_rows(found[0], found[1])} | picture)
        return 0
    rows = [(name, _text(found[0].get(name)), _text(found[1].get(name))) for name in _all_names(found)]
    print_table("two sets side by side", ["figure", *names], rows)
    if arguments.picture:
        print_text(f"picture: {arguments.picture}")
    return 0


def json_rows(real: Figures, synthetic: Figures) -> list[dict[str, object]]:
    """One object a figure; null where a set does not have it."""
    return [
        {"figure": name, "real": real.get(name), "synthetic": synthetic.get(name)}
        for name in _all_names([real, synthetic])
    ]


def _all_names(found: list[Figures]) -> list[str]:
    """The names of all figures, in the order of whichever set has more of them."""
    longer, shorter = sorted(found, key=len, reverse=True)
    return list(dict.fromkeys([*longer, *shorter]))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _names(real: Path, synthetic: Path) -> tuple[str, str]:
    """How the columns are called: by the folders' names, or their paths when those are the same."""
    names = real.resolve().name, synthetic.resolve().name
    return names if names[0] != names[1] else (str(real), str(synthetic))


def _draw(path: Path, names: tuple[str, str], sets: list[Traffic]) -> None:
    from fl_server.comparison_picture import Side, draw_comparison  # matplotlib is slow to load

    real, synthetic = (
        Side(name, time_curves(traffic), space_curves(traffic))
        for name, traffic in zip(names, sets, strict=True)
    )
    draw_comparison(path, (real, synthetic), f"{names[0]} and {names[1]}")
