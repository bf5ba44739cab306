"""Changes of weights in fewer bytes: half precision, whole numbers of eight bits, the largest few, or both.

Whatever a coding leaves out or rounds away is not lost where somebody remembers it: a station adds it to its
next change (error feedback: Seide et al. 2014, Karimireddy et al. 2019), and what goes down is counted from
what the station has (see fl_server/crossing/README.md).

Axes: P parameters, K of them that are sent, B blocks.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError

Floats = NDArray[np.float32]
Number = Literal["float32", "float16", "int8"]
NAMES = "float16, int8, top-k=SHARE, or two of them such as top-k=0.02+int8"
BLOCK = 256  # values that share a scale
STEPS = 127  # of an int8 on either side of 0
KINDS = {"float32": np.float32, "float16": np.float16, "int8": np.int8}


@dataclass(frozen=True)
class Coding:
    """How a change is written: the `share` of it that is largest, in numbers of this kind."""

    share: float = 1.0
    number: Number = "float32"

    @property
    def forgets(self) -> bool:
        """Whether it leaves out what must be remembered for the next time."""
        return self.share < 1


@dataclass(frozen=True)
class Coded:
    """A change that is written in fewer bytes: values, what each block of them is in units of, and where.

    `places` are the bits of the positions one by one where they are `listed`, else one bit a parameter; none
    where all parameters are there.
    """

    values: NDArray[Any]  # (K,) of float32, float16 or int8
    units: Floats  # (B,)
    places: NDArray[np.uint8]
    listed: bool

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return int(self.values.nbytes + self.units.nbytes + self.places.nbytes)


def coding_named(spec: str) -> Coding:
    """The coding that `spec` names, as in `float16`, `int8`, `top-k=0.02` or `top-k=0.02+int8`."""
    share, number = None, None
    for part in (each.strip() for each in spec.split("+")):
        name, _, text = part.partition("=")
        if name == "top-k" and share is None:
            share = _share(spec, text)
        elif part in ("float16", "int8") and number is None:
            number = part
        else:
            wrong = "stands there twice" if name in ("top-k", "float16", "int8") else "is no coding"
            raise InputError(f"compress {spec!r}: {part!r} {wrong}, expected {NAMES}")
    return Coding(1.0 if share is None else share, "float32" if number is None else number)  # type: ignore[arg-type]  # one of the two above


def digest(weights: Floats) -> str:
    """By what weights are known."""
    return sha256(np.ascontiguousarray(weights).tobytes()).hexdigest()[:16]


def _share(spec: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = np.nan
    if not 0 < share <= 1:
        raise InputError(
            f"compress {spec!r}: top-k of {text or 'nothing'}, expected the share of a twin's weights that "
            f"is sent, above 0 and at most 1, such as top-k=0.02"
        )
    return share


def coded(change: Floats, coding: Coding, rng: np.random.Generator | None = None) -> Coded:
    """`change` (P,) as this coding writes it; with `rng` int8 rounds at random, right on average."""
    if coding.share < 1:
        chosen = _largest(np.abs(change), max(1, round(coding.share * len(change))))
        places, listed = _written_places(chosen, len(change))
        values, units = _numbers(change[chosen], coding.number, rng)
        return Coded(values, units, places, listed)
    values, units = _numbers(change, coding.number, rng)
    return Coded(values, units, np.zeros(0, np.uint8), listed=False)


def decoded(content: Coded, parameters: int) -> Floats:
    """The change (P,) that was written; refused where it is none of so many parameters."""
    values, units = content.values, content.units
    if getattr(values, "ndim", 0) != 1 or values.dtype not in (np.float32, np.float16, np.int8):
        raise InputError("a change of odd shape or type")
    blocks = np.repeat(units.astype(np.float32), BLOCK)[: len(values)]
    if len(units) != -(-len(values) // BLOCK) or not np.isfinite(units).all():
        raise InputError("a change whose units do not fit its values")
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32) * blocks
    if not np.isfinite(numbers).all():
        raise InputError("a change that is not finite")
    if not len(content.places):
        if len(values) != parameters:
            raise InputError(f"a change of {len(values)} weights, expected {parameters}")
        return numbers
    change = np.zeros(parameters, np.float32)
    change[_read_places(content, parameters)] = numbers
    return change


def _largest(sizes: Floats, count: int) -> NDArray[np.intp]:
    """The positions of so many of the largest, in order; of equal ones the first count."""
    if count >= len(sizes):
        return np.arange(len(sizes))
    least = np.partition(sizes, len(sizes) - count)[len(sizes) - count]
    above = np.flatnonzero(sizes > least)
    equal = np.flatnonzero(sizes == least)[: count - len(above)]
    return np.sort(np.concatenate([above, equal]))


def _numbers(values: Floats, number: Number, rng: np.random.Generator | None) -> tuple[NDArray[Any], Floats]:
    """Values in blocks that share a unit: a power of two for floats, a step of the whole numbers else."""
    blocks = -(-len(values) // BLOCK)
    padded = np.zeros((blocks, BLOCK), np.float32)
    padded.reshape(-1)[: len(values)] = values
    largest = np.abs(padded).max(axis=1, initial=0)  # (B,)
    if number == "int8":
        units = np.where(largest > 0, largest / np.float32(STEPS), 1).astype(np.float32)
        units = np.maximum(units, np.finfo(np.float32).tiny)
        scaled = padded.astype(np.float64) / units[:, None]
        dither = np.float64(0.5) if rng is None else rng.random(scaled.shape)
        whole = np.clip(np.floor(scaled + dither), -STEPS, STEPS)
        return whole.reshape(-1)[: len(values)].astype(np.int8), units
    if number == "float32":
        return values.astype(np.float32), np.ones(blocks, np.float32)
    units = np.exp2(np.frexp(np.where(largest > 0, largest, 1))[1].clip(-120, 120)).astype(np.float32)
    return (padded / units[:, None]).reshape(-1)[: len(values)].astype(np.float16), units


def _written_places(chosen: NDArray[np.intp], parameters: int) -> tuple[NDArray[np.uint8], bool]:
    """Positions as bits, in the shorter of two ways; and whether they are listed one by one."""
    width = max(1, int(parameters - 1).bit_length())
    if width * len(chosen) < parameters:
        bits = (chosen[:, None] >> np.arange(width)) & 1  # (K, width)
        return np.packbits(bits.astype(np.uint8)), True
    mask = np.zeros(parameters, np.uint8)
    mask[chosen] = 1
    return np.packbits(mask), False


def _read_places(content: Coded, parameters: int) -> NDArray[np.intp]:
    """The positions of the values, which must be as many, rising, and those of parameters."""
    count, width = len(content.values), max(1, int(parameters - 1).bit_length())
    bits = np.unpackbits(content.places.astype(np.uint8))
    wanted = count * width if content.listed else parameters
    if len(content.places) != -(-wanted // 8):
        raise InputError("a change whose places do not fit its values")
    if content.listed:
        found = (bits[:wanted].reshape(count, width).astype(np.intp) << np.arange(width)).sum(axis=1)
    else:
        found = np.flatnonzero(bits[:parameters])
    if len(found) != count or not (np.diff(found) > 0).all() or found[-1] >= parameters:
        raise InputError("a change whose places do not fit its values")
    return np.asarray(found, np.intp)
