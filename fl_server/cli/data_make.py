"""`vhtwin data make`: write a synthetic city."""

import argparse
import time
from datetime import date
from pathlib import Path

from data.city.synthetic import LAYOUTS, MOST_STATIONS, CitySettings, write_city
from data.errors import InputError
from data.store import refuse_existing, whole_folder
from data.traffic import CHANNELS
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_text

ABOUT = """The same options make the same bytes. A city of 30 days is the beginning of the same city of 60; a
grid of 200 stations is the middle of the grid of 10,000; hours are sums of ten-minute readings."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `make` to the verbs of `data`."""
    standard = CitySettings()
    parser = verbs.add_parser("make", help="make a synthetic city", epilog=ABOUT)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the set")
    whole_numbers = {
        "stations": f"1 to {MOST_STATIONS:,}",
        "days": "local days, each from midnight to midnight",
        "seed": "another seed, another city",
    }
    for name, about in whole_numbers.items():
        default = getattr(standard, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{about} (default: {default})")
    parser.add_argument("--step", type=int, choices=(10, 60), default=60, help="minutes (default: 60)")
    parser.add_argument(
        "--start", default=standard.start.isoformat(), metavar="DATE", help="first day (default: %(default)s)"
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default=standard.layout,
        help="squares of the Milan grid, or sites denser downtown (default: %(default)s)",
    )
    parser.add_argument("--longitude", type=float, default=standard.longitude, help="of the centre")
    parser.add_argument("--latitude", type=float, default=standard.latitude, help="of the centre")
    parser.add_argument("--overwrite", action="store_true", help="replace what stands in DIR")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the city and say what was written."""
    settings = _settings(arguments)
    out = arguments.out.resolve()
    refuse_existing(out, overwrite=arguments.overwrite)
    began = time.monotonic()
    with whole_folder(out, overwrite=arguments.overwrite) as folder:
        shown(write_city(settings, folder))
    seconds = time.monotonic() - began
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if arguments.json:
        print_json(
            _answer(settings) | {"bytes": size, "seconds": round(seconds, 3), "out": str(arguments.out)}
        )
    else:
        print_text(
            f"{arguments.out}: stations: {settings.stations:,}, days: {settings.days:,}, "
            f"step: {settings.step_minutes} min, {', '.join(CHANNELS)}; "
            f"{size / 1e6:,.1f} MB in {seconds:.1f} s"
        )
    return 0


def _settings(arguments: argparse.Namespace) -> CitySettings:
    try:
        start = date.fromisoformat(arguments.start)
    except ValueError:
        raise InputError(f"--start {arguments.start}: expected a date such as 2013-11-01") from None
    return CitySettings(
        stations=arguments.stations,
        days=arguments.days,
        seed=arguments.seed,
        step_minutes=arguments.step,
        start=start,
        layout=arguments.layout,
        longitude=arguments.longitude,
        latitude=arguments.latitude,
    )


def _answer(settings: CitySettings) -> dict[str, object]:
    return {
        "stations": settings.stations,
        "days": settings.days,
        "seed": settings.seed,
        "start": settings.start.isoformat(),
        "step_minutes": settings.step_minutes,
        "layout": settings.layout,
        "channels": list(CHANNELS),
    }
