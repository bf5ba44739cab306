"""Alerts in the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fl_server.web.alerts import Followed, alerts_of, arrived, begin_watch, is_alert
from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS, of_wishes
from fl_server.web.jobs import told
from fl_server.web.marks import Mark, keep_mark
from fl_server.web.run_routes import Key
from fl_server.web.shelf import UnknownError

Figures = dict[str, Any]  # Any: what JSON holds
Source = Annotated[Followed, Query(description="the stream of the run, or the set in which data arrive")]
LastSource = Annotated[Followed | None, Query(description="what was watched; the last that was, by default")]
Named = Annotated[str, Path(max_length=100, description="the id of an alert")]


class WantedMark(BaseModel):
    """What somebody says of an alert; `muted_until` is a wall-clock time of the data, or empty."""

    model_config = ConfigDict(extra="forbid", strict=True)
    acknowledged: bool = False
    muted_until: str = Field("", max_length=30)
    note: str = Field("", max_length=500)


def alert_routes(desk: Desk) -> APIRouter:
    """The routes, which begin what is done at the desk."""
    router = APIRouter(prefix="/api", tags=["alerts"], responses=REFUSALS)

    @router.post("/runs/{run}/watch", status_code=202)
    def watch(run: Key, source: Source = "stream") -> Figures:
        """Follow the stream, or what has arrived, against the stored twins: a job, which leaves alerts.

        What has arrived is in the set that the server was started with (`--data`).
        """
        return told(begin_watch(desk, run, source))

    @router.get("/runs/{run}/arriving")
    def arriving(run: Key) -> Figures:
        """Whether data have arrived that have not been watched; `stamp` changes whenever the set does."""
        desk.network(run)
        return arrived(desk, run)

    @router.get("/runs/{run}/alerts")
    def alerts(run: Key, source: LastSource = None) -> JSONResponse:
        """The alerts that watching has raised, with what people have said of them, and the drift report.

        Those of `source`, or of what was watched last where none is named.
        """
        return JSONResponse(alerts_of(desk, run, source))

    @router.post("/runs/{run}/alerts/{alert}/mark")
    def mark(run: Key, alert: Named, wanted: WantedMark) -> Figures:
        """Acknowledge an alert, or mute it; kept in a file beside the run."""
        if not is_alert(desk, run, alert):
            raise UnknownError(f"{run}: no alert is called {alert!r}; /api/runs/{run}/alerts names them")
        with of_wishes():
            said = Mark(**wanted.model_dump())
        keep_mark(desk.network(run).folder, alert, said)
        return wanted.model_dump()

    return router
