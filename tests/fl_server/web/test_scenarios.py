"""What-if through the API: the same as the function gives, as a job, and nothing of the run is touched."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from fl_server.web.app import web_app
from fl_server.web.desk import Desk
from fl_server.web.guard import Access
from fl_server.web.shelf import Shelf
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


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({}, "no scenario: expected clauses"),
        ({"off": ["nobody"]}, "off 'nobody': unknown station 'nobody'; expected one of"),
        ({"off": ["s0@25-3"]}, "off 's0@25-3': expected two hours of the day"),
        ({"sleep": ["cluster:99"]}, "sleep 'cluster:99': unknown cluster"),
        ({"off": ["all"]}, "all 6 stations are off"),
        ({"demand": ["s0=30%"]}, "demand 's0=30%': expected a sign"),
        ({"demand": ["s0"]}, "demand 's0': expected WHO="),
        ({"move": ["s0>s0=5%"]}, "move 's0>s0=5%': from a station to itself"),
        ({"off": ["s0"], "demand": ["s0=+5%"]}, "both name station s0"),
        ({"off": ["s0@3-4"], "hours": 1}, "none of the 1 coming hours"),
        ({"off": "s0"}, 'off: found "s0", expected a list'),
        ({"off": ["s0", 1]}, "off[1]: found 1, expected a text"),
        ({"off": ["s0"] * 41}, "off: found a list of 41, expected at most 40 items"),
        ({"off": ["s0"], "name": "x" * 201}, "name: found a text of 201 characters, expected at most 200"),
        ({"hours": 0}, "hours: found 0, expected at least 1"),
        ({"hours": 73}, "hours: found 73, expected at most 72"),
        ({"hours": 1.5}, "hours: found 1.5, expected a whole number"),
        ({"hours": None}, "hours: found null, expected a whole number"),
        ({"users": "9"}, 'users: found "9", expected a number'),
        ({"users": -4}, "users: found -4, expected more than 0"),
        (
            {"of": []},
            "of: nothing takes a field of that name, expected one of name, off, sleep, demand, move,",
        ),
    ],
)
def test_what_makes_no_scenario_is_told_before_there_is_a_job(
    runs: Path, wanted: dict[str, object], reason: str
) -> None:
    with TestClient(web_app(Desk(Shelf(runs)), Access()), base_url="http://127.0.0.1") as fresh:
        answer = fresh.post("/api/runs/done/what-if", json=wanted)
        assert answer.status_code == 422, answer.text
        assert reason in answer.json()["error"]
        assert fresh.get("/api/jobs").json() == []


@pytest.mark.parametrize("work", ["what-if", "watch", "maintenance", "forecasts"])
def test_a_run_on_its_way_begins_no_job(client: TestClient, work: str) -> None:
    before = client.get("/api/jobs").json()
    wanted = {"what-if": {"off": ["s0"]}, "maintenance": {}}.get(work)
    answer = client.post(f"/api/runs/going/{work}", json=wanted)
    assert (answer.status_code, "not finished" in answer.json()["error"]) == (409, True)
    assert client.get("/api/jobs").json() == before


def test_too_few_earlier_forecasts_begin_no_job(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fl_server.what_if.APART", 20)  # hours between them: more than the data have
    monkeypatch.setattr("fl_server.what_if.CALIBRATION_DAYS", 40)
    answer = client.post("/api/runs/done/what-if", json={"off": ["s0"]})
    assert (answer.status_code, "earlier forecasts" in answer.json()["error"]) == (409, True)


def test_a_layer_is_there_once_its_what_if_is_done(client: TestClient) -> None:
    job = done(client, client.post("/api/runs/done/watch"))
    assert client.get(f"/api/jobs/{job['number']}/layer").status_code == 409


def test_other_users_are_another_job(client: TestClient) -> None:
    """Jobs under way in the same words are joined, so what was asked for must be in them."""
    wanted = {"off": ["s0"], "hours": 48}
    begun = [
        client.post("/api/runs/done/what-if", json=wanted | more)
        for more in ({}, {"users": 100}, {"users": 200})
    ]
    assert len({each.json()["number"] for each in begun}) == 3
    for each in begun:
        assert done(client, each)["state"] == "done"
