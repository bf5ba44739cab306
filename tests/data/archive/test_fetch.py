"""Downloads against a server on this machine that really cuts, corrupts, refuses and lies."""

import hashlib
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from data.archive.fetch import FetchedFile, Order, fetched
from data.archive.web import FetchSettings
from data.errors import FetchError, InputError
from data.progress import Step, finished
from tests.data.archive.http_server import (
    Archive,
    Corrupt,
    Cut,
    IgnoreRange,
    Refuse,
    RemoteContent,
    Replace,
    Stall,
    WrongRange,
    serving,
)

DOI = "doi:10.7910/DVN/EGZHFV"
GRID = "doi:10.7910/DVN/QJWLFU"
SIZE = 700_001
QUICK = FetchSettings(attempts=3, first_delay_seconds=0.01, longest_delay_seconds=0.02, timeout_seconds=5)


@pytest.fixture(autouse=True)
def _no_proxy_between_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def content(seed: int = 0, size: int = SIZE) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def day_name(day: int) -> str:
    return f"sms-call-internet-mi-2013-11-{day:02}.txt"


def one_file(*faults: object) -> Archive:
    file = RemoteContent(7, day_name(1), content(), list(faults))  # type: ignore[arg-type]  # faults, as given
    return Archive({DOI: [file]})


def fetch(
    archive: Archive, folder: Path, settings: FetchSettings = QUICK, **order: object
) -> list[FetchedFile]:
    with serving(archive) as server:
        wanted = Order(**({"dataset": DOI, "server": server} | order))  # type: ignore[arg-type]  # as given
        return finished(fetched(wanted, folder, settings))


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_arrives_whole_under_its_own_name_and_nothing_else_is_left(tmp_path: Path) -> None:
    files = fetch(one_file(), tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert files == [
        FetchedFile(tmp_path / day_name(1), SIZE, hashlib.md5(content()).hexdigest(), downloaded=True)
    ]


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_continued_where_it_broke(tmp_path: Path, reset: bool) -> None:
    archive = one_file(Cut(after=300_000, reset=reset), Cut(after=100_000, reset=reset))
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    ranges = [asked for _, _, asked in archive.asked("datafile")]
    if not reset:  # a reset may drop what was under way
        assert ranges == [None, "bytes=300000-", "bytes=400000-"]
    assert len(ranges) == 3


def test_a_line_that_breaks_often_but_moves_on_is_borne_beyond_the_number_of_attempts(tmp_path: Path) -> None:
    archive = one_file(*[Cut(after=60_000)] * 11)  # 11 breaks, 3 attempts
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert len(archive.asked("datafile")) == 12


def test_what_had_arrived_is_continued_by_the_next_command(tmp_path: Path) -> None:
    archive = one_file(Cut(after=500_000), *[Refuse(503)] * 3)
    with pytest.raises(FetchError, match="503"):
        fetch(archive, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert archive.requests[-1][2] == "bytes=500000-"


def test_a_server_that_knows_no_ranges_makes_the_file_start_over(tmp_path: Path) -> None:
    archive = one_file(Cut(after=300_000), IgnoreRange())
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert len(archive.asked("datafile")) == 2


def test_a_server_that_knows_no_ranges_and_always_cuts_is_given_up(tmp_path: Path) -> None:
    archive = one_file(*[IgnoreRange(then=Cut(after=300_000))] * 9)
    with pytest.raises(FetchError, match=r"300,000 bytes arrived, expected 700,001"):
        fetch(archive, tmp_path)
    assert len(archive.asked("datafile")) == 3  # every one began at nothing and got no further


def test_a_corrupted_byte_is_found_and_the_file_fetched_again(tmp_path: Path) -> None:
    archive = one_file(Corrupt(at=650_000))
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert [asked for _, _, asked in archive.asked("datafile")] == [None, None]


def test_a_file_that_stays_corrupt_fails_naming_both_sums_and_leaves_nothing(tmp_path: Path) -> None:
    changed = bytearray(content())
    changed[3] ^= 0xFF
    with pytest.raises(FetchError) as told:
        fetch(one_file(*[Corrupt(at=3)] * 9), tmp_path)
    assert hashlib.md5(changed).hexdigest() in str(told.value)
    assert hashlib.md5(content()).hexdigest() in str(told.value)
    assert held(tmp_path) == {}


def test_a_file_replaced_between_two_attempts_is_never_spliced(tmp_path: Path) -> None:
    archive = one_file(Cut(after=300_000), Replace(content(seed=1)), Replace(content()))
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}


def test_a_file_replaced_by_a_longer_one_is_not_continued(tmp_path: Path) -> None:
    archive = one_file(Cut(after=300_000), *[Replace(content(seed=1, size=SIZE + 5))] * 9)
    with pytest.raises(FetchError, match=r"700,006 bytes arrived, expected 700,001"):
        fetch(archive, tmp_path)
    assert held(tmp_path) == {}


def test_a_file_replaced_by_a_shorter_one_is_given_up_and_nothing_of_the_longer_is_kept(
    tmp_path: Path,
) -> None:
    shorter = content(seed=1, size=200_000)
    with pytest.raises(FetchError, match=r"200,000 bytes arrived, expected 700,001"):
        fetch(one_file(Cut(after=300_000), *[Replace(shorter)] * 9), tmp_path)
    assert list(held(tmp_path).values()) == [shorter]  # a part, which no other file will be joined to


def test_what_arrived_of_a_file_that_the_archive_has_replaced_since_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(one_file(Cut(after=300_000), *[Refuse(503)] * 3), tmp_path)
    successor = RemoteContent(7, day_name(1), content(seed=1))
    archive = Archive({DOI: [successor]})
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content(seed=1)}
    assert archive.requests[-1][2] is None  # the old part was not continued


