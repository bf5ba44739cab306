"""The app for plain Flower: what it is asked for, and that its runs are those of `vhtwin twin`."""

import ast
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, RecordDict, UserConfigValue

import bs_client.app
from bs_client.app import Config
from bs_client.flower_node import FlowerNode
from bs_client.flower_node import Link as NodeLink
from data.errors import InputError
from data.sets.tables import read_set
from fl_server import app as server
from fl_server.app import Asked, asked_for, settings_from
from fl_server.cli.main import main
from fl_server.federation.link import Doors, Link
from fl_server.federation.link_grid import LinkGrid
from fl_server.local import local_fleet
from fl_server.presets import settings_of
from fl_server.run import planned
from fl_server.run_folder import keep, new_run, read_record, read_summary
from fl_server.running import first_state, states
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

ROOT = Path(__file__).parents[2]
SHORT = """
[recipe]
hidden = [4]
split.test_days = 0.25
[horizontal]
new_values = 2
psi = 1e-12
[behaviour]
sleepers = 0.0
dropouts = 0.0
"""
ASKED: dict[str, UserConfigValue] = {"epochs": 2, "stream-epochs": 1, "single-level": False}
WORDS = ("--epochs", "2", "--stream-epochs", "1", "--no-single-level")
NODES: tuple[Config, ...] = (
    {"partition-id": 0, "num-partitions": 2},
    {"partition-id": 1, "num-partitions": 2},
)


def flower_app() -> dict[str, Any]:  # Any: what TOML holds
    """What pyproject.toml says of the app."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["flwr"]["app"]
    return table


def test_the_run_config_repeats_the_defaults() -> None:
    defaults = {field.name.replace("_", "-"): field.default for field in fields(Asked)}
    assert MISSING not in defaults.values()
    listed = flower_app()["config"]
    assert listed == defaults
    assert {name: type(value) for name, value in listed.items()} == {
        name: type(value) for name, value in defaults.items()
    }


def test_what_nodes_take_from_the_run_config_is_listed_there() -> None:
    assert set(bs_client.app.SHARED) <= flower_app()["config"].keys()


def test_the_page_for_people_who_know_flower_names_every_key() -> None:
    page = (ROOT / "fl_server" / "federation" / "FLOWER.md").read_text()
    nodes, runs = page.split("From wherever you like")
    assert [name for name in flower_app()["config"] if f"`{name}`" not in runs] == []
    assert [name for name in (*bs_client.app.SHARED, *bs_client.app.OWN) if f"{name}=" not in nodes] == []


def test_the_apps_use_public_parts_of_flower_alone() -> None:
    for module in (server, bs_client.app):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        assert {name for name in found if name.startswith("flwr")} <= {
            "flwr.app",
            "flwr.clientapp",
            "flwr.serverapp",
        }


def test_a_key_that_was_given_comes_before_the_file_and_the_preset(tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text("vertical.epochs = 7\nhorizontal.epochs = 5\n")
    asked = Asked(stations=1, preset="paper", settings=str(tmp_path / "file.toml"), epochs=9, seed=4)
    settings = settings_from(asked)
    assert (settings.vertical.epochs, settings.horizontal.epochs, settings.recipe.seed) == (9, 5, 4)
    assert settings.segment.topology == "regular"


def test_without_anything_given_the_settings_are_the_usual_ones() -> None:
    assert settings_from(Asked(stations=1)) == settings_of()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "stations: expected how many to wait for"),
        ({"stations": "three"}, "stations: expected a whole number, got 'three'"),
        ({"stations": 3, "epochs": 1.5}, "epochs: expected a whole number, got 1.5"),
        ({"stations": 3, "join-seconds": 0.0}, "join-seconds must be positive"),
    ],
)
def test_a_run_config_that_makes_no_sense_is_refused(
    config: dict[str, UserConfigValue], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        asked_for(config)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a set of four stations."""
    folder = tmp_path_factory.mktemp("sets") / "city"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=4, days=10))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of settings for a run of a quarter of a day."""
    file = tmp_path_factory.mktemp("settings") / "short.toml"
    file.write_text(SHORT)
    return file


@pytest.fixture(scope="module")
def straight(city: Path, short: Path) -> Path:
    """The folder of a run by `vhtwin twin` that nobody stopped."""
    folder = city.parent / "straight"
    assert main(["twin", str(city), "--out", str(folder), "--settings", str(short), *WORDS]) == 0
    return folder


@contextmanager
def federation(nodes: Sequence[Config], run: Config) -> Iterator[LinkGrid]:
    """The grid of a server with these nodes, which answer as the app for plain Flower does."""
    link = Link(Doors())
    address = link.open()
    grid = LinkGrid(link)
    answers = [partial(bs_client.app.answered, node=node, run=run) for node in nodes]
    joined = [FlowerNode(NodeLink(address=address), answered) for answered in answers]
    threads = [threading.Thread(target=node.run) for node in joined]
    try:
        for thread in threads:
            thread.start()
        yield grid
    finally:
        for node in joined:
            node.stop.set()
        link.ring(list(link.state.nodes))  # so that none waits for an order any longer
        for thread in threads:
            thread.join()
        grid.end()
        link.close()


def run_app(grid: LinkGrid, config: dict[str, UserConfigValue]) -> None:
    """Run the server's app as Flower does; keys of the run config that are not given have their defaults."""
    whole = flower_app()["config"] | config
    server.app(grid, Context(grid.run.run_id, 1, {}, RecordDict(), whole))


