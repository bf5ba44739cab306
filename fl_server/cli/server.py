"""`vhtwin server`: wait for base stations and for runs, on this machine and from others."""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.keys import ServerKeys, server_keys
from fl_server.cli import remote
from fl_server.cli.serving import Runner, json_line
from fl_server.federation.board import Board
from fl_server.federation.control import Control
from fl_server.federation.link import Doors, Link, quiet

REFUSAL_SECONDS = 60.0  # a node tries again every second; its refusal is told once in so many
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EXAMPLES = """examples:
  vhtwin server --listen 127.0.0.1:9300                     for stations on this machine
  vhtwin keys keys --host twins.example --nodes bs1 bs2
  vhtwin server --listen 0.0.0.0:9300 --keys keys           for stations anywhere that have a key
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "server",
        help="wait for base stations and for runs",
        description="Serve base stations (vhtwin station) and take runs (vhtwin run) until told to end.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_listening(parser, "127.0.0.1:9300")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="where runs are kept (default: runs)",
    )
    parser.set_defaults(run=run)


def add_listening(parser: "argparse._ActionsContainer", where: str) -> None:
    """Add the options of whoever lets nodes join."""
    parser.add_argument("--listen", default=where, metavar="HOST:PORT", help="where (default: %(default)s)")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="what vhtwin keys has made")
    parser.add_argument(
        "--insecure", action="store_true", help="listen outside this machine without keys: anybody may join"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append one line of JSON an event")


@dataclass(frozen=True)
class Opened:
    """A link that nodes come to, and what is known and told of it."""

    link: Link
    control: Control
    log: "Log"
    ended: threading.Event = field(default_factory=threading.Event)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    with opened(arguments) as made:
        runner = Runner(made.link, arguments.runs, made.control, made.log.tell, made.ended)
        runner.serve()
    return 0


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Opened]:
    """A link that is open, and watched, for as long as it is needed."""
    host, port = remote.host_and_port("--listen", arguments.listen)
    if host not in LOOPBACK and arguments.keys is None and not arguments.insecure:
        raise InputError(
            f"--listen {arguments.listen}: other machines can reach this: expected --keys FOLDER "
            f"(vhtwin keys makes one), or --insecure to let anybody in"
        )
    keys = None if arguments.keys is None else server_keys(arguments.keys)
    quiet()
    link = Link(_doors(host, port, keys))
    made = Opened(link, Control(Board(), keys.token if keys else ""), Log(arguments.log))
    address = link.open(made.control.routes())
    made.log.tell("listening", {"address": address, "tls": keys is not None})
    try:
        _watched(made)
        yield made
    finally:
        made.ended.set()
        link.close()
        made.log.tell("ended", {})


def _watched(made: Opened) -> None:
    """Tell of nodes that come and go, in a thread beside the runs."""

    link, board, log = made.link, made.control.board, made.log
    named = bool(link.doors.names)

    def watch() -> None:
        known: set[int] = set()
        told: dict[str, float] = {}  # refusals, and when they were told
        while not made.ended.wait(1.0):
            there = link.nodes()
            for event, nodes in (("node joined", there - known), ("node lost", known - there)):
                for node in sorted(map(link.name, nodes)):
                    log.tell(event, {"node": node, "nodes": len(there)})
            known, board.nodes = there, len(there)
            board.names = tuple(sorted(map(link.name, there))) if named else ()
            for refusal in link.refusals():
                if time.monotonic() - told.get(refusal, -REFUSAL_SECONDS) >= REFUSAL_SECONDS:
                    told[refusal] = time.monotonic()
                    log.tell("node refused", {"why": refusal})

    threading.Thread(target=watch, daemon=True).start()


def _doors(host: str, port: int, keys: ServerKeys | None) -> Doors:
    if keys is None:
        return Doors(host=host, port=port)
    return Doors(
        host=host,
        port=port,
        certificate=keys.certificate,
        private_key=keys.private_key,
        node_keys=keys.node_keys,
        names=keys.names,
    )


class Log:
    """Events for a person on stderr, and for a machine in a file; a full disk under either ends no run."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._failing = file, False
        if file is not None:
            file.open("a").close()  # what cannot be written at all is refused here

    def tell(self, event: str, about: dict[str, Any]) -> None:  # Any: what JSON holds
        """Tell of an event, and of what belongs to it."""
        try:
            self._tell(event, about)
            self._failing = False
        except OSError as error:
            if not self._failing:
                with suppress(OSError):
                    print(f"vhtwin: the log cannot be written: {error}", file=sys.stderr, flush=True)  # noqa: T201
            self._failing = True

    def _tell(self, event: str, about: dict[str, Any]) -> None:  # Any: what JSON holds
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        words = ", ".join(f"{name} {value}" for name, value in about.items() if value not in ("", {}, None))
        if event != "step":
            print(f"{stamp}  {event}{': ' if words else ''}{words}", file=sys.stderr, flush=True)  # noqa: T201
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(json_line(event, {"time": stamp, **about}) + "\n")
