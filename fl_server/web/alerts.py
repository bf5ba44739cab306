"""Watching at the desk: the job that follows series against a run's twins, and its alerts with marks on them.

Followed is the stream of the run, or the set in which data arrive that the server was started with.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from data.errors import InputError
from data.progress import Work
from fl_server.watching import refuse_unwatchable, watched_answer, watching
from fl_server.web.desk import Desk
from fl_server.web.jobs import Job
from fl_server.web.marks import Mark, marks_of

Figures = dict[str, Any]  # Any: what JSON holds
Followed = Literal["stream", "arriving"]
WATCH = "watch"
WORDS: dict[Followed, str] = {"stream": "watch the stream", "arriving": "watch what has arrived"}
KEPT = ("source", "from", "until", "step_minutes", "unwatched", "drift")


def begin_watch(desk: Desk, run: str, source: Followed) -> Job:
    """The job that follows the stream of a run, or what has arrived, against its twins."""
    folder, data = desk.network(run).folder, followed_set(desk, source)
    refuse_unwatchable(folder, data)

    def work() -> Work[Figures]:
        stamp = stamp_of(data)  # before it is read: what comes meanwhile is looked at again
        found = watched_answer((yield from watching(folder, data)))
        kept = found | {"source": source, "stamp": stamp}
        for what in (WATCH, f"{WATCH} {source}"):  # what was watched last, and what of this source was
            desk.keep(run, what, kept)
        return {"alerts": len(found["alerts"])}  # type: ignore[arg-type]  # a list

    return desk.jobs.start(run, WATCH, WORDS[source], work)


def followed_set(desk: Desk, source: Followed) -> Path | None:
    """The set that is followed: that in which data arrive, or None for the run's own."""
    if source == "stream":
        return None
    if desk.newer is None:
        raise InputError("no set is known in which data arrive; vhtwin serve RUNS --data DIR names one")
    return desk.newer


def arrived(desk: Desk, run: str) -> Figures:
    """Whether data have arrived that have not been watched for this run, and a name for what is there."""
    stamp, found = stamp_of(followed_set(desk, "arriving")), _found(desk, run, "arriving")
    is_known = found is not None and found["stamp"] == stamp
    return {"changed": not is_known, "stamp": stamp}


def stamp_of(folder: Path | None) -> str:
    """What tells one state of a set from the next: the names, sizes and times of its files."""
    if folder is None:
        return ""
    try:
        files = [(str(file), file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    except OSError:  # a file has gone meanwhile: the next look tells
        return "changing"
    lines = [f"{name} {about.st_size} {about.st_mtime_ns}" for name, about in files]
    return sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _found(desk: Desk, run: str, source: Followed | None) -> Figures | None:
    """What watching `source` has found, or whatever was watched last."""
    found: Figures | None = desk.kept(run, WATCH if source is None else f"{WATCH} {source}")
    return found


def alerts_of(desk: Desk, run: str, source: Followed | None = None) -> Figures:
    """What watching `source` has found, or what was watched last; each alert with its mark."""
    network, found = desk.network(run), _found(desk, run, source)
    if found is None:
        return {"watched": False, "alerts": [], "drift": None}
    marks = marks_of(network.folder)
    alerts = [alert | {"mark": vars(marks.get(alert["id"], Mark()))} for alert in found["alerts"]]
    return {name: found[name] for name in KEPT} | {"watched": True, "alerts": alerts}


def is_alert(desk: Desk, run: str, alert: str) -> bool:
    """Whether watching has raised an alert of this name."""
    kept = (_found(desk, run, source) for source in WORDS)
    return any(each["id"] == alert for found in kept if found is not None for each in found["alerts"])
