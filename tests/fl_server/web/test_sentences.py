"""What is wrong with a request is told in sentences of our own, whatever was sent."""

import pytest
from fastapi.testclient import TestClient

BODY = "expected an object of JSON, sent as content-type: application/json"
JSON = "application/json"


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (b"", JSON, f"the body: found nothing, {BODY}"),
        (b"[]", JSON, f"the body: found a list of 0, {BODY}"),
        (b"{", JSON, "the body: no JSON from character 1 on, expected an object of JSON"),
        (b"crews=2", "text/plain", f"the body: found text that is not said to be JSON, {BODY}"),
        (b'{"crews": "2"}', JSON, 'crews: found "2", expected a whole number'),
        (b'{"failing": {}, "hours": 0}', JSON, "hours: found 0, expected at least 1; "
         "failing: found an object, expected a number"),
        (b'{"failing": 1}', JSON, "failing: found 1, expected less than 1"),
        (b'{"source": "x"}', JSON, "source: found \"x\", expected 'stream' or 'arriving'"),
        (b'{"\\ud800": 1}', JSON, 'the body: found "\\ud800", expected a text of whole characters'),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_is_told_by_field_and_what_was_found(
    client: TestClient, content: bytes, kind: str, sentence: str
) -> None:
    answer = client.post("/api/runs/done/maintenance", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]) == (422, sentence)


def test_a_mark_says_true_or_false(client: TestClient) -> None:
    answer = client.post("/api/runs/done/alerts/x/mark", json={"acknowledged": "yes"})
    assert answer.status_code == 422
    assert answer.json()["error"] == 'acknowledged: found "yes", expected true or false'


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("station", "station: found nothing, expected a value"),
        ("frames?count=x", 'count: found "x", expected a whole number'),
        ("frames?count=401", 'count: found "401", expected at most 400'),
        ("station?station=s0&coverage=nan", 'coverage: found "nan", expected less than 1'),
    ],
)
def test_so_is_what_an_address_asks(client: TestClient, query: str, sentence: str) -> None:
    answer = client.get(f"/api/runs/done/{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, sentence)
