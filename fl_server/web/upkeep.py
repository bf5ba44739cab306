"""Maintenance at the desk: the job that ranks stations by risk and plans visits."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from data.progress import Step, Work
from fl_server.maintaining import CrewSettings, Plan, maintaining, visit_rows
from fl_server.watching import refuse_unwatchable, sighted
from fl_server.web.alerts import Followed, followed_set
from fl_server.web.desk import Desk
from fl_server.web.errors import of_wishes
from fl_server.web.jobs import Job
from hetnet.operations.maintenance import RiskSettings

Figures = dict[str, Any]  # Any: what JSON holds
MAINTAIN = "maintenance"
MOST_RANKED, MOST_VISITS = 200, 1000


class WantedPlan(BaseModel):
    """What `vhtwin maintain` takes: crews, hours of a visit, hours between slots, what a failure costs."""

    model_config = ConfigDict(extra="forbid", strict=True)
    crews: int = Field(CrewSettings().crews, ge=1, le=100)
    hours: int = Field(CrewSettings().hours, ge=1, le=168)
    every: int = Field(CrewSettings().every, ge=1, le=168)
    repair_hours: int = Field(CrewSettings().repair_hours, ge=1, le=168)
    failing: float = Field(RiskSettings().failing, gt=0, lt=1)
    source: Followed = "stream"


def begin_plan(desk: Desk, run: str, wanted: WantedPlan) -> Job:
    """The job that plans the visits of the week after the data."""
    folder, data = desk.network(run).folder, followed_set(desk, wanted.source)
    with of_wishes():
        crew = CrewSettings(**wanted.model_dump(include={"crews", "hours", "every", "repair_hours"}))
    refuse_unwatchable(folder, data)

    def work() -> Work[Figures]:
        yield Step("reading", 0, 1, "the series")
        found = sighted(folder, data)
        settings = RiskSettings(failing=wanted.failing)
        plan = yield from maintaining(folder, found, crew, settings)
        return plan_answer(plan, crew)

    return desk.jobs.start(run, MAINTAIN, f"plan maintenance: {wanted.model_dump_json()}", work)


def plan_answer(plan: Plan, crew: CrewSettings) -> Figures:
    """The riskiest stations with their signs, the chance of each, and the visits."""
    risk, rows = plan.risk, visit_rows(plan, crew)
    ranked = np.argsort(-risk.chance, kind="stable")[:MOST_RANKED].tolist()
    return {
        "begin": str(plan.begin),
        "visits": rows[:MOST_VISITS],
        "visits_in_all": len(rows),
        "lost": plan.visits.lost,
        "lost_without_visits": plan.visits.lost_without,
        "lost_riskiest_first": plan.plain.lost,
        "riskiest": [
            {
                "station": plan.stations[each],
                "chance": float(risk.chance[each]),
                "scatter": float(np.expm1(risk.scatter[each])),
                "level": float(np.expm1(-risk.sunk[each])),
                "outside": float(risk.outside[each]),
                "age_weeks": float(risk.age_weeks[each]),
            }
            for each in ranked
        ],
        "chance": dict(zip(plan.stations, risk.chance.round(6).tolist(), strict=True)),
    }
