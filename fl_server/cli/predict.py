"""`vhtwin predict`: what stored twins forecast for the hours after the data end, with intervals."""

import argparse
from datetime import datetime
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.inputs import clock_of
from data.store import refuse_overlap, whole_folder
from data.traffic import Traffic
from fl_server.cli import output_folder
from fl_server.cli.predict_output import Prediction, answer, print_prediction, write_folder
from fl_server.cli.report import print_json
from fl_server.newer import newer_of
from fl_server.run_folder import read_record, read_summary
from fl_server.station_twins import series_of_stations, station_twins
from forecasting.ahead import OutlookSettings, outlook

SCOPES = ("local", "cluster", "network")
MOST_HOURS = 14 * 24
EXAMPLES = """examples:
  vhtwin predict RUN --station 5442                       the 24 hours after the data of the run end
  vhtwin predict RUN --station 5442 5443 --hours 48 --data NEWER
  vhtwin predict RUN --station 5442 --from 2013-11-29     from an earlier time, beside what came
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `predict` to the command's verbs."""
    parser = verbs.add_parser(
        "predict",
        help="forecast the next hours by the twins of a run",
        description="Forecast the hours after the data end by the stored twins of a run, with intervals.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument(
        "--station", action="extend", nargs="+", required=True, metavar="S", help="which stations"
    )
    parser.add_argument("--hours", type=int, default=24, metavar="H", help="how many (default: 24)")
    parser.add_argument(
        "--twin", choices=SCOPES, help="whose twin (default: local where one is stored, else cluster)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="a set with newer data of these stations (default: the run's)",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="TIME",
        help="see only what came before TIME on the wall clock, such as 2013-11-29T12:00",
    )
    parser.add_argument("--coverage", type=float, default=0.9, help="of intervals (default: 0.9)")
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Forecast, write the folder, say what comes."""
    if not 1 <= arguments.hours <= MOST_HOURS:
        raise InputError(f"--hours must lie between 1 and {MOST_HOURS}, got {arguments.hours}")
    place = argparse.Namespace(set=arguments.folder, out=arguments.out, overwrite=arguments.overwrite)
    output_folder.refuse_bad(place)
    found = prediction(arguments)
    folder = output_folder.named_or_new(place, "predict")
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        write_folder(partial, found)
    if arguments.json:
        print_json(answer(found) | {"folder": str(folder)})
    else:
        print_prediction(found, folder)
    return 0


def prediction(arguments: argparse.Namespace) -> Prediction:
    """What the options ask for."""
    record, summary = read_record(arguments.folder), read_summary(arguments.folder)
    source = arguments.data or Path(record.set)
    if arguments.out:
        refuse_overlap(source, arguments.out)
    twins = station_twins(arguments.folder, arguments.station, arguments.twin)
    traffic = newer_of(record, arguments.data, list(twins))
    series = series_of_stations(traffic, list(twins.values()), record, summary.get("set_step_minutes"))
    origin, settings = _origin(series.target, arguments.origin), _settings(arguments, series.target)
    weights = np.stack([twin.weights for twin in twins.values()])  # (K, P)
    network = next(iter(twins.values())).network
    return Prediction(
        run=arguments.folder,
        source=source,
        twins=twins,
        series=series,
        origin=origin,
        settings=settings,
        outlook=outlook(network, weights, series, origin, settings),
        standardised=record.reading.standardised,
    )


def _settings(arguments: argparse.Namespace, target: Traffic) -> OutlookSettings:
    steps, rest = divmod(arguments.hours * 60, target.step_minutes)
    if rest:
        raise InputError(f"--hours {arguments.hours} is no multiple of the step of {target.step_minutes} min")
    return OutlookSettings(steps=steps, coverage=arguments.coverage)


def _origin(target: Traffic, words: str | None) -> int:
    """The step from which to forecast: that of the wall-clock time in `words`, or the one after the data."""
    end = len(target.load)
    if words is None:
        return end
    clock = clock_of(target, end + 1)
    found = np.flatnonzero(clock == _moment(words))
    if not len(found):
        raise InputError(
            f"--from {words}: expected the start of a step of {target.step_minutes} min between {clock[0]} "
            f"and {clock[-1]}"
        )
    return int(found[0])


def _moment(words: str) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise InputError(f"--from {words}: expected a wall-clock time such as 2013-11-29T12:00")
    return np.datetime64(moment)
