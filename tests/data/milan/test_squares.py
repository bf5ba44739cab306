"""Where the squares are."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.milan.squares import grid_from_geojson, milan_grid

PUBLISHED = Path(__file__).parents[3] / "../shared/telecom-italia/milan-grid/milano-grid.geojson.gz"


def square(identifier: object, west: float, south: float) -> dict[str, object]:
    ring = [[west, south], [west, south + 1], [west + 1, south + 1], [west + 1, south], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": {"cellId": identifier}}


def written(folder: Path, *features: object) -> Path:
    path = folder / "grid.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def metres(first: np.ndarray, second: np.ndarray) -> float:
    east = (first[..., 0] - second[..., 0]) * 111_320 * np.cos(np.radians(45.46))
    north = (first[..., 1] - second[..., 1]) * 111_150
    return float(np.hypot(east, north).max())


def test_square_one_is_in_the_south_west_and_ids_go_eastward_then_northward() -> None:
    grid = milan_grid()
    assert grid.squares[[0, -1]].tolist() == [1, 10_000]
    assert metres(grid.positions[0], grid.positions[1]) == pytest.approx(235, abs=1)
    assert metres(grid.positions[0], grid.positions[100]) == pytest.approx(235, abs=1)
    assert grid.positions[1, 0] > grid.positions[0, 0]
    assert grid.positions[100, 1] > grid.positions[0, 1]


def test_the_computed_centres_are_those_of_the_published_grid_to_five_centimetres() -> None:
    if not PUBLISHED.exists():
        pytest.skip("the published grid file is not at hand")
    published = grid_from_geojson(PUBLISHED)
    assert published.squares.tolist() == milan_grid().squares.tolist()
    assert metres(published.positions, milan_grid().positions) < 0.05


def test_a_grid_file_gives_centres_in_the_order_of_the_ids(tmp_path: Path) -> None:
    grid = grid_from_geojson(written(tmp_path, square(7, 11, 46), square(3, 10, 45)))
    assert grid.squares.tolist() == [3, 7]
    assert grid.positions.tolist() == [[10.5, 45.5], [11.5, 46.5]]
    assert [grid.knows(identifier) for identifier in (0, 3, 4, 7, 8)] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ([], "holds no square"),
        ([square(3, 10, 45), square(3, 11, 45)], "cellId 3 stands twice"),
        ([square(3, 10, 45), square("x", 11, 45)], "feature 2: cellId: found 'x'"),
        ([square(3, 10, 145)], "feature 1: expected a ring of longitudes and latitudes"),
        ([{"properties": {}}], "feature 1: expected a polygon of numbers with the property cellId"),
    ],
)
def test_a_bad_grid_file_is_refused(tmp_path: Path, features: list[object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        grid_from_geojson(written(tmp_path, *features))


def test_a_truncated_grid_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.geojson.gz"
    path.write_bytes(gzip.compress(written(tmp_path, square(1, 1, 1)).read_bytes())[:-9])
    with pytest.raises(InputError, match="not a readable GeoJSON file"):
        grid_from_geojson(path)
