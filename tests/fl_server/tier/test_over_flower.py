"""Heads as nodes of a real link: how the server meets them."""

from pathlib import Path

import pytest

from fl_server.federation import fleet as fleets
from fl_server.federation.fleet import FlowerFleet, Patience
from fl_server.federation.link_grid import LinkGrid
from fl_server.run import Run
from fl_server.running import first_state, states
from fl_server.tier.head import head_setup
from tests.fl_server.federation.nodes import joined, opened
from tests.fl_server.test_lifecycle import CITY, plan_of
from tests.fl_server.tier.backhauls import head_of
from tests.fl_server.tier.test_heads import ALONE, PARTS, by_heads, essence, straight


def over_flower(fleet: FlowerFleet) -> Run:
    plan = plan_of(fleet, by_heads(ALONE, fleet.groups))
    *_, last = states(fleet, plan, first_state(plan))
    return last.hierarchical


@pytest.mark.parametrize("late", [False, True])
def test_heads_that_are_nodes_make_the_same_twins_also_if_stations_come_to_them_late(
    late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While stations are gathered, heads are asked again who theirs are."""
    monkeypatch.setattr(fleets, "AGAIN_SECONDS", 0.2)
    heads = [head_of(CITY, part, tmp_path / str(place)) for place, part in enumerate(PARTS)]
    few = head_of(CITY, PARTS[0][:2], tmp_path / "few")
    asked = []

    def growing(packet: bytes) -> bytes:
        asked.append(packet)
        return (few if late and len(asked) == 1 else heads[0]).answered(packet)

    with opened() as (link, address):
        grid = LinkGrid(link)
        with joined(address, [growing, *(head.answered for head in heads[1:])]):
            fleet = FlowerFleet(grid, head_setup(ALONE, "one", 5.0), Patience(), grid.pause, growing=True)
            for there in fleet.gathered(len(CITY.stations)):
                assert there <= len(CITY.stations)
            assert sorted(map(len, fleet.groups)) == [1, 3, 3]
            made = over_flower(fleet)
            assert fleet.crossed.refused == {}
        grid.end()
    assert essence(made) == essence(straight())
