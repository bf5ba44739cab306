"""`vhtwin watch`: follow series against the twins of a run, and say what they did not expect."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import NoReturn

import numpy as np

from data.errors import InputError
from data.words import counted
from fl_server.cli.bounds import Bound, refuse_outside
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.watching import Watched, refuse_unwatchable, watched, watched_answer, watching
from hetnet.operations.alerts import ABOUT, KINDS, Alert

MOST_LISTED = 40
HEADER = ["alert", "kind", "stations", "start", "raised", "end", "severity", "expected", "seen", "suspects"]
MOST_SUSPECTS = 3
BOUNDS = {"every": Bound("seconds, more than 0 and at most a day", lambda value: 0 < value <= 86_400)}
EXAMPLES = """examples:
  vhtwin watch RUN --data NEWER             what has come since the run, against its twins
  vhtwin watch RUN                          the days that the run itself has followed
  vhtwin watch RUN --data NEWER --follow    go on looking, every minute; end with Ctrl-C
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `watch` to the command's verbs."""
    parser = verbs.add_parser(
        "watch",
        help="raise alerts where series are not what twins expect",
        description="Follow series against the stored twins of a run: alerts, and whether to train again.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a set of its stations (default: the run's)")
    parser.add_argument(
        "--since", metavar="TIME", help="watch from TIME on (default: after the run's data, or its stream)"
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="look again whenever the set has grown, also after one that could not be read",
    )
    parser.add_argument(
        "--every", type=float, default=60.0, metavar="S", help="seconds between looks (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object (--follow: one a look)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch once, or until interrupted; print the alerts and the drift report."""
    refuse_outside(arguments, BOUNDS)
    since = moment(arguments.since)
    if arguments.follow:
        _follow(arguments, since)
    _tell(shown(watching(arguments.folder, arguments.data, since=since)), arguments, {})
    return 0


def _follow(arguments: argparse.Namespace, since: np.datetime64 | None) -> NoReturn:
    """Look again and again, and tell what is new; what cannot be read now may be later, the run cannot."""
    refuse_unwatchable(arguments.folder, arguments.data)
    if arguments.data and not arguments.data.exists():
        raise InputError(f"{arguments.data}: no such file or folder, expected a set")
    until, known, said = None, dict[str, Alert](), ""
    while True:
        try:
            found = watched(arguments.folder, arguments.data, since=since)
        except (InputError, OSError) as error:  # a set that is just being written, or away
            if str(error) != said:
                print(f"vhtwin: {error}; looking again", file=sys.stderr, flush=True)  # noqa: T201
            said = str(error)
        else:
            said = ""
            if found.followed.clock[-1] != until:
                _tell(found, arguments, known)
                until, known = found.followed.clock[-1], {alert.id: alert for alert in found.alerts}
        sleep(arguments.every)


def moment(words: str | None) -> np.datetime64 | None:
    """The wall-clock time in `words`."""
    if words is None:
        return None
    try:
        read = datetime.fromisoformat(words)
    except ValueError:
        read = None
    if read is None or read.tzinfo is not None:
        raise InputError(
            f"--since {words}: expected a wall-clock time such as 2013-11-29T12:00, without an offset"
        )
    return np.datetime64(read, "m")


def _tell(found: Watched, arguments: argparse.Namespace, known: dict[str, Alert]) -> None:
    """Print all, or at a later look what is new: alerts that were raised, and those that have ended."""
    if arguments.json:
        print_json(watched_answer(found))
        return
    fresh = [alert for alert in found.alerts if known.get(alert.id) != alert]
    followed = found.followed
    title = (
        f"{counted(len(fresh), 'alert')}{' new or changed' if known else ''}, "
        f"{counted(len(followed.stations), 'station')} from {followed.clock[followed.first]} to "
        f"{followed.clock[-1]}"
    )
    print_table(title, HEADER, [_row(alert) for alert in fresh[:MOST_LISTED]])
    lines = [f"{each}: {ABOUT[each]}" for each in KINDS if any(alert.kind == each for alert in fresh)]
    if any(alert.neighbours_explain for alert in fresh):
        lines.append("neighbours too: the area around does the same, an event rather than a fault")
    if len(fresh) > MOST_LISTED:
        lines.append(f"and {len(fresh) - MOST_LISTED} more: --json has all")
    if found.unwatched:
        lines.append(f"not watched, without a twin or with long gaps: {', '.join(found.unwatched[:5])}")
    drift, cost = found.drift, found.cost
    if drift.retrain:
        lines.append(
            f"train again: {drift.why}; {counted(cost.stations, 'station')} of "
            f"{counted(len(cost.clusters), 'twin')}: {counted(cost.trainings, 'training')}, "
            f"{cost.bytes / 1e6:,.1f} MB"
        )
    else:
        lines.append(f"no need to train again: {drift.why}")
    print_text("\n".join(lines))


def _row(alert: Alert) -> list[str]:
    stations = ", ".join(alert.stations[:3]) + (", …" if len(alert.stations) > 3 else "")
    return [
        alert.id,
        alert.kind,
        stations,
        str(alert.start),
        str(alert.raised),
        "" if alert.end is None else str(alert.end),
        alert.severity,
        f"{alert.expected:,.0f}",
        "-" if alert.kind == "missing" else f"{alert.seen:,.0f}",
        _suspects(alert),
    ]


def _suspects(alert: Alert) -> str:
    """Which stations may be the cause, and their shares of all suspicion."""
    if alert.neighbours_explain:
        return "neighbours too"
    return ", ".join(f"{each.station} {each.share:.0%}" for each in alert.suspects[:MOST_SUSPECTS])
