"""A twin in the files of other libraries: its weights as named tensors, everything else as one JSON text.

The tensors bear the names and shapes of the torch modules that compute the same (see `networks.py`), so that
`load_state_dict` takes them as they are.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from data.errors import InputError
from data.store import whole_file
from forecasting.networks import unpacked
from forecasting.twin import Twin, twin_header

HEADER = "twin"  # what the JSON text is called in every format


def export_twin(path: Path, twin: Twin) -> None:
    """Write `twin` to `path` in the format that its ending names."""
    made = FORMATS.get(path.suffix.lower())
    if made is None:
        raise InputError(f"{path}: unknown ending {path.suffix!r}, expected one of {', '.join(FORMATS)}")
    content = made(twin)
    with whole_file(path) as partial:
        partial.write_bytes(content)


def exported_header(twin: Twin) -> str:
    """All of `twin` but its weights, the scaler included, as JSON."""
    scaler = {"mean": twin.scaler.mean.tolist(), "scale": twin.scaler.scale.tolist()}
    return json.dumps({**twin_header(twin), **scaler}, sort_keys=True, allow_nan=False)


def _npz(twin: Twin) -> bytes:
    content = io.BytesIO()
    header = np.array(exported_header(twin))
    arrays: dict[str, Any] = {
        **unpacked(twin.network, twin.weights),
        HEADER: header,
    }  # Any: savez has options
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _safetensors(twin: Twin) -> bytes:
    parts = {name: part.copy() for name, part in unpacked(twin.network, twin.weights).items()}
    return save(parts, {HEADER: exported_header(twin)})


def _torch(twin: Twin) -> bytes:
    from forecasting.torch_forward import checkpoint  # torch is slow to load

    return checkpoint(unpacked(twin.network, twin.weights), {HEADER: exported_header(twin)})


FORMATS: dict[str, Callable[[Twin], bytes]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
}
