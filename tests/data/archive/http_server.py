"""A small Dataverse on this machine that misbehaves on demand: real sockets, real broken connections."""

import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Cut:
    """Close the connection in the middle of a body, after so many of its bytes."""

    after: int
    reset: bool = False


@dataclass(frozen=True)
class Corrupt:
    """Send one byte of the file other than it is."""

    at: int


@dataclass(frozen=True)
class IgnoreRange:
    """Answer a request for a part with the whole."""

    then: Cut | None = None


@dataclass(frozen=True)
class Refuse:
    """Answer with an error."""

    status: int
    retry_after: str | None = None


@dataclass(frozen=True)
class Replace:
    """From now on the file holds something else, though the listing still announces the old."""

    content: bytes


@dataclass(frozen=True)
class WrongRange:
    """Answer a request for a part with a part that begins elsewhere."""


@dataclass(frozen=True)
class Stall:
    """Send so many bytes of the body and then nothing, until the client has gone."""

    after: int = 0


Fault = Cut | Corrupt | IgnoreRange | Refuse | Replace | WrongRange | Stall


@dataclass
class RemoteContent:
    """One file of the archive; each request for it meets the next of `faults`, then none."""

    identifier: int
    name: str
    content: bytes
    faults: list[Fault] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)  # what the listing says otherwise; Any: JSON
    needs_guestbook: bool = False

    @property
    def listed(self) -> dict[str, Any]:  # Any: JSON
        """The entry of the listing."""
        described = {
            "id": self.identifier,
            "filename": self.name,
            "filesize": len(self.content),
            "md5": hashlib.md5(self.content).hexdigest(),
            "checksum": {"type": "MD5", "value": hashlib.md5(self.content).hexdigest()},
        }
        return {"label": self.name, "dataFile": described | self.entry}


@dataclass
class Archive:
    """Datasets by DOI, faults of the listing, and everything that was asked."""

    datasets: dict[str, list[RemoteContent]]
    listing_faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range
    guests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def file(self, identifier: int) -> RemoteContent | None:
        """The file with that id, in whatever dataset."""
        files = [file for dataset in self.datasets.values() for file in dataset]
        return next((file for file in files if file.identifier == identifier), None)

    def asked(self, part: str) -> list[tuple[str, str, str | None]]:
        """The requests whose path contains `part`."""
        return [request for request in self.requests if part in request[1]]


@contextmanager
def serving(archive: Archive) -> Iterator[str]:
    """Serve `archive` on a free port of this machine for the length of the block; gives its address."""

    class Handler(_Handler):
        pass

    Handler.archive = archive
    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that hang up; that is part of the trial."""


class _Handler(BaseHTTPRequestHandler):
    archive: Archive

    def log_message(self, format: str, *words: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        with self.archive.lock:
            self.archive.requests.append(("GET", self.path, self.headers.get("Range")))
        if address.path.startswith("/api/datasets/:persistentId/versions/"):
            self._list(parse_qs(address.query).get("persistentId", [""])[0])
        elif address.path.startswith("/api/access/datafile/"):
            self._guarded(int(address.path.rsplit("/", 1)[1]))
        elif address.path.startswith("/signed/"):
            self._send(int(address.path.rsplit("/", 1)[1]))
        else:
            self._answer(404, {"status": "ERROR", "message": "no such page"})

    def do_POST(self) -> None:
        """Sign the guestbook: the answer names a signed address."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.archive.lock:
            self.archive.requests.append(("POST", self.path, None))
            self.archive.guests.append(body["guestbookResponse"]["email"])
        identifier = urlsplit(self.path).path.rsplit("/", 1)[1]
        host = self.headers["Host"]
        self._answer(200, {"status": "OK", "data": {"signedUrl": f"http://{host}/signed/{identifier}"}})

    def _list(self, dataset: str) -> None:
        fault = self.archive.listing_faults.pop(0) if self.archive.listing_faults else None
        if isinstance(fault, Refuse):
            self._answer(fault.status, {"status": "ERROR"})
        elif dataset not in self.archive.datasets:
            message = f"Dataset with Persistent ID {dataset} not found."
            self._answer(404, {"status": "ERROR", "message": message})
        else:
            files = [file.listed for file in self.archive.datasets[dataset]]
            self._answer(200, {"status": "OK", "data": files})

    def _guarded(self, identifier: int) -> None:
        file = self.archive.file(identifier)
        if file is not None and file.needs_guestbook:
            message = "You may not download this file without the required Guestbook response."
            self._answer(400, {"status": "ERROR", "message": message})
        else:
            self._send(identifier)

    def _send(self, identifier: int) -> None:
        file = self.archive.file(identifier)
        if file is None:
            self._answer(404, {"status": "ERROR", "message": f"Datafile {identifier}: not found"})
            return
        with self.archive.lock:
            fault = file.faults.pop(0) if file.faults else None
        if isinstance(fault, Refuse):
            self._answer(fault.status, {"status": "ERROR"}, fault.retry_after)
            return
        if isinstance(fault, Replace):
            file.content, file.entry = fault.content, file.listed["dataFile"]
        self._body(file.content, fault)

    def _body(self, content: bytes, fault: Fault | None) -> None:
        first = self._first_byte(fault)
        if first >= len(content) > 0:
            self._answer(416, {"status": "ERROR"})
            return
        body = _altered(content, fault)[first:]
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._write(body, fault.then if isinstance(fault, IgnoreRange) else fault)

    def _first_byte(self, fault: Fault | None) -> int:
        asked = self.headers.get("Range")
        if asked is None or isinstance(fault, IgnoreRange):
            return 0
        first = int(asked.removeprefix("bytes=").partition("-")[0])
        return first - 1 if isinstance(fault, WrongRange) else first

    def _write(self, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Stall):
            self.wfile.write(body[: fault.after])
            self.rfile.read(1)  # returns when the client hangs up
        elif isinstance(fault, Cut):
            self.wfile.write(body[: fault.after])
            self.wfile.flush()
            self._hang_up(fault)
        else:
            self.wfile.write(body)

    def _hang_up(self, fault: Cut) -> None:
        if fault.reset:  # lingering for no time turns the close into a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _answer(
        self, status: int, answer: dict[str, Any], retry_after: str | None = None
    ) -> None:  # Any: JSON
        body = json.dumps(answer).encode()
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _altered(content: bytes, fault: Fault | None) -> bytes:
    if not isinstance(fault, Corrupt):
        return content
    changed = bytearray(content)
    changed[fault.at] ^= 0xFF
    return bytes(changed)
