"""`vhtwin status`: what a server and its stations are doing."""

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fl_server.cli import remote
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.federation.board import words
from fl_server.federation.control import STATUS

MOST_LISTED = 200
MOST_NAMED = 3


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "status",
        help="what a server and its stations are doing",
        description="Ask a server (vhtwin server, vhtwin up) what it and its stations are doing.",
    )
    remote.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print the answer."""
    told = remote.Server(arguments).get(STATUS)
    if arguments.json:
        print_json(told)
    else:
        _print(told)
    return 0


def _print(told: Mapping[str, Any]) -> None:  # Any: what JSON holds
    if told["run"]:
        where = f"{told['stage']} {told['done']:g} of {told['total']:g}"
        print_text(f"run {told['run']}: {where}{', ' if told['detail'] else ''}{told['detail']}")
    else:
        print_text("no run is under way")
    for name, how in told["runs"].items():
        if name != told["run"]:
            print_text(f"run {name}: {how}")
    print_text(
        f"{told['nodes']} nodes connected{': ' if told['names'] else ''}{' '.join(told['names'])}; "
        f"stations of the last run: {words(told['counts']) or 'none'}"
    )
    states = told["stations"]
    rows = [(station, state) for station, state in states.items() if state != "waiting"]
    if rows:
        print_table("", ["station", "is"], rows[:MOST_LISTED])
    for group in told["heads"]:
        counts = Counter(states[station] for station in group)
        more = f" and {len(group) - MOST_NAMED} more" if len(group) > MOST_NAMED else ""
        print_text(f"cluster head of {', '.join(group[:MOST_NAMED])}{more}: {words(counts)}")
    for station, why in told["left_out"].items():
        print_text(f"left out: station {station} {why}")
    for station in told["held_twice"]:
        print_text(f"held twice: several nodes hold station {station}; the last that joined is asked")
    wire = told["wire"]
    if wire:
        megabytes = f"{wire['order_bytes'] / 1e6:.1f} MB out, {wire['answer_bytes'] / 1e6:.1f} MB in"
        print_text(f"{wire['orders']:,} orders, {wire['answers']:,} answers; {megabytes}")
        for reason, count in wire["refused"].items():
            print_text(f"refused {count:,} times: {reason}")
