"""Whatever happens to the bytes of a set, it is read or refused with a sentence."""

import gzip
import io
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.sets.tables import ReadSettings, read_set

STATIONS = b'station,lon,lat,name\n01,9.1,45.4,"North, inner"\nb,9.2,45.5,South\n'
HOURS = [datetime(2024, 3, 31, hour) for hour in range(6)]
WIDE = b"time,01,b\n" + b"".join(b"%sZ,%d,0.5\n" % (f"{hour:%Y-%m-%dT%H:%M}".encode(), 7) for hour in HOURS)
FRAME = pl.DataFrame(
    {"time": HOURS * 2, "station": ["01"] * 6 + ["b"] * 6, "internet": [1.5] * 12, "sms": range(12)}
)
LONG = FRAME.write_csv().encode()

Mutation = Callable[[bytes], bytes]
places = st.floats(0, 1, exclude_max=True)
odd = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from(
        [b",", b"\n", b'"', b" ", b"-", b"e99", b";", b"\r", b"nan", b"+01:00", b"\0", b"9" * 30]
    ),
)


def flip(place: float, bit: int) -> Mutation:
    def mutation(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + bytes([byte ^ 1 << bit for byte in content[at : at + 1]]) + content[at + 1 :]

    return mutation


def replace(place: float, length: int, new: bytes) -> Mutation:
    def mutation(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + new + content[at + length :]

    return mutation


def truncate(place: float) -> Mutation:
    return lambda content: content[: int(place * len(content))]


def repeat_line(place: float, times: int) -> Mutation:
    def mutation(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        at = int(place * len(lines))
        return b"".join(lines[:at] + lines[at : at + 1] * times + lines[at + 1 :])

    return mutation


mutations = st.lists(
    st.one_of(
        st.builds(flip, places, st.integers(0, 7)),
        st.builds(replace, places, st.integers(0, 5), odd),
        st.builds(replace, places, st.integers(1, 40), st.just(b"")),
        st.builds(truncate, places),
        st.builds(repeat_line, places, st.integers(0, 3)),
    ),
    min_size=1,
    max_size=3,
)


def assert_read_or_refused(folder: Path, files: dict[str, bytes]) -> None:
    """An error other than InputError ends the test that calls this."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for ways in (ReadSettings(max_gap_hours=1e6), ReadSettings(timezone="Europe/Rome", channel="sms")):
        with suppress(InputError):
            traffic = read_set(folder, ways)
            assert len(traffic.local_times) == len(traffic.load) >= 2
            assert np.isfinite(traffic.load).all()


def mutated(content: bytes, some: list[Mutation]) -> bytes:
    for mutation in some:
        content = mutation(content)
    return content


@settings(deadline=None)
@given(some=mutations, long=st.booleans(), zipped=st.booleans())
def test_damaged_csv_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, some: list[Mutation], long: bool, zipped: bool
) -> None:
    content = mutated(LONG if long else WIDE, some)
    traffic = {"traffic.csv.gz": gzip.compress(content, 1)} if zipped else {"traffic.csv": content}
    assert_read_or_refused(tmp_path_factory.mktemp("set"), {"stations.csv": STATIONS} | traffic)


@settings(deadline=None)
@given(some=mutations)
def test_damaged_gzip_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, some: list[Mutation]
) -> None:
    files = {"stations.csv": STATIONS, "traffic.csv.gz": mutated(gzip.compress(WIDE), some)}
    assert_read_or_refused(tmp_path_factory.mktemp("set"), files)


@settings(deadline=None)
@given(some=mutations)
def test_damaged_stations_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, some: list[Mutation]
) -> None:
    files = {"stations.csv": mutated(STATIONS, some), "traffic.csv": WIDE}
    assert_read_or_refused(tmp_path_factory.mktemp("set"), files)


# Always the same examples: polars itself ends the process on some damaged pages, where it takes any number of
# values as it stands there, and no later check could help.
@settings(deadline=None, derandomize=True)
@given(some=mutations, kept=st.one_of(st.none(), places))
def test_parquet_that_is_cut_off_or_has_a_damaged_footer_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, some: list[Mutation], kept: float | None
) -> None:
    whole = io.BytesIO()
    FRAME.write_parquet(whole)
    content = whole.getvalue()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    damaged = content[:-footer] + mutated(content[-footer:], some)
    files = {"stations.csv": STATIONS, "traffic.parquet": truncate(kept)(content) if kept else damaged}
    assert_read_or_refused(tmp_path_factory.mktemp("set"), files)
