"""Who is let in, and how much they may send."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fl_server.web.app import web_app
from fl_server.web.desk import Desk
from fl_server.web.guard import MOST_BYTES, POLICY, Access
from fl_server.web.shelf import Shelf

TOKEN = "a-token-of-many-letters"


@pytest.fixture(scope="module")
def guarded(runs: Path) -> Iterator[TestClient]:
    access = Access(hosts=("twins.example",), token=TOKEN)
    with TestClient(web_app(Desk(Shelf(runs)), access), base_url="https://twins.example") as made:
        yield made


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost@evil"])
def test_a_name_that_the_server_does_not_go_by_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/runs", headers={"host": host}).status_code == 421
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9400", "127.0.0.1:1", "[::1]:9400"])
def test_its_own_names_are_let_in_with_any_port(client: TestClient, host: str) -> None:
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_pages_of_other_sites_are_refused(client: TestClient, origin: str) -> None:
    assert client.post("/api/runs/done/forecasts", headers={"origin": origin}).status_code == 403


def test_the_browser_s_word_on_where_a_request_comes_from_counts(client: TestClient) -> None:
    assert client.get("/api/runs", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/api/runs", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert client.get("/api/runs", headers={"origin": "http://127.0.0.1"}).status_code == 200


def test_without_the_token_there_is_the_empty_page_and_no_more(guarded: TestClient) -> None:
    for path in ("/api/runs", "/api/about", "/openapi.json", "/api/nothing"):
        for header in ({}, {"authorization": f"Bearer {TOKEN[:-1]}"}, {"authorization": f"Basic {TOKEN}"}):
            answer = guarded.get(path, headers=header)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/").status_code == 200


def test_the_token_opens(guarded: TestClient) -> None:
    header = {"authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/api/runs", headers=header).status_code == 200
    assert (
        guarded.get("/api/runs", headers={"authorization": "Bearer tökén".encode("latin-1")}).status_code
        == 401
    )


def test_what_is_too_long_is_refused_whether_its_length_is_told_or_not(client: TestClient) -> None:
    path = "/api/runs/done/alerts/x/mark"
    assert client.post(path, content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert client.post("/api/runs", headers={"content-length": "-1"}).status_code == 413
    assert client.post("/api/runs", headers={"content-length": "9" * 5000}).status_code == 413


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/api/runs", "/api/nothing", "/nothing"])
def test_every_answer_bears_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_the_policy_lets_nothing_from_elsewhere_run() -> None:
    parts = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert parts["default-src"] == parts["frame-ancestors"] == "'none'"
    assert parts["script-src"] == parts["connect-src"] == "'self'"


def test_swagger_which_loads_scripts_from_elsewhere_is_off(client: TestClient) -> None:
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404
    assert client.get("/openapi.json").json()["info"]["title"] == "vhtwin"
