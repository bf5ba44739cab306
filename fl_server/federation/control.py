"""How a server of a federation is told what to do, and asked how it is: routes beside those for nodes.

Reading the status and starting runs is for the operator alone: with a token, from wherever it is shown;
without one, as on a server that was opened without keys, from this machine only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from importlib import metadata
from ipaddress import ip_address
from queue import Queue
from threading import Event
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from data.errors import InputError
from data.plain import read_json, rebuilt
from data.traffic import StationId
from fl_server.federation.board import Board, metrics
from fl_server.settings import TwinSettings

STATUS, RUNS, STOP, METRICS = "/v1/vhtwin/status", "/v1/vhtwin/runs", "/v1/vhtwin/stop", "/metrics"
NAME = re.compile(r"\w[\w-]*", re.ASCII)
VERSION = metadata.version("vhtwin")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A run that somebody wants; without a number of stations those that are there take part.

    Where `only` some stations are wanted, or those of clusters of earlier runs (RUN:NUMBER), these are waited
    for and no others take part.
    """

    name: str
    settings: TwinSettings
    stations: int = 0
    only: tuple[StationId, ...] = ()
    only_clusters: tuple[str, ...] = ()
    answer_seconds: float = 120.0
    keep_every: float = 2.0
    resume: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InputError(f"the name of a run must be of letters, digits, - and _, got {self.name!r}")
        if self.stations < 0:
            raise InputError(f"stations must be at least 1, or 0 for those there, got {self.stations}")
        if not 0 <= self.keep_every < float("inf"):
            raise InputError(f"the state must be kept every 0 or more seconds, got {self.keep_every}")


@dataclass
class Control:
    """What the routes show and take: the board, wanted runs, and that the present run is to stop."""

    board: Board
    token: str = ""
    above: str = ""  # the server whose runs these are, where it is another one
    wanted: Queue[Wanted] = field(default_factory=Queue)
    stop: Event = field(default_factory=Event)
    refusal_of: Callable[[Wanted], str] = lambda _: ""  # why a run cannot be had, if it cannot
    summary_of: Callable[[str], dict[str, Any] | None] = lambda _: None  # Any: what JSON holds

    def routes(self) -> list[Route]:
        """The routes, to be added to those of the link."""
        return [
            Route(STATUS, self._guarded(self._status)),
            Route(METRICS, self._guarded(self._metrics)),
            Route(RUNS, self._guarded(self._start), methods=["POST"]),
            Route(f"{RUNS}/{{name}}", self._guarded(self._summary)),
            Route(STOP, self._guarded(self._stop), methods=["POST"]),
        ]

    def _guarded(self, call: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            if not self._allowed(request):
                return JSONResponse({"error": "this is for the operator: show the token"}, 401)
            return call(request, await request.body())

        return guarded

    def _allowed(self, request: Request) -> bool:
        if self.token:
            shown = request.headers.get("authorization", "").removeprefix("Bearer ")
            return compare_digest(shown.encode(), self.token.encode())
        return request.client is not None and ip_address(request.client.host).is_loopback

    def _status(self, _request: Request, _body: bytes) -> Response:
        return JSONResponse(self.board.told(VERSION))

    def _metrics(self, _request: Request, _body: bytes) -> Response:
        return PlainTextResponse(metrics(self.board.told(VERSION)))

    def _start(self, _request: Request, body: bytes) -> Response:
        try:
            wanted = rebuilt(Wanted, read_json(body))
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)
        if self.above:
            return self._not_here()
        if self.board.run or not self.wanted.empty():
            return JSONResponse({"error": f"the run {self.board.run} is under way; wait or stop it"}, 409)
        refusal = self.refusal_of(wanted)
        if refusal:
            return JSONResponse({"error": refusal}, 409)
        self.board.runs[wanted.name] = "waiting"
        self.wanted.put(wanted)
        return JSONResponse({"run": wanted.name}, 202)

    def _summary(self, request: Request, _body: bytes) -> Response:
        name = request.path_params["name"]
        try:
            summary = self.summary_of(name) if NAME.fullmatch(name) else None
        except InputError as error:
            return JSONResponse({"error": str(error)}, 404)
        if summary is None:
            return JSONResponse({"error": f"no finished run {name}"}, 404)
        return JSONResponse(summary)

    def _not_here(self) -> Response:
        return JSONResponse({"error": f"this is a cluster head; runs are those of {self.above}"}, 409)

    def _stop(self, _request: Request, _body: bytes) -> Response:
        if self.above:
            return self._not_here()
        if not self.board.run:
            return JSONResponse({"error": "no run is under way"}, 409)
        self.stop.set()
        return JSONResponse({"stopping": self.board.run}, 202)
