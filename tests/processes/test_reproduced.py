"""An entry of a reproduced table over processes is what it is in one process."""

from pathlib import Path

import pytest

from data.progress import finished
from fl_server.experiments.cells import TIMES
from fl_server.experiments.over_processes import beside, chosen_cell
from fl_server.experiments.sources import sources_in
from tests.cities import wavy_traffic
from tests.fl_server.experiments.test_work import TINY
from tests.fl_server.test_forecast import written_set


@pytest.mark.long
def test_an_entry_over_processes_has_the_same_twins_and_figures(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    written_set(tmp_path / "whole", wavy_traffic(stations=6, days=12))
    cell = chosen_cell(TINY, sources_in(tmp_path / "whole"), "whole:4")
    found = finished(beside(cell))
    assert found.differing == []
    assert not found.twins_differ
    assert found.inside.keys() == found.outside.keys() > TIMES
