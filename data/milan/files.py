"""The raw files of the Telecom Italia Big Data Challenge: which there are, and how they are read as text.

Two formats are known. `daily` is the official one, a file a day, tab-separated and without a header:

    square id, interval start (epoch ms, UTC), country code, sms-in, sms-out, call-in, call-out, internet

`hourly` is the variant that many notebooks use, comma-separated, with the header HOURLY_HEADER and its
times on the wall clock of Europe/Rome. In both an empty field is no activity, and a square has one row for
each country that took part in an interval.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.milan.rows import PADDING

OFFICIAL_PREFIX = "sms-call-internet-"
TEXT_SUFFIXES = (".txt", ".csv", ".tsv")
UNFINISHED_SUFFIX = ".part"  # of a download, see data.archive.fetch
STREAM_SUFFIXES = (".gz", ".bz2", ".xz")
HOURLY_HEADER = b"datetime,CellID,countrycode,smsin,smsout,callin,callout,internet"
BUFFER_BYTES = 1 << 20  # stays in the processor's cache between reading and parsing
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True)
class RawFormat:
    """One of the two layouts of raw rows."""

    name: str
    step_minutes: int
    columns: tuple[str, ...]
    separator: str

    @property
    def per_day(self) -> int:
        """How many intervals 24 hours have."""
        return 24 * 60 // self.step_minutes


_ACTIVITIES = ("sms-in", "sms-out", "call-in", "call-out", "internet")
DAILY = RawFormat("daily", 10, ("square", "interval start", "country code", *_ACTIVITIES), "\t")
HOURLY = RawFormat("hourly", 60, tuple(HOURLY_HEADER.decode().split(",")), ",")


@dataclass(frozen=True)
class Source:
    """A raw file, or one `member` of a zip archive, as it was when it was found."""

    path: Path
    size: int
    modified_ns: int
    member: str = ""

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def plain(self) -> bool:
        """Whether any byte of the text can be reached without reading those before it."""
        return not self.member and self.path.suffix.lower() not in STREAM_SUFFIXES

    @property
    def identity(self) -> str:
        """Its folder and name without what compression adds: two sources must not share it."""
        name = Path(self.member).name if self.member else self.path.name
        return str(self.path.parent / _without_compression(name)).lower()


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a text: the first `length` bytes of `text`, which the next chunk overwrites."""

    text: NDArray[np.uint8]  # length + at least PADDING
    length: int
    offset: int  # of the first line in the text, in bytes
    raw_bytes: int  # read from the disk since the chunk before


def sources(raw: Path) -> tuple[list[Source], list[Path]]:
    """The raw files in the folder (or of the file) `raw` in the order of their names, and what else is there.

    When some have official names only those are taken: the published folders hold other tables as well.
    """
    if not raw.exists():
        raise InputError(f"{raw}: no such file or folder")
    paths = [raw] if raw.is_file() else sorted(path for path in raw.rglob("*") if path.is_file())
    paths = [path for path in paths if not path.name.startswith(".")]
    found = [source for path in paths for source in _sources_of(path)]
    official = [source for source in found if OFFICIAL_PREFIX in source.identity]
    chosen = official or found
    if not chosen:
        raise InputError(
            f"{raw}: holds no raw file, expected names like {OFFICIAL_PREFIX}mi-2013-11-01.txt, "
            f"plain or with {', '.join(STREAM_SUFFIXES)} or in a .zip"
        )
    _refuse_twins(chosen)
    _refuse_left_aside_rows([source for source in found if source not in chosen])
    used = {source.path for source in chosen}
    return chosen, [path for path in paths if path not in used]


def _refuse_left_aside_rows(others: Sequence[Source]) -> None:
    """Refuse to pass over a file that holds raw rows, only because others have official names."""
    for source in others:
        try:
            raw_format = _format_of(source)
        except InputError:
            continue  # no raw file: rightly left aside
        raise InputError(
            f"{source.label} holds {raw_format.name} rows but no official name, which other files here have "
            f"({OFFICIAL_PREFIX}…): name it alike, or move it out of the folder"
        )


def _sources_of(path: Path) -> list[Source]:
    """What `path` offers: nothing, itself, or the raw files in a zip archive."""
    status = path.stat()
    if path.suffix.lower() == ".zip":
        members = [member for member in _zip_members(path) if _is_text(member)]
        return [Source(path, status.st_size, status.st_mtime_ns, member) for member in members]
    return [Source(path, status.st_size, status.st_mtime_ns)] if _is_text(path.name) else []


def _zip_members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(name for name in archive.namelist() if not name.startswith("__MACOSX"))
    except DAMAGED as error:
        raise InputError(f"{path}: not a whole zip archive ({error}); copy it again") from None


def _is_text(name: str) -> bool:
    return _without_compression(name).lower().endswith(TEXT_SUFFIXES)


def _without_compression(name: str) -> str:
    return name[: name.rindex(".")] if name.lower().endswith(STREAM_SUFFIXES) else name


def _refuse_twins(chosen: Sequence[Source]) -> None:
    seen: dict[str, Source] = {}
    for source in chosen:
        twin = seen.setdefault(source.identity, source)
        if twin is not source:
            raise InputError(
                f"{twin.label} and {source.label} are the same file twice, expected each day once: "
                f"their rows would be summed"
            )


