"""Twins on their way between clusters and network, as they are or in fewer bytes."""

from collections.abc import Iterable
from dataclasses import replace

from data.coding import Coding
from fl_server.crossing.common import gone_down, gone_up
from fl_server.exchange import Exchange
from fl_server.tree import Tree

Crossed = tuple[Tree, Exchange]  # after something crossed, and all that has crossed by then


def twins_up(before: Crossed, clusters: Iterable[int], coding: Coding | None) -> Crossed:
    """The twins of some clusters go up to the network."""
    tree, exchange = before
    for cluster in clusters:
        size = tree.size
        if coding is not None and tree.common is not None:
            common, size = gone_up(tree.common, cluster, tree.clusters[cluster], coding)
            tree = replace(tree, common=common)
        exchange = exchange.counted("cluster_network", up=1, size=size)
    return tree, exchange


def twins_down(before: Crossed, clusters: Iterable[int], coding: Coding | None) -> Crossed:
    """The network's twin goes down to some clusters."""
    tree, exchange = before
    for cluster in clusters:
        size = tree.size
        if coding is not None and tree.common is not None:
            common, size = gone_down(tree.common, cluster, tree.top, coding)
            tree = replace(tree, common=common)
        exchange = exchange.counted("cluster_network", down=1, size=size)
    return tree, exchange
