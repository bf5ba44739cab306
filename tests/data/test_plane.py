"""Places in kilometres and back."""

import numpy as np
import pytest

from data.plane import degrees, kilometres, pair_distances


def test_a_degree_is_shorter_eastwards_than_northwards() -> None:
    # At 60 degrees north a degree of longitude is half of one of latitude: 111.32 km x cos 60 = 55.66 km.
    apart = pair_distances(np.array([[9.0, 60.0], [10.0, 60.0]]))
    assert apart.tolist() == [[0, pytest.approx(55.66)], [pytest.approx(55.66), 0]]
    assert pair_distances(np.array([[9.0, 59.5], [9.0, 60.5]]))[0, 1] == pytest.approx(111.32)


def test_places_come_back_from_their_degrees() -> None:
    places = np.array([[-3.0, -4.0], [3.0, 4.0]])  # 10 km apart, their middle at the centre
    positions = degrees(places, (9.19, 45.464))
    assert positions.mean(axis=0) == pytest.approx([9.19, 45.464])
    assert pair_distances(positions)[0, 1] == pytest.approx(10)
    np.testing.assert_allclose(kilometres(positions) - kilometres(positions).mean(axis=0), places)
