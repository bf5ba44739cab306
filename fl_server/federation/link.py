"""A SuperLink in this process: Flower's Fleet API for nodes.

Flower's own SuperLink serves its control and runtime APIs on the port that nodes come to, and the server app
reaches it by polling over HTTP. Here the pinned version's Fleet routes, with Flower's own authentication and
state behind them, are served alone, and the server talks to that state directly (link_grid.py). A bell tells
a waiting node that something is there for it. This module and link_grid.py are the only ones of the server's
side that use private parts of Flower.
"""

import asyncio
import json
import socket
import threading
import time
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import HTTPException, Request, Response
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID
from flwr.proto.fab_pb2 import GetFabRequest
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
    RegisterNodeFleetRequest,
    UnregisterNodeFleetRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest, PushObjectRequest
from flwr.proto.run_pb2 import GetRunRequest
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, NodeStatus
from flwr.supercore.error import http_error_translator
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.superlink.federation.noop_federation_manager import NoOpFederationManager
from flwr.superlink.routers.fleet.node_auth import authenticate_node
from flwr.superlink.servicer.fleet import fleet_handlers
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Proto
from starlette.applications import Starlette
from starlette.routing import Route

from data.errors import InputError

WRITTEN_FOR = "1.41.0"
Call = Callable[[Any, "State", bool], Proto]  # Any: the call's own kind of message
BELL, BELL_SECONDS = "/v1/vhtwin/bell", 20.0


def _keyed(handler: Callable[..., Proto]) -> Call:
    return lambda order, state, auth: handler(request=order, state=state, enable_supernode_auth=auth)


def _plain(handler: Callable[..., Proto]) -> Call:
    return lambda order, state, _: handler(request=order, state=state)


def _stored(handler: Callable[..., Proto]) -> Call:
    return lambda order, state, _: handler(request=order, state=state, store=state.object_store)


