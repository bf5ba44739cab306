"""Damage to what has a checksum or a frame of its own: the inside is changed, the outside made to fit."""

import json
from hashlib import sha256
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from data.artefacts import DIGEST, KEY
from tests.fuzz.mutations import Draws, as_json, damaged, other_value, picked


def damaged_json(content: bytes, draws: Draws) -> bytes:
    """JSON with other values in it, or with damaged bytes."""
    if draws.random() < 0.2:
        return damaged(content, draws)
    return as_json(other_value(json.loads(content), draws))


def damaged_artefact(content: bytes, draws: Draws) -> bytes:
    """An artefact whose header or arrays are others while its checksum fits, or whose bytes are damaged."""
    if draws.random() < 0.2:
        return damaged(content, draws)
    described = json.loads(_metadata(content)[KEY][64:])
    arrays = _other_arrays(load(content), draws)
    if draws.random() < 0.7:
        described = other_value(described, draws)
    return _checked(save(arrays, {KEY: "0" * 64 + json.dumps(described)}))


def _metadata(content: bytes) -> dict[str, str]:
    made: dict[str, str] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return made


def _checked(content: bytes) -> bytes:
    digest = sha256(content[: DIGEST.start] + content[DIGEST.stop :]).hexdigest().encode()
    return content[: DIGEST.start] + digest + content[DIGEST.stop :]


def _other_arrays(arrays: dict[str, Any], draws: Draws) -> dict[str, Any]:
    """Some of the arrays of another shape, another type, with odd numbers, or gone."""
    made = dict(arrays)
    for name, array in arrays.items():
        if draws.random() < min(0.5, 1.5 / len(arrays)):
            other = _other_array(array, draws)
            if other is None:
                del made[name]
            else:
                made[name] = np.ascontiguousarray(other)
    return made


def _other_array(array: Any, draws: Draws) -> Any:
    match int(draws.integers(6)):
        case 0:
            return None
        case 1:
            return array[..., :-1] if array.ndim else array[None]
        case 2:
            kinds = (np.float32, np.float64, np.int64, np.int8, np.bool_)
            with np.errstate(invalid="ignore"):
                return array.astype(picked(kinds, draws))
        case 3:
            return array[None]
        case 4:
            return np.zeros(0, array.dtype)
    odd = array.copy()
    if odd.size:
        values = (np.nan, np.inf, -1e300, -1, 1e18) if odd.dtype.kind == "f" else (-1, 0, 100)
        with np.errstate(over="ignore"):
            odd.flat[int(draws.integers(odd.size))] = np.array(picked(values, draws)).astype(odd.dtype)
    return odd


def damaged_packet(content: bytes, draws: Draws) -> bytes:
    """A packet whose messages are others, or whose bytes are damaged."""
    if draws.random() < 0.2:
        return damaged(content, draws)
    header = json.loads(_metadata(content)[KEY])
    part = "messages" if draws.random() < 0.85 else next(iter(header))
    header[part] = other_value(header[part], draws)
    arrays = load(content) if draws.random() < 0.5 else _other_arrays(load(content), draws)
    return save(arrays, {KEY: json.dumps(header)})
