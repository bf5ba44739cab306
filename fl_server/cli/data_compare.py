"""`vhtwin data compare`: put the figures and curves of two sets side by side."""

import argparse
from pathlib import Path

from data.errors import InputError
from data.figures.curves import space_curves, time_curves
from data.figures.statistics import NAMES, Figures, set_figures
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
    folders = (arguments.real, arguments.synthetic)
    names = _names(*folders)
    sets = [read_set(folder, settings) for folder in folders]
    found = [_figures(folder, traffic) for folder, traffic in zip(folders, sets, strict=True)]
    if arguments.picture:
        _draw(arguments.picture, names, sets)
    if arguments.json:
        picture = {"picture": str(arguments.picture)} if arguments.picture else {}
        print_json(_answer(names, found) | picture)
    else:
        _print(names, found)
        if arguments.picture:
            print_text(f"picture: {arguments.picture}")
    return 0


def _figures(folder: Path, traffic: Traffic) -> Figures:
    try:
        return set_figures(traffic)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error


def _answer(names: tuple[str, str], found: list[Figures]) -> dict[str, object]:
    """Every figure of either set, null where one lacks it; and of each set why it lacks some."""
    real, synthetic = (each.values for each in found)
    rows = [{"figure": name, "real": real.get(name), "synthetic": synthetic.get(name)} for name in NAMES]
    return {"sets": list(names), "rows": rows, "left_out": [each.left_out for each in found]}


def _print(names: tuple[str, str], found: list[Figures]) -> None:
    """The figures that either set has, and why one lacks some."""
    shown = [name for name in NAMES if any(name in each.values for each in found)]
    rows = [(name, *(_text(each.values.get(name)) for each in found)) for name in shown]
    print_table("two sets side by side", ["figure", *names], rows)
    for line in dict.fromkeys(
        line for name, each in zip(names, found, strict=True) for line in _gaps(name, each)
    ):
        print_text(line)


def _gaps(name: str, found: Figures) -> list[str]:
    """What the set called `name` does not show, a line a reason."""
    lacking: dict[str, list[str]] = {}
    for figure, why in found.left_out.items():
        lacking.setdefault(why, []).append(figure)
    return [f"left out of {name}: {', '.join(figures)}: {why}" for why, figures in lacking.items()]


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
