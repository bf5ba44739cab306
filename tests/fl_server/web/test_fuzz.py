"""Whatever is sent to the API, it answers as its own description says, and never with a defect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fl_server.web.app import api
from fl_server.web.desk import Desk
from fl_server.web.shelf import Shelf
from tests.fl_server.web.serving import served

EVERY = [
    (method, path)
    for path, methods in api(Desk(Shelf(Path("nowhere")))).openapi()["paths"].items()
    for method in methods
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KEYS = st.sampled_from(["done", "done", "going", None])  # None: what schemathesis makes up


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    with served(runs, newer=runs.parent / "city") as made:
        yield made


def answered_as_described(address: str, method: str, path: str, examples: int) -> None:
    schema = schemathesis.openapi.from_url(f"{address}openapi.json")
    operation = schema[path][method]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), key=KEYS)
    def check(
        case: schemathesis.Case[Any],  # Any: what an operation is made of
        key: str | None,
    ) -> None:
        if key and "run" in case.path_parameters:
            case.path_parameters["run"] = key
        case.call_and_validate(checks=CHECKS)

    check()


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_few_of_all_requests(address: str, method: str, path: str) -> None:
    answered_as_described(address, method, path, examples=5)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_many_of_all_requests(address: str, method: str, path: str) -> None:
    answered_as_described(address, method, path, examples=300)
