"""Maintenance in the API."""

from typing import Any

from fastapi import APIRouter

from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS
from fl_server.web.jobs import told
from fl_server.web.run_routes import Key
from fl_server.web.upkeep import WantedPlan, begin_plan

Figures = dict[str, Any]  # Any: what JSON holds


def upkeep_routes(desk: Desk) -> APIRouter:
    """The routes, which begin what is done at the desk."""
    router = APIRouter(prefix="/api", tags=["maintenance"], responses=REFUSALS)

    @router.post("/runs/{run}/maintenance", status_code=202)
    def maintenance(run: Key, wanted: WantedPlan) -> Figures:
        """Rank stations by risk and plan the visits of a week: a job, whose result holds both."""
        return told(begin_plan(desk, run, wanted))

    return router
