"""Alerts through the API: found by watching, marked by people, kept outside the run."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from fl_server.watching import watched, watched_answer
from fl_server.web.app import web_app
from fl_server.web.desk import Desk
from fl_server.web.guard import MOST_BYTES, Access
from fl_server.web.marks import Mark, keep_mark, marks_file, marks_of
from fl_server.web.shelf import Shelf
from tests.fl_server.web.test_api import done
from tests.fl_server.web.worlds import DAYS, OUT


@pytest.fixture(scope="module")
def out(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, where marks may be left beside it."""
    folder = tmp_path_factory.mktemp("out")
    shutil.copytree(runs / "done", folder / "one")
    return folder


@pytest.fixture(scope="module")
def watching(out: Path) -> Iterator[TestClient]:
    with TestClient(web_app(Desk(Shelf(out)), Access()), base_url="http://127.0.0.1") as made:
        assert not made.get("/api/runs/one/alerts").json()["watched"]
        assert done(made, made.post("/api/runs/one/watch"))["state"] == "done"
        yield made


def test_the_alerts_are_those_of_watching_and_name_the_station_that_is_out(
    watching: TestClient, out: Path
) -> None:
    told = watching.get("/api/runs/one/alerts").json()
    expected = watched_answer(watched(out / "one"))
    marked = [{name: value for name, value in alert.items() if name != "mark"} for alert in told["alerts"]]
    assert marked == expected["alerts"]
    assert told["drift"]["retrain"] == watched(out / "one").drift.retrain
    outages = [alert for alert in told["alerts"] if alert["kind"] == "outage"]
    assert {station for alert in outages for station in alert["stations"]} == {OUT}


def grown(folder: Path, source: Path, hours: int) -> None:
    """The set in `folder` becomes the first hours of `source`, and a station of it is out in the last six."""
    folder.mkdir(exist_ok=True)
    shutil.copy(source / "stations.csv", folder)
    table = pl.read_csv(source / "traffic.csv").head(hours)
    row = pl.int_range(pl.len())
    table = table.with_columns(pl.when(row >= hours - 6).then(0.0).otherwise(pl.col("s0")).alias("s0"))
    table.write_csv(folder / "traffic.csv")


def test_data_that_arrive_are_watched_whenever_there_are_more(runs: Path, tmp_path: Path) -> None:
    newer, hours = tmp_path / "newer", 24 * DAYS
    grown(newer, runs.parent / "city", hours - 3)
    desk = Desk(Shelf(runs), newer=newer)
    with TestClient(web_app(desk, Access()), base_url="http://127.0.0.1") as client:
        assert client.get("/api/about").json()["arriving"]
        assert client.get("/api/runs/done/arriving").json()["changed"]
        assert done(client, client.post("/api/runs/done/watch?source=arriving"))["state"] == "done"
        told = client.get("/api/runs/done/alerts").json()
        assert told["source"] == "arriving"
        assert any(each["kind"] == "outage" and "s0" in each["stations"] for each in told["alerts"])
        assert not client.get("/api/runs/done/arriving").json()["changed"]
        grown(newer, runs.parent / "city", hours)
        assert client.get("/api/runs/done/arriving").json()["changed"]
        assert done(client, client.post("/api/runs/done/watch?source=arriving"))["state"] == "done"
        assert client.get("/api/runs/done/alerts").json()["until"] > told["until"]
        assert not client.get("/api/runs/done/alerts?source=stream").json()["watched"]
        assert done(client, client.post("/api/runs/done/watch"))["state"] == "done"
        of_each = {
            each: client.get("/api/runs/done/alerts", params={"source": each} if each else {}).json()
            for each in ("stream", "arriving", "")
        }
        assert of_each["stream"] == of_each[""] != of_each["arriving"]  # the stream was watched last
        assert [of_each[each]["source"] for each in ("stream", "arriving")] == ["stream", "arriving"]
        assert not client.get("/api/runs/done/arriving").json()["changed"]
        for alert in {alert["id"] for each in of_each.values() for alert in each["alerts"]}:
            assert client.post(f"/api/runs/done/alerts/{alert}/mark", json={}).status_code == 200
        assert client.get("/api/runs/done/alerts?source=other").status_code == 422
        shutil.rmtree(newer)
        ended = done(client, client.post("/api/runs/done/watch?source=arriving"))
        assert ended["state"] == "failed"
        assert "found nothing" in ended["error"]


def test_no_set_comes_from_a_request(client: TestClient, runs: Path) -> None:
    assert not client.get("/api/about").json()["arriving"]
    assert client.get("/api/runs/done/arriving").status_code == 409
    refused = client.post("/api/runs/done/watch?source=arriving")
    assert refused.status_code == 409
    assert "--data DIR" in refused.json()["error"]
    for source in (str(runs.parent / "city"), "..", ""):
        assert client.post("/api/runs/done/watch", params={"source": source}).status_code == 422


def test_an_alert_is_acknowledged_muted_and_open_again(watching: TestClient, out: Path) -> None:
    alert = watching.get("/api/runs/one/alerts").json()["alerts"][0]["id"]
    path = f"/api/runs/one/alerts/{alert}/mark"
    wanted = {"acknowledged": True, "muted_until": "2024-01-20T00:00", "note": "<b>crew</b>"}
    assert watching.post(path, json=wanted).json() == wanted
    assert watching.get("/api/runs/one/alerts").json()["alerts"][0]["mark"] == wanted
    assert json.loads((out / "one.alerts.json").read_text()) == {"marks": {alert: wanted}}
    assert watching.post(path, json={}).status_code == 200
    assert marks_of(out / "one") == {}


def test_marks_that_make_no_sense_are_refused(watching: TestClient, out: Path) -> None:
    alert = watching.get("/api/runs/one/alerts").json()["alerts"][0]["id"]
    path = f"/api/runs/one/alerts/{alert}/mark"
    assert watching.post("/api/runs/one/alerts/..%2fx/mark", json={}).status_code == 404
    assert watching.post("/api/runs/one/alerts/nothing/mark", json={}).status_code == 404
    for muted in ("tomorrow", "2024-01-20T00:00Z"):
        assert watching.post(path, json={"muted_until": muted}).status_code == 422
    assert watching.post(path, json={"other": 1}).status_code == 422
    assert watching.post(path, content=b"{").status_code == 422
    assert marks_of(out / "one") == {}


def test_what_is_too_long_is_refused_though_its_length_is_not_told(watching: TestClient) -> None:
    alert = watching.get("/api/runs/one/alerts").json()["alerts"][0]["id"]
    parts = iter([b'{"note": "', b"x" * MOST_BYTES, b'"}'])
    assert watching.post(f"/api/runs/one/alerts/{alert}/mark", content=parts).status_code == 413


def test_marks_are_read_back_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert marks_of(run) == {}
    keep_mark(run, "a", Mark(acknowledged=True))
    keep_mark(run, "b", Mark(muted_until="2024-01-01T00:00"))
    keep_mark(run, "a", Mark())
    assert marks_of(run) == {"b": Mark(muted_until="2024-01-01T00:00")}
    assert [file.name for file in tmp_path.iterdir()] == ["run.alerts.json"]
    for text in ("{", "[]", '{"marks": {"a": {"acknowledged": true, "other": 1}}}', '{"marks": [1]}'):
        marks_file(run).write_text(text)
        with pytest.raises(Exception, match="is no file of marks on alerts"):
            marks_of(run)
