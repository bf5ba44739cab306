"""Runs for the tests of the page and the API: one finished, one on its way, with names that mean harm."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId, Traffic
from fl_server.cli.main import main
from fl_server.local import local_fleet
from fl_server.run import planned
from fl_server.run_folder import Record, keep, new_run
from fl_server.running import first_state, states
from fl_server.settings import TwinSettings, VerticalSettings
from forecasting.recipe import Recipe
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

HOSTILE = "<img src=x onerror=window.hurt=1>"
STATIONS = ("s0", HOSTILE, "../../etc/passwd", "a'b&c;d", "s4", "ünï/☎")
OUT = "s4"
FAST = ("--inputs", "paper", "--epochs", "4", "--stream-epochs", "2", "--no-single-level")
DAYS = 20  # a what-if wants two weeks of earlier forecasts


def city() -> Traffic:
    """Six stations, most of which are called what nobody should call one; one is out for twenty hours."""
    traffic = wavy_traffic(stations=len(STATIONS), days=DAYS)
    load = traffic.load.copy()
    load[-60:-40, STATIONS.index(OUT)] = 0
    return replace(traffic, load=load, stations=tuple(map(StationId, STATIONS)))


def written_runs(folder: Path) -> Path:
    """A folder of runs: `runs/done` and `runs/going`, of the set `city` beside it."""
    (folder / "city").mkdir()
    written_set(folder / "city", city())
    places = pl.read_csv(folder / "city" / "stations.csv", schema_overrides={"station": pl.String})
    names = [f"place {number} {HOSTILE}" for number in range(len(places))]
    places.with_columns(pl.Series("name", names)).write_csv(folder / "city" / "stations.csv")
    runs = folder / "runs"
    assert main(["twin", str(folder / "city"), "--out", str(runs / "done"), *FAST]) == 0
    going(runs / "going", folder / "city", turns=30)
    return runs


def going(folder: Path, source: Path, turns: int) -> None:
    """A run that has kept its state after so many turns, and is not finished."""
    settings = TwinSettings(
        recipe=Recipe(inputs="paper"), vertical=VerticalSettings(epochs=4), single_level=False
    )
    fleet = local_fleet(read_set(source, ReadSettings()), settings.station_recipe, settings.segment.signature)
    plan = planned(fleet, settings)
    new_run(folder, Record("0", str(source), plan.data, ReadSettings(), settings), overwrite=False)
    *_, state = islice(states(fleet, plan, first_state(plan)), turns)
    keep(folder, state)
