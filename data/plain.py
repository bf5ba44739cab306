"""Dataclasses as plain values and arrays, and back: how settings and states are stored.

Plain values are what JSON holds. Arrays are put aside by the path of their field, so that they can be stored
as they are. Reading back follows the types that the dataclass declares and refuses whatever does not fit.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Arrays = dict[str, NDArray[Any]]  # Any: of every type that numpy stores
Plain = Any  # what JSON holds: checked where it is read
Kind = TypeVar("Kind")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?", re.ASCII)  # numpy takes far more


def plain(value: object, arrays: Arrays, path: str = "") -> Plain:
    """`value` as plain values; its arrays are put into `arrays`, named by their paths."""
    match value:
        case np.ndarray():
            arrays[path] = value
            return path
        case np.datetime64():
            return str(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            named = {field.name: getattr(value, field.name) for field in fields(value)}
            return {name: plain(part, arrays, _below(path, name)) for name, part in named.items()}
        case Mapping():
            return {name: plain(part, arrays, _below(path, name)) for name, part in value.items()}
        case tuple() | list():
            return [plain(part, arrays, _below(path, str(place))) for place, part in enumerate(value)]
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{path}: {type(value).__name__} cannot be stored")


def rebuilt(kind: type[Kind], value: Plain, arrays: Arrays | None = None) -> Kind:
    """The `kind` that `plain` took apart; a field that is missing keeps its default, if it has one."""
    made: Kind = _read(kind, value, arrays or {}, "")
    return made


def read_json(text: str | bytes) -> Plain:
    """What a text says as JSON."""
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise InputError("is no text") from None
    except (ValueError, RecursionError) as error:  # the latter where it is nested thousands of times
        raise InputError(f"is no JSON: {error}") from error


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _read(kind: Any, value: Plain, arrays: Arrays, path: str) -> Any:  # Any: kinds of every sort
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else _read(_member(inner, value), value, arrays, path)
    if origin is not None:
        return _read_generic(origin, inner, (value, arrays, path))
    if is_dataclass(kind):
        return _dataclass(kind, value, arrays, path)
    return _scalar(kind, value, path)


def _read_generic(origin: Any, inner: tuple[Any, ...], where: tuple[Plain, Arrays, str]) -> Any:  # as above
    value, arrays, path = where
    if origin is np.ndarray:
        return _array(value, arrays, path)
    if origin is Literal:
        return _one_of(inner, value, path)
    if origin is tuple:
        return _tuple(inner, value, arrays, path)
    named = _mapping(value, path)
    return {name: _read(inner[1], part, arrays, _below(path, name)) for name, part in named.items()}


def _member(members: tuple[Any, ...], value: Plain) -> Any:  # Any: a type
    """The type in a union that is meant: the first dataclass that has all the names of `value`."""
    kinds = [member for member in members if member is not type(None)]
    named = set(value) if isinstance(value, Mapping) else set()
    return next((each for each in kinds if is_dataclass(each) and named <= _names(each)), kinds[0])


def _names(kind: Any) -> set[str]:  # Any: a dataclass
    return {field.name for field in fields(kind)}


def _array(value: Plain, arrays: Arrays, path: str) -> NDArray[Any]:
    if not isinstance(value, str) or value not in arrays:
        raise InputError(f"{path}: its array is missing")
    return arrays[value]


def _one_of(allowed: tuple[Any, ...], value: Plain, path: str) -> Plain:
    if value not in allowed:
        raise InputError(f"{path}: unknown {value!r}, expected one of {', '.join(map(str, allowed))}")
    return value


def _tuple(inner: tuple[Any, ...], value: Plain, arrays: Arrays, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{path}: expected a list, got {value!r}")
    kinds = [inner[0]] * len(value) if inner[1:] == (...,) else list(inner)
    if len(kinds) != len(value):
        raise InputError(f"{path}: expected {len(kinds)} values, got {len(value)}")
    places = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, part, arrays, _below(path, str(place))) for place, (kind, part) in places)


def _mapping(value: Plain, path: str) -> dict[str, Plain]:
    if not isinstance(value, Mapping):
        raise InputError(f"{path or 'the settings'}: expected a table of names and values, got {value!r}")
    return dict(value)


def _dataclass(kind: Any, value: Plain, arrays: Arrays, path: str) -> Any:  # Any: a dataclass
    named, hints = _mapping(value, path), get_type_hints(kind)
    _refuse_unknown(named, [field.name for field in fields(kind)], path)
    _refuse_missing(named, kind, path)
    made = {name: _read(hints[name], part, arrays, _below(path, name)) for name, part in named.items()}
    try:
        return kind(**made)
    except InputError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from error


def _refuse_unknown(named: Mapping[str, Plain], known: Sequence[str], path: str) -> None:
    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            advice = (
                f"did you mean {_below(path, near[0])}?" if near else f"expected one of {', '.join(known)}"
            )
            raise InputError(f"unknown setting {_below(path, name)!r}; {advice}")


def _refuse_missing(named: Mapping[str, Plain], kind: Any, path: str) -> None:  # Any: a dataclass
    needed = [each.name for each in fields(kind) if each.default is each.default_factory is MISSING]
    missing = [name for name in needed if name not in named]
    if missing:
        raise InputError(f"{path or 'the settings'}: {', '.join(missing)} missing")


def moment(text: str) -> np.datetime64 | None:
    """The moment that a text in ISO's form names, on the wall clock; None where it names none."""
    if MOMENT.fullmatch(text):
        with suppress(ValueError):
            return np.datetime64(text)
    return None


def _scalar(kind: Any, value: Plain, path: str) -> Plain:
    """A single value; a whole number also stands for a number with a point."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is float and (whole or isinstance(value, float)) and abs(value) <= sys.float_info.max:
        return float(value)
    if (kind is int and whole) or (kind in (bool, str) and isinstance(value, kind)):
        return value
    if kind is np.datetime64 and isinstance(value, str) and (found := moment(value)) is not None:
        return found
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    raise InputError(f"{path}: expected {words.get(kind, 'a time')}, got {value!r}")
