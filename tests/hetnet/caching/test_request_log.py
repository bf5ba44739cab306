"""Requests from a file, and what is said of a file that cannot be used."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from hetnet.caching.cell_file import NamedCells, read_cells
from hetnet.caching.classics import CLASSICS, hits
from hetnet.caching.request_log import RequestLog, read_requests, remark
from hetnet.caching.requests import Requests


def written(folder: Path, text: str) -> Path:
    path = folder / "requests.csv"
    path.write_text(text)
    return path


def test_a_log_is_read_as_it_stands(tmp_path: Path) -> None:
    found = read_requests(written(tmp_path, "time,client,content\n10,eva,b\n10.5,tom,a\n13,eva,b\n"))
    assert found.times.tolist() == [0.0, 0.5, 3.0]
    assert found.clients.tolist() == [0, 1, 0]
    assert found.contents.tolist() == [0, 1, 0]
    assert found.client_names == ("eva", "tom")
    assert found.content_names == ("b", "a")


def test_columns_may_stand_in_any_order_and_others_beside_them(tmp_path: Path) -> None:
    text = "content,size,time,client\nb,12 kB,1,eva\na,,2,eva\n"
    assert read_requests(written(tmp_path, text)).content_names == ("b", "a")


def test_a_log_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv.gz"
    path.write_bytes(gzip.compress(b"time,client,content\n1,eva,b\n"))
    assert len(read_requests(path)) == 1


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("2013-11-01T00:00:59.5", "2013-11-01T00:01:00", 0.5),
        ("2013-11-01 00:00", "2013-11-02 00:00", 86_400),
        ("2013-11-01T00:00:00Z", "2013-11-01T00:00:07Z", 7),
        ("2013-11-01T01:00:00+01:00", "2013-11-01T01:00:00+01:00", 0),
        ("1383264000", "1383264001.25", 1.25),
    ],
)
def test_times_are_numbers_or_moments(tmp_path: Path, first: str, second: str, apart: float) -> None:
    found = read_requests(written(tmp_path, f"time,client,content\n{first},eva,b\n{second},eva,b\n"))
    assert found.times.tolist() == [0, apart]


def test_several_offsets_need_a_zone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "time,client,content\n2013-10-27T02:30:00+02:00,eva,b\n2013-10-27T02:30:00+01:00,eva,b\n",
    )
    assert read_requests(path, timezone="Europe/Rome").times.tolist() == [0, 3600]
    with pytest.raises(InputError, match="expected one offset, or the zone that has them both"):
        read_requests(path)
    with pytest.raises(InputError, match="unknown time zone 'Rome'"):
        read_requests(path, timezone="Rome")


def cells_of(folder: Path, *clients: str) -> NamedCells:
    path = folder / "cells.csv"
    path.write_text("client,station\n" + "".join(f"{client},north\n" for client in clients))
    return read_cells(path)


def test_clients_keep_the_numbers_that_they_have_in_cells(tmp_path: Path) -> None:
    path = written(tmp_path, "time,client,content\n1,tom,b\n")
    found = read_requests(path, cells=cells_of(tmp_path, "eva", "tom"))
    assert found.clients.tolist() == [1]
    assert found.client_count == 2


def test_a_log_is_read_with_its_cells_and_without(tmp_path: Path) -> None:
    path = written(tmp_path, "time,client,content\n2013-11-01T01:00:00+01:00,tom,b\n")
    cells_of(tmp_path, "eva", "tom")
    with_cells = RequestLog(path=str(path), cells=str(tmp_path / "cells.csv"), timezone="Europe/Rome")
    requests, named = with_cells.read()
    assert named is not None
    assert named.stations == ("north",)
    assert requests.client_count == 2
    requests, named = RequestLog(path=str(path)).read()
    assert named is None
    assert requests.client_count == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "requests.csv: is empty, expected a header and at least one line"),
        ("time,client,content\n", "requests.csv: holds a header only, expected at least one line of data"),
        (
            "time,user,item\n1,a,b\n",
            "requests.csv:1: no column 'client' and 'content', expected time, client, content, "
            "found time, user, item",
        ),
        ("time;client;content\n1;a;b\n", "requests.csv:1: found columns separated by ';'"),
        ("time,client,content,time\n1,a,b,2\n", "requests.csv:1: column 'time' stands twice"),
        ("time,client,content\n1,a,b\n2,a\n", "requests.csv:3: expected 3 columns, found 2"),
        (
            "time,client,content\n5,a,b\n7,a,b\n6,a,b\n1,a,b\n",
            "requests.csv:4: column time: 6 follows 7, expected times that never go back (2 such lines in "
            "all); sort the lines by time first",
        ),
        (
            "time,client,content\n2013-11-02T00:00,a,b\n2013-11-01T00:00,a,b\n",
            "requests.csv:3: column time: 2013-11-01T00:00 follows 2013-11-02T00:00, expected times",
        ),
        ("time,client,content\n1,a,b\nsoon,a,b\n", "requests.csv:3: column time: found 'soon', expected a"),
        (
            "time,client,content\n1,a,b\n,a,b\n",
            "requests.csv:3: column time: found nothing, expected a finite",
        ),
        (
            "time,client,content\n1,a,b\ninf,a,b\n",
            "requests.csv:3: column time: found 'inf', expected a finite",
        ),
        (
            "time,client,content\nnan,a,b\n2,a,b\n",
            "requests.csv:2: column time: found 'nan', expected a finite",
        ),
        (
            "time,client,content\nsoon,a,b\n",
            "requests.csv:2: column time: found 'soon', expected a number of",
        ),
        ("time,client,content\n,a,b\n", "requests.csv:2: column time: found nothing, expected a number of"),
        (
            "time,client,content\n2013-11-02T00:00,a,b\n2013-11-32T00:00,a,b\n",
            "requests.csv:3: column time: found '2013-11-32T00:00', expected a time like",
        ),
        ("time,client,content\n1,a,b\n1,,b\n", "requests.csv:3: column client: found nothing, expected the"),
        ("time,client,content\n1,a,\n", "requests.csv:2: column content: found nothing, expected the name"),
    ],
)
def test_a_log_that_cannot_be_used_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_requests(written(tmp_path, text))
    assert expected in str(refusal.value)


def test_clients_that_cells_do_not_know_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "time,client,content\n1,007,b\n2,8,b\n")
    with pytest.raises(
        InputError, match=r"requests.csv:3: .*found '8', expected one of the 2 clients of .*cells.csv$"
    ):
        read_requests(path, cells=cells_of(tmp_path, "007", "9"))
    with pytest.raises(InputError, match=r"requests.csv:2: .*\(which has '7': zeros in front"):
        read_requests(path, cells=cells_of(tmp_path, "7", "8"))


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_requests(tmp_path / "requests.csv")


def requests_for(contents: list[int]) -> Requests:
    count = len(contents)
    return Requests(np.arange(float(count)), np.zeros(count, np.int64), np.array(contents, np.int64), 1, 9)


def test_a_log_of_one_content_can_be_used_and_is_told_of(tmp_path: Path) -> None:
    found = read_requests(written(tmp_path, "time,client,content\n1,a,b\n2,a,b\n3,a,b\n"))
    for policy in CLASSICS:
        assert hits(policy, found.contents, 150).tolist() == [False, True, True]
    assert remark(found, 150) == (
        "A cache of 150 slots holds the one content asked for: every policy comes to the same, a miss at the "
        "first request for each content and a hit at every later one."
    )


def test_a_cache_larger_than_the_catalogue_is_told_of() -> None:
    assert "A cache of 3 slots holds all 3 contents" in (remark(requests_for([1, 2, 8, 2]), 3) or "")
    assert remark(requests_for([1, 2, 8, 2]), 2) is None
    assert remark(requests_for([]), 2) == "There is no request: no cache can be judged."


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=30))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, int]]
) -> None:
    rows.sort()
    text = "".join(f"{time!r},c{client},{content}\n" for time, client, content in rows)
    path = written(tmp_path_factory.mktemp("log"), "time,client,content\n" + text)
    found = read_requests(path)
    times, clients, contents = zip(*rows, strict=True)
    assert found.times == pytest.approx(np.array(times) - times[0], abs=1e-9)
    assert [found.client_names[each] for each in found.clients] == [f"c{each}" for each in clients]
    assert [found.content_names[each] for each in found.contents] == [str(each) for each in contents]
