"""What-if through the API: the same as the function gives, as a job, and nothing of the run is touched."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from fl_server.what_if import replica_of, totals_json, what_if
from hetnet.operations.scenario import Scenario
from tests.fl_server.web.test_api import done
from tests.fl_server.web.worlds import STATIONS


def played(client: TestClient, **wanted: object) -> tuple[int, dict[str, Any]]:  # Any: what JSON holds
    """The number of a job that plays a scenario, and what it came to."""
    job = done(client, client.post("/api/runs/done/what-if", json=wanted))
    assert job["state"] == "done", job["error"]
    return job["number"], client.get(f"/api/jobs/{job['number']}/result").json()


def test_the_outcome_is_that_of_the_function(client: TestClient, runs: Path) -> None:
    before = {file.name: file.read_bytes() for file in (runs / "done").glob("*.*")}
    number, told = played(client, off=["s0@1-20"], demand=["all=+50%"], name="fire")
    replica = replica_of(runs / "done")
    scenario = Scenario(name="fire", off=("s0@1-20",), demand=("all=+50%",))
    (outcome,) = what_if(runs / "done", [scenario], replica=replica)
    assert told["totals"] == totals_json(outcome)
    assert told["silent"] == ["s0"]
    order = client.get("/api/runs/done/stations").json()["station"]
    sent = client.get(f"/api/jobs/{number}/layer", params={"name": "difference"})
    shown = np.frombuffer(sent.content, "<f4").reshape(24, len(STATIONS))
    for row, place in enumerate(outcome.stations):
        column = order.index(replica.stations[place])
        np.testing.assert_allclose(shown[:, column], outcome.difference.forecast[:, row], rtol=1e-5)
    assert before == {file.name: file.read_bytes() for file in (runs / "done").glob("*.*")}


def test_load_is_base_and_difference(client: TestClient) -> None:
    number, _ = played(client, demand=["s0=+30%@18-22"])
    base, load, difference = (
        np.frombuffer(client.get(f"/api/jobs/{number}/layer?name={name}").content, "<f4")
        for name in ("base", "load", "difference")
    )
    np.testing.assert_allclose(base + difference, load, rtol=1e-3, atol=1e-3)
    assert (difference.reshape(24, -1) != 0).any()


def test_scenarios_that_cannot_be_are_sentences(client: TestClient) -> None:
    assert client.post("/api/runs/done/what-if", json={}).json()["error"].startswith("no scenario: expected")
    job = done(client, client.post("/api/runs/done/what-if", json={"off": ["nobody"]}))
    assert (job["state"], "nobody" in job["error"]) == ("failed", True)
    assert client.get(f"/api/jobs/{job['number']}/layer").status_code == 409
    for wanted in ({"off": "s0"}, {"off": ["s0"] * 41}, {"hours": 0}, {"hours": 73}, {"strange": 1}):
        assert client.post("/api/runs/done/what-if", json=wanted).status_code == 422
    job = done(client, client.post("/api/runs/going/what-if", json={"off": ["s0"]}))
    assert (job["state"], "not finished" in job["error"]) == ("failed", True)