def test_a_part_that_begins_elsewhere_is_not_appended(tmp_path: Path) -> None:
    archive = one_file(Cut(after=300_000), WrongRange())
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    archive = one_file(Refuse(503, retry_after="0"), Refuse(429))
    archive.listing_faults = [Refuse(502)]
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}


def test_a_server_that_falls_silent_is_left_and_asked_again(tmp_path: Path) -> None:
    patience = FetchSettings(attempts=2, first_delay_seconds=0.01, timeout_seconds=0.2)
    fetch(one_file(Stall()), tmp_path, patience)
    assert held(tmp_path) == {day_name(1): content()}


def test_an_interrupted_download_keeps_what_arrived_and_the_next_continues_it(tmp_path: Path) -> None:
    archive = one_file(Stall(after=300_000))
    patience = FetchSettings(timeout_seconds=0.2)
    with serving(archive) as server:
        work = fetched(Order(dataset=DOI, server=server), tmp_path, patience)
        next(step for step in work if step.stage == "download" and step.done == 300_000)
        with pytest.raises(KeyboardInterrupt):
            work.throw(KeyboardInterrupt())
    assert [(path.suffix, path.stat().st_size) for path in tmp_path.iterdir()] == [(".part", 300_000)]
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert archive.requests[-1][2] == "bytes=300000-"


def test_a_missing_file_is_named_at_once(tmp_path: Path) -> None:
    archive = one_file(*[Refuse(404)] * 9)
    with pytest.raises(FetchError, match=r"datafile/7: the server answered 404 Not Found"):
        fetch(archive, tmp_path)
    assert len(archive.asked("datafile")) == 1


def test_a_missing_dataset_is_named_in_the_servers_own_words(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"Persistent ID doi:10\.1/NONE not found"):
        fetch(one_file(), tmp_path, dataset="doi:10.1/NONE")


def test_one_file_that_fails_for_good_stops_the_others(tmp_path: Path) -> None:
    files = [RemoteContent(n, day_name(n), content(n, 2000)) for n in range(1, 10)]
    files[0].faults = [Refuse(403)]
    one_at_a_time = FetchSettings(attempts=2, first_delay_seconds=0.01, connections=1)
    with pytest.raises(FetchError, match="403"):
        fetch(Archive({DOI: files}), tmp_path, one_at_a_time)
    assert len(held(tmp_path)) < 8


def test_files_that_are_whole_are_not_asked_for_again_and_damaged_ones_are(tmp_path: Path) -> None:
    archive = Archive({DOI: [RemoteContent(n, day_name(n), content(n, 5000)) for n in (1, 2, 3)]})
    fetch(archive, tmp_path)
    (tmp_path / day_name(2)).write_bytes(content(9, 5000))  # the right size, other bytes
    (tmp_path / day_name(3)).write_bytes(content(3, 5000)[:-1])
    archive.requests.clear()
    files = fetch(archive, tmp_path)
    assert [file.downloaded for file in files] == [False, True, True]
    assert {path for _, path, _ in archive.asked("datafile")} == {f"/api/access/datafile/{n}" for n in (2, 3)}
    assert held(tmp_path) == {day_name(n): content(n, 5000) for n in (1, 2, 3)}


def test_a_file_of_two_datasets_comes_once_and_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    shared, other = RemoteContent(1, "squares.json", b"{}"), RemoteContent(2, "squares.json", b"[]")
    assert len(fetch(Archive({DOI: [shared], GRID: [shared]}), tmp_path / "once", whole=(GRID,))) == 1
    with pytest.raises(FetchError, match=r"hold two different files called 'squares\.json', expected one"):
        fetch(Archive({DOI: [shared], GRID: [other]}), tmp_path / "never", whole=(GRID,))


