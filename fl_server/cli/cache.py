"""`vhtwin cache`: requests for contents at base stations, and what caches make of them."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.store import whole_file
from data.words import counted
from fl_server.cli.demand import demand_of
from fl_server.cli.report import print_json, print_table, print_text
from hetnet.caching.cells import CellSettings, drawn_cells
from hetnet.caching.che import expected_hit_rate
from hetnet.caching.classics import CLASSICS, HINDSIGHT, Classic, hits, station_hits
from hetnet.caching.request_log import read_requests, remark
from hetnet.caching.requests import Requests, RequestSettings, drawn_requests
from hetnet.network import Counts, Floats

SLOTS = 150  # of a station, as in the paper
HOURS_A_WEEK = 168
RATES = ("at each station", "one for all")
ABOUT = {
    "static": "the best fixed set, in hindsight",
    "belady": "bound of caches that keep all they fetch",
    "bypass": "bound of all caches",
}
EXAMPLES = """examples:
  vhtwin cache compare                                classic caches on drawn requests
  vhtwin cache compare --requests log.csv             on your own log: time,client,content
  vhtwin cache compare --twin runs/first              stations as busy as these twins forecast
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb, with verbs of its own, to the command's verbs."""
    parser = verbs.add_parser(
        "cache",
        help="cache contents at base stations",
        description="Requests for contents at base stations, and what caches make of them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = parser.add_subparsers(metavar="VERB", required=True)
    parser = below.add_parser(
        "compare",
        help="hold classic caches and bounds beside each other",
        description="Run requests through classic caches: one for all, and one at each station.",
    )
    group = parser.add_argument_group("requests")
    group.add_argument("--requests", type=Path, metavar="FILE", help="a log, a CSV of time,client,content")
    group.add_argument("--timezone", help="zone of the log's times, such as Europe/Rome")
    group.add_argument(
        "--twin", type=Path, metavar="RUN", help="drawn requests, as busy as the twins of this run forecast"
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="the run's set, if it was moved")
    group.add_argument("--number", type=int, metavar="N", help="of drawn requests (default: 300,000 a week)")
    group.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: %(default)s)")
    group = parser.add_argument_group("caches")
    group.add_argument("--stations", type=int, default=5, metavar="B", help="(default: %(default)s)")
    group.add_argument(
        "--slots", type=int, default=SLOTS, metavar="N", help="of each station (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table as CSV")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=compare)


def compare(arguments: argparse.Namespace) -> int:
    """Run the requests through every classic cache; print how often each hits."""
    cells = CellSettings(stations=arguments.stations, reached=max(1, min(2, arguments.stations)))
    requests = _requests(arguments, cells)
    home = drawn_cells(cells, np.random.default_rng(arguments.seed), requests.client_count).home
    stations = home[requests.clients]
    rows = [_row(policy, requests, stations, arguments) for policy in CLASSICS]
    rows.sort(key=lambda row: float(str(row["at each station"])))
    if arguments.out:
        with whole_file(arguments.out) as partial:
            pl.DataFrame(rows).write_csv(partial)
    said = remark(requests, arguments.slots)
    if arguments.json:
        print_json({"requests": len(requests), "policies": rows, "remark": said})
        return 0
    asked = counted(len(np.unique(requests.contents)), "content")
    title = (
        f"{counted(len(requests), 'request')} for {asked}, caches of {counted(arguments.slots, 'slot')}: hits"
    )
    busiest = np.bincount(stations, minlength=arguments.stations)
    lines = [[*(str(row[name]) for name in ("policy", *RATES)), str(row["about"])] for row in rows]
    print_table(title, ["cache", *RATES, ""], lines)
    shares = np.bincount(requests.contents) / len(requests)
    expected = expected_hit_rate(shares[shares > 0], arguments.slots)
    print_text(
        f"the busiest station is asked {busiest.max() / busiest.mean():.2f} times the mean\n"
        f"LRU, one for all, would hit {expected:.4f} if requests were independent (Che)"
    )
    if said:
        print_text(said)
    if arguments.out:
        print_text(f"table: {arguments.out}")
    return 0


def _row(
    policy: Classic, requests: Requests, stations: Counts, arguments: argparse.Namespace
) -> dict[str, object]:
    each = station_hits(policy, requests.contents, stations, arguments.slots)
    return {
        "policy": policy,
        "at each station": round(float(each.mean()), 4),
        "one for all": round(float(hits(policy, requests.contents, arguments.slots).mean()), 4),
        "about": ABOUT[policy] if policy in HINDSIGHT else "",
    }


def _requests(arguments: argparse.Namespace, cells: CellSettings) -> Requests:
    """The requests of a log, or drawn ones."""
    if arguments.requests:
        if arguments.twin or arguments.number:
            raise InputError("--requests gives the requests: expected neither --twin nor --number beside it")
        return read_requests(arguments.requests, timezone=arguments.timezone)
    settings = RequestSettings(cells=cells)
    if arguments.number is not None:
        settings = replace(settings, requests=arguments.number)
    return drawn_requests(settings, np.random.default_rng(arguments.seed), _intensity(arguments))


def _intensity(arguments: argparse.Namespace) -> Floats | None:
    """How busy stations are: as the busiest of a run's will be by its twins, or None for the usual."""
    if arguments.twin is None:
        return None
    loads = demand_of(arguments.twin, arguments.data, None, HOURS_A_WEEK).loads
    assert loads is not None
    ahead = loads[-HOURS_A_WEEK:]
    if ahead.shape[1] < arguments.stations:
        raise InputError(
            f"{arguments.twin}: has {counted(ahead.shape[1], 'station')}, expected at least "
            f"{arguments.stations}"
        )
    busiest = np.sort(np.argsort(-ahead.mean(axis=0), kind="stable")[: arguments.stations])
    return np.maximum(ahead[:, busiest], 1e-9)
