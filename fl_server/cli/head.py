"""`vhtwin head`: be the head of a cluster, between its stations and the server of the network."""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from data.traffic import StationId, in_order
from fl_server.cli import server
from fl_server.cli.station import add_joining, joined, link_from
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.federation.link_grid import LinkGrid
from fl_server.tier.head import Head, HeadSetup
from fl_server.tier.head_turns import Below

BACK_SECONDS = 30.0  # for stations of a run that is gone on with to introduce themselves
EXAMPLES = """examples:
  vhtwin head --server 127.0.0.1:9300 --listen 127.0.0.1:9301
  vhtwin station --server 127.0.0.1:9301 --data DIR --stations 4259 4456
  vhtwin run --method heads --name first --wait-for 6

  vhtwin head --server twins.example:9300 --ca ca.crt --key north.key --listen 0.0.0.0:9301 --keys north
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "head",
        help="be the head of a cluster, on a machine of its own",
        description="Serve the stations of one cluster, and be a node of the server above: of its stations "
        "only twins of the cluster go up, and of those only what differs enough from the network's.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    above = parser.add_argument_group("to the server above")
    add_joining(above)
    below = parser.add_argument_group("to the stations")
    server.add_listening(below, "127.0.0.1:9301")
    parser.add_argument(
        "--states",
        type=Path,
        default=Path("heads"),
        metavar="FOLDER",
        help="where the head keeps what its runs have come to (default: heads)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve and follow until told to end."""
    link = link_from(arguments)
    with server.opened(arguments) as made:
        made.control.above = arguments.server
        head, board = Head(Stations(made).gathered, arguments.states), made.control.board

        def answered(packet: bytes) -> bytes:
            reply = head.answered(packet)
            board.run, board.step = head.run, head.step
            return reply

        joined(link, answered, _tell)
    return 0


@dataclass
class Stations:
    """The stations that come to a head."""

    made: server.Opened
    grid: LinkGrid | None = None

    def gathered(self, setup: HeadSetup, stations: tuple[StationId, ...]) -> Below:
        """These stations, with nothing open; or all that are there now."""
        if self.grid is not None:
            self.grid.end()
        self.grid = LinkGrid(self.made.link)
        patience = Patience(answer_seconds=setup.answer_seconds)
        fleet = FlowerFleet(self.grid, setup_of(setup.head), patience, self.grid.pause, frozenset(stations))
        end = time.monotonic() + BACK_SECONDS
        for _ in fleet.gathered(len(stations)):
            if time.monotonic() > end:
                break
        if stations:
            fleet.stations = tuple(in_order(stations))
        self.made.control.board.fleet = fleet
        return Below(fleet, fleet.introductions, lambda: fleet.lost)


def _tell(sentence: str) -> None:
    print(f"vhtwin head: {sentence}", file=sys.stderr, flush=True)  # noqa: T201
