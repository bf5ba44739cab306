"""What the paper claims, and whether figures of several seeds bear it out.

A claim is about an effect: how much larger one figure is than another, as a share, one number a seed. Its
mean and interval (Student's t, 95 %) are held against what the paper says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.stats import t as student

Word = Literal["holds", "holds in direction only", "does not hold", "cannot be judged"]
Effects = Mapping[int, float]  # by seed
Effect = Callable[[pl.DataFrame], Effects]  # of the rows of one source
LEAST_SEEDS = 3
NEAR = 0.5  # an effect within half of the paper's, more or less, has its size
FLAT = (
    0.1  # figures that differ by less are flat: the paper's own differ by up to .06, and it calls .1 a loss
)
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over seeds, and between which bounds it lies."""

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper: an effect goes up (1), down (-1) or is nowhere (0).

    `paper` is its size in the paper, or None where none is told.
    """

    about: str
    effect: Effect
    direction: Literal[-1, 0, 1]
    paper: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of a claim on one source."""

    claim: Claim
    source: str
    found: Interval | None
    word: Word
    why: str


def interval(values: Sequence[float]) -> Interval:
    """The mean of some values and the bounds of its 95 % interval; without any width for a single value."""
    array = np.asarray(values, float)
    mean = float(array.mean())
    if len(array) < 2:
        return Interval(mean, mean, mean, len(array))
    half = float(student.ppf((1 + LEVEL) / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return Interval(mean, mean - half, mean + half, len(array))


def judged(claim: Claim, source: str, rows: pl.DataFrame) -> Verdict:
    """The verdict on a claim from the rows of a source."""
    effects = claim.effect(rows)
    if not effects:
        return Verdict(claim, source, None, "cannot be judged", "the rows that it compares are not there")
    found = interval(list(effects.values()))
    word, why = _flat(found) if claim.direction == 0 else _directed(claim, found)
    if found.seeds < LEAST_SEEDS:
        word, why = "cannot be judged", f"{found.seeds} of at least {LEAST_SEEDS} seeds"
    return Verdict(claim, source, found, word, why)


def _flat(found: Interval) -> tuple[Word, str]:
    """On the largest difference along a row."""
    if found.high <= FLAT:
        return "holds", f"differs by less than {FLAT:.0%}"
    if found.low > FLAT:
        return "does not hold", f"differs by more than {FLAT:.0%}"
    return "cannot be judged", f"the interval holds {FLAT:.0%}"


def _directed(claim: Claim, found: Interval) -> tuple[Word, str]:
    """On an effect that goes one way."""
    low, high = sorted((claim.direction * found.low, claim.direction * found.high))
    if low > 0:
        return _sized(claim, found, low, high)
    if high < 0:
        return "does not hold", "it is the other way round"
    if low == high == 0:
        return "does not hold", "no difference at all"
    if claim.paper is not None and high < NEAR * abs(claim.paper):
        return "does not hold", "no difference of such a size"
    return "cannot be judged", "the interval holds both directions"


def _sized(claim: Claim, found: Interval, low: float, high: float) -> tuple[Word, str]:
    """On an effect that goes the claimed way, between `low` and `high`."""
    if claim.paper is None:
        return "holds", "the paper tells no size"
    size, theirs = claim.direction * found.mean, claim.direction * claim.paper
    if low <= theirs <= high or abs(size - theirs) <= NEAR * theirs:
        return "holds", "in size too"
    return "holds in direction only", f"{'larger' if size > theirs else 'smaller'} than in the paper"


def within(column: str, base: str) -> Effect:
    """How much larger `column` is than `base` in the same run, averaged over the table."""

    def effect(rows: pl.DataFrame) -> Effects:
        return _by_seed(rows, (pl.col(column) / pl.col(base) - 1).mean())

    return effect


def along(column: str, first: str, last: str) -> Effect:
    """How much larger `column` is at the label `last` than at `first`."""

    def effect(rows: pl.DataFrame) -> Effects:
        ends = {
            label: dict(rows.filter(label=label).select("seed", pl.col(column).cast(float)).iter_rows())
            for label in (first, last)
        }
        shared = sorted(ends[first].keys() & ends[last].keys())
        return {seed: ends[last][seed] / ends[first][seed] - 1 for seed in shared if ends[first][seed]}

    return effect


def spread(column: str) -> Effect:
    """The largest difference of `column` along the labels, as a share of its mean."""

    def effect(rows: pl.DataFrame) -> Effects:
        if rows["label"].n_unique() < 2:
            return {}
        return _by_seed(rows, (pl.col(column).max() - pl.col(column).min()) / pl.col(column).mean())

    return effect


def _by_seed(rows: pl.DataFrame, effect: pl.Expr) -> Effects:
    found = rows.group_by("seed").agg(effect.alias("effect")).sort("seed").drop_nulls()
    return {int(seed): float(value) for seed, value in found.iter_rows() if np.isfinite(value)}
