"""Sample entropy: how irregular a series is, and so how much it costs to model it.

(hierarchical-twin paper, equations (9) to (11)). Axes: S series, T time.

A template is a run of values; two match when none of their values are further apart than the tolerance. The
entropy is -ln(A / B), where B counts the matching pairs of templates of `length` values and A those that
still match with one more. Each diagonal of the table of all pairs is walked at once, which a processor does
for many pairs in one step.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from data.compiling import cached
from data.errors import InputError
from hetnet.network import Floats, Mask, Variant


@dataclass(frozen=True, kw_only=True)
class EntropySettings:
    """`length` values make a template (m); `tolerance` is in deviations of the series (.2 in the paper).

    `sound` takes T - m templates of both lengths, as Richman and Moorman do, so that a ratio of counts is a
    probability. `literal` takes T - m of length m and T - m - 1 of length m + 1, each to its own mean, which
    is what (10) says when m + 1 is put in its place.
    """

    length: int = 2
    tolerance: float = 0.2
    variant: Variant = "sound"

    def __post_init__(self) -> None:
        if self.length < 1:
            raise InputError(f"templates of {self.length} values, expected at least 1")
        if not 0 < self.tolerance < np.inf:
            raise InputError(f"the tolerance of templates must be positive, got {self.tolerance}")
        if self.variant not in get_args(Variant):
            raise InputError(f"entropy: unknown variant {self.variant!r}, expected sound or literal")


@dataclass(frozen=True)
class Entropies:
    """The entropy of each series; always finite."""

    values: Floats  # (S,)
    matchless: Mask  # (S,) those without a match: the value is the highest that so many templates can show
    constant: Mask  # (S,) those that never change: the value is 0


def sample_entropies(series: Floats, settings: EntropySettings | None = None) -> Entropies:
    """The sample entropy of each of `series` (S, T)."""
    settings = settings or EntropySettings()
    _check(series, settings)
    spread = series.std(axis=1)  # (S,) of the whole population
    constant = series.max(axis=1) == series.min(axis=1)
    counts = _matches(np.ascontiguousarray(series), settings.length, settings.tolerance * spread)  # (S, 3)
    ratio = _ratio(counts, series.shape[1] - settings.length, settings.variant)
    found = ratio > 0
    highest = highest_entropy(series.shape[1], settings.length)
    # a rounding may put the literal ratio a little above 1; an entropy is never negative
    values = np.where(found, np.maximum(-np.log(np.where(found, ratio, 1.0)), 0.0), highest)
    return Entropies(np.where(constant, 0.0, values), ~found & ~constant, constant)


def highest_entropy(points: int, length: int = 2) -> float:
    """The entropy of a series of so many points in which one pair of all still matches: a finite bound."""
    templates = points - length
    return float(np.log(templates * (templates - 1) / 2))


def _ratio(counts: Floats, templates: int, variant: Variant) -> Floats:
    """How probable it is that a matching pair still matches one value later, (S,); 0 where none does."""
    matching, longer, of_last = counts.T
    if variant == "sound":
        shares: Floats = longer / np.maximum(matching, 1)
        return shares
    short = matching / (templates * (templates - 1))
    long = (longer - of_last) / ((templates - 1) * (templates - 2))
    possible: Floats = np.where(matching > 0, long / np.where(matching > 0, short, 1.0), 0.0)
    return possible


def _check(series: Floats, settings: EntropySettings) -> None:
    if series.ndim != 2 or series.shape[1] < settings.length + 3:
        raise InputError(
            f"entropy: found series of the shape {series.shape}, expected (series, time) with at least "
            f"{settings.length + 3} points in time"
        )
    if not np.isfinite(series).all():
        raise InputError("entropy: found values that are not finite, expected series without gaps")


@cached
def _matches(series: Floats, length: int, tolerances: Floats) -> Floats:
    """Matching pairs of `length` values, of one more, and those of the latter with the last one, (S, 3)."""
    points = series.shape[1]
    counts = np.zeros((series.shape[0], 3))
    near = np.empty(points, np.uint8)  # whether the values of a diagonal's pairs are near enough
    both = np.empty(points, np.uint8)  # whether the templates that begin there match
    for number in range(series.shape[0]):
        values, tolerance = series[number], tolerances[number]
        for apart in range(1, points - length):
            for place in range(points - apart):
                near[place] = abs(values[place] - values[place + apart]) <= tolerance
            pairs = points - length - apart
            last = near[length - 1 :]  # a part of its own: no place in it can be negative
            for place in range(pairs):
                both[place] = near[place] & last[place]
            for later in range(1, length - 1):
                middle = near[later:]
                for place in range(pairs):
                    both[place] &= middle[place]
            beyond = near[length:]
            matching, longer = np.int32(0), np.int32(0)
            for place in range(pairs):
                matching += both[place]
                longer += both[place] & beyond[place]
            counts[number, 0] += matching
            counts[number, 1] += longer
            counts[number, 2] += both[pairs - 1] & beyond[pairs - 1]
    return counts
