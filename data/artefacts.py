"""Stored results: one file of named arrays and a JSON header that is read back whole or refused.

The file is a safetensors file, readable by every library of that format. Its only metadata entry, KEY,
holds the SHA-256 of all other bytes of the file and then the header as JSON. safetensors writes the
metadata first, so both stand at a fixed place: a file of another origin is told apart by its first bytes,
a flipped or missing byte anywhere by the checksum. The same content always makes the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from data.errors import InputError
from data.plain import read_json
from data.store import whole_file

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Header: TypeAlias = dict[str, Any]  # JSON again; who reads a kind of artefact knows what it holds
Arrays: TypeAlias = dict[str, NDArray[Any]]

FORMAT = 1
KEY = "vhtwin"
MARK = f'{{"__metadata__":{{"{KEY}":"'.encode()
MARKED = slice(8, 8 + len(MARK))  # 8 bytes hold the length of what safetensors calls its header
DIGEST = slice(MARKED.stop, MARKED.stop + 64)


def write_artefact(
    path: Path, kind: str, header: Mapping[str, JSON], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Store an artefact at `path`, synced to the disk; arrays are of floats, integers or truth values."""
    described = json.dumps(
        {"format": FORMAT, "kind": kind, "header": header}, sort_keys=True, allow_nan=False
    )
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = save(dense, {KEY: "0" * 64 + described})
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(content[: DIGEST.start])
        file.write(_digest(content))
        file.write(memoryview(content)[DIGEST.stop :])


def read_artefact(path: Path, kind: str) -> tuple[Header, Arrays]:
    """The header and the arrays, which are the caller's own, of the artefact of this kind at `path`."""
    content = _bytes_of(path)
    if content[MARKED] != MARK:
        raise InputError(f"{path}: is no file that vhtwin stored, expected a stored {kind}")
    if content[DIGEST] != _digest(content):
        raise InputError(f"{path}: is damaged or cut short, its checksum does not fit its content")
    described = _described(content, path)
    if described["kind"] != kind:
        raise InputError(f"{path}: is a stored {described['kind']}, expected a stored {kind}")
    try:
        return described["header"], load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: holds arrays of a type that vhtwin does not store: {error}") from error


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _digest(content: bytes) -> bytes:
    """The checksum of everything but the place of the checksum."""
    digest = sha256(content[: DIGEST.start])
    digest.update(memoryview(content)[DIGEST.stop :])
    return digest.hexdigest().encode()


def _described(content: bytes, path: Path) -> Header:
    """What stands behind the checksum: the format, which must be one that is known, the kind, the header."""
    length = int.from_bytes(content[:8], "little")
    try:
        described: Header = read_json(read_json(content[8 : 8 + length])["__metadata__"][KEY][64:])
        newer = described["format"] > FORMAT
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not described as vhtwin does: {error}") from error
    if newer:
        raise InputError(
            f"{path}: is of format {described['format']}, which a newer vhtwin wrote; this one reads "
            f"formats up to {FORMAT}"
        )
    if not isinstance(described.get("kind"), str) or not isinstance(described.get("header"), dict):
        raise InputError(f"{path}: is not described as vhtwin does, expected a kind and a header")
    return described
