"""What-if in the API."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response

from data.errors import InputError
from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS
from fl_server.web.job_routes import Number
from fl_server.web.jobs import told
from fl_server.web.run_routes import BINARY, Key
from fl_server.web.scenarios import WHAT_IF, WantedScenario, begin_what_if

Figures = dict[str, Any]  # Any: what JSON holds


def what_if_routes(desk: Desk) -> APIRouter:
    """The routes, which begin what is done at the desk."""
    router = APIRouter(prefix="/api", tags=["what-if"], responses=REFUSALS)

    @router.post("/runs/{run}/what-if", status_code=202)
    def what_if(run: Key, wanted: WantedScenario) -> Figures:
        """Play a scenario on the coming hours: a job, whose result holds what changes."""
        return told(begin_what_if(desk, run, wanted))

    @router.get("/jobs/{number}/layer", responses={200: {"content": BINARY}}, response_class=Response)
    def layer(
        number: Number, name: Annotated[Literal["base", "load", "difference"], Query()] = "difference"
    ) -> Response:
        """A layer of a what-if that is done, hour by hour: floats as in `frames`."""
        job = desk.jobs.of_number(number)
        if job.kind != WHAT_IF or job.state != "done":
            raise InputError(
                f"job {number} is a {job.kind} that is {job.state}, expected a what-if that is done"
            )
        values = np.ascontiguousarray(job.result[f"_{name}"], "<f4")
        sizes = {"x-steps": str(len(values)), "x-stations": str(values.shape[1])}
        return Response(values.tobytes(), media_type="application/octet-stream", headers=sizes)

    return router
