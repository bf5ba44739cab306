"""Whole numbers modulo 2^64 under masks, and how weights become such numbers.

Weights are the multiples of 2^-36 of exact_sums.py, so that the sum that comes out from under the masks is
the very sum of those who need none.

Axes: P parameters, V values.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from data.exact_sums import UNIT_HI, UNIT_LO, Sums, Weights

Numbers = NDArray[np.uint64]
Bytes = NDArray[np.uint8]
KEY_BYTES = 32
ROOM = 2.0**62 / (UNIT_HI * UNIT_LO)  # what the largest weight, times all factors, must stay below
LOSS_UNIT = 2.0**32


def as_bytes(content: bytes) -> Bytes:
    """Bytes as an array, which messages can hold."""
    return np.frombuffer(content, np.uint8).copy()


def derived(secret: bytes, about: str) -> bytes:
    """A key that a shared secret makes for one purpose."""
    return HKDF(hashes.SHA256(), KEY_BYTES, None, about.encode()).derive(secret)


def mask(seed: bytes, count: int) -> Numbers:
    """So many numbers (V,) that nobody can tell from random ones without the seed: ChaCha20's stream."""
    stream = Cipher(algorithms.ChaCha20(seed, bytes(16)), None).encryptor().update(bytes(8 * count))
    return np.frombuffer(stream, "<u8").astype(np.uint64)


def pair_mask(
    own: X25519PrivateKey, other: X25519PublicKey, pair: Sequence[str], session: str, count: int
) -> Numbers:
    """The mask (V,) of the first of a pair: what the second has is its negative."""
    low, high = sorted(pair)
    found = mask(derived(own.exchange(other), f"{session}|mask|{low}|{high}"), count)
    return found if pair[0] == low else np.uint64(0) - found


def added(several: Iterable[Numbers]) -> Numbers:
    """The sum (V,) modulo 2^64; there must be one."""
    first, *others = several
    for other in others:
        first = first + other
    return first


def whole_numbers(weights: Weights, factor: int, loss: float, samples: int) -> Numbers:
    """A station's contribution to a sum (V = P + 2,): weights times its factor, its loss, its samples."""
    scaled = weights.astype(np.float64) * UNIT_HI
    hi = np.floor(scaled)
    lo = np.rint((scaled - hi) * UNIT_LO)
    numbers = (hi.astype(np.int64) * int(UNIT_LO) + lo.astype(np.int64)) * np.int64(factor)
    more: Any = [round(loss * LOSS_UNIT), samples]  # Any: Python's whole numbers
    return np.concatenate([numbers, np.array(more, np.int64)]).view(np.uint64)


def sums_of(total: Numbers) -> tuple[Sums, float, int]:
    """The sums (2, P) of weights, the sum of losses, that of samples, out of the sum of contributions."""
    whole = total.view(np.int64)
    low = whole[:-2] & (int(UNIT_LO) - 1)
    high = (whole[:-2] - low) // int(UNIT_LO)
    return np.stack([high, low]).astype(np.float64), float(whole[-2] / LOSS_UNIT), int(whole[-1])
