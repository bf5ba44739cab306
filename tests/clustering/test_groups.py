"""Groups that somebody gives: read from a file, or refused in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clustering.groups import given_clusters, read_groups
from clustering.segmentation import SegmentationSettings, segmentation
from data.errors import InputError
from data.progress import finished
from data.traffic import StationId
from tests.clustering.graphs import barbell, names

GROUPS = (("s3", "s1"), ("s0",), ("s2", "elsewhere"))


def written(folder: Path, text: str) -> Path:
    file = folder / "groups.csv"
    file.write_text(text)
    return file


def test_a_file_lists_each_station_with_its_group(tmp_path: Path) -> None:
    file = written(tmp_path, "station,group\n7, north\n9,south\n8,north\n")
    assert read_groups(file) == (("7", "8"), ("9",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", r"groups.csv:1: found a,b, expected station,group"),
        ("station,group\n1\n", r"groups.csv:2: found 1, expected a station and its group"),
        ("station,group\n1,a\n2,\n", r"groups.csv:3: found 2,, expected"),
        ("station,group\n", "lists no station"),
        ("", "is empty"),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_groups(written(tmp_path, text))


def test_stations_have_the_number_of_their_group_and_others_take_no_part() -> None:
    stations = [StationId(f"s{place}") for place in range(4)]
    assert given_clusters(stations, GROUPS).tolist() == [1, 0, 2, 0]


def test_a_station_in_no_group_or_in_two_is_refused() -> None:
    with pytest.raises(InputError, match="station s4 is in no group"):
        given_clusters([StationId("s4")], GROUPS)
    with pytest.raises(InputError, match="station s1 stands in two groups"):
        given_clusters([StationId("s1")], (*GROUPS, ("s1",)))


def test_a_segmentation_by_groups_is_numbered_and_scored_as_any_other() -> None:
    topology = barbell()
    phi = np.ones(len(topology.ends))
    halves = names(topology.stations)[::2], names(topology.stations)[1::2]
    settings = SegmentationSettings(method="given", groups=(halves[1], halves[0]))
    found = finished(segmentation(names(topology.stations), topology, phi, settings))
    assert found.cluster_of.tolist() == (np.arange(topology.stations) % 2).tolist()
    assert -1 <= found.quality.modularity < 0


def test_groups_and_methods_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="the method louvain finds groups"):
        SegmentationSettings(method="louvain", groups=GROUPS)
    with pytest.raises(InputError, match="the method given has no groups"):
        SegmentationSettings(method="given")
    topology = barbell()
    phi = np.ones(len(topology.ends))
    with pytest.raises(InputError, match="a server whose nodes are cluster heads, and none is here"):
        finished(
            segmentation(
                names(topology.stations), topology, phi, replace(SegmentationSettings(), method="heads")
            )
        )