FLEET = "/v1/fleet"
CALLS: dict[str, tuple[type[Proto], Call]] = {
    "register-node": (RegisterNodeFleetRequest, _keyed(fleet_handlers.register_node)),
    "activate-node": (ActivateNodeRequest, _plain(fleet_handlers.activate_node)),
    "deactivate-node": (DeactivateNodeRequest, _plain(fleet_handlers.deactivate_node)),
    "unregister-node": (UnregisterNodeFleetRequest, _keyed(fleet_handlers.unregister_node)),
    "send-node-heartbeat": (SendNodeHeartbeatRequest, _plain(fleet_handlers.send_node_heartbeat)),
    "pull-messages": (PullMessagesRequest, _stored(fleet_handlers.pull_messages)),
    "push-messages": (PushMessagesRequest, _plain(fleet_handlers.push_messages)),
    "get-run": (GetRunRequest, _plain(fleet_handlers.get_run)),
    "get-fab": (GetFabRequest, _plain(fleet_handlers.get_fab)),
    "push-object": (PushObjectRequest, _plain(fleet_handlers.push_object)),
    "pull-object": (PullObjectRequest, _plain(fleet_handlers.pull_object)),
    "confirm-message-received": (
        ConfirmMessageReceivedRequest,
        _stored(fleet_handlers.confirm_message_received),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where nodes come in, and who may: without a certificate by plain HTTP, without keys anybody."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: one that is free
    certificate: Path | None = None
    private_key: Path | None = None
    node_keys: tuple[bytes, ...] | None = None  # public ones, of the nodes that are let in
    names: Mapping[bytes, str] = field(default_factory=dict)  # of these nodes, by their keys


class State(InMemoryLinkState):
    """Flower's state, kinder to nodes that come back.

    One that joins while it still counts as there was restarted, and is let in at once. What it had been given
    and has not answered is given to it again.
    """

    def __init__(self, *parts: Any) -> None:  # Any: Flower's own
        super().__init__(*parts)
        self.joined: Counter[int] = Counter()  # how often each node has

    def activate_node(self, node_id: int, heartbeat_interval: float) -> bool:
        """Activate a node, whatever it was before."""
        self.deactivate_node(node_id)
        with self.lock:
            for name, message in self.message_ins_store.items():
                mine = message.metadata.dst_node_id == node_id
                if mine and name not in self.message_ins_id_to_message_res_id:
                    message.metadata.delivered_at = ""
            self.joined[node_id] += 1
        return bool(super().activate_node(node_id, heartbeat_interval))


@dataclass
class Link:
    """The Fleet API, served by a thread from `open` to `close`."""

    doors: Doors
    state: State = field(init=False)
    arrived: threading.Event = field(default_factory=threading.Event)
    bytes_in: int = 0
    bytes_out: int = 0

    def __post_init__(self) -> None:
        found = metadata.version("flwr")
        if found != WRITTEN_FOR:
            raise InputError(
                f"flwr {found} is installed, expected {WRITTEN_FOR}, whose private parts are known"
            )
        self.state = State(NoOpFederationManager(simulation=False), InMemoryObjectStore())
        for key in self.doors.node_keys or ():
            self.state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, key, 0)
        self._bells: dict[int, asyncio.Event] = {}
        self._at_bell: dict[int, Request] = {}  # of each node that waits
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._refused: deque[str] = deque(maxlen=100)

    def open(self, extra: Sequence[Route] = ()) -> str:
        """Begin to serve, `extra` routes too, and say at which address."""
        listening = _listening(self.doors)
        config = uvicorn.Config(
            self._app(extra),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            ssl_certfile=self.doors.certificate,
            ssl_keyfile=self.doors.private_key,
            timeout_graceful_shutdown=2,
        )
        try:
            config.load()
        except OSError as error:  # what ssl raises too
            listening.close()
            raise InputError(f"{self.doors.certificate}: no certificate to serve with ({error})") from error
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(listening,), daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise InputError(f"{self.doors.host}: cannot serve there")
            time.sleep(0.01)
        host, port = listening.getsockname()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        """Serve no longer; who waits for the bell is let go first."""
        self._closing = True
        self.ring(list(self._bells))
        self._server.should_exit = True
        self._thread.join(5)

    def nodes(self) -> set[int]:
        """The nodes that are there."""
        with self.state.lock:
            self.state._check_and_tag_offline_nodes()
            return {node for node, known in self.state.nodes.items() if known.status == NodeStatus.ONLINE}

    def name(self, node: int) -> str:
        """The name of the key of a node; its number where nodes bring keys of their own."""
        known = self.state.nodes.get(node)
        return self.doors.names.get(known.public_key, str(node)) if known else str(node)

    def at_bell(self) -> set[int]:
        """The nodes that wait for something to do."""
        return set(self._at_bell)

    def refusals(self) -> list[str]:
        """Why nodes were refused since the last time this was asked."""
        told = [self._refused.popleft() for _ in range(len(self._refused))]
        return list(dict.fromkeys(told))

    def ring(self, nodes: Iterable[int]) -> None:
        """Ring the bells of nodes for which something is there."""
        bells = [self._bells[node] for node in nodes if node in self._bells]
        if bells and self._loop is not None:
            for bell in bells:
                self._loop.call_soon_threadsafe(bell.set)

    def _serve(self, listening: socket.socket) -> None:
        asyncio.run(self._served(listening))

    async def _served(self, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[listening])

    def _app(self, extra: Sequence[Route]) -> Starlette:
        """Flower's Fleet routes and the bell, and no other of Flower's."""
        fleet = [
            Route(f"{FLEET}/{name}", partial(self._fleet, kind, call), methods=["POST"])
            for name, (kind, call) in CALLS.items()
        ]
        app = Starlette(routes=[*fleet, Route(BELL, self._bell), *extra])
        app.state.linkstate_factory = _Factory(self.state)
        return app

    async def _fleet(self, kind: type[Proto], call: Call, request: Request) -> Response:
        """One call of the Fleet API: Flower's authentication and handler, without the stack around them."""
        body = b""

        async def answered(request: Request) -> Response:
            nonlocal body
            self._refuse_unknown(request)  # before a stranger's body is read into memory
            body = await request.body()
            order = kind()
            try:
                order.ParseFromString(body)
            except DecodeError as error:
                raise HTTPException(400, "no message of Flower") from error
            request.state.protobuf_request = order
            authenticate_node(request)
            if isinstance(order, ActivateNodeRequest):
                await self._refuse_second(order.public_key)
            content = call(order, self.state, self.doors.node_keys is not None).SerializeToString()
            return Response(content, media_type=PROTOBUF_MEDIA_TYPE)

        response = await http_error_translator(request, answered)
        self.bytes_in += len(body)
        self.bytes_out += len(response.body)
        if response.status_code == 401 or (kind is ActivateNodeRequest and response.status_code >= 400):
            host = request.client.host if request.client else "?"
            self._refused.append(f"{host}: {_detail(bytes(response.body))}")
        if kind is DeactivateNodeRequest:
            self.ring(list(self._bells))  # the node that left among them: it waits no longer
        if kind is PushObjectRequest:
            self.arrived.set()
        return response

    def _refuse_unknown(self, request: Request) -> None:
        """Refuse who does not even name a key that is let in; whether it holds the key is asked later."""
        if self.doors.node_keys is None:
            return
        named = request.headers.get(FLEET_HTTP_PUBLIC_KEY_HEADER, "")
        if named not in {b64encode(key).decode("ascii") for key in self.doors.node_keys}:
            raise HTTPException(401, "its key is not one of those that are let in")

    async def _refuse_second(self, key: bytes) -> None:
        """Refuse a process whose key another one has that is there, and waits for its bell."""
        node = self.state.get_node_id_by_public_key(key)
        waiting = self._at_bell.get(node) if node is not None else None
        if waiting is not None and waiting.client and not await waiting.is_disconnected():
            raise HTTPException(409, f"another process with this key is there, at {waiting.client.host}")

    async def _bell(self, request: Request) -> Response:
        """Answer as soon as there is something for the node, or after a while."""
        named = request.query_params.get("node", "")
        node = int(named) if named.isdecimal() and len(named) <= 20 else 0  # 64 bits
        known = self.state.nodes.get(node)
        if known is None or known.status != NodeStatus.ONLINE:
            return Response(status_code=410)
        bell = self._bells.setdefault(node, asyncio.Event())
        bell.clear()
        if not (self._closing or self._waiting_for(node)):
            self._at_bell[node] = request
            try:
                await asyncio.wait_for(bell.wait(), BELL_SECONDS)
            except TimeoutError:
                return Response(status_code=204)
            finally:
                if self._at_bell.get(node) is request:
                    del self._at_bell[node]
        return Response(status_code=200)

    def _waiting_for(self, node: int) -> bool:
        with self.state.lock:
            messages = list(self.state.message_ins_store.values())
        return any(each.metadata.dst_node_id == node and not each.metadata.delivered_at for each in messages)


@dataclass(frozen=True)
class _Factory:
    """What Flower's routes get their state from."""

    made: State

    def state(self) -> State:
        """The one state there is."""
        return self.made


def _detail(body: bytes) -> str:
    """What the body of a refusal says, without the braces around it."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def _listening(doors: Doors) -> socket.socket:
    family = socket.AF_INET6 if ":" in doors.host else socket.AF_INET
    listening = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # or asyncio delays small packets
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((doors.host, doors.port))
    except OSError as error:
        listening.close()
        raise InputError(f"{doors.host}:{doors.port}: cannot listen there ({error.strerror})") from error
    return listening


def quiet() -> None:
    """Flower logs every request and every refusal; what matters here is told in our own words."""
    for name in ("flwr", "uvicorn"):
        getLogger(name).setLevel(CRITICAL)
