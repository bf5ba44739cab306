"""TLS and node authentication between a real link and real nodes: who is let in, who is not, what is said."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import httpx
import pytest
from flwr.app import Message, MessageType
from flwr.proto.fleet_pb2 import ActivateNodeRequest, DeactivateNodeRequest, PullMessagesRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_TYPES

from bs_client.flower_node import FlowerNode, Keys
from bs_client.flower_node import Link as Reached
from data.errors import InputError
from data.keys import ServerKeys, certificate, make_keys, node_keys, remove_node, server_keys
from data.wire import carried, content_of
from fl_server.federation.link import Doors, Link, quiet
from fl_server.federation.link_grid import LinkGrid

PATIENCE_SECONDS = 30.0
PROTOBUF = {"content-type": "application/protobuf"}
FLEET = sorted(path for _, path in PROTOBUF_REQUEST_TYPES if path.startswith("/v1/fleet/"))
OTHER = sorted(path for _, path in PROTOBUF_REQUEST_TYPES if not path.startswith("/v1/fleet/"))
BELL = "/v1/vhtwin/bell"


@dataclass(frozen=True)
class Federation:
    """A link with TLS that knows two nodes; `stranger` holds the keys of another federation."""

    folder: Path
    stranger: Path
    keys: ServerKeys
    link: Link
    grid: LinkGrid
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answers(self, question: bytes) -> list[bytes]:
        """What the nodes that are there answer."""
        there = self.grid.get_node_ids()
        messages = [Message(carried(question), node, MessageType.QUERY, ttl=60) for node in there]
        replies = self.grid.send_and_receive(messages, timeout=PATIENCE_SECONDS)
        return [content_of(reply.content) for reply in replies]

    def names(self) -> set[str]:
        """The names of the nodes that are there."""
        return {self.keys.names[info.public_key] for info in self.grid.get_nodes()}

    def client(self) -> httpx.Client:
        """A client of no node, which trusts the authority."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return httpx.Client(base_url=f"https://{self.address}", verify=context, timeout=PATIENCE_SECONDS)


@contextmanager
def opened(folder: Path, stranger: Path) -> Iterator[Federation]:
    """A link with the keys in `folder`, on all addresses of this machine."""
    quiet()
    keys = server_keys(folder)
    doors = Doors(
        host="0.0.0.0",
        certificate=keys.certificate,
        private_key=keys.private_key,
        node_keys=keys.node_keys,
    )
    link = Link(doors)
    port = int(link.open().rpartition(":")[2])
    grid = LinkGrid(link)
    try:
        yield Federation(folder, stranger, keys, link, grid, port)
    finally:
        grid.end()
        link.close()


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    home = tmp_path_factory.mktemp("federation")
    make_keys(home / "ours", ["localhost"], ["north", "south"])
    make_keys(home / "theirs", ["localhost"], ["west"])
    with opened(home / "ours", home / "theirs") as federation:
        yield federation


@contextmanager
def running(reached: Reached, link: Link) -> Iterator["Queue[str]"]:
    """A node that runs in a thread; what it tells."""
    told: Queue[str] = Queue()
    node = FlowerNode(reached, lambda question: b"answer to " + question, tell=told.put)
    thread = threading.Thread(target=node.run)
    thread.start()
    try:
        yield told
    finally:
        node.stop.set()
        end = time.monotonic() + PATIENCE_SECONDS
        while thread.is_alive() and time.monotonic() < end:
            link.ring(list(link.state.nodes))  # or it waits for the bell
            thread.join(0.05)
        assert not thread.is_alive()


def member(federation: Federation, name: str) -> Reached:
    """How a node of the federation reaches it."""
    keys = node_keys(federation.folder / "nodes" / f"{name}.key")
    trusted = certificate(federation.folder / "ca.crt")
    return Reached(address=federation.address, certificate=trusted, keys=keys, retry_seconds=0.1)


