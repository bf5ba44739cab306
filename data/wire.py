"""Messages as bytes, and what of Flower carries them.

A packet holds either orders, with the settings that they presuppose, or answers. It is one safetensors file:
arrays as they are, everything else as JSON in its metadata. Only the types of `data/messages.py` can be
packed; a series has no type among them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, get_args

import numpy as np
from flwr.app import ConfigRecord, RecordDict
from safetensors import SafetensorError
from safetensors.numpy import load, save

from data.errors import InputError
from data.messages import Answer, Order
from data.plain import Arrays, Plain, plain, read_json, rebuilt

KEY = "vhtwin"
ORDERS = {kind.__name__: kind for kind in get_args(Order)}
ANSWERS = {kind.__name__: kind for kind in get_args(Answer)}
VERSION = metadata.version("vhtwin")


@dataclass(frozen=True)
class Orders:
    """Orders, and the settings with which the stations are to follow them, as plain values."""

    setup: Plain
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Answers:
    """What came of orders; `refusal` says why none of them was followed, if so."""

    answers: tuple[Answer, ...]
    refusal: str = ""


def packed_orders(setup: Plain, orders: Sequence[Order]) -> bytes:
    """Orders as bytes."""
    return _packed({"setup": setup}, orders)


def packed_answers(answers: Sequence[Answer], refusal: str = "") -> bytes:
    """Answers as bytes."""
    return _packed({"refusal": refusal}, answers)


def unpacked_orders(content: bytes) -> Orders:
    """The orders in a packet."""
    header, orders = _unpacked(content, ORDERS, "setup")
    return Orders(header["setup"], tuple(orders))


def unpacked_answers(content: bytes) -> Answers:
    """The answers in a packet."""
    header, answers = _unpacked(content, ANSWERS, "refusal")
    return Answers(tuple(answers), str(header["refusal"]))


def carried(content: bytes) -> RecordDict:
    """A packet as the content of a Flower message: one value, for each record costs a request of its own."""
    return RecordDict({KEY: ConfigRecord({"packet": content})})


def content_of(record: RecordDict) -> bytes:
    """The packet in the content of a Flower message."""
    found = record.config_records[KEY].get("packet") if KEY in record.config_records else None
    if not isinstance(found, bytes):
        raise InputError("a message without a packet of vhtwin")
    return found


def _packed(header: dict[str, Plain], messages: Sequence[Order | Answer]) -> bytes:
    arrays: Arrays = {}
    listed = [
        {"kind": type(each).__name__, "value": plain(each, arrays, str(place))}
        for place, each in enumerate(messages)
    ]
    described = json.dumps({"version": VERSION, "messages": listed, **header}, allow_nan=False)
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content: bytes = save(dense, {KEY: described})
    return content


def _unpacked(content: bytes, kinds: dict[str, Any], extra: str) -> tuple[dict[str, Plain], list[Any]]:
    """The header of a packet, and its messages, which must be of some of `kinds`."""
    header = _header(content)
    if header.get("version") != VERSION:
        raise InputError(f"a packet of vhtwin {header.get('version')}, expected one of {VERSION}")
    if extra not in header or not isinstance(header.get("messages"), list):
        raise InputError("a packet of another kind than was expected")
    try:
        arrays, messages = load(content), []
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError("a packet that is damaged or cut short") from error
    for each in header["messages"]:
        kind = kinds.get(str(each.get("kind"))) if isinstance(each, dict) else None
        if kind is None:
            raise InputError("a packet with a message of another kind than was expected")
        messages.append(rebuilt(kind, each.get("value"), arrays))
    return header, messages


def _header(content: bytes) -> dict[str, Plain]:
    try:
        length = int.from_bytes(content[:8], "little")
        header = read_json(read_json(content[8 : 8 + length])["__metadata__"][KEY])
    except (InputError, KeyError, TypeError) as error:
        raise InputError("bytes that are no packet of vhtwin") from error
    if not isinstance(header, dict):
        raise InputError("bytes that are no packet of vhtwin")
    return header
