"""The page with 10,000 stations, in a real browser."""

from pathlib import Path

import pytest

from tests.benchmarks.page_speed import measured


@pytest.mark.long
def test_ten_thousand_stations_are_there_at_once_and_move_smoothly(tmp_path: Path) -> None:
    found = measured(tmp_path)
    assert found.paint_cold < 2000
    assert found.stations_warm < 2000
    assert min(found.pan, found.slide) >= 30