def test_days_and_ids_choose_a_part_of_the_activity_and_the_grid_comes_whole(tmp_path: Path) -> None:
    daily = [RemoteContent(n, day_name(n), content(n, 100)) for n in range(1, 8)]
    archive = Archive({DOI: daily, GRID: [RemoteContent(99, "milano-grid.geojson", b"{}")]})
    week = (date(2013, 11, 2), date(2013, 11, 5))
    files = fetch(archive, tmp_path, days=week, identifiers=(1, 3, 5), whole=(GRID,))
    assert [file.path.name for file in files] == [day_name(3), day_name(5), "milano-grid.geojson"]


def test_days_outside_the_dataset_are_refused_with_the_days_it_holds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the dataset holds 2013-11-01 to 2013-11-01"):
        fetch(one_file(), tmp_path, days=(date(2014, 2, 1), date(2014, 2, 2)))


def test_an_unknown_id_is_refused_with_ids_it_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file of the dataset has the id 8; it has 7 \(sms-call"):
        fetch(one_file(), tmp_path, identifiers=(7, 8))


def test_a_guestbook_is_signed_with_the_address_given_at_every_attempt(tmp_path: Path) -> None:
    archive = one_file(Cut(after=300_000))
    archive.datasets[DOI][0].needs_guestbook = True
    fetch(archive, tmp_path, email="reader@example.org")
    assert held(tmp_path) == {day_name(1): content()}
    assert archive.guests == ["reader@example.org"] * 2  # a signed address is short-lived
    assert [asked for _, _, asked in archive.asked("/signed/")] == [None, "bytes=300000-"]


def test_a_guestbook_without_an_address_is_one_sentence_that_says_what_to_pass(tmp_path: Path) -> None:
    archive = one_file()
    archive.datasets[DOI][0].needs_guestbook = True
    with pytest.raises(FetchError, match="guestbook; pass --email ADDRESS"):
        fetch(archive, tmp_path)
    assert archive.guests == []


def test_nobody_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FetchError, match=r"cannot be reached \(Connection refused\)") as told:
            finished(fetched(Order(dataset=DOI, server=server), tmp_path, QUICK))
    assert "\n" not in str(told.value)
    assert "(3 attempts)" in str(told.value)


def test_a_proxy_named_in_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = one_file()
    with serving(archive) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        finished(fetched(Order(dataset=DOI, server="http://archive.invalid"), tmp_path, QUICK))
    assert held(tmp_path) == {day_name(1): content()}
    assert all(path.startswith("http://archive.invalid/api/") for _, path, _ in archive.requests)


def test_a_local_file_is_not_taken_for_a_server() -> None:
    with pytest.raises(InputError, match="not a web address"):
        Order(dataset=DOI, server="file:///etc")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FetchError, match=r"taken.*cannot be written"):
        fetch(one_file(), tmp_path / "taken" / "raw")


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let the kernel refuse this process any larger file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_part_is_kept(tmp_path: Path) -> None:
    with files_no_larger_than(400_000), pytest.raises(FetchError, match="cannot be written") as told:
        fetch(one_file(), tmp_path)
    assert "what has arrived is kept" in str(told.value)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [400_000]
    archive = one_file()
    fetch(archive, tmp_path)
    assert held(tmp_path) == {day_name(1): content()}
    assert archive.requests[-1][2] == "bytes=400000-"


def test_a_set_that_cannot_fit_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    archive = one_file()
    archive.datasets[DOI][0].entry = {"filesize": 10**18}
    with pytest.raises(FetchError, match=r"1,000,000,000,000 MB are to come, .* MB are free"):
        fetch(archive, tmp_path)
    assert archive.asked("datafile") == []


def test_progress_counts_the_bytes_of_all_files_and_ends_at_the_total(tmp_path: Path) -> None:
    archive = Archive({DOI: [RemoteContent(n, day_name(n), content(n)) for n in (1, 2, 3)]})
    with serving(archive) as server:
        steps = list(fetched(Order(dataset=DOI, server=server), tmp_path, QUICK))
    moved = [step for step in steps if step.stage == "download"]
    assert moved[-1] == Step("download", 3 * SIZE, 3 * SIZE, unit="B")
    assert len(moved) > 6
    assert [step.done for step in moved] == sorted(step.done for step in moved)


def test_an_empty_file_is_fetched_too(tmp_path: Path) -> None:
    fetch(Archive({DOI: [RemoteContent(1, "empty.txt", b"")]}), tmp_path)
    assert held(tmp_path) == {"empty.txt": b""}
