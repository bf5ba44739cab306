"""`vhtwin cache`: requests for contents at base stations, and what caches make of them."""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import InputError
from data.store import refuse_existing_file, whole_file
from data.words import counted
from fl_server.cache_runs import held, judged, read_plan
from fl_server.cli import cache_train, cache_twin, request_options
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from hetnet.caching.che import expected_hit_rate
from hetnet.caching.classics import CLASSICS, HINDSIGHT, Classic, hits, station_hits
from hetnet.caching.request_log import remark
from hetnet.caching.requests import Requests
from hetnet.network import Counts

SLOTS = 150  # of a station, as in the paper
RATES = ("at each station", "one for all")
ABOUT = {
    "static": "the best fixed set, in hindsight",
    "belady": "bound of caches that keep all they fetch",
    "bypass": "bound of all caches",
}
EXAMPLES = """examples:
  vhtwin cache compare                                classic caches on drawn requests
  vhtwin cache compare --requests log.csv             on your own log: time,client,content
  vhtwin cache compare --requests log.csv --cells cells.csv
                                                      and who reaches which stations: client,station
  vhtwin cache compare --twin runs/first              stations as busy as these twins forecast
  vhtwin cache twin                                   how well a twin of the requests foretells them
  vhtwin cache train                                  the four systems, ten seeds
  vhtwin cache evaluate runs/cache-systems-1          beside classic caches and bounds
  vhtwin cache compare --policy runs/cache-systems-1 --requests log.csv
                                                      the same on your own log
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
    cache_twin.add_parser(below)
    cache_train.add_train(below)
    cache_train.add_evaluate(below)
    parser = below.add_parser(
        "compare",
        help="hold classic caches and bounds beside each other",
        description="Run requests through classic caches: one for all, and one at each station.",
    )
    request_options.add_to(parser)
    parser.add_argument(
        "--slots", type=int, default=SLOTS, metavar="N", help="of each station (default: %(default)s)"
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FOLDER", help="also what vhtwin cache train has made there"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the table as CSV")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=compare)


def compare(arguments: argparse.Namespace) -> int:
    """Run the requests through every classic cache; print how often each hits."""
    if arguments.out:
        refuse_existing_file(arguments.out, overwrite=arguments.overwrite)
    if arguments.policy:
        return _compare_learned(arguments)
    requests, cells = request_options.requests_from(arguments)
    stations = cells.home[requests.clients]
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
    busiest = np.bincount(stations, minlength=cells.reach.shape[1])
    lines = [[str(row["policy"]), *(f"{row[name]:.4f}" for name in RATES), str(row["about"])] for row in rows]
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


def _compare_learned(arguments: argparse.Namespace) -> int:
    """Serve the requests by learned policies, and by classic caches that may choose stations as these do."""
    if arguments.twin or arguments.number:
        raise InputError(
            "--policy serves requests of the world it was trained in, or a log by --requests: expected "
            "neither --twin nor --number beside it"
        )
    read_plan(arguments.policy)
    with held(arguments.policy):
        frame = shown(judged(arguments.policy, request_options.log_from(arguments)))
    if arguments.out:
        with whole_file(arguments.out) as partial:
            frame.write_csv(partial)
    cache_train.print_outcomes(frame, as_json=arguments.json)
    if arguments.out and not arguments.json:
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
