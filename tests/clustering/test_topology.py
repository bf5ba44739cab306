"""Links: regular, nearest, and from a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering.girvan_newman import parts
from clustering.link_file import read_links
from clustering.topology import nearest_topology, regular_topology
from data.errors import InputError
from data.plane import degrees
from tests.clustering.graphs import names


@given(stations=st.integers(2, 40), degree=st.integers(1, 39), seed=st.integers(0, 100))
def test_every_station_of_a_regular_topology_has_its_links(stations: int, degree: int, seed: int) -> None:
    if degree >= stations or stations * degree % 2:
        with pytest.raises(InputError, match=r"impossible among|is odd"):
            regular_topology(stations, degree, seed)
        return
    topology = regular_topology(stations, degree, seed)
    assert np.bincount(topology.ends.reshape(-1)).tolist() == [degree] * stations
    assert (topology.ends[:, 0] < topology.ends[:, 1]).all()
    assert (regular_topology(stations, degree, seed).ends == topology.ends).all()


@given(seed=st.integers(0, 1_000), degree=st.integers(1, 4), kind=st.sampled_from(["any", "line", "piles"]))
def test_the_nearest_topology_joins_all_and_holds_each_ones_nearest(
    seed: int, degree: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    places = rng.random((12, 2))
    if kind == "line":
        places[:, 1] = 0
    if kind == "piles":
        places = rng.integers(0, 2, (12, 2)).astype(float)
    topology = nearest_topology(degrees(places, (9.0, 0.0)), degree)
    assert parts(topology).max() == 0
    assert np.bincount(topology.ends.reshape(-1)).min() >= degree
    if kind == "any":
        apart = np.linalg.norm(places[:, None] - places, axis=2) + np.where(np.eye(12), np.inf, 0)
        links = {(int(one), int(other)) for one, other in topology.ends}
        for station, nearest in enumerate(apart.argmin(axis=1).tolist()):
            assert (min(station, nearest), max(station, nearest)) in links


def test_two_towns_apart_are_joined_by_the_shortest_link() -> None:
    places = np.array([[0.0, 0], [0, 1], [1, 0], [10, 0], [10, 1], [11, 0]])
    links = nearest_topology(degrees(places, (9.0, 0.0)), 2).ends.tolist()
    assert [2, 3] in links
    assert len(links) == 7  # and two triangles


def test_one_station_has_nobody_to_be_linked_to(tmp_path: Path) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: regular_topology(1, 1, 1),
        lambda: nearest_topology(np.zeros((1, 2)), 1),
        lambda: read_links(tmp_path / "links.csv", names(1)),
    ]
    for attempt in attempts:
        with pytest.raises(InputError, match="one station has nobody"):
            attempt()


def test_a_file_of_links_is_read_whatever_the_order_of_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("a,b,overlap,distance_km\ns0002,s0001,0.5,2\ns0000, s0002 ,0,1\n")
    topology = read_links(file, names(3))
    assert topology.ends.tolist() == [[0, 2], [1, 2]]
    assert topology.overlap is not None
    assert topology.overlap.tolist() == [0, 0.5]
    assert topology.distance_km is not None
    assert topology.distance_km.tolist() == [1, 2]
    assert topology.backhaul is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "links.csv"),
        ("from,to\n", ":1: found from,to, expected a,b"),
        ("a,b,length\n", ":1: found a,b,length"),
        ("a,b\n", "lists no link"),
        ("a,b\ns0000\n", ":2: expected 2 columns, found 1"),
        ("a,b\n\ns0000,s0001\n", ":2: expected 2 columns, found a blank line"),
        ("a,b\ns0000,west\n", ":2: found station 'west'"),
        ("a,b\ns0000,s0000\n", ":2: links 's0000' to itself"),
        ("a,b\ns0000,s0001\ns0001,s0000\n", ":3: lists the link s0001,s0000 a second time"),
        ("a,b,overlap\ns0000,s0001,1.5\n", ":2: column overlap: found '1.5', expected a number from 0 to 1"),
        ("a,b,backhaul\ns0000,s0001,inf\n", ":2: column backhaul: found 'inf', expected a number from 0 on"),
        ("a,b,backhaul\ns0000,s0001,much\n", ":2: column backhaul: found 'much'"),
    ],
)
def test_a_bad_file_of_links_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "links.csv").write_text(text)
    with pytest.raises(InputError) as refusal:
        read_links(tmp_path / "links.csv", names(3))
    assert sentence in str(refusal.value)
