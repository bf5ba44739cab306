"""Every run gives a picture of its twins: few stations or many, with all phases or without."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from clustering.topology import nearest_topology
from data.progress import finished
from data.traffic import StationId
from fl_server.run import Plan, planned
from fl_server.running import State, first_state, states, steps
from fl_server.settings import HorizontalSettings, SegmentSettings, TwinSettings, VerticalSettings
from fl_server.twin_picture import draw_twins
from forecasting.metrics import Tally
from forecasting.recipe import Recipe
from tests.cities import wavy_traffic
from tests.fleets import small_fleet

RECIPE = Recipe(model="linear", inputs="paper")
SETTINGS = TwinSettings(
    recipe=RECIPE,
    vertical=VerticalSettings(epochs=6, settling=0.2),
    horizontal=HorizontalSettings(epochs=4),
    segment=SegmentSettings(every_vertical=2, every_horizontal=3),
)


def twinned(stations: int = 6, **changes: Any) -> tuple[State, Plan]:
    """A small run to its end."""
    settings = replace(SETTINGS, **changes)
    traffic = wavy_traffic(stations=stations)
    fleet = small_fleet(traffic=traffic, recipe=settings.station_recipe)
    plan = planned(fleet, settings)
    return finished(steps(plan, states(fleet, plan, first_state(plan)))), plan


def written(path: Path) -> list[str]:
    """The words in an SVG picture, which matplotlib leaves as comments beside their outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text())


def large(state: State, plan: Plan) -> tuple[State, Plan]:
    """The same run as if it were of 10,000 stations on a grid, in 100 square clusters."""
    places = np.arange(10_000)
    positions = np.column_stack([9 + 0.003 * (places % 100), 45 + 0.002 * (places // 100)])
    cluster_of = places % 100 // 10 + 10 * (places // 1_000)
    squared = np.random.default_rng(0).uniform(0.1, 0.4, 100)[cluster_of]
    sums = Tally(np.ones_like(places), squared, squared, squared, squared)
    run = state.hierarchical
    phase = replace(run.vertical, standing=replace(run.vertical.standing, top=sums, cluster=sums))
    tree = replace(run.tree, cluster_of=cluster_of, clusters=np.zeros((100, 1), np.float32))
    land = replace(plan.land, positions=positions, topology=nearest_topology(positions, 4))
    stations = tuple(StationId(str(place)) for place in places)
    return (
        replace(state, hierarchical=replace(run, tree=tree, vertical=phase, horizontal=phase)),
        replace(plan, stations=stations, land=land),
    )


@pytest.mark.parametrize("stations", [2, 6, 10_000])
def test_a_run_of_any_size_gives_a_picture_with_no_empty_part(tmp_path: Path, stations: int) -> None:
    drawn = large(*twinned()) if stations == 10_000 else twinned(stations)
    draw_twins(tmp_path / "a" / "twins.png", *drawn, "a run")
    image = imread(tmp_path / "a" / "twins.png")  # (height, width, 4), 0 black to 1 white
    assert image.shape[1] > 2_000
    for third in np.array_split(image, 3, axis=1):
        assert (third[..., :3].min(axis=-1) < 0.9).mean() > 0.003
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["twins.png"]


def test_the_picture_names_what_it_shows(tmp_path: Path) -> None:
    state, plan = twinned()
    draw_twins(tmp_path / "twins.svg", state, plan, "twins of $x$")
    words = written(tmp_path / "twins.svg")
    stream = state.hierarchical.stream
    assert stream is not None
    assert {"twins of $x$", "with clusters", "without clusters", "segmented anew", "same"} <= set(words)
    assert {f"sent: {stream.sent}", f"spared by the gate: {stream.spared}"} <= set(words)
    assert "days since Mon 15 Jan 2024, 00:00" in words  # 21 days from 1 January, less the last 7


@pytest.mark.parametrize(
    ("changes", "missing", "left"),
    [
        ({"horizontal": HorizontalSettings(epochs=0)}, "H-", "V-twinning: training loss by round"),
        ({"vertical": VerticalSettings(epochs=0)}, "V-", "H-twinning: updates sent and spared"),
        ({"single_level": False}, "without clusters", "with clusters"),
        (
            {"segment": SegmentSettings(every_vertical=0, every_horizontal=0)},
            "segmented anew",
            "with clusters",
        ),
    ],
)
def test_what_a_run_did_not_do_is_not_drawn(
    tmp_path: Path, changes: dict[str, Any], missing: str, left: str
) -> None:
    draw_twins(tmp_path / "twins.svg", *twinned(**changes), "less")
    words = written(tmp_path / "twins.svg")
    assert not [word for word in words if word.startswith(missing)]
    assert left in words


def test_a_run_of_no_turns_still_shows_its_clusters(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        "vertical": VerticalSettings(epochs=0),
        "horizontal": HorizontalSettings(epochs=0),
    }
    draw_twins(tmp_path / "twins.svg", *twinned(**nothing), "nothing")
    words = written(tmp_path / "twins.svg")
    assert "MSE by cluster: network twin after V" in words
    assert not [word for word in words if "-twinning" in word]


def test_only_turns_that_begin_with_a_segmentation_tell_its_agreement() -> None:
    state, _ = twinned()
    turns = [(row.stage, row.turn) for row in state.hierarchical.history if row.stability is not None]
    # After 2 and 4 of the 6 rounds; after 3 of the 4 epochs of 168 / 4 = 42 steps.
    assert turns == [("vertical", 3), ("vertical", 5), ("horizontal", 3 * 42 + 1)]


def test_the_same_run_gives_the_same_picture(tmp_path: Path) -> None:
    drawn = twinned()
    for name in ("one.png", "other.png"):
        draw_twins(tmp_path / name, *drawn, "twice")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
