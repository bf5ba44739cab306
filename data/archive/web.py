"""Asking a web server that may be slow, busy or gone: what to try again, how long to wait, what to say.

Proxies named in the environment (`https_proxy`, `no_proxy`) are used.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from threading import Event
from typing import TypeVar, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener

from data.errors import FetchError

AGENT = "vhtwin/0.1 (research)"  # the Harvard Dataverse turns urllib's own name away
PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """How patient a download is; an attempt that got further than all before starts the count anew."""

    attempts: int = 5
    first_delay_seconds: float = 1.0
    longest_delay_seconds: float = 60.0
    timeout_seconds: float = 30.0
    connections: int = 4  # the Harvard Dataverse is said to allow each no more than about 0.2 MB/s

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.connections < 1:
            raise ValueError(f"attempts and connections must be at least 1, got {self}")
        if not 0 <= self.first_delay_seconds <= self.longest_delay_seconds:
            raise ValueError(f"delays must satisfy 0 <= first <= longest, got {self}")
        if self.timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds must be positive, got {self.timeout_seconds}")


class PassingFaultError(Exception):
    """A fault of the line or the server that another attempt may get past."""

    def __init__(self, sentence: str, wait_seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait_seconds = wait_seconds  # as the server asked for


class RefusedError(FetchError):
    """The server understood and said no; another attempt would hear the same."""

    def __init__(self, address: str, status: int, said: str) -> None:
        super().__init__(f"{address}: the server answered {status} {said}".rstrip())
        self.status = status
        self.said = said


def opened(
    address: str, settings: FetchSettings, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> HTTPResponse:
    """The server's answer, for the caller to read and close; `body` makes the request a POST."""
    request = Request(address, data=body, headers={"User-Agent": AGENT, **(headers or {})})
    with faults_of(address):
        try:
            return cast(HTTPResponse, build_opener().open(request, timeout=settings.timeout_seconds))
        except HTTPError as error:
            with error:
                raise _refusal(address, error) from error


def _refusal(address: str, error: HTTPError) -> Exception:
    """What an answer of 400 and more means."""
    if error.code in PASSING_STATUSES:
        after = error.headers.get("Retry-After", "")
        seconds = float(after) if after.isdigit() else 0.0
        return PassingFaultError(f"{address}: the server answered {error.code} {error.reason}", seconds)
    said = error.read(2000).decode("utf-8", "replace")
    return RefusedError(address, error.code, " ".join(f"{error.reason} {said}".split())[:300])


@contextmanager
def faults_of(address: str) -> Iterator[None]:
    """Turn whatever the line does wrong within the block into a passing fault."""
    host = urlsplit(address).netloc
    try:
        yield
    except TimeoutError as error:
        raise PassingFaultError(f"{host} did not answer in time") from error
    except URLError as error:
        raise PassingFaultError(
            f"{host} cannot be reached ({_reason(error.reason)}); check the network, "
            "the proxy in the environment and the address"
        ) from error
    except (OSError, HTTPException) as error:
        raise PassingFaultError(f"the connection to {host} broke ({_reason(error)})") from error


def _reason(error: object) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return said or type(error).__name__


def retried(
    attempt: Callable[[], Answer], settings: FetchSettings, stop: Event, reached: Callable[[], int]
) -> Answer:
    """What `attempt` returns, after as many passing faults as `settings` bear; `stop` ends the waiting.

    A fault counts when `reached` (bytes that have arrived) is no more than after any fault before.
    """
    failures, furthest = 0, 0
    while True:
        try:
            return attempt()
        except PassingFaultError as fault:
            failures = failures + 1 if reached() <= furthest else 1
            furthest = max(furthest, reached())
            if failures >= settings.attempts or stop.is_set():
                raise FetchError(f"{fault} ({failures} attempts)") from fault
            delay = max(backoff_seconds(failures, settings, random.random()), fault.wait_seconds)
            stop.wait(min(delay, settings.longest_delay_seconds))


def backoff_seconds(failures: int, settings: FetchSettings, luck: float) -> float:
    """The pause after the `failures`-th failure: doubling, of which `luck` in [0, 1] may halve.

    The jitter keeps the connections of one download from coming back all at once.
    """
    doubled = settings.first_delay_seconds * 2.0 ** min(failures - 1, 60)
    return min(doubled, settings.longest_delay_seconds) * (1 + luck) / 2
