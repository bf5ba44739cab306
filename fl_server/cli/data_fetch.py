"""`vhtwin data fetch`: download the official Milan or Trentino set from its archive."""

import argparse
from datetime import date
from pathlib import Path

from data.archive.dataverse import HARVARD, OFFICIAL_SETS
from data.archive.fetch import FetchedFile, Order, fetched
from data.archive.web import FetchSettings
from data.errors import InputError
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_text

ABOUT = """The sets are Telecom Italia's (Barlacchi et al., Scientific Data 2, 150055, 2015), under the
Open Database License 1.0: name the source, share alike. Milan's 62 days are about 20 GB. The archive
asks the readers of some datasets for an e-mail address; --email hands over the one you give.
Stop it at any time: the same command continues where it stopped."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `fetch` to the verbs of `data`."""
    parser = verbs.add_parser("fetch", help="download the official Milan or Trentino set", epilog=ABOUT)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the raw files")
    parser.add_argument("--set", choices=sorted(OFFICIAL_SETS), default="milan", help="default: %(default)s")
    parser.add_argument("--days", metavar="FIRST..LAST", help="only these days, e.g. 2013-11-01..2013-11-07")
    parser.add_argument(
        "--files", type=int, action="extend", nargs="+", default=[], metavar="ID", help="only these file ids"
    )
    parser.add_argument("--grid", action="store_true", help="the map of the squares too")
    parser.add_argument("--email", metavar="ADDRESS", help="your address, for the archive's guestbook")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    _add_line_options(parser)
    parser.set_defaults(run=run)


def _add_line_options(parser: argparse.ArgumentParser) -> None:
    """The options that say where the archive is and how patient to be with it."""
    line = parser.add_argument_group("where from, and how patiently")
    line.add_argument("--server", default=HARVARD, metavar="URL", help="a Dataverse (default: %(default)s)")
    line.add_argument("--dataset", metavar="DOI", help="in place of the set's own")
    line.add_argument("--grid-dataset", metavar="DOI", help="in place of the grid's own")
    patience = FetchSettings()
    for name, unit, kind in (
        ("connections", "files at once", int),
        ("attempts", "failures in a row to bear", int),
        ("first-delay-seconds", "pause after a failure, doubled after each further one", float),
        ("longest-delay-seconds", "longest pause", float),
        ("timeout-seconds", "silence after which a connection is given up", float),
    ):
        default = getattr(patience, name.replace("-", "_"))
        about = f"{unit} (default: %(default)s)"
        line.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=about)


def run(arguments: argparse.Namespace) -> int:
    """Fetch what was asked for and say what stands in the folder now."""
    files = shown(fetched(_order(arguments), arguments.out, _settings(arguments)))
    if arguments.json:
        print_json(_answer(arguments.out, files))
    else:
        print_text(_sentence(arguments.out, files))
    return 0


def _order(arguments: argparse.Namespace) -> Order:
    official = OFFICIAL_SETS[arguments.set]
    grid = arguments.grid_dataset or official.grid
    return Order(
        dataset=arguments.dataset or official.activity,
        whole=(grid,) if arguments.grid or arguments.grid_dataset else (),
        days=None if arguments.days is None else days_named(arguments.days),
        identifiers=tuple(arguments.files),
        server=arguments.server,
        email=arguments.email,
    )


def _settings(arguments: argparse.Namespace) -> FetchSettings:
    try:
        return FetchSettings(
            attempts=arguments.attempts,
            first_delay_seconds=arguments.first_delay_seconds,
            longest_delay_seconds=arguments.longest_delay_seconds,
            timeout_seconds=arguments.timeout_seconds,
            connections=arguments.connections,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def days_named(span: str) -> tuple[date, date]:
    """First and last day of "2013-11-01..2013-11-07", or of a single day."""
    first, _, last = span.partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        raise InputError(f"--days {span!r}: expected 2013-11-01 or 2013-11-01..2013-11-07") from error
    if days[0] > days[1]:
        raise InputError(f"--days {span!r}: the first day comes after the last")
    return days


def _answer(folder: Path, files: list[FetchedFile]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "bytes": sum(file.size for file in files),
        "bytes_downloaded": sum(file.size for file in files if file.downloaded),
        "files": [
            {
                "name": file.path.name,
                "bytes": file.size,
                "checksum": file.checksum,
                "downloaded": file.downloaded,
            }
            for file in files
        ],
    }


def _sentence(folder: Path, files: list[FetchedFile]) -> str:
    new = [file for file in files if file.downloaded]
    return (
        f"{len(new)} files fetched ({sum(file.size for file in new) / 1e6:,.1f} MB), "
        f"{len(files) - len(new)} were there and are whole\n"
        f"next: vhtwin data import {folder} --out SET"
    )
