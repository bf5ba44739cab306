"""What a Flower strategy remembers in its attributes, as arrays that a checkpoint can hold.

The values are laid out as a JSON tree, whose leaves are numbers, words, or the places of arrays; the tree
itself travels as an array of bytes.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_server.aggregation.updates import State

TREE = "tree"
Arrays = dict[str, NDArray[Any]]  # of whatever numbers the strategy keeps


class NotStorableError(Exception):
    """A value is made of something else than numbers, words, arrays, lists and dictionaries."""


def stored(attributes: Mapping[str, object]) -> State:
    """`attributes` as arrays."""
    arrays: Arrays = {}
    tree = {name: _packed(value, arrays) for name, value in attributes.items()}
    letters = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    return {TREE: letters, **arrays}


def restored(state: State) -> dict[str, Any]:  # attributes of any kind
    """The attributes that `stored` put away."""
    tree = json.loads(state[TREE].tobytes().decode())
    return {name: _unpacked(value, state) for name, value in tree.items()}


def same(left: object, right: object) -> bool:
    """Whether two attributes are equal, arrays included; what cannot be stored is compared by `==`."""
    try:
        one, other = stored({"": left}), stored({"": right})
    except NotStorableError:
        return left is right or bool(left == right)
    return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)


def _equal(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def _packed(value: object, arrays: Arrays) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return {"plain": value}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        arrays[place := str(len(arrays))] = np.array(value)
        return {"array": place}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _packed(item, arrays) for key, item in value.items()}}
    if type(value).__name__ == "ArrayRecord":
        named = {key: array.numpy() for key, array in value.items()}  # type: ignore[attr-defined]  # Flower's
        return {"record": _packed(named, arrays)}
    raise NotStorableError(type(value).__name__)


def _unpacked(packed: Any, state: State) -> Any:  # a JSON tree
    ((kind, value),) = packed.items()
    match kind:
        case "plain":
            return value
        case "array":
            return state[value].copy()
        case "dict":
            return {key: _unpacked(item, state) for key, item in value.items()}
        case "record":
            return _record(_unpacked(value, state))
    items = [_unpacked(item, state) for item in value]
    return tuple(items) if kind == "tuple" else items


def _record(arrays: Mapping[str, NDArray[Any]]) -> Any:  # Flower's ArrayRecord
    from flwr.app import Array, ArrayRecord

    return ArrayRecord({key: Array(array) for key, array in arrays.items()})
