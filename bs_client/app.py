"""The station's side as a plain Flower ClientApp, for nodes that Flower's own commands start.

What a node holds stands in its node-config: the folder of a set, and which of its stations, by their ids or
as one part of several. What is not told there is taken from the run's config: the nodes of Flower's
simulation have a partition and nothing else. Flower starts a process for every message, except in its
simulation, whose processes stay: they keep what they have read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from flwr.app import Context, Message, UserConfigValue
from flwr.clientapp import ClientApp

from bs_client.site import Site
from data.errors import InputError
from data.plain import rebuilt
from data.sets.tables import ReadSettings, read_set
from data.traffic import StationId, Traffic, chosen_stations, of_columns
from data.wire import carried, content_of, packed_answers

READING = {  # how a set is read, by the names that Flower's configs use
    name.replace("_", "-"): name
    for name in ("channel", "timezone", "max_gap_hours", "standardised", "first_stations")
}
SHARED = ("data", *READING)  # what the run's config may tell for all nodes
OWN = ("stations", "partition-id", "num-partitions")  # what a node alone can tell
SITES_KEPT = 1024  # by a process of the simulation, which serves now this node and now that
Config = Mapping[str, UserConfigValue]

app = ClientApp()


@app.query()
def query(message: Message, context: Context) -> Message:
    """The answers of the node's stations to the orders in a message."""
    packet = answered(content_of(message.content), context.node_config, context.run_config)
    return Message(carried(packet), reply_to=message)


def answered(packet: bytes, node: Config, run: Config) -> bytes:
    """The packet of answers to a packet of orders; a refusal in words where the configs make no sense."""
    try:
        site = _site(holding(node, run))
    except InputError as error:
        return packed_answers([], str(error))
    return site.answered(packet)


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Which series a node holds: stations of a set by their ids, or one part of it; one of one is all."""

    data: Path
    reading: ReadSettings
    stations: tuple[StationId, ...] = ()
    part: int = 0
    parts: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.part < self.parts:
            raise InputError(
                f"partition-id must be at least 0 and below num-partitions, got {self.part} and {self.parts}"
            )
        if self.stations and self.parts > 1:
            raise InputError("expected either stations or partition-id and num-partitions, got both")


def holding(node: Config, run: Config) -> Holding:
    """What a node holds by its own config and, where that is silent, by the run's."""
    told = {name: run[name] for name in SHARED if name in run}
    told |= {name: node[name] for name in (*SHARED, *OWN) if name in node}
    if not told.get("data"):
        raise InputError(
            "no data: expected --node-config 'data=\"FOLDER\"', a set with stations.csv beside a traffic file"
        )
    reading = {field: told[name] for name, field in READING.items() if name in told}
    given = {**reading, "timezone": reading.get("timezone") or None, "leave_out_gappy": True}
    named = dict.fromkeys(each.strip() for each in str(told.get("stations", "")).split(","))
    return Holding(
        data=Path(str(told["data"])),
        reading=rebuilt(ReadSettings, given),
        stations=tuple(StationId(each) for each in named if each),
        part=_whole_number(told, "partition-id", 0),
        parts=_whole_number(told, "num-partitions", 1),
    )


def _whole_number(told: Config, name: str, otherwise: int) -> int:
    found = told.get(name, otherwise)
    if isinstance(found, bool) or not isinstance(found, int):
        raise InputError(f"{name}: expected a whole number, got {found!r}")
    return found


@lru_cache(SITES_KEPT)
def _site(held: Holding) -> Site:
    return Site(of_holding(_traffic(held.data, held.reading), held))


@cache
def _traffic(folder: Path, reading: ReadSettings) -> Traffic:
    return read_set(folder, reading)


def of_holding(traffic: Traffic, held: Holding) -> Traffic:
    """The traffic that a node holds of a set, and which of its stations cannot take part.

    Gappy stations have no column to be parted by: the first part tells of them.
    """
    if held.stations:
        gappy = tuple(each for each in held.stations if each in traffic.gappy)
        found = [each for each in held.stations if each not in gappy]
        if not found:
            raise InputError(f"{held.data}: all of {', '.join(gappy)} have gaps that are too long to fill")
        return replace(chosen_stations(traffic, found), gappy=gappy)
    columns = np.array_split(np.arange(len(traffic.stations)), held.parts)[held.part]
    if not len(columns):
        raise InputError(
            f"{held.data}: holds {len(traffic.stations)} stations, none of them for part {held.part} of "
            f"{held.parts}"
        )
    mine = of_columns(traffic, columns)
    return mine if held.part == 0 else replace(mine, gappy=())
