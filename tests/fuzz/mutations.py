"""Ways to damage what is read: bytes at random, tables line by line, JSON value by value."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

Draws = np.random.Generator
Plain = Any  # what JSON holds
Kind = TypeVar("Kind")

TOKENS = (
    *(b",", b"\n", b'"', b" ", b"-", b";", b"\r", b"\0", b"\t", b"=", b"[", b"]", b"{", b"}", b":", b"'"),
    *(b"nan", b"inf", b"-inf", b"e99", b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000, b"null", b"true"),
    *(b"+01:00", b"Z", b"2013-13-41", b"NaT", b"../..", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28"),
    *("🗼".encode(), "\u202e".encode(), b"[" * 3000, b'{"a":' * 3000),
)
ODD_VALUES: tuple[Plain, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), "", " ", "NaT", "nan", "\0", "\ud800", "../../etc", "x" * 10_000, "🗼"),
    *([], {}, [[]], [None], {"": {}}, [0] * 1000),
)


def damaged(content: bytes, draws: Draws) -> bytes:
    """`content` after one to four changes."""
    for _ in range(int(draws.integers(1, 5))):
        content = picked(WAYS, draws)(content, draws)
    return content


def picked(several: Sequence[Kind], draws: Draws) -> Kind:
    """One of `several`."""
    return several[int(draws.integers(len(several)))]


def _place(content: Sequence[object], draws: Draws) -> int:
    return int(draws.integers(len(content) + 1))


def _flipped(content: bytes, draws: Draws) -> bytes:
    at, bit = _place(content, draws), 1 << int(draws.integers(8))
    return content[:at] + bytes(each ^ bit for each in content[at : at + 1]) + content[at + 1 :]


def _overwritten(content: bytes, draws: Draws) -> bytes:
    at, length = _place(content, draws), int(draws.integers(0, 9))
    return content[:at] + draws.bytes(int(draws.integers(0, 9))) + content[at + length :]


def _with_token(content: bytes, draws: Draws) -> bytes:
    at, length = _place(content, draws), int(draws.integers(0, 6))
    return content[:at] + picked(TOKENS, draws) + content[at + length :]


def _cut_off(content: bytes, draws: Draws) -> bytes:
    return content[: _place(content, draws)]


def _without_part(content: bytes, draws: Draws) -> bytes:
    at = _place(content, draws)
    return content[:at] + content[at + int(draws.integers(1, 60)) :]


def _moved(content: bytes, draws: Draws) -> bytes:
    begin, end = sorted((_place(content, draws), _place(content, draws)))
    at = _place(content, draws)
    return content[:at] + content[begin:end] + content[at:]


def _lines_changed(content: bytes, draws: Draws) -> bytes:
    lines = content.splitlines(keepends=True)
    at, times = _place(lines, draws), int(draws.integers(0, 4))
    to = _place(lines, draws)
    taken, rest = lines[at : at + 1], lines[:at] + lines[at + 1 :]
    return b"".join(rest[:to] + taken * times + rest[to:])


def _fields_changed(content: bytes, draws: Draws) -> bytes:
    """A field of a line put in the place of another, or doubled, or taken out."""
    lines = content.split(b"\n")
    at = int(draws.integers(len(lines)))
    fields = lines[at].split(b",")
    one, other = (int(draws.integers(len(fields))) for _ in range(2))
    fields[other : other + int(draws.integers(0, 2))] = [fields[one]] * int(draws.integers(0, 3))
    return b"\n".join([*lines[:at], b",".join(fields), *lines[at + 1 :]])


WAYS: tuple[Callable[[bytes, Draws], bytes], ...] = (
    _flipped,
    _overwritten,
    _with_token,
    _cut_off,
    _without_part,
    _moved,
    _lines_changed,
    _fields_changed,
)


def other_value(value: Plain, draws: Draws) -> Plain:
    """`value` with one to three of its parts, at any depth, exchanged, renamed, doubled or taken out."""
    for _ in range(int(draws.integers(1, 4))):
        value = _changed(value, draws)
    return value


def _changed(value: Plain, draws: Draws) -> Plain:
    inside = len(value) > 0 if isinstance(value, dict | list) else False
    if not inside or draws.random() < 0.15:
        return _odd(value, draws)
    if isinstance(value, list):
        return _changed_list(value, draws)
    names = list(value)
    name = picked(names, draws)
    kept = dict(value)
    match int(draws.integers(8)):
        case 0:
            del kept[name]
        case 1:
            kept[picked(names, draws) + "x"] = kept.pop(name)
        case 2:
            kept[name] = kept[picked(names, draws)]
        case _:
            kept[name] = _changed(kept[name], draws)
    return kept


def _changed_list(value: list[Plain], draws: Draws) -> Plain:
    at, kept = int(draws.integers(len(value))), list(value)
    match int(draws.integers(6)):
        case 0:
            del kept[at]
        case 1:
            kept.insert(at, picked(kept, draws))
        case _:
            kept[at] = _changed(kept[at], draws)
    return kept


def _odd(value: Plain, draws: Draws) -> Plain:
    if isinstance(value, int | float) and draws.random() < 0.4:
        half = value / 2 if abs(value) < 1e300 else 0
        return picked((-value, value * 2, value + 1, value - 1, half), draws)
    if isinstance(value, str) and draws.random() < 0.4:
        return damaged(value.encode("utf-8", "surrogatepass"), draws).decode("utf-8", "replace")
    return picked(ODD_VALUES, draws)


def as_json(value: Plain) -> bytes:
    """`value` as JSON, lone surrogates and numbers that are none included."""
    return json.dumps(value).encode()
