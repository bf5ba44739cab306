"""Long work that the API takes: begin it, see how far it is, have its result, cancel it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from data.errors import InputError
from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS
from fl_server.web.jobs import told
from fl_server.web.run_routes import Key

Figures = dict[str, Any]  # Any: what JSON holds
Number = Annotated[int, Path(ge=1, le=2**53)]


def job_routes(desk: Desk) -> APIRouter:
    """The routes, which begin what is done at the desk."""
    router = APIRouter(prefix="/api", tags=["jobs"], responses=REFUSALS)

    @router.get("/jobs")
    def jobs() -> list[Figures]:
        """The latest jobs, the last one first."""
        return [told(job) for job in desk.jobs.all()]

    @router.get("/jobs/{number}")
    def job(number: Number) -> Figures:
        """How far a job is."""
        return told(desk.jobs.of_number(number))

    @router.get("/jobs/{number}/result")
    def result(number: Number) -> JSONResponse:
        """What a job that is done came to."""
        found = desk.jobs.of_number(number)
        if found.state != "done":
            raise InputError(
                f"job {number} is {found.state}, expected one that is done {found.error}".strip()
            )
        shown = {name: value for name, value in found.result.items() if not name.startswith("_")}
        return JSONResponse(shown)

    @router.delete("/jobs/{number}")
    def cancel(number: Number) -> Figures:
        """Cancel a job, which ends at its next step."""
        return told(desk.jobs.cancel(number))

    @router.post("/runs/{run}/forecasts", status_code=202)
    def forecasts(run: Key) -> Figures:
        """Forecast the stream of all stations by the stored twins, for the layers `forecast` and `missed`."""
        return told(desk.begin_forecasts(run))

    return router
