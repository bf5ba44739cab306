"""Cells from a file, and what is said of a file that cannot be used."""

from pathlib import Path

import pytest

from data.errors import InputError
from hetnet.caching.cell_file import read_cells


def written(folder: Path, text: str) -> Path:
    path = folder / "cells.csv"
    path.write_text(text)
    return path


def test_the_first_station_of_a_client_is_its_home(tmp_path: Path) -> None:
    found = read_cells(
        written(tmp_path, "client,station\neva,north\ntom,south\neva,south\nana,east\ntom,north\n")
    )
    assert found.clients == ("eva", "tom", "ana")
    assert found.stations == ("north", "south", "east")
    assert found.cells.home.tolist() == [0, 1, 2]
    assert found.cells.reach.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_other_columns_are_passed_over(tmp_path: Path) -> None:
    found = read_cells(written(tmp_path, "station,since,client\nnorth,2013,eva\n"))
    assert found.clients == ("eva",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "cells.csv: is empty, expected a header and at least one line"),
        ("client,station\n", "cells.csv: holds a header only"),
        ("client,cell\na,b\n", "cells.csv:1: no column 'station', expected client, station, found client"),
        (
            "client,station\na,\n",
            "cells.csv:2: column station: found nothing, expected the name of a station",
        ),
        ("client,station\na,b\n,b\n", "cells.csv:3: column client: found nothing, expected the name"),
        ("client,station\na,b\na,b\n", "cells.csv:3: client 'a' reaches the station 'b' twice"),
        ("client,station\na,b\na,c\na,d\n", "cells.csv:4: client 'a' reaches a third station, expected 2"),
    ],
)
def test_cells_that_cannot_be_used_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_cells(written(tmp_path, text))
    assert expected in str(refusal.value)
