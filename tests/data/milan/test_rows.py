"""The compiled reader of raw rows, and the slow one that finds words for what it refuses."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.milan.files import DAILY, HOURLY, RawFormat
from data.milan.lines import row_fault
from data.milan.rows import PADDING, Parsed, parsed
from data.milan.squares import milan_grid

MIDNIGHT = 1_383_260_400_000  # 2013-11-01 00:00 in Rome
INTERVAL = MIDNIGHT // 600_000
GRID = milan_grid()


def rows_of(content: str, raw_format: RawFormat = DAILY) -> Parsed:
    encoded = content.encode("latin-1")
    text = np.frombuffer(encoded + bytes(PADDING), np.uint8)
    found: Parsed = parsed(text, len(encoded), GRID.column_of, raw_format is HOURLY)
    return found


def internet_of(word: str) -> float:
    rows = rows_of(f"1\t{MIDNIGHT}\t39\t\t\t\t\t{word}\n")
    assert rows.rows == 1
    return float(rows.loads[0, 0])


def accepted(line: str, raw_format: RawFormat = DAILY) -> bool:
    return rows_of(line + "\n", raw_format).rows == 1


def test_a_daily_row_gives_its_interval_column_and_the_two_directions_summed() -> None:
    rows = rows_of(f"2\t{MIDNIGHT + 600_000}\t39\t0.25\t0.5\t1.5\t2\t11.125\n")
    assert (rows.rows, rows.intervals[0], rows.columns[0]) == (1, INTERVAL + 1, 1)
    assert rows.loads[0].tolist() == [11.125, 0.25 + 0.5, 1.5 + 2]


def test_an_hourly_row_gives_the_hour_of_the_local_clock() -> None:
    rows = rows_of("2013-11-01 05:00:00,10000,39,0.25,,,2,\n", HOURLY)
    hours = (np.datetime64("2013-11-01T05") - np.datetime64("1970-01-01T00")).astype(int)
    assert (rows.rows, rows.intervals[0], rows.columns[0]) == (1, hours, 9999)
    assert rows.loads[0].tolist() == [0, 0.25, 2]


def test_empty_fields_are_no_activity() -> None:
    assert rows_of(f"1\t{MIDNIGHT}\t0\t\t\t\t\t\n").loads[0].tolist() == [0, 0, 0]


def test_lines_may_end_as_windows_ends_them() -> None:
    assert rows_of(f"1\t{MIDNIGHT}\t0\t1\t\t\t\t\r\n1\t{MIDNIGHT}\t0\t\t\t\t\t1\r\n").rows == 2


def test_reading_stops_at_the_first_bad_row_and_says_where_it_begins() -> None:
    good = f"1\t{MIDNIGHT}\t0\t\t\t\t\t1\n"
    rows = rows_of(good + good + good.replace("1\n", "-1\n") + good)
    assert (rows.rows, rows.stopped_at) == (2, 2 * len(good))


DECIMALS = [
    "0.026137424264286602",
    "1.2E-4",
    "1e3",
    "5.",
    ".5",
    "0",
    "1e-320",
    "9.99999999e29",
    "1234567890123456",
]
LONG_DECIMALS = ["0.000000000000000000000000012345678901234567", "1234567890.123456789012345678"]


@pytest.mark.parametrize("word", DECIMALS + LONG_DECIMALS)
def test_a_decimal_is_read_to_the_last_places_of_a_float64(word: str) -> None:
    assert internet_of(word) == pytest.approx(float(word), rel=5e-16, abs=1e-323)


@given(st.floats(0, 1e29))
def test_whatever_repr_writes_is_read_back(value: float) -> None:
    assert abs(internet_of(repr(value)) - value) <= 2 * np.spacing(value)


@given(st.integers(0, 10**17), st.integers(0, 22))
def test_any_number_of_places_is_read_within_two_units_of_the_last(digits: int, places: int) -> None:
    word = f"{digits:0{places + 1}d}"
    word = f"{word[: len(word) - places]}.{word[len(word) - places :]}"
    assert abs(internet_of(word) - float(word)) <= 2 * np.spacing(float(word))


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_date_of_the_century_is_the_right_day(day: date) -> None:
    rows = rows_of(f"{day} 00:00:00,1,0,,,,,1\n", HOURLY)
    assert rows.intervals[0] == 24 * np.datetime64(str(day), "D").astype(int)


GOOD_DAILY = f"17\t{MIDNIGHT}\t39\t0.25\t\t1.5E-3\t2\t11.125"
GOOD_HOURLY = "2013-11-01 05:00:00,17,39,0.25,,1.5E-3,2,11.125"
LETTERS = st.sampled_from("0123456789.-+eE\t,;: \rnaif\x00\xff")


@pytest.mark.parametrize(("line", "raw_format"), [(GOOD_DAILY, DAILY), (GOOD_HOURLY, HOURLY)])
@given(data=st.data())
def test_both_readers_refuse_the_same_rows(line: str, raw_format: RawFormat, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(line)))
        line = line[:place] + data.draw(LETTERS) + line[place + data.draw(st.integers(0, 2)) :]
    assert accepted(line, raw_format) == (row_fault(line, raw_format, GRID) is None)


@given(st.lists(st.text(LETTERS, max_size=20), min_size=7, max_size=9))
def test_both_readers_refuse_the_same_rows_of_rubbish(fields: list[str]) -> None:
    line = "\t".join(["17", str(MIDNIGHT), "39", *fields[3:]])
    assert accepted(line) == (row_fault(line, DAILY, GRID) is None)


@pytest.mark.parametrize(
    ("place", "found", "sentence"),
    [
        (0, "10001", "column 1 (square): found '10001', expected a square of the Milan grid, 1 to 10000"),
        (0, "0", "column 1 (square): found '0', expected a square of the Milan grid, 1 to 10000"),
        (1, str(MIDNIGHT + 1), "a multiple of 600000 (ten minutes in milliseconds)"),
        (1, "1383260400", "expected milliseconds since 1970, of a time from 2000 to 2099"),
        (2, "", "column 3 (country code): found '', expected a country code of digits"),
        (3, "-1", "column 4 (sms-in): found '-1', expected a number from 0 to 1e+30 or nothing"),
        (7, "nan", "column 8 (internet): found 'nan', expected a number from 0 to 1e+30 or nothing"),
        (7, "1e30", "column 8 (internet): found '1e30', expected a number from 0 to 1e+30 or nothing"),
    ],
)
def test_a_bad_field_is_named_with_what_was_found_and_expected(place: int, found: str, sentence: str) -> None:
    fields = GOOD_DAILY.split("\t")
    fields[place] = found
    assert not accepted("\t".join(fields))
    assert sentence in (row_fault("\t".join(fields), DAILY, GRID) or "")


def test_another_number_of_columns_is_counted() -> None:
    assert row_fault(GOOD_DAILY + "\t1", DAILY, GRID) == "expected 8 columns, found 9"
    assert row_fault("", DAILY, GRID) == "expected 8 columns, found 1"


@pytest.mark.parametrize(
    "moment", ["2013-02-29 00:00:00", "2013-11-01 24:00:00", "2013-11-01 00:10:00", "2013-11-01"]
)
def test_a_time_that_is_no_full_hour_is_named(moment: str) -> None:
    line = GOOD_HOURLY.replace("2013-11-01 05:00:00", moment)
    assert not accepted(line, HOURLY)
    assert f"column 1 (datetime): found '{moment}', expected a full hour" in (
        row_fault(line, HOURLY, GRID) or ""
    )
