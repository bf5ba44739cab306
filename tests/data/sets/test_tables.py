"""Sets in every plain layout, and every way in which they can be wrong."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import InputError
from data.sets.tables import ReadSettings, read_set
from tests.cities import real_set

STATIONS = "station,lon,lat,name\na,9.1,45.4,North\nb,9.2,45.5,South\n"
WIDE = "time,b,a\n2024-01-01T00:00,1,2\n2024-01-01T01:00,3,4\n2024-01-01T02:00,5,6\n"
LONG = (
    "time,station,value\n2024-01-01T00:00,a,2\n2024-01-01T00:00,b,1\n2024-01-01T01:00,a,4\n"
    "2024-01-01T01:00,b,3\n2024-01-01T02:00,a,6\n2024-01-01T02:00,b,5\n"
)
LOAD = [[2, 1], [4, 3], [6, 5]]


def written(folder: Path, traffic: str, *, stations: str = STATIONS, name: str = "traffic.csv") -> Path:
    content = traffic.encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (folder / "stations.csv").write_text(stations)
    return folder


def hours(*rows: str) -> str:
    return "time,a,b\n" + "".join(f"2024-01-01T{row}\n" for row in rows)


@pytest.mark.parametrize("name", ["traffic.csv", "traffic.csv.gz"])
@pytest.mark.parametrize("content", [WIDE, LONG, WIDE.replace("T", " "), WIDE.replace("\n", "\r\n")])
def test_plain_layouts_give_the_same_traffic(tmp_path: Path, name: str, content: str) -> None:
    traffic = read_set(written(tmp_path, content, name=name), ReadSettings())
    assert traffic.load.tolist() == LOAD
    assert traffic.stations == ("a", "b")
    assert traffic.names == ("North", "South")
    assert traffic.start == np.datetime64("2024-01-01T00:00")
    assert (traffic.step_minutes, traffic.timezone, traffic.filled) == (60, None, 0)


def test_parquet_is_read_in_one_file_and_in_a_folder(tmp_path: Path) -> None:
    frame = pl.read_csv(LONG.encode()).with_columns(pl.col("time").str.to_datetime())
    for place, folder in (
        ("one", "traffic.parquet"),
        ("many", "traffic.parquet/date=2024-01-01/part-0.parquet"),
    ):
        path = tmp_path / place / folder
        path.parent.mkdir(parents=True)
        frame.write_parquet(path)
        (tmp_path / place / "stations.csv").write_text(STATIONS)
        assert read_set(tmp_path / place, ReadSettings()).load.tolist() == LOAD


def test_wide_parquet_is_read(tmp_path: Path) -> None:
    frame = pl.read_csv(WIDE.encode()).with_columns(pl.col("time").str.to_datetime())
    frame.write_parquet(written(tmp_path, "").joinpath("traffic.csv").with_suffix(".parquet"))
    (tmp_path / "traffic.csv").unlink()
    assert read_set(tmp_path, ReadSettings()).load.tolist() == LOAD


def test_a_channel_column_is_chosen_by_name(tmp_path: Path) -> None:
    content = (
        "time,station,internet,sms\n2024-01-01T00:00,a,1,7\n2024-01-01T01:00,a,2,8\n2024-01-01T02:00,a,3,9\n"
    )
    folder = written(tmp_path, content, stations="station,lon,lat\na,9,45\n")
    assert read_set(folder, ReadSettings(channel="sms")).load.tolist() == [[7], [8], [9]]
    with pytest.raises(InputError, match="no column 'call' or 'value', found internet, sms"):
        read_set(folder, ReadSettings(channel="call"))


def test_offsets_are_understood_across_a_change_of_the_clock(tmp_path: Path) -> None:
    times = ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00"]
    content = "time,a,b\n" + "".join(f"{time},1,1\n" for time in times)
    traffic = read_set(written(tmp_path, content), ReadSettings(timezone="Europe/Rome"))
    assert traffic.start == np.datetime64("2024-03-31T00:00")
    assert [str(time) for time in traffic.local_times] == [time[:16] for time in times]


@pytest.mark.parametrize("content_of", ["wide", "long"])
def test_a_named_zone_settles_the_hour_that_clocks_show_twice(tmp_path: Path, content_of: str) -> None:
    clock = ["01:00", "02:00", "02:00", "03:00"]
    if content_of == "wide":
        lines = [f"2024-10-27T{time},{row},{row}" for row, time in enumerate(clock)]
    else:
        lines = [f"2024-10-27T{time},{station},{row}" for station in "ab" for row, time in enumerate(clock)]
    head = "time,a,b" if content_of == "wide" else "time,station,value"
    traffic = read_set(written(tmp_path, "\n".join([head, *lines])), ReadSettings(timezone="Europe/Rome"))
    assert traffic.load.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert [str(time)[11:] for time in traffic.local_times] == clock


def test_short_gaps_are_filled_from_the_past_and_counted(tmp_path: Path) -> None:
    content = hours("00:00,1,10", "01:00,,20", "02:00,NaN,30", "04:00,5,50")
    traffic = read_set(written(tmp_path, content), ReadSettings())
    assert traffic.load.tolist() == [[1, 10], [1, 20], [1, 30], [1, 30], [5, 50]]
    assert traffic.filled == 4  # a at 01:00, 02:00 and 03:00; b at 03:00


def test_standardised_values_may_be_negative(tmp_path: Path) -> None:
    folder = written(tmp_path, hours("00:00,-1,1", "01:00,0,1", "02:00,1,1"))
    assert read_set(folder, ReadSettings(standardised=True)).load[0].tolist() == [-1, 1]


BAD_TRAFFIC = {
    "wrong column count": (hours("00:00,1,2", "01:00,3", "02:00,1,2"), r"csv:3: expected 3 columns, found 2"),
    "blank line": (
        hours("00:00,1,2", "01:00,3,4") + "\n" + "2024-01-01T02:00,1,2\n",
        "csv:4: expected 3 columns",
    ),
    "unknown station": (hours("00:00,1,2").replace("b", "c"), "csv:1: unknown station 'c'"),
    "station without a column": (
        "time,a\n2024-01-01T00:00,1\n",
        "csv:1: station 'b' of stations.csv has no column",
    ),
    "column twice": ("time,a,a\n2024-01-01T00:00,1,1\n", "csv:1: column 'a' stands twice"),
    "no time": ("when,a,b\n1,1,1\n", "csv:1: no column 'time'"),
    "duplicate time": (hours("00:00,1,2", "01:00,1,2", "01:00,1,2"), "csv:4: .*T01:00 stands twice"),
    "unordered times": (hours("00:00,1,2", "04:00,1,2", "01:00,1,2"), "csv:4: .*T01:00 follows .*T04:00"),
    "mixed steps": (
        hours(
            "00:00,1,2",
            "00:10,1,2",
            "00:20,1,2",
            "00:30,1,2",
            "00:40,1,2",
            "01:40,1,2",
            "02:40,1,2",
            "03:40,1,2",
        ),
        "mixed steps: 60 min from 2024-01-01T00:40",
    ),
    "odd step": (hours("00:00,1,2", "01:00,1,2", "02:00,1,2", "02:30,1,2"), "mixed steps: 30 min"),
    "unreadable time": (hours("00:00,1,2", "1 o'clock,1,2"), r"csv:3: column time: found .*1 o'clock"),
    "seconds": (hours("00:00:30,1,2", "01:00:30,1,2"), "csv:2: .*whole minutes"),
    "negative value": (hours("00:00,1,2", "01:00,1,-2", "02:00,1,1"), r"csv:3: column b: found -2"),
    "infinite value": (hours("00:00,inf,2", "01:00,1,2", "02:00,1,1"), r"csv:2: column a: found inf"),
    "text for a number": (hours("00:00,1,2", "01:00,x,2"), r"csv:3: column a: found 'x', expected a number"),
    "long gap": (
        hours("00:00,1,2", "01:00,1,2", "06:00,1,2", "07:00,1,2"),
        "a gap of 240 min, expected at most 180",
    ),
    "long gap of one station": (
        hours("00:00,1,2", *(f"0{hour}:00,,2" for hour in range(1, 5)), "05:00,1,2"),
        "station a: no value for 240 min from 2024-01-01T01:00",
    ),
    "gap at the start": (hours("00:00,,2", "01:00,1,2"), "station a: no value at 2024-01-01T00:00"),
    "empty": ("", "is empty"),
    "header only": ("time,a,b\n", "holds a header only"),
    "one time": (hours("00:00,1,2"), "holds 1 times"),
    "spring without a zone": (
        "time,a,b\n2024-03-31T00:00,1,1\n2024-03-31T01:00,1,1\n2024-03-31T03:00,1,1\n2024-03-31T04:00,1,1\n",
        "daylight saving",
    ),
    "autumn without a zone": (
        "time,a,b\n2024-10-27T02:00,1,1\n2024-10-27T02:30,1,1\n2024-10-27T02:00,1,1\n",
        "csv:4: .*daylight saving",
    ),
    "offset on some lines": (
        "time,a,b\n2024-03-31T00:00,1,1\n2024-03-31T01:00Z,1,1\n",
        "csv:3: .*with an offset on every line or on none",
    ),
    "long: unknown station": (LONG + "2024-01-01T03:00,c,1\n", "csv:8: column station: found 'c'"),
    "long: twice": (LONG + "2024-01-01T02:00,b,1\n", "csv:8: 2024-01-01T02:00 of station b stands twice"),
    "long: unordered": (
        "time,station,value\n2024-01-01T01:00,a,1\n2024-01-01T00:00,a,1\n2024-01-01T00:00,b,1\n",
        "csv:3: station a: 2024-01-01T00:00 follows 2024-01-01T01:00",
    ),
    "long: silent station": (
        "time,station,value\n2024-01-01T00:00,a,1\n2024-01-01T01:00,a,1\n",
        "station 'b' of stations.csv has no line",
    ),
}


@pytest.mark.parametrize("case", BAD_TRAFFIC)
def test_bad_traffic_is_refused_with_place_and_expectation(tmp_path: Path, case: str) -> None:
    content, sentence = BAD_TRAFFIC[case]
    with pytest.raises(InputError, match=sentence):
        read_set(written(tmp_path, content), ReadSettings())


BAD_STATIONS = {
    "missing column": ("station,lon\na,9\n", "csv:1: no column 'lat'"),
    "no station": ("station,lon,lat\n", "lists no station"),
    "ragged": ("station,lon,lat\na,9\n", "csv:2: expected 3 columns, found 2"),
    "twice": ("station,lon,lat\na,9,45\na,9,45\n", "csv:3: column station: found 'a' a second time"),
    "nameless": ("station,lon,lat\n,9,45\n", "csv:2: column station: found nothing"),
    "longitude": ("station,lon,lat\na,200,45\n", "csv:2: column lon: found '200'"),
    "latitude": ("station,lon,lat\na,9,north\n", "csv:2: column lat: found 'north'"),
}


@pytest.mark.parametrize("case", BAD_STATIONS)
def test_bad_stations_are_refused_with_place_and_expectation(tmp_path: Path, case: str) -> None:
    content, sentence = BAD_STATIONS[case]
    with pytest.raises(InputError, match=sentence):
        read_set(written(tmp_path, WIDE, stations=content), ReadSettings())


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, WIDE, name="traffic.csv.gz")
    path = folder / "traffic.csv.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"traffic\.csv\.gz: not a whole gzip file"):
        read_set(folder, ReadSettings())


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "traffic.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "stations.csv").write_text(STATIONS)
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_set(tmp_path, ReadSettings())


def test_a_set_must_be_a_folder_with_one_traffic_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_set(tmp_path / "nowhere", ReadSettings())
    with pytest.raises(InputError, match=r"expected exactly one of .* found none"):
        read_set(tmp_path, ReadSettings())
    written(tmp_path, WIDE, name="traffic.csv.gz")
    with pytest.raises(InputError, match=r"found traffic\.csv and traffic\.csv\.gz"):
        read_set(written(tmp_path, WIDE), ReadSettings())


def test_read_settings_are_checked() -> None:
    with pytest.raises(InputError, match="unknown channel 'voice'"):
        ReadSettings(channel="voice")
    with pytest.raises(InputError, match="unknown time zone 'Mars/Olympus'"):
        ReadSettings(timezone="Mars/Olympus")
    with pytest.raises(InputError, match="max_gap_hours"):
        ReadSettings(max_gap_hours=-1)


@pytest.mark.parametrize(
    ("name", "shape", "standardised"),
    [("milan25", (4320, 25), False), ("milan88", (1008, 88), True), ("trento223", (1008, 223), True)],
)
def test_real_sets_are_read(name: str, shape: tuple[int, int], standardised: bool) -> None:
    traffic = read_set(real_set(name), ReadSettings(standardised=standardised))
    assert (traffic.load.shape, traffic.step_minutes, traffic.filled) == (shape, 10, 0)


def test_a_z_scored_set_is_refused_unless_it_is_said_to_be_one() -> None:
    with pytest.raises(InputError, match=r"found -.*--standardised"):
        read_set(real_set("milan88"), ReadSettings())
