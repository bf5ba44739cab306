"""What a Dataverse archive offers: the files of a dataset, and the addresses they are asked from.

The Telecom Italia sets stand in the Harvard Dataverse (Barlacchi et al., Scientific Data 2, 150055,
2015; ODbL 1.0). Nothing here opens a connection.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlsplit

from data.errors import FetchError, InputError

HARVARD = "https://dataverse.harvard.edu"
DAY_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class OfficialSet:
    """Where one of the two sets stands: its daily files and the squares they speak of."""

    activity: str
    grid: str


OFFICIAL_SETS = {
    "milan": OfficialSet("doi:10.7910/DVN/EGZHFV", "doi:10.7910/DVN/QJWLFU"),
    "trentino": OfficialSet("doi:10.7910/DVN/QLCABU", "doi:10.7910/DVN/FZRVSX"),
}


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a dataset, as the archive announces it."""

    identifier: int
    name: str
    size: int
    algorithm: str  # of `checksum`, as hashlib calls it
    checksum: str
    address: str

    @property
    def day(self) -> date | None:
        """The day that the name carries, if any."""
        found = DAY_IN_NAME.search(self.name)
        return date.fromisoformat(found.group()) if found else None


def listing_address(server: str, dataset: str) -> str:
    """Where the published files of `dataset` (a DOI, "doi:…") are listed."""
    latest = f"{server.rstrip('/')}/api/datasets/:persistentId/versions/:latest-published/files"
    return f"{latest}?persistentId={quote(dataset, safe=':/.')}"


def listed_files(server: str, address: str, answer: bytes) -> list[RemoteFile]:
    """The files that the archive's `answer` from the listing `address` announces, by name."""
    try:
        entries = json.loads(answer)["data"]
        files = [_listed_file(server, entry["dataFile"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FetchError(
            f"{address}: the answer is not a Dataverse list of files ({type(error).__name__}: {error})"
        ) from error
    repeated = [name for name, times in Counter(file.name for file in files).items() if times > 1]
    if repeated:
        raise FetchError(f"{address}: lists {repeated[0]!r} more than once, expected every name once")
    return sorted(files, key=lambda file: file.name)


def _listed_file(server: str, entry: Mapping[str, Any]) -> RemoteFile:  # Any: parsed JSON
    """One file; a table that the archive rewrote on arrival is taken in its original form.

    Only such a table has an original form: asking another file for it is answered 404.
    """
    rewritten = "originalFileFormat" in entry
    checksum = entry.get("checksum") or {"type": "MD5", "value": entry["md5"]}
    name = str(entry["originalFileName"] if rewritten else entry["filename"])
    if not name or PurePath(name).name != name or name.startswith(".") or "\\" in name:
        raise ValueError(f"{name!r} is not a plain file name")
    algorithm = str(checksum["type"]).lower().replace("-", "")  # "SHA-1" is hashlib's "sha1"
    if algorithm not in ("md5", "sha1", "sha256", "sha512"):
        raise ValueError(f"unknown checksum {algorithm!r}")
    address = f"{server.rstrip('/')}/api/access/datafile/{int(entry['id'])}"
    return RemoteFile(
        identifier=int(entry["id"]),
        name=name,
        size=int(entry["originalFileSize"] if rewritten else entry["filesize"]),
        algorithm=algorithm,
        checksum=str(checksum["value"]).lower(),
        address=f"{address}?format=original" if rewritten else address,
    )


def chosen_files(
    files: Sequence[RemoteFile], days: tuple[date, date] | None, identifiers: Sequence[int]
) -> list[RemoteFile]:
    """Those of `files` that carry one of `identifiers` (when there are any) and a day within `days`."""
    unknown = set(identifiers) - {file.identifier for file in files}
    if unknown:
        raise InputError(f"no file of the dataset has the id {min(unknown)}; it has {_ids_and_names(files)}")
    wanted = [file for file in files if not identifiers or file.identifier in identifiers]
    if days is None:
        return wanted
    first, last = days
    chosen = [file for file in wanted if file.day is not None and first <= file.day <= last]
    if not chosen:
        held = sorted(file.day for file in wanted if file.day is not None)
        span = f"{held[0]} to {held[-1]}" if held else "no file with a day in its name"
        raise InputError(f"no file for {first}..{last}: the dataset holds {span}")
    return chosen


def _ids_and_names(files: Sequence[RemoteFile]) -> str:
    shown = ", ".join(f"{file.identifier} ({file.name})" for file in files[:3])
    return f"{shown}, … {len(files)} files" if len(files) > 3 else shown or "no files"


def guestbook_entry(email: str) -> bytes:
    """What a dataset with a guestbook wants to be told before it hands out a file."""
    return json.dumps({"guestbookResponse": {"email": email}}).encode()


def signed_address(address: str, answer: bytes) -> str:
    """The short-lived download address in the archive's `answer` to a guestbook entry."""
    try:
        signed = str(json.loads(answer)["data"]["signedUrl"])
    except (ValueError, KeyError, TypeError) as error:
        raise FetchError(f"{address}: the answer to the guestbook entry names no signedUrl") from error
    if not is_web_address(signed):
        raise FetchError(f"{address}: the signedUrl {signed!r} is not an http or https address")
    return signed


def is_web_address(address: str) -> bool:
    """Whether `address` is http or https, of a host that can exist; urllib would open local files too."""
    try:
        parts = urlsplit(address)
        named = bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # an open bracket, a port that is no number, a host name with an empty part
        return False
    return parts.scheme in ("http", "https") and named and address.isascii()
