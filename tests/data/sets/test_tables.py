"""Sets in every plain layout, and every way in which they can be wrong."""

import gzip
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.errors import InputError
from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId
from tests.cities import real_set

STATIONS = "station,lon,lat,name\na,9.1,45.4,North\nb,9.2,45.5,South\n"
WIDE = "time,b,a\n2024-01-01T00:00,1,2\n2024-01-01T01:00,3,4\n2024-01-01T02:00,5,6\n"
LONG = (
    "time,station,value\n2024-01-01T00:00,a,2\n2024-01-01T00:00,b,1\n2024-01-01T01:00,a,4\n"
    "2024-01-01T01:00,b,3\n2024-01-01T02:00,a,6\n2024-01-01T02:00,b,5\n"
)
LOAD = [[2, 1], [4, 3], [6, 5]]


def written(
    folder: Path, traffic: str | bytes, *, stations: str = STATIONS, name: str = "traffic.csv"
) -> Path:
    content = traffic.encode() if isinstance(traffic, str) else traffic
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


def test_a_part_of_a_set_is_chosen_by_number_or_by_name_and_keeps_its_order(tmp_path: Path) -> None:
    folder = written(tmp_path, WIDE)
    assert read_set(folder, ReadSettings(first_stations=1)).stations == ("a",)
    chosen = read_set(folder, ReadSettings(only=(StationId("b"),)))
    assert (chosen.stations, chosen.load.tolist(), chosen.names) == (("b",), [[1], [3], [5]], ("South",))
    both = ReadSettings(only=(StationId("b"), StationId("a"), StationId("b")))
    assert read_set(folder, both).stations == ("a", "b")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"first_stations": 3}, "holds 2 stations, expected the first 3 of them"),
        ({"only": ("c",)}, "c"),
        ({"only": ("a",), "first_stations": 1}, "exclude each other"),
        ({"first_stations": -1}, "first_stations must be at least 1"),
    ],
)
def test_a_part_that_a_set_has_not_is_refused(
    tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_set(written(tmp_path, WIDE), ReadSettings(**settings))


def test_parquet_is_read_in_one_file_and_in_a_folder(tmp_path: Path) -> None:
    frame = pl.read_csv(LONG.encode()).with_columns(pl.col("time").str.to_datetime())
    for place, folder in (
        ("[one] *", "traffic.parquet"),
        ("[many]", "traffic.parquet/date=2024-01-01/part-0.parquet"),
    ):
        path = tmp_path / place / folder
        path.parent.mkdir(parents=True)
        frame.write_parquet(path)
        (tmp_path / place / "stations.csv").write_text(STATIONS)
        assert read_set(tmp_path / place, ReadSettings()).load.tolist() == LOAD


def test_hidden_files_beside_parquet_files_are_no_part_of_a_set(tmp_path: Path) -> None:
    in_parquet(tmp_path, LONG_COLUMNS, WITH_ZEROS.replace("01", "1"))
    (tmp_path / "traffic.parquet").rename(tmp_path / "part-0.parquet")
    (tmp_path / "traffic.parquet").mkdir()
    (tmp_path / "part-0.parquet").rename(tmp_path / "traffic.parquet" / "part-0.parquet")
    (tmp_path / "traffic.parquet" / "._part-0.parquet").write_bytes(b"what a copying program leaves")
    assert read_set(tmp_path, ReadSettings()).load.shape == (3, 2)


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


@pytest.mark.parametrize("offset", ["+09:00", "+0900", "Z", "-03:30"])
@pytest.mark.parametrize("content", [WIDE, LONG])
def test_one_offset_on_all_lines_is_that_of_the_wall_clock(tmp_path: Path, content: str, offset: str) -> None:
    with_offsets = content.replace(":00,", f":00{offset},")
    traffic = read_set(written(tmp_path, with_offsets), ReadSettings())
    assert traffic.load.tolist() == LOAD
    assert (traffic.start, traffic.timezone) == (np.datetime64("2024-01-01T00:00"), None)


def test_one_offset_and_a_named_zone_give_times_of_the_zone(tmp_path: Path) -> None:
    folder = written(tmp_path, WIDE.replace(":00,", ":00+09:00,"))
    traffic = read_set(folder, ReadSettings(timezone="Europe/Rome"))
    assert traffic.start == np.datetime64("2023-12-31T15:00")
    assert traffic.local_times[0] == np.datetime64("2023-12-31T16:00")


def test_seconds_may_have_a_fraction_of_zero(tmp_path: Path) -> None:
    folder = written(tmp_path, WIDE.replace(":00,", ":00:00.000000,"))
    assert read_set(folder, ReadSettings()).load.tolist() == LOAD


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


@pytest.mark.parametrize("content", [WIDE, LONG])
@pytest.mark.parametrize("end", ["\n", "\n\n\n", "\r\n\r\n", "  \n \n"])
def test_blank_lines_at_the_end_are_fine(tmp_path: Path, content: str, end: str) -> None:
    folder = written(tmp_path, content + end, stations=STATIONS + end)
    assert read_set(folder, ReadSettings()).load.tolist() == LOAD


@pytest.mark.parametrize("content", [WIDE, LONG])
def test_spaces_around_commas_do_not_matter(tmp_path: Path, content: str) -> None:
    folder = written(tmp_path, content.replace(",", " , "), stations=STATIONS.replace(",", ", "))
    traffic = read_set(folder, ReadSettings())
    assert traffic.load.tolist() == LOAD
    assert (traffic.stations, traffic.names) == (("a", "b"), ("North", "South"))


def test_a_name_may_stand_in_quotes(tmp_path: Path) -> None:
    folder = written(tmp_path, WIDE, stations=STATIONS.replace("North", '"North, ""inner"""'))
    assert read_set(folder, ReadSettings()).names == ('North, "inner"', "South")


def test_standardised_values_may_be_negative(tmp_path: Path) -> None:
    folder = written(tmp_path, hours("00:00,-1,1", "01:00,0,1", "02:00,1,1"))
    assert read_set(folder, ReadSettings(standardised=True)).load[0].tolist() == [-1, 1]


BAD_TRAFFIC: dict[str, tuple[str | bytes, str]] = {
    "wrong column count": (hours("00:00,1,2", "01:00,3", "02:00,1,2"), r"csv:3: expected 3 columns, found 2"),
    "blank line": (
        hours("00:00,1,2", "01:00,3,4") + "\n" + "2024-01-01T02:00,1,2\n",
        "csv:4: expected 3 columns, found a blank line",
    ),
    "not UTF-8": (hours("00:00,1,2").encode() + b"2024-01-01T01:00,1,\xe9\n", "csv:3: .* no UTF-8 text"),
    "quotes": (hours("00:00,1,2", '01:00,"1",2'), "csv:3: quoted fields are not supported, expected plain"),
    "old line ends": (hours("00:00,1,2", "01:00,1,2").replace("\n", "\r"), "csv:1: found a carriage return"),
    "semicolons": (hours("00:00,1,2").replace(",", ";"), "csv:1: found columns separated by ';'"),
    "decimal commas": (
        "time;a;b\n2024-01-01T00:00;1,5;2,5\n2024-01-01T01:00;1,5;2,5\n",
        "csv:1: .*';', expected ',' and decimal points",
    ),
    "tabs": (hours("00:00,1,2").replace(",", "\t"), r"csv:1: found columns separated by '\\t'"),
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
        "csv:7: mixed steps: 60 min from 2024-01-01T00:40",
    ),
    "odd step": (hours("00:00,1,2", "01:00,1,2", "02:00,1,2", "02:30,1,2"), "csv:5: mixed steps: 30 min"),
    "unreadable time": (hours("00:00,1,2", "1 o'clock,1,2"), r"csv:3: column time: found .*1 o'clock"),
    "seconds": (hours("00:00:30,1,2", "01:00:30,1,2"), "csv:2: .*whole minutes"),
    "negative value": (hours("00:00,1,2", "01:00,1,-2", "02:00,1,1"), r"csv:3: column b: found -2"),
    "infinite value": (
        hours("00:00,inf,2", "01:00,1,2", "02:00,1,1"),
        r"csv:2: column a: found inf, expected a number up to 1e\+30",
    ),
    "large value": (
        hours("00:00,1,2", "01:00,1,1e39", "02:00,1,1"),
        r"csv:3: column b: found 1e\+39, expected a number up to 1e\+30",
    ),
    "no station but zeros before it": (
        hours("00:00,1,2").replace("time,a,b", "time,0a,b"),
        "csv:1: unknown station '0a'.* has 'a': zeros in front",
    ),
    "text for a number": (hours("00:00,1,2", "01:00,x,2"), r"csv:3: column a: found 'x', expected a number"),
    "long gap": (
        hours("00:00,1,2", "01:00,1,2", "06:00,1,2", "07:00,1,2"),
        "csv:4: no times between .*T01:00 and .*T06:00: a gap of 240 min, expected at most 180",
    ),
    "long gap of one station": (
        hours("00:00,1,2", *(f"0{hour}:00,,2" for hour in range(1, 5)), "05:00,1,2"),
        "station a: no value for 240 min from 2024-01-01T01:00",
    ),
    "gap at the start": (hours("00:00,,2", "01:00,1,2"), "station a: no value at 2024-01-01T00:00"),
    "empty": ("", "is empty"),
    "header only": ("time,a,b\n", "holds a header only"),
    "one time": (hours("00:00,1,2"), "holds 1 time,"),
    "spring without a zone": (
        "time,a,b\n2024-03-31T00:00,1,1\n2024-03-31T01:00,1,1\n2024-03-31T03:00,1,1\n2024-03-31T04:00,1,1\n",
        "csv:4: no times between .*daylight saving",
    ),
    "autumn without a zone": (
        "time,a,b\n2024-10-27T02:00,1,1\n2024-10-27T02:30,1,1\n2024-10-27T02:00,1,1\n",
        "csv:4: .*daylight saving",
    ),
    "hourly autumn without a zone": (
        "time,a,b\n2024-10-27T01:00,1,1\n2024-10-27T02:00,1,1\n2024-10-27T02:00,1,1\n",
        "csv:4: .*T02:00 stands twice.*daylight saving",
    ),
    "long: hourly autumn without a zone": (
        "time,station,value\n2024-10-27T02:00,a,1\n2024-10-27T02:00,a,1\n2024-10-27T03:00,b,1\n",
        "csv:3: .*T02:00 of station a stands twice.*daylight saving",
    ),
    "no time at all": (hours("00:00,1,2") + ",1,2\n", "csv:3: column time: found nothing"),
    "a year out of bounds": (hours("00:00,1,2").replace("2024", "0001"), "csv:2: .* from 1900 to 2199"),
    "differing offsets": (
        "time,a,b\n2024-03-31T01:00+01:00,1,1\n2024-03-31T02:00Z,1,1\n",
        r"csv:3: column time: found '2024-03-31T02:00Z' after '2024-03-31T01:00\+01:00', .*--timezone",
    ),
    "offset on some lines": (
        "time,a,b\n2024-03-31T00:00,1,1\n2024-03-31T01:00Z,1,1\n",
        "csv:3: .*with an offset on every line or on none",
    ),
    "long: unknown station": (LONG + "2024-01-01T03:00,c,1\n", "csv:8: column station: found 'c'"),
    "long: twice": (LONG + "2024-01-01T02:00,b,1\n", "csv:8: 2024-01-01T02:00 of station b stands twice"),
    "long: odd step": (LONG + "2024-01-01T02:30,b,1\n", "csv: mixed steps: 30 min"),
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
    "named like a column": ("station,lon,lat\ntime,9,45\n", "csv:2: column station: found 'time'"),
    "blank line": ("station,lon,lat\na,9,45\n\nb,9,45\n", "csv:3: expected 3 columns, found a blank line"),
    "column twice": ("station,lon,lat,lat\na,9,45,45\n", "csv:1: column 'lat' stands twice"),
    "semicolons": ("station;lon;lat\na;9;45\n", "csv:1: found columns separated by ';'"),
    "open quote": ('station,lon,lat,name\na,9,45,"N\nb,9,45,S\n', "csv:2: .*quote"),
    "quote over lines": ('station,lon,lat,name\na,9,45,"N\nb"\nc,9,45,S\n', "csv:2: .*quote"),
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


Columns = dict[str, Sequence[object] | pl.Series]
HOURS = [datetime(2024, 1, 1, hour) for hour in range(3)]
GOOD_COLUMNS: Columns = {"time": HOURS, "a": [1, 2, 3], "b": [1.5, 2.5, None]}
LONG_COLUMNS: Columns = {"time": HOURS * 2, "station": [1, 1, 1, 2, 2, 2], "value": [1.0] * 6}
WITH_ZEROS = "station,lon,lat\n01,9,45\n2,9,45\n"


def in_parquet(folder: Path, columns: Columns, stations: str = STATIONS) -> Path:
    pl.DataFrame(columns).write_parquet(folder / "traffic.parquet")
    (folder / "stations.csv").write_text(stations)
    return folder


def test_numbers_in_parquet_may_be_integers_or_floats_and_name_stations(tmp_path: Path) -> None:
    assert read_set(in_parquet(tmp_path, GOOD_COLUMNS), ReadSettings()).load[1].tolist() == [2, 2.5]
    folder = in_parquet(tmp_path, LONG_COLUMNS, WITH_ZEROS.replace("01", "1"))
    assert read_set(folder, ReadSettings()).load.tolist() == [[1, 1]] * 3


BAD_COLUMNS: dict[str, tuple[Columns, str]] = {
    "no time": ({"time": [HOURS[0], None, HOURS[2]]}, "parquet: row 2: column time: found nothing"),
    "text for times": ({"time": ["a", "b", "c"]}, "parquet: column time: found String, expected timestamps"),
    "decimal": ({"b": [Decimal("1.5")] * 3}, "parquet: column b: found Decimal.*, expected integers"),
    "truth": ({"b": [True] * 3}, "parquet: column b: found Boolean, expected integers or floats"),
    "negative": ({"b": [1, 2, -3]}, "parquet: row 3: column b: found -3, expected at least 0"),
    "large": ({"a": [1.0, 1e39, 1.0]}, r"parquet: row 2: column a: found 1e\+39, expected a number up to"),
    "twice": ({"time": [HOURS[0], HOURS[1], HOURS[1]]}, "parquet: row 3: .*T01:00 stands twice"),
    "unordered": ({"time": [HOURS[2], HOURS[1], HOURS[0]]}, "parquet: row 2: .*T01:00 follows"),
    "unknown station": ({"c": [1, 1, 1]}, "parquet: unknown station 'c'"),
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_bad_parquet_columns_are_refused_with_row_and_expectation(tmp_path: Path, case: str) -> None:
    columns, sentence = BAD_COLUMNS[case]
    with pytest.raises(InputError, match=sentence):
        read_set(in_parquet(tmp_path, GOOD_COLUMNS | columns), ReadSettings())


def test_numbers_that_lost_the_zeros_of_a_station_are_refused_with_both_names(tmp_path: Path) -> None:
    sentence = "parquet: row 1: column station: found 1, .* has '01'"
    with pytest.raises(InputError, match=sentence):
        read_set(in_parquet(tmp_path, LONG_COLUMNS, WITH_ZEROS), ReadSettings())
    with pytest.raises(InputError, match=r"column station: found Float64, expected text or integers"):
        read_set(in_parquet(tmp_path, LONG_COLUMNS | {"station": [1.0] * 6}, WITH_ZEROS), ReadSettings())


def test_the_zone_of_parquet_timestamps_is_kept(tmp_path: Path) -> None:
    for zone in ("UTC", "Asia/Tokyo"):
        times = pl.Series(HOURS).dt.replace_time_zone(zone)
        traffic = read_set(in_parquet(tmp_path, GOOD_COLUMNS | {"time": times}), ReadSettings())
        assert (traffic.timezone, str(traffic.local_times[0])) == (zone, "2024-01-01T00:00")


def test_parquet_files_of_a_set_must_have_the_same_columns_of_the_same_types(tmp_path: Path) -> None:
    folder = written(tmp_path, "").joinpath("traffic.parquet")
    (tmp_path / "traffic.csv").unlink()
    folder.mkdir()
    pl.DataFrame(LONG_COLUMNS).write_parquet(folder / "1.parquet")
    pl.DataFrame(LONG_COLUMNS | {"value": [1] * 6}).write_parquet(folder / "2.parquet")
    with pytest.raises(InputError, match=r"2\.parquet: column value: found Int64, expected Float64 as in"):
        read_set(tmp_path, ReadSettings())


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "traffic.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "stations.csv").write_text(STATIONS)
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_set(tmp_path, ReadSettings())


def test_a_set_must_be_a_folder_with_one_traffic_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found nothing, expected a folder"):
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
