"""A lean Flower node: the Fleet API of a SuperLink, spoken from a process that stays warm.

Flower's own `flower-supernode` starts a process for every message and polls every 3 s. This node speaks the
same protocol of the same pinned version with Flower's own client, keeps its series and compiled code in
memory, and asks at once again. A server of vhtwin also rings a bell, on which the node waits in place of
polling. This module is the only one of the station's side that uses private parts of Flower.
"""

import json
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from types import FrameType
from typing import cast

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message
from flwr.app.message import remove_content_from_message
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
    RegisterNodeFleetRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import (
    ConfirmMessageReceivedRequest,
    ObjectTree,
    PullObjectRequest,
    PushObjectRequest,
)
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import generate_key_pairs, public_key_to_bytes
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from data.errors import InputError
from data.wire import carried, content_of

WRITTEN_FOR = "1.41.0"
HEARTBEAT_SECONDS = 10.0  # the shortest that Flower allows; a node counts as lost after twice as long
BELL = "/v1/vhtwin/bell"
BELL_SECONDS = 20.0
REQUEST_SECONDS = 30.0
Answered = Callable[[bytes], bytes]
Keys = tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey]


@dataclass(frozen=True, kw_only=True)
class Link:
    """How a server is reached; without a certificate to trust, by plain HTTP."""

    address: str
    certificate: bytes | None = None
    keys: Keys | None = None  # registered with the server; None: the node registers a pair of its own
    poll_seconds: float = 1.0  # between two looks where no bell is rung
    retry_seconds: float = 1.0  # between two attempts to join