def first_word(told: "Queue[str]") -> str:
    return told.get(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("question", [b"question", b"long question" * 200_000])
def test_a_node_with_a_registered_key_joins_and_answers(federation: Federation, question: bytes) -> None:
    with running(member(federation, "north"), federation.link) as told:
        assert first_word(told) == f"joined {federation.address}"
        assert federation.names() == {"north"}
        assert federation.answers(question) == [b"answer to " + question]
    assert federation.grid.get_node_ids() == []


def test_a_second_process_with_a_key_is_refused_while_the_first_is_there(federation: Federation) -> None:
    north = member(federation, "north")
    with running(north, federation.link) as told:
        assert first_word(told) == f"joined {federation.address}"
        end = time.monotonic() + PATIENCE_SECONDS
        while not federation.link.at_bell():
            assert time.monotonic() < end
            time.sleep(0.01)
        with running(north, federation.link) as second:
            reason = (
                "the server refused this node (409): another process with this key is there, at 127.0.0.1"
            )
            assert first_word(second) == f"{federation.address}: {reason}; trying again"
            assert federation.answers(b"another") == [b"answer to another"]
        assert told.empty()
    with running(north, federation.link) as third:
        assert first_word(third) == f"joined {federation.address}"


def test_every_node_is_known_by_its_key(federation: Federation) -> None:
    north, south = member(federation, "north"), member(federation, "south")
    with running(north, federation.link) as told_north, running(south, federation.link) as told_south:
        assert {first_word(told_north), first_word(told_south)} == {f"joined {federation.address}"}
        assert federation.names() == {"north", "south"}
        assert federation.answers(b"question") == [b"answer to question"] * 2


def test_a_node_that_was_there_before_is_the_same_one(federation: Federation) -> None:
    identities = set()
    for _ in range(2):
        with running(member(federation, "north"), federation.link) as told:
            first_word(told)
            identities |= set(federation.grid.get_node_ids())
    assert len(identities) == 1


Outsider = tuple[str, Path | None, Keys | None]  # the host it dials, whom it trusts, its keys


def with_an_unknown_key(federation: Federation) -> Outsider:
    return "127.0.0.1", federation.folder / "ca.crt", node_keys(federation.stranger / "nodes" / "west.key")


def with_a_key_of_its_own_making(federation: Federation) -> Outsider:
    return "127.0.0.1", federation.folder / "ca.crt", None


def without_tls(federation: Federation) -> Outsider:
    return "127.0.0.1", None, node_keys(federation.folder / "nodes" / "north.key")


def that_trusts_another_authority(federation: Federation) -> Outsider:
    return "127.0.0.1", federation.stranger / "ca.crt", node_keys(federation.folder / "nodes" / "north.key")


def that_came_by_an_address_not_in_the_certificate(federation: Federation) -> Outsider:
    return "127.0.0.2", federation.folder / "ca.crt", node_keys(federation.folder / "nodes" / "north.key")


@pytest.mark.parametrize(
    ("outsider", "words"),
    [
        (with_an_unknown_key, "the server refused this node (4"),
        (with_a_key_of_its_own_making, "the server refused this node (4"),
        (without_tls, "the server hung up, as one with TLS does when a node comes without"),
        (that_trusts_another_authority, "the server's certificate is of another authority"),
        (that_came_by_an_address_not_in_the_certificate, "or for another address"),
    ],
)
def test_a_node_is_refused_and_says_why(
    federation: Federation, outsider: Callable[[Federation], Outsider], words: str
) -> None:
    host, trusted, keys = outsider(federation)
    address, read = f"{host}:{federation.port}", certificate(trusted) if trusted else None
    reached = Reached(address=address, certificate=read, keys=keys, retry_seconds=0.1)
    with running(reached, federation.link) as told:
        sentence = first_word(told)
        assert sentence.startswith(f"{address}: ")
        assert words in sentence
        assert federation.grid.get_node_ids() == []
        assert len(federation.link.state.nodes) == 2  # none was registered
        with running(member(federation, "south"), federation.link) as told_south:
            assert first_word(told_south) == f"joined {federation.address}"
            assert federation.answers(b"question") == [b"answer to question"]


def test_a_node_that_insists_on_tls_does_not_speak_plainly(federation: Federation) -> None:
    link = Link(Doors())
    address = link.open()
    try:
        reached = Reached(address=address, certificate=certificate(federation.folder / "ca.crt"))
        with running(reached, link) as told:
            assert "the server speaks no TLS" in first_word(told)
            assert not link.state.nodes
    finally:
        link.close()


def test_a_removed_node_is_refused_by_the_next_server(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ["localhost"], ["north", "south"])
    remove_node(tmp_path / "keys", "north")
    with opened(tmp_path / "keys", tmp_path) as federation:
        with running(member(federation, "north"), federation.link) as told:
            assert "the server refused this node" in first_word(told)
        with running(member(federation, "south"), federation.link) as told:
            assert first_word(told) == f"joined {federation.address}"


def test_a_certificate_without_its_key_is_one_sentence(federation: Federation) -> None:
    certificate, other = federation.folder / "server.crt", federation.stranger / "server.key"
    link = Link(Doors(certificate=certificate, private_key=other))
    with pytest.raises(InputError, match=r"server\.crt: no certificate to serve with .*mismatch"):
        link.open()


def test_the_server_proves_itself_with_current_tls(federation: Federation) -> None:
    context = ssl.create_default_context(cafile=str(federation.folder / "ca.crt"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", federation.port), PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize("path", FLEET)
def test_a_call_that_no_node_signed_is_refused(federation: Federation, path: str) -> None:
    with federation.client() as client:
        assert client.post(path, content=b"", headers=PROTOBUF).status_code == 401
    assert federation.grid.get_node_ids() == []


def test_a_node_cannot_act_for_another(federation: Federation) -> None:
    nodes = federation.link.state.nodes.items()
    south = next(node for node, info in nodes if federation.keys.names[info.public_key] == "south")
    key = federation.link.state.nodes[south].public_key
    client = FlowerNode(member(federation, "north"), lambda question: question)._client
    with running(member(federation, "south"), federation.link) as told:
        assert first_word(told) == f"joined {federation.address}"
        refusal = pytest.raises(httpx.HTTPStatusError, match="401 Unauthorized")
        with refusal:
            client.ActivateNode(ActivateNodeRequest(public_key=key, heartbeat_interval=30))
        with refusal:
            client.PullMessages(PullMessagesRequest(node=Node(node_id=south)))
        with refusal:
            client.DeactivateNode(DeactivateNodeRequest(node_id=south))
        assert federation.names() == {"south"}
    client.close()


@pytest.mark.parametrize("path", OTHER)
def test_the_control_and_runtime_apis_of_flower_are_not_there(federation: Federation, path: str) -> None:
    assert path.startswith(("/v1/control/", "/v1/runtime/"))
    with federation.client() as client:
        assert client.post(path, content=b"", headers=PROTOBUF).status_code == 404
        assert client.get(path).status_code == 404


def test_nothing_tells_what_is_there(federation: Federation) -> None:
    assert len(OTHER) > 40
    with federation.client() as client:
        for path in ("/", "/docs", "/redoc", "/openapi.json", "/v1/fleet", "/v1/control", "/v1/runtime"):
            assert client.get(path).status_code == 404


@pytest.mark.parametrize("host", ["x/v1/runtime/push-object?", "x/v1/control/list-runs#", "@", "a b"])
def test_a_forged_host_is_no_way_around_the_signature(federation: Federation, host: str) -> None:
    with federation.client() as client:
        answer = client.post("/v1/fleet/push-object", content=b"", headers={**PROTOBUF, "host": host})
        assert answer.status_code in {400, 401}


@pytest.mark.parametrize("node", ["12345", "0", "-1", "", "nobody", "²", "9" * 400])
def test_the_bell_does_not_ring_for_a_node_that_is_not_known(federation: Federation, node: str) -> None:
    with federation.client() as client:
        assert client.get(BELL, params={"node": node}).status_code == 410


def test_flowers_own_supernode_joins_with_these_files(federation: Federation, tmp_path: Path) -> None:
    words = ["--superlink", federation.address, "--root-certificates", str(federation.folder / "ca.crt")]
    words += ["--auth-supernode-private-key", str(federation.folder / "nodes" / "north.key")]
    words += ["--isolation", "process", "--port", str(free_port())]
    quietly = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_HOME": str(tmp_path)}
    supernode = subprocess.Popen(
        [str(Path(sys.executable).with_name("flower-supernode")), *words],
        env={**os.environ, **quietly},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not federation.grid.get_node_ids() and supernode.poll() is None and time.monotonic() < end:
            federation.grid.pause(0.1)
        assert federation.names() == {"north"}
    finally:
        supernode.terminate()
        said = supernode.communicate(timeout=PATIENCE_SECONDS)[0]
    assert "terminated gracefully" in said


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
