"""Twins on their way between clusters and network, as they are or in fewer bytes."""

from collections.abc import Sequence
from dataclasses import replace

from data.coding import Coding
from fl_server.crossing.common import gone_down, gone_up
from fl_server.exchange import Exchange
from fl_server.tree import Tree

Crossed = tuple[Tree, Exchange]  # after something crossed, and all that has crossed by then


def twins_up(before: Crossed, clusters: Sequence[int], coding: Coding | None) -> Crossed:
    """The twins of some clusters go up to the network."""
    tree, exchange = before
    if coding is None or tree.common is None:
        return tree, exchange.counted("cluster_network", up=len(clusters), size=tree.size)
    common, sizes = gone_up(tree.common, clusters, tree.clusters[list(clusters)], coding)
    for size in sizes:
        exchange = exchange.counted("cluster_network", up=1, size=size)
    return replace(tree, common=common), exchange


def twins_down(before: Crossed, clusters: Sequence[int], coding: Coding | None) -> Crossed:
    """The network's twin goes down to some clusters."""
    tree, exchange = before
    if coding is None or tree.common is None:
        return tree, exchange.counted("cluster_network", down=len(clusters), size=tree.size)
    common, sizes = gone_down(tree.common, clusters, tree.top, coding)
    for size in sizes:
        exchange = exchange.counted("cluster_network", down=1, size=size)
    return replace(tree, common=common), exchange