def assert_same_twins(folder: Path, straight: Path) -> None:
    """Two runs ended with the same twins, byte for byte, by way of the same history."""
    twins = sorted(path.name for path in (straight / "twins").iterdir())
    assert sorted(path.name for path in (folder / "twins").iterdir()) == twins
    for name in ("stations.csv", "history.csv", *(f"twins/{name}" for name in twins)):
        assert (folder / name).read_bytes() == (straight / name).read_bytes(), name


def test_a_run_of_the_app_ends_with_the_twins_of_vhtwin_twin(
    city: Path, short: Path, straight: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    config = {**ASKED, "stations": 4, "out": str(folder), "settings": str(short), "data": str(city)}
    with federation(NODES, {"data": str(city)}) as grid:
        run_app(grid, config)
    assert_same_twins(folder, straight)
    assert read_summary(straight)["updates"] != 0
    assert read_record(folder) == read_record(straight)


def test_a_run_that_was_stopped_goes_on_to_the_same_twins(
    city: Path, short: Path, straight: Path, tmp_path: Path
) -> None:
    folder, record = tmp_path / "run", read_record(straight)
    new_run(folder, record, overwrite=False)
    settings = record.settings
    fleet = local_fleet(read_set(city, record.reading), settings.station_recipe, settings.segment.signature)
    plan = planned(fleet, settings)
    reached = next(states(fleet, plan, first_state(plan)))
    keep(folder, reached)
    with federation(NODES, {"data": str(city)}) as grid:
        run_app(grid, {"stations": 4, "out": str(folder), "resume": True})
    assert_same_twins(folder, straight)


def test_nodes_that_refuse_are_told_of_when_stations_are_missing(city: Path, tmp_path: Path) -> None:
    nodes: list[Config] = [{"data": str(city), "stations": "s0"}, {"data": str(tmp_path / "nowhere")}]
    with (
        federation(nodes, {}) as grid,
        pytest.raises(InputError, match=r"joined 1 of 2 stations; refused: 1 × .*nowhere"),
    ):
        run_app(grid, {"stations": 2, "join-seconds": 0.5, "out": str(tmp_path / "run")})
    assert not (tmp_path / "run").exists()


def test_stations_that_several_nodes_hold_count_once_and_are_told_of(city: Path, tmp_path: Path) -> None:
    told = "joined 4 of 8 stations; several nodes hold station s0 and 3 more, expected all of them"
    nodes: list[Config] = [{"data": str(city)}, {"data": str(city)}]
    with federation(nodes, {}) as grid, pytest.raises(InputError, match=told):
        run_app(grid, {"stations": 8, "join-seconds": 0.5, "out": str(tmp_path / "run")})


def test_a_folder_that_is_taken_is_refused_before_anybody_waits(straight: Path) -> None:
    with federation((), {}) as grid, pytest.raises(InputError, match="straight"):
        run_app(grid, {"stations": 4, "out": str(straight)})


def test_flower_packs_our_packages_and_nothing_else(tmp_path: Path) -> None:
    flwr = Path(sys.executable).with_name("flwr")
    words = [str(flwr), "build", "--app", str(ROOT)]
    environment = {"FLWR_HOME": str(tmp_path), "FLWR_TELEMETRY_ENABLED": "0"}
    environment |= {"FLWR_DISABLE_UPDATE_CHECK": "1"}
    subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True)
    (fab,) = tmp_path.glob("vhtwin.vhtwin.*.fab")
    assert fab.stat().st_size < 5e6  # Flower refuses 10 MB and more
    packed = {name for name in zipfile.ZipFile(fab).namelist() if not name.startswith(".info/")}
    packages = ("data", "clustering", "forecasting", "bs_client", "hetnet", "fl_server")
    ours = {str(file.relative_to(ROOT)) for package in packages for file in (ROOT / package).rglob("*.py")}
    assert packed == ours | {"pyproject.toml"}
