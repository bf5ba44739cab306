"""Which stations clients reach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.cells import Cells, CellSettings, drawn_cells, homes


def test_the_papers_cells_are_five_of_eight_clients_who_reach_two_at_most() -> None:
    cells = drawn_cells(CellSettings(), np.random.default_rng(0))
    assert np.bincount(cells.home).tolist() == [8] * 5
    assert sorted(set(cells.reach.sum(axis=1))) == [1, 2]
    assert np.bincount(cells.home[cells.reach.sum(axis=1) == 2]).tolist() == [4] * 5  # half of each cell


def test_cells_overlap_with_those_beside_them() -> None:
    cells = drawn_cells(CellSettings(overlap=1.0), np.random.default_rng(0))
    for client, home in enumerate(cells.home):
        (other,) = np.flatnonzero(cells.reach[client] & (np.arange(5) != home))
        assert (other - home) % 5 in (1, 4)
    assert len(set(zip(*np.nonzero(cells.reach), strict=True))) == 80


def test_one_seed_gives_one_world() -> None:
    one, same, other = (drawn_cells(CellSettings(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (one.reach == same.reach).all()
    assert (one.reach != other.reach).any()


@given(stations=st.integers(1, 7), clients=st.integers(1, 60), overlap=st.floats(0, 1), data=st.data())
def test_any_number_of_clients_is_spread_evenly(
    stations: int, clients: int, overlap: float, data: st.DataObject
) -> None:
    reached = data.draw(st.integers(1, stations))
    settings = CellSettings(stations=stations, reached=reached, overlap=overlap)
    cells = drawn_cells(settings, np.random.default_rng(0), clients)
    held = np.bincount(cells.home, minlength=stations)
    assert held.max() - held.min() <= 1
    assert set(cells.reach.sum(axis=1)) <= {1, reached}


def test_as_many_clients_at_each_station_are_numbered_in_blocks() -> None:
    assert homes(6, 3).tolist() == [0, 0, 1, 1, 2, 2]


def test_cells_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="stations is 0, expected 1 or more"):
        CellSettings(stations=0)
    with pytest.raises(InputError, match="reached is 3, expected 2 at most, as many as stations"):
        CellSettings(stations=2, reached=3)
    with pytest.raises(InputError, match=r"overlap is 1\.5, expected a share of 0 to 1"):
        CellSettings(overlap=1.5)
    with pytest.raises(InputError, match="0 clients, expected 1 or more"):
        drawn_cells(CellSettings(), np.random.default_rng(0), 0)
    reach = np.eye(2, dtype=bool)
    with pytest.raises(InputError, match="client 1 does not reach its home"):
        Cells(np.array([0, 0]), reach)
    with pytest.raises(InputError, match="found a home that is no station, expected 0 to 1"):
        Cells(np.array([0, 2]), reach)
    with pytest.raises(InputError, match=r"expected \(clients,\) and \(clients, stations\)"):
        Cells(np.array([0, 1, 1]), reach)
