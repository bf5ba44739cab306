"""What the API answers, held to the files of the runs."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from data.sets.tables import ReadSettings, read_set
from fl_server.cli.main import main
from fl_server.run_folder import kept_state
from tests.fl_server.web.worlds import DAYS, HOSTILE, STATIONS

HOURS = DAYS * 24


def done(client: TestClient, begun: Any) -> dict[str, Any]:  # Any: JSON, twice
    """The job that an answer tells of, once it has ended."""
    assert begun.status_code == 202, begun.text
    for _ in range(300):
        job: dict[str, Any] = client.get(f"/api/jobs/{begun.json()['number']}").json()
        if job["state"] not in ("waiting", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def test_runs_are_listed_with_how_far_they_are(client: TestClient) -> None:
    told = {each["key"]: (each["finished"], each["words"]) for each in client.get("/api/runs").json()}
    assert told == {"done": (True, "finished"), "going": (False, "H-twinning, step 26")}


def test_a_run_tells_its_times_and_scores(client: TestClient, runs: Path) -> None:
    told = client.get("/api/runs/done").json()
    summary = json.loads((runs / "done" / "summary.json").read_text())
    assert told["scores"]["h"] == summary["h"]
    assert (len(told["times"]), told["stream"]) == (HOURS, [HOURS - 168, HOURS])
    assert [told["times"][told["stream"][0]], told["times"][-1]] == summary["stream"]
    assert told["total"][5] == pytest.approx(
        read_set(runs.parent / "city", ReadSettings()).load[5].sum(), rel=1e-4
    )


def test_stations_come_with_their_clusters_ages_and_errors(client: TestClient, runs: Path) -> None:
    told = client.get("/api/runs/done/stations").json()
    table = pl.read_csv(runs / "done" / "stations.csv", schema_overrides={"station": pl.String})
    assert told["station"] == table["station"].to_list()
    assert sorted(told["station"]) == sorted(STATIONS)
    assert told["cluster"] == table["cluster"].to_list()
    assert told["mse"] == pytest.approx(table["h_mse_c"].to_list(), rel=1e-3)
    assert all(age >= 0 for age in told["age_hours"])
    assert all(HOSTILE in name for name in told["name"])


def test_frames_are_the_load_step_by_step(client: TestClient, runs: Path) -> None:
    answer = client.get("/api/runs/done/frames", params={"first": 7, "count": 3})
    sent = np.frombuffer(answer.content, "<f4").reshape(3, len(STATIONS))
    traffic = read_set(runs.parent / "city", ReadSettings())
    order = [traffic.stations.index(each) for each in client.get("/api/runs/done/stations").json()["station"]]
    np.testing.assert_array_equal(sent, traffic.load[7:10, order])
    assert client.get("/api/runs/done/frames", params={"first": HOURS}).status_code == 404


def test_errors_come_once_a_job_has_made_them_and_are_those_of_the_twins(
    client: TestClient, runs: Path
) -> None:
    missed = {"layer": "missed", "first": HOURS - 168, "count": 168}
    assert client.get("/api/runs/done/frames", params=missed).status_code == 409
    job = done(client, client.post("/api/runs/done/forecasts"))
    assert (job["state"], job["done"], job["total"]) == ("done", len(STATIONS), len(STATIONS))
    assert client.get(f"/api/jobs/{job['number']}/result").json() == {"steps": 168, "stations": len(STATIONS)}
    found = np.frombuffer(client.get("/api/runs/done/frames", params=missed).content, "<f4").reshape(168, -1)
    summary = json.loads((runs / "done" / "summary.json").read_text())
    assert np.mean(found**2) == pytest.approx(
        summary["h"]["cluster"]["mse"], rel=0.3
    )  # nearly the same twins
    before = client.get("/api/runs/done/frames", params={"layer": "missed", "first": 0, "count": 1})
    assert np.isnan(np.frombuffer(before.content, "<f4")).all()


def test_a_station_has_truth_forecast_and_interval(
    client: TestClient, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = client.get("/api/runs/done/station", params={"station": "s0", "hours": 6}).json()
    stream = told["forecast"]["stream"]
    assert (stream["first"], len(stream["forecast"]), len(told["load"])) == (HOURS - 168, 168, HOURS)
    truth, lower, upper = (np.array(each) for each in (told["load"][-168:], stream["lower"], stream["upper"]))
    assert 0.75 < np.mean((lower <= truth) & (truth <= upper)) <= 1
    capsys.readouterr()
    out = ("--out", str(tmp_path / "predicted"), "--json")
    assert main(["predict", str(runs / "done"), "--station", "s0", "--hours", "6", *out]) == 0
    rows = json.loads(capsys.readouterr().out)["stations"]["s0"]
    for name in ("forecast", "lower", "upper"):
        assert told["forecast"]["ahead"][name] == pytest.approx([row[name] for row in rows], rel=1e-4)


def test_a_run_on_its_way_tells_who_is_at_what(client: TestClient, runs: Path) -> None:
    told = client.get("/api/runs/going/federation").json()
    state = kept_state(runs / "going")
    assert state is not None
    run = state.hierarchical
    assert run.stream is not None
    assert (told["stage"], told["turn"], told["turns"]) == ("horizontal", 26, 168)
    assert sum(told["counts"].values()) == len(told["states"]) == len(STATIONS)
    assert (told["gate"]["sent"], told["gate"]["spared"]) == (run.stream.sent, run.stream.spared)
    assert len(told["gate"]["clusters"]) == len(run.tree.clusters)
    assert (
        told["exchange"]["v"]["station_cluster"]["bytes_up"] == run.vertical.exchange.station_cluster.bytes_up
    )
    assert [row["turn"] for row in told["history"] if row["stage"] == "horizontal"] == list(range(1, 27))
    assert client.get("/api/runs/going/stations").json()["cluster"] == (run.tree.cluster_of + 1).tolist()


def test_a_finished_run_tells_what_its_federation_came_to(client: TestClient, runs: Path) -> None:
    told = client.get("/api/runs/done/federation").json()
    summary = json.loads((runs / "done" / "summary.json").read_text())
    assert told["finished"]
    assert told["gate"]["sent"] == summary["updates"]
    assert told["exchange"]["h"] == summary["phases"]["h"]["exchange"]
    assert len(told["history"]) == 4 + 168


def test_clusters_come_with_their_errors(client: TestClient, runs: Path) -> None:
    summary = json.loads((runs / "done" / "summary.json").read_text())
    told = client.get("/api/runs/done/clusters").json()["clusters"]
    assert [each["stations"] for each in told] == [each["stations"] for each in summary["by_cluster"]]
    assert [each["h"] for each in told] == [each["h_c"] for each in summary["by_cluster"]]


def test_downloads_hold_every_station_at_the_step(client: TestClient, runs: Path) -> None:
    text = client.get("/api/runs/done/stations.csv", params={"step": 9})
    assert "attachment" in text.headers["content-disposition"]
    table = pl.read_csv(text.content, schema_overrides={"station": pl.String})
    assert table["station"].to_list() == client.get("/api/runs/done/stations").json()["station"]
    assert set(table["time"]) == {"2024-01-01T09:00"}
    points = client.get("/api/runs/done/stations.geojson", params={"step": 9}).json()["features"]
    assert [each["properties"]["load"] for each in points] == pytest.approx(table["load"].to_list(), rel=1e-6)
    assert points[0]["geometry"]["coordinates"] == [table["longitude"][0], table["latitude"][0]]


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/nobody",
        "/api/runs/..",
        "/api/runs/..%2F..%2Fetc",
        "/api/runs/%2e%2e%2fdone/stations",
        "/api/runs/done%00/stations",
        "/api/runs/done/station?station=nobody",
        "/api/runs/done/station?station=..%2F..%2Fetc%2Fpasswd%00",
        f"/api/runs/done/frames?first={HOURS}",
        f"/api/runs/done/stations.csv?step={HOURS}",
        "/api/runs/done/stations.geojson?step=99999",
        "/api/jobs/77",
        "/api/jobs/77/result",
        "/api/federation",
        "/page/../app.py",
        "/page/..%2fapp.py",
        "/page/%2e%2e/%2e%2e/pyproject.toml",
        "/etc/passwd",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "frames?count=0",
        "frames?count=401",
        "frames?first=-1",
        "frames?layer=x",
        "station",
        "station?station=s0&coverage=1",
    ],
)
def test_values_that_cannot_be_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/runs/done/{query}")
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


def test_a_station_whose_name_is_a_path_is_found_by_it(client: TestClient) -> None:
    for station in STATIONS:
        told = client.get("/api/runs/done/station", params={"station": station})
        assert told.json()["station"] == station


def test_a_set_that_has_gone_is_a_sentence(runs: Path, tmp_path: Path, client: TestClient) -> None:
    from fl_server.web.app import web_app
    from fl_server.web.desk import Desk
    from fl_server.web.guard import Access
    from fl_server.web.shelf import Shelf

    record = json.loads((runs / "done" / "run.json").read_text())
    folder = tmp_path / "moved"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record | {"set": str(tmp_path / "gone")}))
    (folder / ".vhtwin").write_text("")
    with TestClient(web_app(Desk(Shelf(tmp_path)), Access()), base_url="http://127.0.0.1") as other:
        answer = other.get("/api/runs/moved")
        assert answer.status_code == 409
        assert "expected a folder with stations.csv" in answer.json()["error"]
        (folder / "run.json").write_text("{")
        assert "cannot be read" in other.get("/api/runs").json()[0]["error"]


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    from fl_server.web.app import page_files

    for name, (_, content) in page_files().items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, name
        assert "https://" not in text, name
        assert client.get(f"/page/{name}").status_code == 200
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"


def test_no_module_of_the_page_makes_markup_of_text() -> None:
    from fl_server.web.app import page_files

    for name, (kind, content) in page_files().items():
        if kind == "text/javascript":
            for way in (
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ):
                assert way not in content.decode(), name
