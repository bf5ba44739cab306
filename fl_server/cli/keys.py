"""`vhtwin keys`: make the certificates and keys of a federation, let nodes in, shut nodes out."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data.keys import (
    AUTHORITY,
    DAYS,
    NODES,
    SERVER,
    TOKEN,
    add_nodes,
    make_keys,
    node_names,
    remove_node,
    valid_until,
)
from fl_server.cli.report import print_json, print_text

MOST_LISTED = 20
COLUMNS = ("file", "goes to", "for the eyes of")
HERE, STATION, ANYONE = "stays here", "the machine of node {}", "anyone"
EXAMPLES = """examples:
  vhtwin keys FOLDER --host twin.example.org 192.0.2.7 --nodes north south
                                         a new folder: the server, its names and addresses, two nodes
  vhtwin keys FOLDER --add west east     keys for two more nodes; nothing else changes
  vhtwin keys FOLDER --remove north      let this node in no longer

A table says which file goes where. A server reads FOLDER when it starts.
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "keys",
        help="make the certificates and keys of a federation",
        description="Make the TLS certificates and node keys with which machines trust each other.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of keys")
    new = parser.add_argument_group("a new folder")
    new.add_argument(
        "--host",
        action="extend",
        nargs="+",
        metavar="NAME",
        help="names and addresses by which stations reach the server",
    )
    new.add_argument(
        "--nodes", action="extend", nargs="+", default=[], metavar="NAME", help="names of nodes to let in"
    )
    new.add_argument("--days", type=int, metavar="D", help=f"days until it all expires (default: {DAYS})")
    change = parser.add_argument_group("a folder that is there").add_mutually_exclusive_group()
    change.add_argument(
        "--add", action="extend", nargs="+", metavar="NAME", help="make keys for further nodes"
    )
    change.add_argument("--remove", metavar="NAME", help="let a node in no longer")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Make a folder of keys, or change the nodes in one."""
    _refuse_mixed(arguments)
    if arguments.remove is not None:
        remove_node(arguments.folder, arguments.remove)
        _tell_removed(arguments)
    elif arguments.add is not None:
        add_nodes(arguments.folder, arguments.add)
        _tell_made(arguments, _files_of_nodes(arguments.add))
    else:
        days = DAYS if arguments.days is None else arguments.days
        make_keys(arguments.folder, arguments.host, arguments.nodes, days)
        _tell_made(arguments, _files_of_the_server() + _files_of_nodes(arguments.nodes))
    return 0


def _refuse_mixed(arguments: argparse.Namespace) -> None:
    changes = arguments.add is not None or arguments.remove is not None
    makes = arguments.host is not None or arguments.nodes or arguments.days is not None
    if changes and makes:
        arguments.refuse("--host, --nodes and --days are for a new folder, --add and --remove for one there")
    if not changes and arguments.host is None:
        arguments.refuse("expected --host with the names of the server, or --add or --remove")


def _files_of_the_server() -> list[Sequence[str]]:
    """Files, where each goes, and who may see it."""
    return [
        (f"{AUTHORITY}.crt", "the server and every station", ANYONE),
        (f"{AUTHORITY}.key", HERE, "you alone"),
        (f"{SERVER}.crt", "the server", ANYONE),
        (f"{SERVER}.key", "the server", "the server alone"),
        (TOKEN, "the server, and where you start runs or ask for the status", "operators"),
    ]


def _files_of_nodes(names: Sequence[str]) -> list[Sequence[str]]:
    private = [(f"{NODES}/{name}.key", STATION.format(name), "this node alone") for name in names]
    return [*private, *((f"{NODES}/{name}.pub", "the server", ANYONE) for name in names)]


def _tell_made(arguments: argparse.Namespace, files: Sequence[Sequence[str]]) -> None:
    folder = arguments.folder
    until = f"{valid_until(folder / f'{SERVER}.crt'):%Y-%m-%d}"
    if arguments.json:
        listed = [dict(zip(("file", "goes_to", "for_the_eyes_of"), each, strict=True)) for each in files]
        print_json({**_state(folder), "valid_until": until, "made": listed})
        return
    print_text(f"{folder}: made, valid until {until}\n")
    print_text(_aligned([COLUMNS, *files[:MOST_LISTED]]) + "\n")
    if len(files) > MOST_LISTED:
        print_text(f"and {len(files) - MOST_LISTED:,} more files of nodes; --json lists all")
    print_text(f"copy files as they are, with their modes; a server on this machine reads {folder} itself")


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = (map(str.ljust, row, widths) for row in rows)
    return "\n".join("  " + "  ".join(row).rstrip() for row in padded)


def _tell_removed(arguments: argparse.Namespace) -> None:
    folder, name = arguments.folder, arguments.remove
    if arguments.json:
        print_json({**_state(folder), "removed": name})
        return
    public = folder / NODES / f"{name}.pub"
    print_text(
        f"{public}: removed; a server that starts from now on does not let {name} in "
        "(on another machine, remove its copy there)"
    )


def _state(folder: Path) -> dict[str, object]:
    return {"folder": str(folder), "nodes": sorted(node_names(folder).values())}
