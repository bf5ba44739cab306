"""Maintenance through the API: the same plan as on the command line."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fl_server.maintaining import CrewSettings, maintained
from fl_server.watching import sighted
from hetnet.operations.maintenance import RiskSettings
from tests.fl_server.web.test_api import done
from tests.fl_server.web.worlds import STATIONS


def test_the_plan_is_that_of_the_command(client: TestClient) -> None:
    job = done(client, client.post("/api/runs/done/maintenance", json={"crews": 2, "failing": 0.3}))
    assert job["state"] == "done"
    told = client.get(f"/api/jobs/{job['number']}/result").json()
    assert set(told["chance"]) == set(STATIONS)
    chances = [each["chance"] for each in told["riskiest"]]
    assert chances == sorted(chances, reverse=True)
    assert told["lost"] <= told["lost_riskiest_first"] <= told["lost_without_visits"] * (1 + 1e-9)
    assert told["visits_in_all"] == len(told["visits"]) > 0


def test_figures_are_those_of_the_plan(client: TestClient, runs: Path) -> None:
    plan = maintained(runs / "done", sighted(runs / "done", None), CrewSettings(), RiskSettings())
    job = done(client, client.post("/api/runs/done/maintenance", json={}))
    told = client.get(f"/api/jobs/{job['number']}/result").json()
    assert told["lost"] == pytest.approx(plan.visits.lost)
    assert told["riskiest"][0]["chance"] == pytest.approx(plan.risk.chance.max())


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"crews": 0}, 422),
        ({"hours": 7, "every": 6}, 422),
        ({"failing": 1}, 422),
        ({"data": "/etc"}, 422),
        ({"source": "arriving"}, 409),
    ],
)
def test_bad_wishes_are_refused(client: TestClient, wanted: dict[str, object], status: int) -> None:
    assert client.post("/api/runs/done/maintenance", json=wanted).status_code == status
