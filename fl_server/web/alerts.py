"""Watching at the desk: the job that follows a run's stream, and its alerts with what people say of them."""

from typing import Any

from data.progress import Work
from fl_server.watching import watched_answer, watching
from fl_server.web.desk import Desk
from fl_server.web.jobs import Job
from fl_server.web.marks import Mark, marks_of

Figures = dict[str, Any]  # Any: what JSON holds
WATCH = "watch"


def begin_watch(desk: Desk, run: str) -> Job:
    """The job that follows the stream of a run against its twins."""
    folder = desk.network(run).folder

    def work() -> Work[Figures]:
        found = watched_answer((yield from watching(folder)))
        desk.keep(run, WATCH, found)
        return {"alerts": len(found["alerts"])}  # type: ignore[arg-type]  # a list

    return desk.jobs.start(run, WATCH, "watch the stream", work)


def alerts_of(desk: Desk, run: str) -> Figures:
    """What watching has found, each alert with its mark."""
    network, found = desk.network(run), desk.kept(run, WATCH)
    if found is None:
        return {"watched": False, "alerts": [], "drift": None}
    marks = marks_of(network.folder)
    alerts = [alert | {"mark": vars(marks.get(alert["id"], Mark()))} for alert in found["alerts"]]
    kept = {name: found[name] for name in ("from", "until", "step_minutes", "unwatched", "drift")}
    return kept | {"watched": True, "alerts": alerts}


def is_alert(desk: Desk, run: str, alert: str) -> bool:
    """Whether watching has raised an alert of this name."""
    found = desk.kept(run, WATCH)
    return found is not None and any(each["id"] == alert for each in found["alerts"])
