"""What the values of options may be: one that is not is refused with the option's name.

argparse refuses words that are no number at all by itself, with exit code 2; this is bad input, exit code 3.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import InputError


@dataclass(frozen=True)
class Bound:
    """What is expected, in words and as a question."""

    expected: str
    holds: Callable[[Any], bool]  # Any: texts and numbers


SHARE = Bound("more than 0 and less than 1", lambda value: 0 < value < 1)
PART = Bound("0 to 1", lambda value: 0 <= value <= 1)
POSITIVE = Bound("a number above 0, and not infinite", lambda value: 0 < value < math.inf)


def between(least: int, most: int) -> Bound:
    """From `least` to `most`, both included."""
    return Bound(f"{least:,} to {most:,}", lambda value: least <= value <= most)


def at_least(least: int) -> Bound:
    """From `least` on."""
    return Bound(f"at least {least}", lambda value: value >= least)


def one_of(names: Sequence[str]) -> Bound:
    """One of these names."""
    return Bound(f"one of {', '.join(names)}", lambda value: value in names)


def refuse_outside(arguments: argparse.Namespace, bounds: Mapping[str, Bound]) -> None:
    """Refuse the first option with a value outside its bound; of several values each is held to it."""
    for name, bound in bounds.items():
        given = getattr(arguments, name)
        for value in given if isinstance(given, list) else [given]:
            if value is not None and not bound.holds(value):
                raise InputError(f"{option(name)} {_written(value)}: expected {bound.expected}")


def option(name: str) -> str:
    """The option whose value argparse keeps under `name`."""
    return f"--{name.replace('_', '-')}"


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "''"
