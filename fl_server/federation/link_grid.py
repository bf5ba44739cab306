"""Flower's Grid for a server in the process of its link: no HTTP lies between it and the SuperLink."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import cast

from flwr.app import Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.constant import NOOP_FLWR_AID, SUPERLINK_NODE_ID
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp.grid import Grid
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fl_server.federation.link import Link

KEEP_ALIVE_SECONDS = 20.0  # Flower ends a run whose server has not been heard of for a minute


class LinkGrid(Grid):
    """The grid of a new run."""

    def __init__(self, link: Link) -> None:
        self.link, self.state = link, link.state
        run_id = self.state.create_run(
            None, None, None, {}, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP
        )
        self._task_id = int(self.state.get_run_info(run_ids=[run_id])[0].primary_task_id or 0)
        self.state.claim_task(self._task_id)
        self.state.activate_task(self._task_id)
        self._run = self.state.get_run_info(run_ids=[run_id])[0]
        self._incomplete: dict[str, Message] = {}  # replies whose content is still being uploaded
        self._ended = threading.Event()
        TaskIdentity.task_id, TaskIdentity.run_id = self._task_id, run_id
        TaskIdentity.node_id = SUPERLINK_NODE_ID
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def _keep_alive(self) -> None:
        while not self._ended.wait(KEEP_ALIVE_SECONDS):
            self.state.acknowledge_task_heartbeat(self._task_id)

    def end(self) -> None:
        """End the run: what is still open in it is forgotten."""
        self._ended.set()
        self.state.stop_run(self._run.run_id)

    def set_run(self, run: Run) -> None:
        """The run is set from the beginning."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """A message; Flower itself would rather have it constructed."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        """The nodes that are there."""
        return list(self.state.get_nodes(self._run.run_id))

    def joined(self) -> dict[int, int]:
        """How often each node has joined: one that was restarted may have other stations."""
        return dict(self.state.joined)

    def get_nodes(self) -> Sequence[NodeInfo]:
        """What is known of these nodes."""
        return self.state.get_node_info(node_ids=self.get_node_ids())

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Put messages where their nodes find them; one without a node has no name."""
        names, nodes = [], []
        with no_object_id_recompute():
            for message in messages:
                message.metadata.__dict__["_message_id"] = message.object_id
                names.append(message.object_id if self._stored(message) else "")
                nodes.append(message.metadata.dst_node_id)
        self.link.ring(nodes)
        return names

    def _stored(self, message: Message) -> bool:
        run_id = self._run.run_id
        objects, tree = get_all_nested_objects(message), get_object_tree(message)
        session = self.state.start_session(run_id)
        bare = remove_content_from_message(message)
        stored, missing = self.state.store_message_and_object_tree(bare, tree, session)
        for name in missing:
            self.state.store_object(run_id, session, name, objects[name].deflate())
        return bool(stored)

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """The replies to these messages that have come whole, and Flower's word on those that never will."""
        wanted = set(message_ids)
        open_ = {name for name in wanted if name not in self._incomplete}
        for reply in self.state.get_message_res(message_ids=open_, run_id=self._run.run_id):
            self._incomplete[reply.metadata.reply_to_message_id] = reply
        whole = []
        for name in sorted(wanted & self._incomplete.keys()):
            message = self._whole(self._incomplete[name])
            if message is not None:
                del self._incomplete[name]
                self.forget([name])
                whole.append(message)
        return whole

    def _whole(self, reply: Message) -> Message | None:
        """A reply with its content; None while that is not there."""
        name = reply.metadata.message_id
        if reply.has_error() or not name:
            return reply
        tree = self.state.object_store.get_object_tree(name)
        names = [each.object_id for each in iterate_object_tree(tree)]
        contents = {each: self.state.object_store.get(each) or b"" for each in names}
        if not all(contents.values()):
            return None
        whole = inflate_object_from_contents(name, contents)
        self.state.object_store.delete(name)
        return cast(Message, whole)

    def forget(self, names: Iterable[str]) -> None:
        """Drop messages and what came in reply."""
        for name in names:
            self._incomplete.pop(name, None)
            self.state.delete_messages(message_ins_ids={name})
            self.state.object_store.delete(name)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Send messages and wait for the replies."""
        names = set(self.push_messages(messages))
        end = None if timeout is None else time.monotonic() + timeout
        replies: list[Message] = []
        while names and (end is None or time.monotonic() < end):
            came = self.pull_messages(names)
            names -= {each.metadata.reply_to_message_id for each in came}
            replies += came
            if names:
                self.pause(0.1)
        return replies

    def pause(self, seconds: float) -> None:
        """Wait until something arrives, or for so long."""
        self.link.arrived.wait(seconds)
        self.link.arrived.clear()
