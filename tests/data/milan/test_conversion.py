"""From raw files to a set: what comes out, what is refused, and what an interruption leaves."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data.errors import InputError
from data.milan.conversion import Imported, ImportSettings, imported, work_folder
from data.milan.squares import SquareGrid
from data.progress import Step, finished
from tests.data.milan.raw_files import COLUMNS, expected_sums, official_name, write_days, write_rows

MIDNIGHT = 1_383_260_400_000  # 2013-11-01 00:00 in Rome
DAY = 86_400_000
TEN_MINUTES = 600_000


def raw_file(tmp_path: Path, content: str, name: str = "sms-call-internet-mi-2013-11-01.txt") -> Path:
    path = tmp_path / "raw" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


def run(tmp_path: Path, **settings: int) -> Imported:
    return finished(imported(tmp_path / "raw", tmp_path / "set", settings=ImportSettings(**settings)))


def table(folder: Path) -> pl.DataFrame:
    files = sorted((folder / "traffic.parquet").rglob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files if file.is_file()])
    return frame.with_columns(pl.col("station").cast(pl.String), milliseconds=pl.col("time").dt.epoch("ms"))


def assert_holds(folder: Path, rows: pl.DataFrame) -> None:
    """The set is `rows` summed over countries, with 0 where a square has no row."""
    expected = expected_sums(rows).with_columns(pl.col("square").cast(pl.String).alias("station"))
    both = table(folder).join(expected, on=["milliseconds", "station"], how="left", suffix="_raw")
    assert both.height == rows["milliseconds"].n_unique() * rows["square"].n_unique()
    assert both["internet_raw"].count() == expected.height
    for channel in ("internet", "sms", "call"):
        exact = both[f"{channel}_raw"].fill_null(0.0).to_numpy().astype(np.float32)
        np.testing.assert_array_max_ulp(both[channel].to_numpy(), exact, maxulp=1)


def test_countries_are_summed_and_a_square_without_a_row_had_no_activity(tmp_path: Path) -> None:
    raw_file(
        tmp_path,
        f"1\t{MIDNIGHT}\t0\t0.5\t\t\t\t1\n"
        f"1\t{MIDNIGHT}\t39\t0.25\t1\t2\t4\t10\n"
        f"2\t{MIDNIGHT + TEN_MINUTES}\t39\t\t\t\t\t3\n",
    )
    result = run(tmp_path)
    frame = table(tmp_path / "set")
    assert (
        frame["time"].dt.to_string("%F %R").to_list() == ["2013-11-01 00:00"] * 2 + ["2013-11-01 00:10"] * 2
    )
    assert frame["station"].to_list() == ["1", "2", "1", "2"]
    assert frame["internet"].to_list() == [11, 0, 0, 3]
    assert frame["sms"].to_list() == [1.75, 0, 0, 0]
    assert frame["call"].to_list() == [6, 0, 0, 0]
    assert (result.rows, result.stations, result.squares_without_rows, result.gap_intervals) == (
        3,
        2,
        9998,
        0,
    )


def test_an_interval_without_any_row_is_a_gap_and_counted(tmp_path: Path) -> None:
    raw_file(tmp_path, f"1\t{MIDNIGHT}\t0\t\t\t\t\t1\n1\t{MIDNIGHT + 3 * TEN_MINUTES}\t0\t\t\t\t\t2\n")
    assert run(tmp_path).gap_intervals == 2
    assert table(tmp_path / "set")["internet"].to_list() == [1, None, None, 2]


def test_a_missing_day_is_all_gap(tmp_path: Path) -> None:
    raw_file(tmp_path, f"1\t{MIDNIGHT}\t0\t\t\t\t\t1\n1\t{MIDNIGHT + 2 * DAY}\t0\t\t\t\t\t2\n")
    result = run(tmp_path)
    assert (result.days, result.gap_intervals) == (3, 2 * 144 - 1)
    assert table(tmp_path / "set")["internet"].null_count() == 2 * 144 - 1


def test_generated_days_come_out_as_their_sums(tmp_path: Path) -> None:
    rows = write_days(tmp_path / "raw", 3, 20)
    result = run(tmp_path)
    assert (result.files, result.rows, result.days, result.stations) == (3, rows.height, 3, 20)
    assert_holds(tmp_path / "set", rows)


@pytest.mark.parametrize("part_bytes", [20_000, 300_000])
def test_one_file_of_unordered_days_comes_out_the_same_in_parts(tmp_path: Path, part_bytes: int) -> None:
    rows = write_days(tmp_path / "days", 5, 10).sample(fraction=1, shuffle=True, seed=1)
    (tmp_path / "raw").mkdir()
    write_rows(rows, tmp_path / "raw" / "all.txt")
    run(tmp_path, part_bytes=part_bytes, sums_bytes=1, lanes=3)
    assert_holds(tmp_path / "set", rows)


def test_days_that_return_after_others_are_still_summed(tmp_path: Path) -> None:
    rows = write_days(tmp_path / "days", 4, 150)
    (tmp_path / "raw").mkdir()
    halves = [rows.filter(pl.col("country") != 39), rows.filter(pl.col("country") == 39)]
    write_rows(pl.concat(halves), tmp_path / "raw" / "all.txt")
    assert (tmp_path / "raw" / "all.txt").stat().st_size > 20 << 20  # every day fills several buffers
    run(tmp_path)
    assert_holds(tmp_path / "set", rows)


def test_the_number_of_lanes_does_not_change_a_bit(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 3, 12)
    written = []
    for lanes in (1, 4):
        folder = tmp_path / f"set{lanes}"
        settings = ImportSettings(lanes=lanes, part_bytes=100_000)
        finished(imported(tmp_path / "raw", folder, settings=settings))
        written.append(table(folder))
    assert written[0].equals(written[1])


def test_days_of_summer_time_are_local_days(tmp_path: Path) -> None:
    saturday = 1_364_598_000_000  # 2013-03-30 00:00 in Rome, the day before the clocks go forward
    lines = [f"1\t{saturday + step * TEN_MINUTES}\t0\t\t\t\t\t1\n" for step in range(3 * 144)]
    raw_file(tmp_path, "".join(lines))
    run(tmp_path)
    days = {path.name: pl.read_parquet(path).height for path in (tmp_path / "set/traffic.parquet").iterdir()}
    lengths = {"date=2013-03-30": 144, "date=2013-03-31": 138, "date=2013-04-01": 144, "date=2013-04-02": 6}
    assert days == lengths
    assert table(tmp_path / "set")["internet"].to_list() == [1.0] * (3 * 144)


HEADER = "datetime,CellID,countrycode,smsin,smsout,callin,callout,internet\n"


def test_the_hourly_variant_is_local_time(tmp_path: Path) -> None:
    raw_file(
        tmp_path,
        HEADER
        + "2013-11-01 00:00:00,1,0,0.5,,,,1\n"
        + "2013-11-01 00:00:00,1,39,0.25,,2,1,2\n"
        + "2013-11-01 02:00:00,1,39,,,,,4\n",
        "hours.csv",
    )
    result = run(tmp_path)
    frame = table(tmp_path / "set")
    assert (result.step_minutes, result.first, result.gap_intervals) == (60, "2013-10-31T23:00", 1)
    assert frame["milliseconds"].to_list() == [MIDNIGHT, MIDNIGHT + 3_600_000, MIDNIGHT + 7_200_000]
    assert frame["internet"].to_list() == [3, None, 4]
    assert frame["sms"].to_list() == [0.75, None, 0]


@pytest.mark.parametrize("moment", ["2013-10-27 02:00:00", "2013-03-31 02:00:00"])
def test_an_hour_that_clocks_show_twice_or_never_is_refused(tmp_path: Path, moment: str) -> None:
    raw_file(tmp_path, f"{HEADER}2013-10-26 02:00:00,1,0,,,,,1\n{moment},1,0,,,,,1\n", "hours.csv")
    with pytest.raises(InputError, match=r"hours\.csv:3: column 1 \(datetime\).*twice or never"):
        run(tmp_path)


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("days/sms-call-internet-mi-2013-11-01.txt", content)
    return archive.getvalue()


COMPRESSIONS = [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]


@pytest.mark.parametrize(("suffix", "compress"), [*COMPRESSIONS, (".zip", zipped)])
def test_compressed_files_are_read_as_they_are(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    rows = write_days(tmp_path / "days", 1, 40)
    plain = (tmp_path / "days" / official_name(date(2013, 11, 1))).read_bytes()
    assert len(plain) > 1 << 20  # more than one buffer
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / f"sms-call-internet-mi-2013-11-01.txt{suffix}").write_bytes(compress(plain))
    assert run(tmp_path).text_bytes == len(plain)
    assert_holds(tmp_path / "set", rows)


@pytest.mark.parametrize(("suffix", "compress"), [*COMPRESSIONS, (".zip", zipped)])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    path = raw_file(tmp_path, "", f"sms-call-internet-mi-2013-11-01.txt{suffix}")
    path.write_bytes(compress(f"1\t{MIDNIGHT}\t0\t\t\t\t\t1\n".encode() * 50_000)[:-20])
    with pytest.raises(InputError, match=f"2013-11-01.txt{suffix}.*copy it again"):
        run(tmp_path)
    assert not (tmp_path / "set").exists()


CUT = f"1\t{MIDNIGHT}\t0\t\t\t\t\t1\n1\t{MIDNIGHT}\t39\t\t\t\t\t73"


def test_a_plain_file_that_may_be_cut_off_in_a_number_is_refused_before_anything(tmp_path: Path) -> None:
    path = raw_file(tmp_path, CUT)
    with pytest.raises(InputError, match=r"2013-11-01\.txt: its last line has no end.* append a line end"):
        run(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["raw"]
    path.write_text(CUT + "\n")
    assert run(tmp_path).rows == 2


def test_a_last_line_without_its_end_counts_in_a_whole_archive(tmp_path: Path) -> None:
    raw_file(tmp_path, "", "sms-call-internet-mi-2013-11-01.txt.gz").write_bytes(gzip.compress(CUT.encode()))
    assert run(tmp_path).rows == 2
    assert table(tmp_path / "set")["internet"].to_list() == [74]


@pytest.mark.parametrize("change", ["grow", "vanish"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    write_days(tmp_path / "raw", 2, 3)
    path = tmp_path / "raw" / official_name(date(2013, 11, 2))
    work = imported(tmp_path / "raw", tmp_path / "set")
    next(work)
    if change == "grow":
        with path.open("a") as file:
            file.write(GOOD.replace(str(MIDNIGHT), str(MIDNIGHT + DAY)))
    else:
        path.unlink()
    with pytest.raises(InputError, match=r"2013-11-02\.txt: (changed while it was read|cannot be read)"):
        finished(work)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("out", ["raw", "raw/set", "raw/deeper/set", ".", "link/set"])
def test_a_set_in_or_around_the_raw_files_is_refused_before_anything(tmp_path: Path, out: str) -> None:
    write_days(tmp_path / "raw", 1, 3)
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    with pytest.raises(InputError, match="name another folder"):
        finished(imported(tmp_path / "raw", tmp_path / out, overwrite=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "raw"]
    assert len(list((tmp_path / "raw").iterdir())) == 1


def test_a_set_may_replace_one_that_an_import_wrote(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 2, 3)
    run(tmp_path)
    (tmp_path / "raw" / official_name(date(2013, 11, 2))).unlink()
    again = finished(imported(tmp_path / "raw", tmp_path / "set", overwrite=True))
    assert again.days == 1
    assert len(list((tmp_path / "set" / "traffic.parquet").iterdir())) == 1


def test_an_unfinished_download_is_left_out_and_named(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 1, 2)
    part = raw_file(tmp_path, GOOD, "sms-call-internet-mi-2013-11-02.txt.0123456789ab.part")
    result = run(tmp_path)
    assert (result.days, result.unfinished_downloads, result.left_aside) == (1, (str(part),), ())


def test_other_files_beside_official_ones_are_left_aside_and_named(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 1, 2)
    other = raw_file(tmp_path, "other", "mi-to-provinces-2013-11-01.csv")
    assert run(tmp_path).left_aside == (str(other),)


@pytest.mark.parametrize("part_bytes", [200, 256_000_000])
def test_a_row_that_stands_twice_in_a_file_is_refused_with_both_lines(
    tmp_path: Path, part_bytes: int
) -> None:
    other = GOOD.replace("\t39\t", "\t33\t")  # another country: no repetition
    filler = "".join(GOOD.replace("1\t", f"{square}\t", 1) for square in range(2, 30))
    raw_file(tmp_path, GOOD + other + filler + GOOD)
    where = r"2013-11-01\.txt:1 and .*2013-11-01\.txt:31"
    with pytest.raises(
        InputError, match=where + ": two rows of square 1 at 2013-10-31T23:00 UTC for country 39"
    ):
        run(tmp_path, part_bytes=part_bytes)
    assert not (tmp_path / "set").exists()


def test_a_row_that_stands_in_two_files_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD + GOOD.replace("1\t", "2\t", 1))
    raw_file(tmp_path, GOOD + GOOD.replace("1\t", "3\t", 1), "sms-call-internet-mi-2013-11-02.txt")
    with pytest.raises(InputError, match=r"11-01\.txt:1 and .*11-02\.txt:1: two rows of square 1"):
        run(tmp_path)


def test_an_hourly_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    head = "datetime,CellID,countrycode,smsin,smsout,callin,callout,internet\n"
    raw_file(tmp_path, head + "2013-11-02 00:00:00,1,39,,,,,1\n" * 2, "hourly.csv")
    with pytest.raises(InputError, match=r"hourly\.csv:2 and .*hourly\.csv:3: two rows of square 1"):
        run(tmp_path)


@pytest.mark.parametrize("kind", ["daily", "hourly"])
def test_raw_rows_under_another_name_are_not_passed_over(tmp_path: Path, kind: str) -> None:
    write_days(tmp_path / "raw", 1, 2)
    hourly = (
        "datetime,CellID,countrycode,smsin,smsout,callin,callout,internet\n2013-11-02 00:00:00,1,39,,,,,1\n"
    )
    raw_file(tmp_path, GOOD if kind == "daily" else hourly, "second-day.csv")
    with pytest.raises(InputError, match=rf"second-day\.csv holds {kind} rows but no official name"):
        run(tmp_path)


GOOD = f"1\t{MIDNIGHT}\t39\t\t\t\t\t1\n"


@pytest.mark.parametrize("part_bytes", [1_000, 256_000_000])
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (GOOD.replace("\t1\n", "\t1\t2\n"), "expected 8 columns, found 9"),
        (
            GOOD.replace("1\t", "10001\t", 1),
            r"column 1 \(square\): found '10001', expected a square of the Milan",
        ),
        (GOOD.replace("\t1\n", "\t-1\n"), r"column 8 \(internet\): found '-1', expected a number from 0"),
        (GOOD.replace("\t1\n", "\tx\n"), r"column 8 \(internet\): found 'x', expected a number from 0"),
        (
            GOOD.replace("00000\t", "00001\t"),
            r"column 2 \(interval start\): .* expected a multiple of 600000",
        ),
        ("\n", "expected 8 columns, found 1"),
    ],
)
def test_a_bad_line_is_named_before_anything_appears(
    tmp_path: Path, bad: str, sentence: str, part_bytes: int
) -> None:
    raw_file(tmp_path, GOOD * 123 + bad + GOOD * 10)
    with pytest.raises(InputError, match=rf"2013-11-01\.txt:124: {sentence}"):
        run(tmp_path, part_bytes=part_bytes)
    assert not (tmp_path / "set").exists()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, "")
    with pytest.raises(InputError, match=r"2013-11-01\.txt: is empty, expected rows"):
        run(tmp_path)


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, HEADER, "hours.csv")
    with pytest.raises(InputError, match=r"hours\.csv: holds no row"):
        run(tmp_path)


def test_rubbish_is_refused_with_the_formats_that_are_known(tmp_path: Path) -> None:
    raw_file(tmp_path, "hello\n")
    with pytest.raises(InputError, match=r"txt:1: found 'hello', expected 8 tab-separated columns or"):
        run(tmp_path)


def test_a_folder_without_raw_files_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, "{}", "grid.geojson")
    with pytest.raises(InputError, match="holds no raw file, expected names like"):
        run(tmp_path)


def test_mixed_formats_are_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD, "a.txt")
    raw_file(tmp_path, HEADER + "2013-11-01 00:00:00,1,0,,,,,1\n", "b.csv")
    with pytest.raises(InputError, match=r"b\.csv is hourly and .*a\.txt is daily"):
        run(tmp_path)


def test_a_file_beside_its_compressed_self_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD)
    raw_file(tmp_path, GOOD, "sms-call-internet-mi-2013-11-01.txt.gz")
    with pytest.raises(InputError, match="are the same file twice"):
        run(tmp_path)


def test_a_copy_under_another_name_is_refused(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 2, 5)
    copy = (tmp_path / "raw" / official_name(date(2013, 11, 2))).read_text()
    raw_file(tmp_path, copy, "sms-call-internet-mi-copy.txt")
    with pytest.raises(InputError, match="hold the same rows of 2013-11-02"):
        run(tmp_path)


def test_files_that_share_a_day_without_sharing_rows_are_summed(tmp_path: Path) -> None:
    rows = write_days(tmp_path / "days", 1, 6)
    (tmp_path / "raw").mkdir()
    write_rows(rows.filter(pl.col("square") <= 3), tmp_path / "raw" / "a.txt")
    write_rows(rows.filter(pl.col("square") > 3), tmp_path / "raw" / "b.txt")
    run(tmp_path)
    assert_holds(tmp_path / "set", rows)


def test_trentino_needs_its_grid(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD, "sms-call-internet-tn-2013-11-01.txt")
    with pytest.raises(InputError, match="files of Trentino: name the file of its squares"):
        run(tmp_path)


def test_a_wrong_year_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD + GOOD.replace(str(MIDNIGHT), str(MIDNIGHT + 2_000 * DAY)))
    with pytest.raises(InputError, match="2,001 days, expected at most 1,000: is a year wrong"):
        run(tmp_path)


def test_a_folder_that_holds_files_is_kept(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("precious")
    with pytest.raises(InputError, match="already holds files"):
        run(tmp_path)
    assert (tmp_path / "set" / "mine").read_text() == "precious"


def test_a_second_import_to_the_same_folder_at_the_same_time_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, GOOD)
    first = imported(tmp_path / "raw", tmp_path / "set")
    next(first)
    with pytest.raises(InputError, match="another import writes there now"):
        run(tmp_path)
    assert any(work_folder(tmp_path / "set").iterdir())
    first.close()


def stopped_after(tmp_path: Path, enough: Callable[[Step], bool]) -> None:
    """Begin an import and give it up at a step."""
    work = imported(tmp_path / "raw", tmp_path / "set", settings=ImportSettings(lanes=1, part_bytes=50_000))
    for step in work:
        if enough(step):
            work.close()
            return


def test_an_interrupted_import_continues_and_leaves_nothing_beside_the_set(tmp_path: Path) -> None:
    rows = write_days(tmp_path / "raw", 4, 20)
    stopped_after(tmp_path, lambda step: step.stage == "write")
    assert not (tmp_path / "set").exists()
    result = run(tmp_path, part_bytes=50_000)
    assert result.text_bytes_read == 0
    assert_holds(tmp_path / "set", rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "set"]


def test_a_file_that_changed_meanwhile_is_read_again(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 2, 3)
    stopped_after(tmp_path, lambda step: step.stage == "write")
    second = tmp_path / "raw" / official_name(date(2013, 11, 2))
    rows = write_days(tmp_path / "other", 2, 4, seed=5)
    second.write_bytes((tmp_path / "other" / second.name).read_bytes())
    result = run(tmp_path, part_bytes=50_000)
    assert result.text_bytes_read == second.stat().st_size
    late = rows.filter(pl.col("milliseconds") >= MIDNIGHT + DAY)
    after = table(tmp_path / "set").filter(pl.col("milliseconds") >= MIDNIGHT + DAY)
    assert after["internet"].sum() == pytest.approx(late["internet"].sum(), rel=1e-5)


def test_an_import_that_read_nothing_leaves_nothing(tmp_path: Path) -> None:
    raw_file(tmp_path, "x\t\t\t\t\t\t\t\n")
    with pytest.raises(InputError, match=r"txt:1: column 1"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_bad_file_keeps_what_the_good_ones_gave(tmp_path: Path) -> None:
    write_days(tmp_path / "raw", 2, 3)
    bad = raw_file(tmp_path, GOOD + "x\n", official_name(date(2013, 11, 3)))
    with pytest.raises(InputError, match=r"11-03\.txt:2: expected 8 columns"):
        run(tmp_path, lanes=1)
    assert work_folder(tmp_path / "set").is_dir()
    bad.write_text(GOOD.replace(str(MIDNIGHT), str(MIDNIGHT + 2 * DAY)))
    assert run(tmp_path).text_bytes_read == bad.stat().st_size
    assert not work_folder(tmp_path / "set").exists()


FOUR_SQUARES = SquareGrid("four squares", np.arange(1, 5), np.zeros((4, 2)))
cells = st.tuples(st.integers(1, 4), st.integers(-3, 300), st.sampled_from([0, 39, 44]))
activities = st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=5, max_size=5)


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, activities), min_size=1, max_size=30, unique_by=lambda row: row[0]),
    part_bytes=st.integers(1, 999),
)
def test_any_rows_in_any_order_and_any_parts_are_summed(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[tuple[int, int, int], list[float | None]]],
    part_bytes: int,
) -> None:
    folder = tmp_path_factory.mktemp("import")
    records = [(square, MIDNIGHT + slot * TEN_MINUTES, land, *five) for (square, slot, land), five in rows]
    types = {name: pl.Int64 if place < 3 else pl.Float64 for place, name in enumerate(COLUMNS)}
    frame = pl.DataFrame(records, schema=types, orient="row")
    write_rows(frame, folder / "all.txt")
    settings = ImportSettings(part_bytes=part_bytes)
    finished(imported(folder / "all.txt", folder / "set", FOUR_SQUARES, settings=settings))
    expected = expected_sums(frame).with_columns(pl.col("square").cast(pl.String).alias("station"))
    written = table(folder / "set")
    both = expected.join(written, on=["milliseconds", "station"], how="left", suffix="_set")
    for channel in ("internet", "sms", "call"):
        found, exact = both[f"{channel}_set"].to_numpy(), both[channel].to_numpy()
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-30)
        assert written[channel].cast(pl.Float64).sum() == pytest.approx(exact.sum(), rel=1e-5, abs=1e-30)
