"""The rows of Fig. 8: what they are made of, and what a step costs."""

from dataclasses import asdict, astuple, replace

import numpy as np
import pytest

from data.errors import InputError
from hetnet.figures_orchestration import (
    Fig8Row,
    factors,
    fig8_rows,
    half_width,
    rows_of,
    step_time,
    step_times,
    summaries,
)
from hetnet.orchestration import Outcome
from hetnet.scene import SceneSettings, resized
from hetnet.simulation import SYSTEMS, Hour, Seconds
from hetnet.world import Held, WorldSettings, made_world

NONE = Held(np.zeros(0, np.int64), np.zeros(0))
BRIEF = WorldSettings(days=8, hours=2, fades=3)


def hour(name: str, award: float, cost: float) -> Hour:
    system = next(each for each in SYSTEMS if each.name == name)
    return Hour(system, 0, NONE, Outcome(award, 0.5, 0.9), cost, 2 * cost, 3, 1.5, "")


def test_efficiency_and_gain_by_hand() -> None:
    """Awards 6 and 10 at costs 3 and 5 are 8 at 4; without twins it is 7: a gain of 1 for 4."""
    hours = [
        hour("hierarchical", 6, 3),
        hour("hierarchical", 10, 5),
        hour("strongest signal", 7, 0),
    ]
    row, without = rows_of(hours, users=10, seed=1)
    assert (row.award, row.cost, row.efficiency, row.literal_efficiency, row.gain) == (
        0.8,
        0.4,
        2.0,
        1.0,
        0.25,
    )
    assert (without.efficiency, without.gain) == (0.0, 0.0)


def test_rows_without_a_network_to_hold_them_against_are_refused() -> None:
    with pytest.raises(InputError, match="expected them to hold others against"):
        rows_of([hour("hierarchical", 6, 3)], users=10, seed=1)


def test_a_small_network_gives_a_row_for_each_system_without_missing_numbers() -> None:
    rows = fig8_rows(40, 2, world=BRIEF)
    assert [row.system for row in rows] == [system.name for system in SYSTEMS]
    values = [value for row in rows for value in asdict(row).values() if isinstance(value, int | float)]
    assert len(values) == len(rows) * 11
    assert np.isfinite(values).all()
    assert rows == fig8_rows(40, 2, world=BRIEF)


def test_systems_with_twins_take_time_for_each_part_and_others_for_none() -> None:
    """The hierarchy screens the network; for all-inclusive twins there is next to nothing to choose."""
    of = {row.system: row.seconds for row in fig8_rows(40, 2, world=BRIEF)}
    for name in ("hierarchical, synchronised", "all-inclusive"):
        assert min(astuple(of[name])) > 0
    assert of["hierarchical"].screening > 2 * of["all-inclusive"].screening
    assert of["strongest signal"] == of["random"] == Seconds()


def test_means_and_intervals_over_seeds_are_students() -> None:
    base = Fig8Row(50, 1, "a", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    rows = [replace(base, seed=seed, award=award) for seed, award in ((1, 1.0), (2, 2.0), (3, 3.0))]
    (found,) = summaries(rows, ["award"])
    assert (found.mean, found.seeds) == (2.0, 3)
    assert found.half_width == pytest.approx(4.302653 / 3**0.5)  # t of two degrees of freedom
    assert half_width(np.array([1.0])) == 0


def test_factors_are_taken_seed_by_seed() -> None:
    """4 / 1 and 6 / 3 are 4 and 2: 3 on average, where the means' ratio is 2.5."""
    base = Fig8Row(50, 1, "a", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    values = {("a", 1): 4.0, ("b", 1): 1.0, ("a", 2): 6.0, ("b", 2): 3.0}
    rows = [
        replace(base, system=system, seed=seed, efficiency=value) for (system, seed), value in values.items()
    ]
    (found,) = factors(rows, "a", "b")
    assert found.mean == 3.0
    with pytest.raises(InputError, match="is not positive"):
        factors([replace(row, efficiency=0.0) for row in rows], "a", "b")


def test_each_part_of_a_step_takes_some_time() -> None:
    (found,) = step_times([40])
    assert (found.users, found.stations) == (40, 5)
    assert min(found.screening, found.twins, found.association, found.orchestration) > 0


@pytest.mark.long
@pytest.mark.parametrize(("users", "goal"), [(200, 0.1), (2000, 10.0)])
def test_one_orchestration_is_as_fast_as_it_must_be(users: int, goal: float) -> None:
    """After screening: 200 users and 25 stations in less than .1 s, 2,000 and 250 in less than 10 s."""
    world = made_world(resized(SceneSettings(), users), WorldSettings(days=8, hours=1))
    found = step_time(world)
    assert found.stations == users / 8
    assert found.orchestration < goal


@pytest.mark.long
def test_the_hierarchy_is_the_more_efficient_at_every_size() -> None:
    """The claim of Fig. 8, of three seeds: award over what the twins cost."""
    for users in (50, 200):
        rows = [row for seed in (1, 2, 3) for row in fig8_rows(users, seed)]
        of = {found.system: found.mean for found in summaries(rows, ["efficiency"])}
        assert of["hierarchical, synchronised"] > 2 * of["all-inclusive, synchronised"]
