"""`vhtwin down`: end what `vhtwin up` has started here."""

import argparse
import json
import os
import signal
import time
from pathlib import Path

from data.errors import InputError
from fl_server.cli.report import print_text

UP = "up.json"
END_SECONDS = 20.0


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "down",
        help="end what vhtwin up has started",
        description="End a run of vhtwin up with all its processes; the run is kept and can be gone on with.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="RUN", help="the run's folder (default: all below ./runs)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """End the processes, and say so."""
    files = [arguments.folder / UP] if arguments.folder else sorted(Path("runs").glob(f"*/{UP}"))
    if arguments.folder and not files[0].exists():
        raise InputError(f"{arguments.folder}: is not up, expected the folder of a run of vhtwin up")
    if not files:
        print_text("nothing is up below ./runs")
    for file in files:
        _end(file)
        print_text(f"{file.parent}: down; vhtwin up --resume {file.parent} goes on with it")
    return 0


def _end(file: Path) -> None:
    """End the processes that a file names, first in good order; remove the file."""
    pids = json.loads(file.read_text())
    end = time.monotonic() + END_SECONDS
    if _is_up(pids["up"]):
        os.kill(pids["up"], signal.SIGTERM)
    while _is_up(pids["up"]) and time.monotonic() < end:
        time.sleep(0.1)
    for pid in (pids["up"], pids["stations"]):
        if _is_up(pid):
            os.kill(pid, signal.SIGKILL)  # the stations' processes end with their parent
    file.unlink(missing_ok=True)


def _is_up(pid: int) -> bool:
    """Whether this process is there and is one of ours."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"vhtwin" in words or b"bs_client.launch" in words or b"fl_server" in words
