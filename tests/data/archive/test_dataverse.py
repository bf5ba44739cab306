"""What a Dataverse announces is checked before anything is fetched."""

import json

import pytest

from data.archive.dataverse import OFFICIAL_SETS, listed_files, listing_address, signed_address
from data.errors import FetchError
from tests.data.archive.http_server import RemoteContent


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"<html>please log in</html>", "not a Dataverse list of files"),
        (b'{"data": [{"label": "x"}]}', "KeyError: 'dataFile'"),
        (b'{"data": 3}', "not a Dataverse list of files"),
    ],
)
def test_an_answer_that_is_no_listing_is_refused(answer: bytes, complaint: str) -> None:
    with pytest.raises(FetchError, match=complaint):
        listed_files("http://a", "http://a/list", answer)


@pytest.mark.parametrize("name", ["../escape.txt", "/etc/passwd", ".hidden", "a\\b", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    entry = RemoteContent(1, name, b"x").listed
    with pytest.raises(FetchError, match="not a plain file name"):
        listed_files("http://a", "http://a/list", json.dumps({"data": [entry]}).encode())


def test_a_checksum_nobody_knows_is_refused() -> None:
    entry = RemoteContent(1, "a.txt", b"x").listed
    entry["dataFile"]["checksum"] = {"type": "CRC", "value": "1"}
    with pytest.raises(FetchError, match="unknown checksum 'crc'"):
        listed_files("http://a", "http://a/list", json.dumps({"data": [entry]}).encode())


def test_two_files_of_one_name_are_refused() -> None:
    entries = [RemoteContent(n, "same.txt", b"x").listed for n in (1, 2)]
    with pytest.raises(FetchError, match=r"'same\.txt' more than once"):
        listed_files("http://a", "http://a/list", json.dumps({"data": entries}).encode())


def test_a_table_that_the_archive_rewrote_is_taken_in_its_original_form() -> None:
    entry = RemoteContent(5, "a.tab", b"x").listed
    original = {"originalFileFormat": "text/csv", "originalFileName": "a.csv", "originalFileSize": 12}
    entry["dataFile"] |= original | {"checksum": {"type": "SHA-1", "value": "AB"}}
    (file,) = listed_files("http://a/", "http://a/list", json.dumps({"data": [entry]}).encode())
    assert (file.name, file.size, file.algorithm, file.checksum) == ("a.csv", 12, "sha1", "ab")
    assert file.address == "http://a/api/access/datafile/5?format=original"


def test_the_official_sets_are_listed_where_the_dataverse_keeps_them() -> None:
    address = listing_address("https://dataverse.harvard.edu/", OFFICIAL_SETS["milan"].activity)
    assert address == (
        "https://dataverse.harvard.edu/api/datasets/:persistentId/versions/:latest-published/files"
        "?persistentId=doi:10.7910/DVN/EGZHFV"
    )


def test_a_guestbook_that_answers_with_something_else_is_refused() -> None:
    with pytest.raises(FetchError, match="names no signedUrl"):
        signed_address("http://a", b'{"data": {}}')
    with pytest.raises(FetchError, match="not an http or https address"):
        signed_address("http://a", json.dumps({"data": {"signedUrl": "file:///etc/passwd"}}).encode())
