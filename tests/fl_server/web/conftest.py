"""Runs that no test changes, and a client of the API over them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fl_server.web.app import web_app
from fl_server.web.desk import Desk
from fl_server.web.guard import Access
from fl_server.web.shelf import Shelf
from tests.fl_server.web.worlds import written_runs

HERE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_runs(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(web_app(Desk(Shelf(runs)), Access()), base_url=HERE) as made:
        yield made
