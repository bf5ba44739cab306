"""The options that say which requests a verb of caching works on, and the requests that they stand for."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.words import counted
from fl_server.cli.demand import demand_of
from hetnet.caching.cells import Cells, CellSettings, drawn_cells
from hetnet.caching.request_log import RequestLog
from hetnet.caching.requests import Requests, RequestSettings, drawn_requests
from hetnet.network import Floats

HOURS_A_WEEK = 168
STATIONS = 5  # as in the paper


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a verb."""
    group = parser.add_argument_group("requests")
    add_log(group)
    group.add_argument(
        "--twin", type=Path, metavar="RUN", help="drawn requests, as busy as the twins of this run forecast"
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="the run's set, if it was moved")
    group.add_argument("--number", type=int, metavar="N", help="of drawn requests (default: 300,000 a week)")
    group.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: %(default)s)")
    group.add_argument("--stations", type=int, metavar="B", help=f"(default: {STATIONS})")


def add_log(parser: argparse._ActionsContainer) -> None:
    """Add the options that name one's own log of requests."""
    parser.add_argument("--requests", type=Path, metavar="FILE", help="a log, a CSV of time,client,content")
    parser.add_argument(
        "--cells",
        type=Path,
        metavar="FILE",
        help="which stations its clients reach, a CSV of client,station, a line for each, the client's home "
        "first (default: drawn)",
    )
    parser.add_argument("--timezone", help="zone of the log's times, such as Europe/Rome")


def log_from(arguments: argparse.Namespace) -> RequestLog | None:
    """The log that was named, if one was."""
    if arguments.requests is None:
        for name in ("cells", "timezone"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name} is of a log: expected --requests beside it")
        return None
    return RequestLog(
        path=str(arguments.requests.resolve()),
        cells=str(arguments.cells.resolve()) if arguments.cells is not None else None,
        timezone=arguments.timezone,
    )


def requests_from(arguments: argparse.Namespace) -> tuple[Requests, Cells]:
    """The requests of a log, or drawn ones; and which stations their clients reach."""
    if arguments.seed < 0:
        raise InputError(f"--seed {arguments.seed}: expected 0 or more")
    log = log_from(arguments)
    if log is None:
        return _drawn(arguments)
    if arguments.twin or arguments.number:
        raise InputError("--requests gives the requests: expected neither --twin nor --number beside it")
    if log.cells is not None and arguments.stations is not None:
        raise InputError("--cells gives the stations: expected no --stations beside it")
    requests, named = log.read()
    return requests, named.cells if named else _cells_drawn(arguments, requests)


def _drawn(arguments: argparse.Namespace) -> tuple[Requests, Cells]:
    settings = RequestSettings(cells=_cell_settings(arguments))
    if arguments.number is not None:
        settings = replace(settings, requests=arguments.number)
    requests = drawn_requests(settings, np.random.default_rng(arguments.seed), intensity_from(arguments))
    if not len(requests):
        raise InputError(f"--number {arguments.number}: no request was drawn, expected more than so few")
    return requests, _cells_drawn(arguments, requests)


def _cells_drawn(arguments: argparse.Namespace, requests: Requests) -> Cells:
    rng = np.random.default_rng(arguments.seed)
    return drawn_cells(_cell_settings(arguments), rng, requests.client_count)


def _cell_settings(arguments: argparse.Namespace) -> CellSettings:
    """The stations that were asked for; a client reaches two of them at most."""
    stations = _stations(arguments)
    return CellSettings(stations=stations, reached=max(1, min(2, stations)))


def _stations(arguments: argparse.Namespace) -> int:
    """How many stations were asked for."""
    return STATIONS if arguments.stations is None else int(arguments.stations)


def intensity_from(arguments: argparse.Namespace) -> Floats | None:
    """How busy stations are: as the busiest of a run's will be by its twins, or None for the usual."""
    if arguments.twin is None:
        return None
    return foretold_intensity(arguments.twin, arguments.data, _stations(arguments))


def foretold_intensity(run: Path, data: Path | None, stations: int) -> Floats:
    """How busy the busiest stations of a run will be in each hour of a week by its twins, (168, B)."""
    loads = demand_of(run, data, None, HOURS_A_WEEK).loads
    assert loads is not None
    ahead = loads[-HOURS_A_WEEK:]
    if ahead.shape[1] < stations:
        raise InputError(f"{run}: has {counted(ahead.shape[1], 'station')}, expected at least {stations}")
    busiest = np.sort(np.argsort(-ahead.mean(axis=0), kind="stable")[:stations])
    return np.maximum(ahead[:, busiest], 1e-9)
