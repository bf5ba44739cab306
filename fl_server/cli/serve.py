"""`vhtwin serve`: a page and a REST API over runs, on this machine or, with a token and TLS, for others."""

import argparse
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import InputError
from fl_server.cli import remote
from fl_server.cli.report import print_json, print_text
from fl_server.federation.control import STATUS
from fl_server.stored_runs import run_folders
from fl_server.web.desk import Desk
from fl_server.web.guard import LOOPBACK, Access
from fl_server.web.shelf import Shelf

LEAST_TOKEN = 16
MOST_AT_ONCE = 64
EXAMPLES = """examples:
  vhtwin serve                                    all runs below ./runs, at http://127.0.0.1:9400/
  vhtwin serve runs/first --port 9000             one run
  vhtwin serve runs/first --data NEWER            and alerts of the data that arrive in NEWER
  vhtwin serve --federation 127.0.0.1:9300        with what vhtwin server says of its stations
  vhtwin serve --host 0.0.0.0 --name twins.example --token FILE --tls-cert twins.crt --tls-key twins.key
                                                  for other machines; the page asks for the token
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "serve",
        help="show runs on a page, and through a REST API",
        description="Serve a page and a REST API (/openapi.json) over runs, until told to end.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="?",
        default=Path("runs"),
        metavar="RUN",
        help="a run, or a folder of runs (default: runs)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=9400, help="which port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which browsers reach this server, beside --host; can be given again",
    )
    parser.add_argument("--token", type=Path, metavar="FILE", help="a file with the token that is demanded")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="the certificate of the server, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--federation", metavar="HOST:PORT", help="a server (vhtwin server, vhtwin up) whose status is shown"
    )
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="the keys of that server, if it has some")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a set of the runs' stations in which data arrive, to watch"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object: the address")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    access = access_from(arguments)
    _refuse_bad_certificate(arguments)
    if arguments.data and not arguments.data.is_dir():
        raise InputError(f"--data {arguments.data}: no such folder, expected a set in which data arrive")
    run_folders([arguments.runs])  # refuses what holds none
    desk = Desk(Shelf(arguments.runs), _status(arguments), arguments.data)
    with _listening(arguments.host, arguments.port) as listening:
        port = listening.getsockname()[1]
        scheme = "https" if arguments.tls_cert else "http"
        named = next(iter(arguments.name), arguments.host)
        host = f"[{named}]" if ":" in named else named
        address = f"{scheme}://{host}:{port}/"
        if arguments.json:
            print_json({"address": address})
        else:
            print_text(f"{address}  (interrupt to end)")
        _serve(desk, access, arguments, listening)
    return 0


def _serve(desk: Desk, access: Access, arguments: argparse.Namespace, listening: socket.socket) -> None:
    import uvicorn

    from fl_server.web.app import web_app

    config = uvicorn.Config(
        web_app(desk, access),
        ssl_certfile=arguments.tls_cert,
        ssl_keyfile=arguments.tls_key,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run([listening])


def access_from(arguments: argparse.Namespace) -> Access:
    """Who is let in; whatever would let strangers in is refused."""
    if not 0 <= arguments.port <= 65535:
        raise InputError(f"--port {arguments.port}: expected 0 to 65535")
    token = _token(arguments.token) if arguments.token else ""
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise InputError("--tls-cert and --tls-key: expected both, or neither")
    for file in filter(None, (arguments.tls_cert, arguments.tls_key)):
        if not file.is_file():
            raise InputError(f"{file}: no such file, expected one in PEM")
    if arguments.host not in LOOPBACK and not (token and arguments.tls_cert):
        raise InputError(
            f"--host {arguments.host}: other machines can reach this: expected --token FILE, --tls-cert FILE "
            f"and --tls-key FILE beside it"
        )
    own = LOOPBACK if arguments.host in LOOPBACK else (arguments.host.lower(),)
    return Access((*own, *(name.lower() for name in arguments.name)), token)


def _refuse_bad_certificate(arguments: argparse.Namespace) -> None:
    if not arguments.tls_cert:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            arguments.tls_cert, arguments.tls_key
        )
    except ssl.SSLError as error:
        raise InputError(
            f"{arguments.tls_cert}, {arguments.tls_key}: expected a certificate in PEM and its private key: "
            f"{error.reason or error}"
        ) from error


def _token(file: Path) -> str:
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read, expected the token: {error}") from error
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
        raise InputError(f"{file}: expected a token of at least {LEAST_TOKEN} printable ASCII characters")
    return token


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror or error}") from error


def _status(arguments: argparse.Namespace) -> Callable[[], dict[str, Any]] | None:  # Any: what JSON holds
    if not arguments.federation:
        if arguments.keys:
            raise InputError(
                "--keys is for the server of a federation: expected --federation HOST:PORT beside it"
            )
        return None
    remote.host_and_port("--federation", arguments.federation)
    server = remote.Server(argparse.Namespace(server=arguments.federation, keys=arguments.keys))
    return lambda: server.get(STATUS)