def end_when_told() -> None:
    """Let SIGTERM and an interrupt end this process's node at once, also while it waits or computes."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


class RefusedError(Exception):
    """The server does not take this node."""


@dataclass
class FlowerNode:
    """One node; `run` ends when `stop` is set."""

    link: Link
    answered: Answered
    stop: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        if metadata.version("flwr") != WRITTEN_FOR:
            found = metadata.version("flwr")
            raise InputError(f"flwr {found} is installed, expected {WRITTEN_FOR}; use flower-supernode")
        self._keys = self.link.keys or generate_key_pairs()
        private, public = self._keys
        self._client = FleetHttpClient.from_server_address(
            self.link.address,
            self.link.certificate is None,
            self.link.certificate,
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                NodeAuthHttpInterceptor(private, public),
            ],
        )
        self._client._client.close()
        self._client._client = _prompt_client(self.link.certificate)
        self._node: Node | None = None
        self._lively = threading.RLock()
        self._bell = True  # until the server says that it has none

    def run(self) -> None:
        """Join, answer, and join again whenever the server is gone or knows the node no longer."""
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            self._stay()
        finally:
            self.stop.set()
            self._leave()

    def end(self) -> None:
        """Let `run` end, from another thread: the server lets go a node that leaves."""
        self.stop.set()
        self._sign_off()

    def _stay(self) -> None:
        said, known = "", False
        while not self.stop.is_set():
            try:
                self._node = self._joined()
                self.tell(f"joined {self.link.address}")
                said, known = "", True
                self._serve(self._node)
            except (httpx.HTTPError, RefusedError) as error:
                reason = _sentence(error, self.link.certificate is not None, known)
                if reason != said:
                    self.tell(f"{self.link.address}: {reason}; trying again")
                said = reason
                self._node = None
                self.stop.wait(self.link.retry_seconds)

    def _joined(self) -> Node:
        """The node as the server knows it, active; one that it took for active still is revived."""
        key = public_key_to_bytes(self._keys[1])
        if self.link.keys is None:
            self._tolerant(lambda: self._client.RegisterNode(RegisterNodeFleetRequest(public_key=key)))
        activate = ActivateNodeRequest(public_key=key, heartbeat_interval=HEARTBEAT_SECONDS)
        try:
            return Node(node_id=self._client.ActivateNode(activate).node_id)
        except httpx.HTTPStatusError as error:
            raise RefusedError(_reason(error)) from error

    def _tolerant(self, call: Callable[[], object]) -> None:
        """Call, and let pass that it fails: the next call will show whether it matters."""
        with suppress(httpx.HTTPError, RuntimeError):  # httpx has no other for a client that was closed
            call()

    def _serve(self, node: Node) -> None:
        while not self.stop.is_set():
            pulled = self._client.PullMessages(PullMessagesRequest(node=node))
            for proto, tree in zip(pulled.messages_list, pulled.message_object_trees, strict=True):
                self._follow(node, message_from_proto(proto), tree)
            if self._bell or not pulled.messages_list:
                self._wait(node)

    def _follow(self, node: Node, order: Message, tree: ObjectTree) -> None:
        """Answer an order; one whose run has ended meanwhile is nobody's any longer."""
        try:
            message = self._whole(node, order, tree)
            self._answer(node, message)
            self._confirm(node, message)  # last: an order that was not answered comes again
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.FORBIDDEN:
                raise

    def _whole(self, node: Node, message: Message, tree: ObjectTree) -> Message:
        """The message with its content, which is fetched object by object."""
        run_id, contents = message.metadata.run_id, {}
        for each in iterate_object_tree(tree):
            request = PullObjectRequest(node=node, run_id=run_id, object_id=each.object_id)
            response = self._client.PullObject(request)
            if not response.object_available:
                raise RefusedError("an order came without its content")
            contents[each.object_id] = response.object_content
        name = message.metadata.message_id
        whole = cast(Message, inflate_object_from_contents(name, contents))
        whole.metadata.__dict__["_message_id"] = name
        return whole

    def _confirm(self, node: Node, message: Message) -> None:
        run_id, name = message.metadata.run_id, message.metadata.message_id
        self._client.ConfirmMessageReceived(
            ConfirmMessageReceivedRequest(node=node, run_id=run_id, message_object_id=name)
        )

    def _answer(self, node: Node, message: Message) -> None:
        began = time.monotonic()
        reply = Message(carried(self.answered(content_of(message.content))), reply_to=message)
        with no_object_id_recompute():
            reply.metadata.__dict__["_message_id"] = reply.object_id
            objects, tree = get_all_nested_objects(reply), get_object_tree(reply)
            pushed = self._client.PushMessages(
                PushMessagesRequest(
                    node=node,
                    messages_list=[message_to_proto(remove_content_from_message(reply))],
                    message_object_trees=[tree],
                    clientapp_runtime_list=[time.monotonic() - began],
                )
            )
            for name in pushed.objects_to_push:
                self._client.PushObject(
                    PushObjectRequest(
                        node=node,
                        run_id=reply.metadata.run_id,
                        session_id=pushed.session_id,
                        object_id=name,
                        object_content=objects[name].deflate(),
                    )
                )

    def _wait(self, node: Node) -> None:
        """Until the bell rings; or for a while, where the server has none."""
        if not self._bell:
            self.stop.wait(self.link.poll_seconds)
            return
        response = self._client._client.get(
            f"{self._client._base_url}{BELL}", params={"node": str(node.node_id)}, timeout=BELL_SECONDS + 10
        )
        if response.status_code == httpx.codes.NOT_FOUND:
            self._bell = False
            self.stop.wait(self.link.poll_seconds)
        elif response.status_code == httpx.codes.GONE:
            raise RefusedError("the server does not know this node any longer")

    def _beat(self) -> None:
        """Keep the node alive in the eyes of the server, also while it computes."""
        while not self.stop.wait(HEARTBEAT_SECONDS * 0.8):
            with self._lively:  # a beat after the node has left would bring it back to life
                node = self._node
                if node is not None:
                    request = SendNodeHeartbeatRequest(node=node, heartbeat_interval=HEARTBEAT_SECONDS)
                    self._tolerant(partial(self._client.SendNodeHeartbeat, request))

    def _leave(self) -> None:
        self._sign_off()
        with self._lively:
            self._client.close()

    def _sign_off(self) -> None:
        with self._lively:
            node, self._node = self._node, None
            if node is not None:
                request = DeactivateNodeRequest(node_id=node.node_id)
                self._tolerant(partial(self._client.DeactivateNode, request))


def _prompt_client(certificate: bytes | None) -> httpx.Client:
    """An HTTP client that sends at once.

    Head and body of a request are two small packets; without TCP_NODELAY the second waits for the delayed
    acknowledgement of the first, 40 ms in each of the ten requests that an order costs.
    """
    verify: ssl.SSLContext | bool = False  # by plain HTTP there is nothing to verify
    if certificate is not None:
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        verify.load_verify_locations(cadata=certificate.decode("ascii"))
    at_once = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    transport = httpx.HTTPTransport(verify=verify, socket_options=at_once)
    return httpx.Client(transport=transport, timeout=REQUEST_SECONDS)


def _sentence(error: Exception, trusting: bool, known: bool) -> str:
    """Why a node could not join, or stay where it is `known`; where TLS failed, with what to look at."""
    said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"the server's certificate is of another authority, or for another address ({said})"
    if trusting and "[SSL" in said:
        return f"the server speaks no TLS, or none that this node can ({said})"
    if not trusting and not known and isinstance(error, httpx.RemoteProtocolError):
        return f"the server hung up, as one with TLS does when a node comes without ({said})"
    return said


def _reason(error: httpx.HTTPStatusError) -> str:
    try:
        detail = json.loads(error.response.text).get("detail", "")
    except ValueError:
        detail = ""
    response = error.response
    return f"the server refused this node ({response.status_code}): {detail or response.reason_phrase}"
