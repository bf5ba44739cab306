"""Downloads over a bad line: continued, checked, and whole under their name or not there at all.

What has arrived of a file waits as NAME.CHECKSUM.part. The checksum is the one that the archive
announces, so what arrived of a file that was replaced since is never continued (Dataverse knows no
If-Range). A splice that slips through all the same fails the checksum, and the file starts over.
"""

import glob
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from http.client import HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

from data.archive.dataverse import (
    HARVARD,
    RemoteFile,
    chosen_files,
    guestbook_entry,
    is_web_address,
    listed_files,
    listing_address,
    signed_address,
)
from data.archive.web import FetchSettings, PassingFaultError, RefusedError, faults_of, opened, retried
from data.errors import FetchError, InputError
from data.progress import Step, Work

BLOCK_BYTES = 1 << 18
PARTING_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to fetch: of `dataset` the files of `days` and with `identifiers`, of `whole` every file."""

    dataset: str
    whole: tuple[str, ...] = ()
    days: tuple[date, date] | None = None
    identifiers: tuple[int, ...] = ()
    server: str = HARVARD
    email: str | None = None  # for a dataset whose readers must sign a guestbook

    def __post_init__(self) -> None:
        if not is_web_address(self.server):
            raise InputError(f"{self.server!r} is not a web address: expected http://… or https://…")


@dataclass(frozen=True)
class FetchedFile:
    """A file that stands whole in the folder; `downloaded` is false when it stood there before."""

    path: Path
    size: int
    checksum: str
    downloaded: bool


@dataclass(frozen=True)
class Arrival:
    """So many bytes of the file `name` have arrived."""

    name: str
    size: int


News = SimpleQueue[Arrival | FetchedFile | Exception]


@dataclass(frozen=True)
class _Job:
    """One file on its way: `news` is told what arrives, `stop` is obeyed."""

    file: RemoteFile
    folder: Path
    email: str | None
    settings: FetchSettings
    news: News
    stop: Event

    @property
    def part(self) -> Path:
        return self.folder / f"{self.file.name}.{self.file.checksum[:12]}.part"

    def arrived(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def fetched(order: Order, folder: Path, settings: FetchSettings) -> Work[list[FetchedFile]]:
    """Bring the files of `order` to `folder`, under their own names."""
    yield Step("list", 0, 1, f"asking {order.server} for {order.dataset}")
    listed = listing(order.server, order.dataset, settings)
    files = chosen_files(listed, order.days, order.identifiers)
    for dataset in order.whole:
        files = united(files, listing(order.server, dataset, settings))
    yield Step("list", 1, 1, f"{len(files)} files, {sum(file.size for file in files) / 1e6:,.1f} MB")
    return (yield from downloaded(files, folder, order.email, settings))


def listing(server: str, dataset: str, settings: FetchSettings) -> list[RemoteFile]:
    """The files of `dataset` that `server` announces."""
    address = listing_address(server, dataset)

    def attempt() -> bytes:
        with opened(address, settings) as response, faults_of(address):
            return response.read()

    return listed_files(server, address, retried(attempt, settings, Event(), lambda: 0))


def united(files: Sequence[RemoteFile], more: Sequence[RemoteFile]) -> list[RemoteFile]:
    """All of them, each name once; two datasets may hold the same file, but not two files of one name."""
    named = {file.name: file for file in files}
    for file in more:
        if named.setdefault(file.name, file).checksum != file.checksum:
            raise FetchError(f"the datasets hold two different files called {file.name!r}, expected one")
    return list(named.values())


def downloaded(
    files: Sequence[RemoteFile], folder: Path, email: str | None, settings: FetchSettings
) -> Work[list[FetchedFile]]:
    """Bring `files` to `folder`, several at once; the first that fails for good ends them all."""
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    news: News = SimpleQueue()
    stop = Event()
    jobs = [_Job(file, folder, email, settings, news, stop) for file in files]
    _refuse_full_disk(jobs, folder)
    waiting: SimpleQueue[_Job | None] = SimpleQueue()
    for job in (*jobs, *[None] * settings.connections):
        waiting.put(job)
    lines = [Thread(target=_work_off, args=(waiting,), daemon=True) for _ in range(settings.connections)]
    try:
        for line in lines:
            line.start()
        found = yield from _arrivals(news, len(jobs), sum(file.size for file in files))
        return [found[file.name] for file in files]
    finally:
        stop.set()
        _wait(lines)


def _work_off(waiting: SimpleQueue[_Job | None]) -> None:
    """Bring one file after the other until None comes."""
    for job in iter(waiting.get, None):
        if job.stop.is_set():
            return
        try:
            job.news.put(_fetched_file(job))
        except Exception as failure:  # noqa: BLE001 - whoever reads the news raises it again
            job.news.put(failure)


def _wait(lines: Sequence[Thread]) -> None:
    """Wait a moment for connections that were told to stop; a silent one is left behind.

    It hears nothing until its server speaks again, and then writes nothing.
    """
    end = time.monotonic() + PARTING_SECONDS
    for line in lines:
        line.join(max(0.0, end - time.monotonic()))


def _arrivals(news: News, files: int, total: int) -> Work[dict[str, FetchedFile]]:
    """A step for whatever arrives, until all files have; raises the first failure at once."""
    arrived: dict[str, int] = {}
    found: dict[str, FetchedFile] = {}
    while len(found) < files:
        event = _next(news)
        if isinstance(event, Exception):
            raise event
        if isinstance(event, FetchedFile):
            found[event.path.name] = event
            continue
        arrived[event.name] = event.size
        yield Step("download", sum(arrived.values()), total, unit="B")
    return found


def _next(news: News) -> Arrival | FetchedFile | Exception:
    """The next event; wakes now and then, as an interruption that comes while a wait begins goes unfelt."""
    while True:
        with suppress(Empty):
            return news.get(timeout=PARTING_SECONDS)


def _refuse_full_disk(jobs: Sequence[_Job], folder: Path) -> None:
    """Refuse to begin what cannot fit; files that stand there already need no room."""
    missing = sum(job.file.size - job.arrived() for job in jobs if not (folder / job.file.name).exists())
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise FetchError(f"{folder}: {missing / 1e6:,.0f} MB are to come, {free / 1e6:,.0f} MB are free")


def _fetched_file(job: _Job) -> FetchedFile:
    """Bring one file to its folder, however often the line breaks."""
    file, target = job.file, job.folder / job.file.name
    with _disk(target):
        standing = target.exists() and target.stat().st_size == file.size
        if standing and _digest(target, file.algorithm) == file.checksum:
            job.news.put(Arrival(file.name, file.size))
            return FetchedFile(target, file.size, file.checksum, downloaded=False)
        retried(lambda: _continue(job), job.settings, job.stop, job.arrived)
        _settle(job.part, target)
    return FetchedFile(target, file.size, file.checksum, downloaded=True)


def _settle(part: Path, target: Path) -> None:
    """Give the whole file its name, and drop what arrived of its predecessors."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    for stale in target.parent.glob(f"{glob.escape(target.name)}.*.part"):
        stale.unlink()


