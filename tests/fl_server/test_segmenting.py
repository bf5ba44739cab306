"""Segmentations in a run: by number, from what stations reveal, or refused with a sentence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clustering.drift import DriftSettings
from clustering.relation import RelationSettings, Weights
from clustering.segmentation import Segmentation, SegmentationSettings
from data.errors import InputError
from data.messages import Answer, Description
from data.traffic import StationId, Traffic
from fl_server.segmenting import Landscape, described, landscape, segmented
from fl_server.settings import SegmentSettings
from tests.bs_client.stations import bits
from tests.cities import wavy_traffic
from tests.fleets import Trouble, TroubledFleet, failing, missing, small_fleet

CITY = wavy_traffic(stations=12, days=14)


def land_of(traffic: Traffic = CITY, settings: SegmentSettings | None = None, seed: int = 1) -> Landscape:
    return landscape(traffic.stations, traffic.positions, settings or SegmentSettings(), seed)


def some_descriptions() -> list[Description]:
    return described(small_fleet(traffic=CITY), None)


def result(land: Landscape, number: int, earlier: Segmentation | None = None) -> Segmentation:
    return segmented(land, some_descriptions(), number, earlier)


def test_stations_are_described_in_the_order_of_the_fleet() -> None:
    fleet = small_fleet(traffic=CITY)
    assert [each.station for each in described(fleet, 10 * 24)] == list(fleet.stations)


def test_later_descriptions_rest_on_more_of_the_past() -> None:
    """Of the first week alone, and of this and three days more."""
    fleet = small_fleet(traffic=CITY)
    early, late = described(fleet, None)[0], described(fleet, 10 * 24)[0]
    past = CITY.load[: 10 * 24, 0].astype(np.float64).reshape(10, 24).mean(axis=0)
    np.testing.assert_allclose(late.day, (past - past.mean()) / past.std(), atol=1e-9)
    assert early.day.tolist() != late.day.tolist()


def with_a_nan_signature(answer: Answer) -> list[Answer]:
    assert isinstance(answer, Description)
    return [replace(answer, day=np.full(24, np.nan))]


def with_a_short_signature(answer: Answer) -> list[Answer]:
    assert isinstance(answer, Description)
    return [replace(answer, week=answer.week[:24])]


NO_DESCRIPTIONS = [failing, missing, with_a_nan_signature, with_a_short_signature]


@pytest.mark.parametrize("trouble", NO_DESCRIPTIONS)
def test_later_on_the_earlier_description_of_a_silent_station_stands(trouble: Trouble) -> None:
    inner = small_fleet(traffic=CITY)
    earlier, later = described(inner, None), described(inner, 10 * 24)
    found = described(TroubledFleet(inner, {StationId("s4"): trouble}), 10 * 24, earlier)
    expected = [(earlier if each.station == "s4" else later)[place] for place, each in enumerate(later)]
    assert [bits(each) for each in found] == [bits(each) for each in expected]


@pytest.mark.parametrize("trouble", NO_DESCRIPTIONS)
def test_a_station_that_does_not_describe_itself_is_named(trouble: Trouble) -> None:
    fleet = TroubledFleet(small_fleet(traffic=CITY), {StationId("s4"): trouble})
    with pytest.raises(
        InputError, match=r"^station s4 did not describe itself, expected a signature of every station$"
    ):
        described(fleet, None)


def test_the_same_number_is_the_same_segmentation() -> None:
    """So that a run that was stopped goes on as if it had not been."""
    assert result(land_of(), 3).cluster_of.tolist() == result(land_of(), 3).cluster_of.tolist()


def test_attributes_drift_from_one_segmentation_to_the_next() -> None:
    """The modularity of the clusters is a sum over Φ: it moves with every attribute."""
    several = [result(land_of(), number).quality.modularity for number in (0, 1, 2, 1)]
    assert len(set(several)) == 3
    assert several[1] == several[3]


def test_the_first_segmentation_goes_by_the_attributes_as_they_are() -> None:
    still = SegmentSettings(drift=DriftSettings(backhaul=0, traffic=0))
    assert result(land_of(), 0).quality == result(land_of(settings=still), 0).quality
    assert result(land_of(), 1).quality.modularity != result(land_of(settings=still), 1).quality.modularity


def test_without_drift_every_segmentation_is_the_first() -> None:
    land = land_of(settings=SegmentSettings(drift=DriftSettings(backhaul=0, traffic=0)))
    first = result(land, 0)
    again = result(land, 5, first)
    assert again.quality.modularity == first.quality.modularity
    assert again.quality.stability == 1.0


def test_two_towns_are_found_by_their_distance() -> None:
    """Six stations here and six 70 km away, by distance alone: two clusters, whatever the numbers drawn."""
    apart = CITY.positions.copy()
    apart[6:, 1] += 0.6
    settings = SegmentSettings(
        how=SegmentationSettings(method="louvain"),
        topology="nearest",
        degree=3,
        relation=RelationSettings(weights=Weights(backhaul=0, overlap=0, traffic=0)),
    )
    found = result(land_of(replace(CITY, positions=apart), settings), 0)
    assert len(set(found.cluster_of[:6]) & set(found.cluster_of[6:])) == 0


@pytest.mark.parametrize("stations", [2, 3, 4, 20, 21, 22, 25])
def test_without_a_degree_every_number_of_stations_has_a_regular_topology(stations: int) -> None:
    """20 links at each, or as many as there are others: N · 20 is even, and N (N - 1) always is."""
    traffic = wavy_traffic(stations=stations, days=8)
    topology = land_of(traffic, SegmentSettings(topology="regular")).topology
    degrees = np.bincount(topology.ends.reshape(-1), minlength=stations)
    assert set(degrees.tolist()) == {min(20, stations - 1)}


def test_the_topology_is_as_the_settings_say(tmp_path: Path) -> None:
    regular = land_of(settings=SegmentSettings(topology="regular", degree=4)).topology
    assert set(np.bincount(regular.ends.reshape(-1)).tolist()) == {4}
    nearest = land_of(settings=SegmentSettings(topology="nearest", degree=1)).topology
    assert len(nearest.ends) == 11  # stations on a line
    file = tmp_path / "links.csv"
    file.write_text("a,b\ns0,s1\ns1,s2\n" + "".join(f"s{number},s0\n" for number in range(3, 12)))
    assert len(land_of(settings=SegmentSettings(topology=str(file))).topology.ends) == 11


def test_the_capacity_of_lines_is_drawn_by_the_seed() -> None:
    assert (
        land_of(seed=3).backhaul.tolist()
        == land_of(seed=3).backhaul.tolist()
        != land_of(seed=4).backhaul.tolist()
    )


def regular_of(degree: int) -> SegmentSettings:
    return SegmentSettings(topology="regular", degree=degree)


@pytest.mark.parametrize(
    ("stations", "settings", "sentence"),
    [
        (1, SegmentSettings(), "one station makes no network of twins, expected at least two that vary"),
        (
            5,
            regular_of(3),
            "5 stations cannot have 3 links each: 5 × 3 is odd",
        ),
        (
            5,
            regular_of(5),
            "a degree of 5 is impossible among 5 stations, expected 1 to 4",
        ),
        (5, SegmentSettings(topology="nearest", degree=9), "a degree of 9 is impossible among 5 stations"),
        (
            5,
            SegmentSettings(topology="ring"),
            "unknown topology 'ring', expected regular, nearest or a CSV file",
        ),
    ],
)
def test_an_impossible_landscape_is_refused(stations: int, settings: SegmentSettings, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        land_of(wavy_traffic(stations=stations, days=8), settings)
    assert str(refusal.value).startswith(sentence)


def test_more_clusters_than_stations_are_refused() -> None:
    settings = SegmentSettings(how=SegmentationSettings(method="girvan-newman", clusters=13))
    with pytest.raises(InputError, match=r"^12 stations cannot make 13 clusters$"):
        result(land_of(settings=settings), 0)


def test_a_folder_is_no_topology(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        land_of(settings=SegmentSettings(topology=str(tmp_path)))
