"""`vhtwin station`: be one base station of a federation, or several, with the series of a set."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bs_client.flower_node import Answered, FlowerNode, Link, end_when_told
from bs_client.site import Site
from data.errors import InputError
from data.keys import certificate, node_keys
from data.sets.tables import read_set
from data.traffic import StationId, chosen_stations
from fl_server.cli import read_options, remote
from fl_server.cli.trust_options import privacy_settings

EXAMPLES = """examples:
  vhtwin station --server 127.0.0.1:9300 --data DIR --stations 4259 4456
  vhtwin station --server twins.example:9300 --data DIR --stations 4259 --ca ca.crt --key bs1.key
  vhtwin station --server 127.0.0.1:9300 --data DIR --memory kept --privacy epsilon=8
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "station",
        help="be one base station of a federation, or several",
        description="Join a server with the series of some stations, which never leave this process.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_joining(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a set with their series")
    parser.add_argument(
        "--stations",
        action="extend",
        nargs="+",
        metavar="ID",
        help="which stations (default: all of the set)",
    )
    parser.add_argument(
        "--memory",
        type=Path,
        metavar="FOLDER",
        help="where stations keep what their compressed updates left out (default: in the process), and what "
        "they have spent of their privacy (a run with --privacy needs it)",
    )
    parser.add_argument(
        "--privacy",
        metavar="epsilon=E[,delta=D][,errors=none]",
        help="take part in no run that may spend more of a station's privacy, or in which it tells errors "
        "(default: in any)",
    )
    read_options.add_to(parser, leave_out_gappy=True)
    parser.set_defaults(run=run)


def add_joining(parser: "argparse._ActionsContainer") -> None:
    """Add the options of whoever joins a server as a node."""
    parser.add_argument("--server", required=True, metavar="HOST:PORT", help="where to join")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the certificate to trust: ca.crt")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the key of this node, out of nodes/")


def link_from(arguments: argparse.Namespace) -> Link:
    """How the server is reached that the options name."""
    if (arguments.ca is None) != (arguments.key is None):
        raise InputError("--ca and --key belong together: expected both, or neither")
    remote.host_and_port("--server", arguments.server)
    secure = arguments.ca is not None
    return Link(
        address=arguments.server,
        certificate=certificate(arguments.ca) if secure else None,
        keys=node_keys(arguments.key) if secure else None,
    )


def joined(link: Link, answered: Answered, tell: Callable[[str], None]) -> None:
    """Be a node, which gives these answers, until told to end."""
    node = FlowerNode(link, answered, tell=tell)
    end_when_told()
    node.run()


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    link = link_from(arguments)
    most = privacy_settings(arguments.privacy) if arguments.privacy is not None else None
    traffic = read_set(arguments.data, read_options.settings_from(arguments))
    if arguments.stations:
        traffic = chosen_stations(traffic, [StationId(each) for each in arguments.stations])
    _tell(f"{len(traffic.stations)} stations of {arguments.data}")
    joined(link, Site(traffic, arguments.memory, most).answered, _tell)
    return 0


def _tell(sentence: str) -> None:
    print(f"vhtwin station: {sentence}", file=sys.stderr, flush=True)  # noqa: T201