def _continue(job: _Job) -> None:
    """Fetch what is missing of the part and check the whole."""
    file = job.file
    if job.arrived() < file.size or not job.part.exists():
        with _body(job, job.arrived()) as response:
            _receive(job, response)
    if job.arrived() != file.size:
        found = job.arrived()
        if found > file.size:
            job.part.unlink()
        raise PassingFaultError(f"{file.name}: {found:,} bytes arrived, expected {file.size:,}")
    digest = _digest(job.part, file.algorithm)
    if digest != file.checksum:
        job.part.unlink()
        raise PassingFaultError(
            f"{file.name}: what arrived has the {file.algorithm} sum {digest}, expected {file.checksum}"
        )


def _receive(job: _Job, response: HTTPResponse) -> None:
    """Write the body behind the part when it continues it, else in the part's place."""
    continues = response.status == 206 and _range_of(response) == (job.arrived(), job.file.size)
    if response.status == 206 and not continues:
        job.part.unlink(missing_ok=True)
        raise PassingFaultError(
            f"{job.file.name}: the server sent {response.headers.get('Content-Range', 'a part')}, "
            f"not the rest of {job.file.size:,} bytes"
        )
    with job.part.open("ab" if continues else "wb") as part:
        size = part.tell()
        while block := _block(response, job.file.address):
            if job.stop.is_set():
                raise FetchError(f"{job.file.name}: stopped")
            part.write(block)
            part.flush()
            size += len(block)
            job.news.put(Arrival(job.file.name, size))


def _block(response: HTTPResponse, address: str) -> bytes:
    with faults_of(address):
        return response.read1(BLOCK_BYTES)


def _range_of(response: HTTPResponse) -> tuple[int, int] | None:
    """First byte and whole length that `Content-Range: bytes FIRST-LAST/LENGTH` speaks of."""
    span, _, length = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first = span.partition("-")[0]
    return (int(first), int(length)) if first.isdigit() and length.isdigit() else None


def _body(job: _Job, first: int) -> HTTPResponse:
    """The file from byte `first` on, or all of it from a server that knows no ranges."""
    headers = {"Range": f"bytes={first}-"} if first else {}
    try:
        return opened(job.file.address, job.settings, headers)
    except RefusedError as refusal:
        if refusal.status == 416:
            job.part.unlink(missing_ok=True)
            raise PassingFaultError(f"{job.file.name}: the server has no byte {first:,}") from refusal
        if "guestbook" not in refusal.said.lower():
            raise
        return opened(_signed(job, refusal), job.settings, headers)


def _signed(job: _Job, refusal: RefusedError) -> str:
    """The address that the archive gives to a reader who signs its guestbook; it lives about a minute."""
    if job.email is None:
        raise FetchError(
            f"{job.file.name}: the archive hands it out only to readers who leave their e-mail address "
            "in its guestbook; pass --email ADDRESS"
        ) from refusal
    headers = {"Content-Type": "application/json"}
    address = job.file.address
    with opened(address, job.settings, headers, guestbook_entry(job.email)) as response, faults_of(address):
        return signed_address(address, response.read())


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say in a sentence what the disk refuses; the line's own faults never come as an OSError."""
    try:
        yield
    except OSError as error:
        raise FetchError(
            f"{error.filename or path}: cannot be written ({error.strerror}); "
            "what has arrived is kept, and the same command continues"
        ) from error