@contextmanager
def opened(source: Source) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The text of `source` as a stream, and the file below it, whose position tells how far it was read."""
    with source.path.open("rb", buffering=0) as raw:
        if source.member:
            with zipfile.ZipFile(raw) as archive, archive.open(source.member) as text:
                yield cast(BinaryIO, text), raw
        elif source.plain:
            yield raw, raw
        else:
            with _decompressed(raw, source.path.suffix.lower()) as text:
                yield text, raw


def _decompressed(raw: BinaryIO, suffix: str) -> BinaryIO:
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    return cast(BinaryIO, bz2.BZ2File(raw) if suffix == ".bz2" else lzma.LZMAFile(raw))


def chunks(source: Source, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
    """The lines of `source` from byte `begin` to byte `end` of its text, both at the start of a line."""
    at = begin
    try:
        with opened(source) as (text, raw):
            position = 0
            if source.plain:
                position = text.seek(begin)
            else:
                text.read(begin)
            for buffer, length in _whole_lines(text, None if end is None else end - begin, source.label):
                yield Chunk(buffer, length, at, raw.tell() - position)
                position, at = raw.tell(), at + length
    except DAMAGED as error:
        raise InputError(
            f"{source.label}: cannot be read beyond {_reached(source, at)}: {error}; "
            f"expected a whole file, copy it again"
        ) from None


def _reached(source: Source, offset: int) -> str:
    """Where in the text byte `offset` is."""
    try:
        return f"line {lines_before(source, offset):,}"
    except DAMAGED:  # it is gone by now
        return f"byte {offset:,}"


def _whole_lines(text: BinaryIO, wanted: int | None, label: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """One buffer again and again, each time with the next whole lines of `text` and their length."""
    content = bytearray(BUFFER_BYTES + 1 + PADDING)
    buffer, view = np.frombuffer(content, np.uint8), memoryview(content)
    kept = 0
    while True:
        room = BUFFER_BYTES - kept if wanted is None else min(BUFFER_BYTES - kept, wanted)
        got = _read_into(text, view[kept : kept + room])
        wanted = None if wanted is None else wanted - got
        filled = kept + got
        if got == 0 and filled > 0:
            content[filled] = ord("\n")  # the last line of an archive may lack its end
            filled += 1
        length = content.rfind(b"\n", 0, filled) + 1
        if length:
            yield buffer, length
        elif filled == BUFFER_BYTES:
            raise InputError(
                f"{label}: a line of more than {BUFFER_BYTES:,} bytes, expected lines of numbers"
            )
        if got == 0:
            return
        kept = filled - length
        content[:kept] = content[length:filled]


def _read_into(text: BinaryIO, view: memoryview) -> int:
    got: int = text.readinto(view) or 0  # type: ignore[attr-defined]  # BinaryIO does not list it
    return got


def lines_before(source: Source, offset: int) -> int:
    """How many lines the first `offset` bytes of the text hold; slow, for messages."""
    lines = 0
    with opened(source) as (text, _):
        while offset > 0 and (block := text.read(min(offset, BUFFER_BYTES))):
            lines += block.count(b"\n")
            offset -= len(block)
    return lines


def header_bytes(source: Source, raw_format: RawFormat) -> int:
    """How many bytes of the text stand before the first row."""
    return len(first_line(source)) if raw_format is HOURLY else 0


def refuse_cut_off(chosen: Sequence[Source]) -> None:
    """Refuse plain text without a line end at its end: it may be cut off in a number.

    Compressed text needs none, because its end is known.
    """
    for source in chosen:
        if not source.plain:
            continue
        with source.path.open("rb") as text:
            text.seek(max(0, source.size - 1))
            last = text.read(1)
        if last not in (b"\n", b""):
            raise InputError(
                f"{source.label}: its last line has no end, so it may be cut off: copy it again; "
                f"if it is whole, append a line end (echo >> {source.path.name})"
            )


def refuse_changed(chosen: Sequence[Source]) -> None:
    """Refuse sources that are no longer what they were when they were found."""
    for source in chosen:
        try:
            status = source.path.stat()
        except OSError:
            status = None
        if status is None or (status.st_size, status.st_mtime_ns) != (source.size, source.modified_ns):
            raise InputError(
                f"{source.path}: changed while it was read; run the import again when nothing writes to it"
            )


def common_format(chosen: Sequence[Source]) -> RawFormat:
    """The format that all of `chosen` have."""
    formats = [_format_of(source) for source in chosen]
    for source, raw_format in zip(chosen, formats, strict=True):
        if raw_format is not formats[0]:
            raise InputError(
                f"{source.label} is {raw_format.name} and {chosen[0].label} is {formats[0].name}: "
                f"expected one format and one time step in all files"
            )
    return formats[0]


def first_line(source: Source) -> bytes:
    """The first line of the text, with its end."""
    try:
        with opened(source) as (text, _):
            return text.readline(BUFFER_BYTES)
    except DAMAGED as error:
        raise InputError(
            f"{source.label}: cannot be read: {error}; expected a whole file, copy it again"
        ) from None


def _format_of(source: Source) -> RawFormat:
    line = first_line(source)
    if not line:
        raise InputError(f"{source.label}: is empty, expected rows")
    if line.strip() == HOURLY_HEADER:
        return HOURLY
    if line.count(b"\t") == len(DAILY.columns) - 1:
        return DAILY
    raise InputError(
        f"{source.label}:1: found {line[:80].decode(errors='replace').strip()!r}, expected "
        f"{len(DAILY.columns)} tab-separated columns or the header {HOURLY_HEADER.decode()}"
    )
