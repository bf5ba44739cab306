"""The options that say which requests a verb of caching works on, and the requests that they stand for."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.words import counted
from fl_server.cli.demand import demand_of
from hetnet.caching.cells import CellSettings
from hetnet.caching.request_log import read_requests
from hetnet.caching.requests import Requests, RequestSettings, drawn_requests
from hetnet.network import Floats

HOURS_A_WEEK = 168


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a verb."""
    group = parser.add_argument_group("requests")
    group.add_argument("--requests", type=Path, metavar="FILE", help="a log, a CSV of time,client,content")
    group.add_argument("--timezone", help="zone of the log's times, such as Europe/Rome")
    group.add_argument(
        "--twin", type=Path, metavar="RUN", help="drawn requests, as busy as the twins of this run forecast"
    )
    group.add_argument("--data", type=Path, metavar="DIR", help="the run's set, if it was moved")
    group.add_argument("--number", type=int, metavar="N", help="of drawn requests (default: 300,000 a week)")
    group.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: %(default)s)")
    group.add_argument("--stations", type=int, default=5, metavar="B", help="(default: %(default)s)")


def cells_from(arguments: argparse.Namespace) -> CellSettings:
    """The stations that were asked for; a client reaches two of them at most."""
    return CellSettings(stations=arguments.stations, reached=max(1, min(2, arguments.stations)))


def requests_from(arguments: argparse.Namespace, cells: CellSettings) -> Requests:
    """The requests of a log, or drawn ones."""
    if arguments.requests:
        if arguments.twin or arguments.number:
            raise InputError("--requests gives the requests: expected neither --twin nor --number beside it")
        return read_requests(arguments.requests, timezone=arguments.timezone)
    settings = RequestSettings(cells=cells)
    if arguments.number is not None:
        settings = replace(settings, requests=arguments.number)
    intensity = intensity_from(arguments)
    return drawn_requests(settings, np.random.default_rng(arguments.seed), intensity)


def intensity_from(arguments: argparse.Namespace) -> Floats | None:
    """How busy stations are: as the busiest of a run's will be by its twins, or None for the usual."""
    if arguments.twin is None:
        return None
    return foretold_intensity(arguments.twin, arguments.data, arguments.stations)


def foretold_intensity(run: Path, data: Path | None, stations: int) -> Floats:
    """How busy the busiest stations of a run will be in each hour of a week by its twins, (168, B)."""
    loads = demand_of(run, data, None, HOURS_A_WEEK).loads
    assert loads is not None
    ahead = loads[-HOURS_A_WEEK:]
    if ahead.shape[1] < stations:
        raise InputError(f"{run}: has {counted(ahead.shape[1], 'station')}, expected at least {stations}")
    busiest = np.sort(np.argsort(-ahead.mean(axis=0), kind="stable")[:stations])
    return np.maximum(ahead[:, busiest], 1e-9)
