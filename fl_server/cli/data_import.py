"""`vhtwin data import`: convert raw files of the Telecom Italia layout to a set of our own."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text

if TYPE_CHECKING:
    from data.milan.conversion import Imported

ABOUT = """Read are the official daily files (sms-call-internet-mi-2013-11-01.txt, tab-separated) and the
hourly CSV with a header, plain, .gz, .bz2, .xz or in a .zip; their countries are summed. Positions of the
Milan squares are computed; other areas need the file of their squares (--grid). An interval in which no
square has a row is a gap; a square without a row in an interval that others have had no activity.
Stop it at any time: the same command continues where it stopped, from the folder .NAME.import beside
DIR, which may take up to half the size of the raw text."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `import` to the verbs of `data`."""
    parser = verbs.add_parser("import", help="convert raw Telecom Italia files to a set", epilog=ABOUT)
    parser.add_argument("raw", type=Path, metavar="RAW_DIR", help="folder of raw files, or one of them")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the set")
    parser.add_argument("--grid", type=Path, metavar="GEOJSON", help="squares: polygons with a cellId")
    parser.add_argument("--overwrite", action="store_true", help="replace the set that DIR holds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Import what was asked for and say what came of it."""
    from data.milan.conversion import AnotherImportError, finished_parts, imported, work_folder
    from data.milan.squares import (
        grid_from_geojson,  # the compiler behind it takes half a second to load
    )

    began = time.monotonic()
    folder = arguments.out.resolve()
    grid = grid_from_geojson(arguments.grid) if arguments.grid else None
    try:
        result = shown(imported(arguments.raw, folder, grid, overwrite=arguments.overwrite))
    except AnotherImportError:
        raise
    except (InputError, KeyboardInterrupt):
        _tell_what_is_kept(work_folder(folder), finished_parts(folder))
        raise
    seconds = time.monotonic() - began
    if arguments.json:
        print_json({"folder": str(arguments.out), **asdict(result), **_speed(result, seconds)})
    else:
        _print_result(arguments.out, result, seconds)
    return 0


def _tell_what_is_kept(work: Path, parts: int) -> None:
    if parts:
        kept = f"{parts} finished parts are" if parts > 1 else "1 finished part is"
        told = f"{kept} kept in {work} for the same command; delete that folder to give up"
        print(told, file=sys.stderr)  # noqa: T201 - not part of the verb's answer


def _speed(result: "Imported", seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "mb_per_second": round(result.text_bytes_read / 1e6 / seconds, 1)}


def _print_result(folder: Path, result: "Imported", seconds: float) -> None:
    print_table(
        f"{folder}: {result.first} to {result.last} UTC, every {result.step_minutes} min",
        ["files", "rows", "days", "stations", "gaps", "MB of text", "MB/s", "seconds"],
        [
            [
                f"{result.files}",
                f"{result.rows:,}",
                f"{result.days}",
                f"{result.stations:,}",
                f"{result.gap_intervals}",
                f"{result.text_bytes / 1e6:,.1f}",
                f"{_speed(result, seconds)['mb_per_second']:,.1f}",
                f"{seconds:.1f}",
            ]
        ],
    )
    if result.squares_without_rows:
        print_text(f"{result.squares_without_rows:,} squares have no row and are no stations of the set")
    earlier = result.text_bytes - result.text_bytes_read
    if earlier:
        print_text(f"{earlier / 1e6:,.1f} MB were read by earlier attempts")
    for path in result.unfinished_downloads:
        print_text(f"unfinished download, left out: {path}")
    for path in result.left_aside:
        print_text(f"left aside, no raw file: {path}")
