"""Real nodes of a real link, in threads of the test's process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from bs_client.flower_node import FlowerNode
from bs_client.flower_node import Link as Way
from bs_client.site import Site
from data.traffic import Traffic, of_columns
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.federation.link import Doors, Link, quiet
from fl_server.federation.link_grid import LinkGrid
from fl_server.settings import TwinSettings

Answered = Callable[[bytes], bytes]


@contextmanager
def opened() -> Iterator[tuple[Link, str]]:
    """A link, and its address."""
    quiet()
    link = Link(Doors())
    address = link.open()
    try:
        yield link, address
    finally:
        link.close()


@contextmanager
def joined(address: str, sites: Sequence[Answered]) -> Iterator[list[FlowerNode]]:
    """A node for each of `sites`; each ends when the block does, or when it is told to before."""
    nodes = [FlowerNode(Way(address=address, retry_seconds=0.1), each) for each in sites]
    threads = [Thread(target=node.run, daemon=True) for node in nodes]
    for thread in threads:
        thread.start()
    try:
        yield nodes
    finally:
        for node in nodes:
            node.end()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def sites_of(traffic: Traffic, parts: Sequence[Sequence[int]]) -> list[Answered]:
    """What nodes with these columns of `traffic` answer."""
    return [Site(of_columns(traffic, part)).answered for part in parts]


def gathered(
    grid: LinkGrid, settings: TwinSettings, expected: int, patience: Patience | None = None
) -> FlowerFleet:
    """A fleet of so many stations."""
    fleet = FlowerFleet(grid, setup_of(settings), patience or Patience(), grid.pause)
    *_, there = fleet.gathered(expected)
    assert there >= expected
    return fleet
