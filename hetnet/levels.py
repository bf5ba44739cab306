"""Which attributes of which users are worth modelling: three levels by cost and benefit.

(hierarchical-twin paper, equation (13)). Axes: N users, K attributes, V values (those of N * K that change),
L levels.

Level 1 is modelled for the whole network, level 2 for the users in target areas, level 3 not at all.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask, Variant

TRIALS = 10
LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class LevelSettings:
    """`sound` groups costs scaled to [0, 1], from the best of ten k-means++ starts.

    `literal` groups entropies as they are, beside benefits of at most 1, from one start at random values.
    """

    variant: Variant = "sound"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise InputError(f"levels: unknown variant {self.variant!r}, expected sound or literal")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")


@dataclass(frozen=True)
class Levels:
    """The level of each attribute of each user: 1, 2 or 3."""

    level: Counts  # (N, K)
    cost: Floats  # (N, K) scaled to [0, 1]
    benefit: Floats  # (N, K)
    centres: Floats  # (L, 2) mean cost and benefit of each level; fewer than three where values are too alike

    @property
    def selected(self) -> Mask:
        """The attributes that the hierarchical twin models at all: levels 1 and 2; (N, K)."""
        return self.level < LEVELS


def attribute_levels(
    entropy: Floats,
    benefit: Floats,
    settings: LevelSettings | None = None,
    matchless: Mask | None = None,
    constant: Mask | None = None,
) -> Levels:
    """The levels of attributes with these entropies and benefits, both (N, K).

    Where `matchless` (N, K), an entropy is a mere bound; it costs 1 and does not stretch the scale. What is
    `constant` (N, K) needs no model: it costs 0, is of the last level and of no group. Levels are named by
    their mean of benefit less cost, the highest first. Where all values are alike there are fewer than three
    groups, and the last levels have nobody.
    """
    settings = settings or LevelSettings()
    _check(entropy, benefit)
    nowhere = np.zeros(entropy.shape, bool)
    matchless = nowhere if matchless is None else matchless
    changing = ~(nowhere if constant is None else constant)
    cost, level = np.zeros(entropy.shape), np.full(entropy.shape, LEVELS, np.int64)
    if not changing.any():
        return Levels(level, cost, benefit, np.zeros((0, 2)))
    cost[changing] = scaled_cost(entropy[changing], matchless[changing])
    of_group = cost if settings.variant == "sound" else entropy
    group = _groups(np.column_stack([of_group[changing], benefit[changing]]), settings)  # (V,)
    values = np.column_stack([cost[changing], benefit[changing]])  # (V, 2)
    centres = np.array([values[group == one].mean(axis=0) for one in range(group.max() + 1)])  # (L, 2)
    order = np.argsort(centres[:, 0] - centres[:, 1], kind="stable")
    level[changing] = np.argsort(order)[group] + 1
    return Levels(level, cost, benefit, centres[order])


def scaled_cost(entropy: Floats, matchless: Mask) -> Floats:
    """Entropies scaled to [0, 1] over all that had a match; 1 where none had, 0 where all are equal."""
    if matchless.all():
        return np.ones(entropy.shape)
    lowest, highest = entropy[~matchless].min(), entropy[~matchless].max()
    width = highest - lowest
    scaled = (entropy - lowest) / width if width > 0 else np.zeros(entropy.shape)
    return np.where(matchless, 1.0, np.clip(scaled, 0.0, 1.0))


def _groups(values: Floats, settings: LevelSettings) -> Counts:
    """The group of each of `values` (V, 2), numbered without gaps; three where so many differ."""
    from sklearn.cluster import KMeans

    different = np.unique(values, axis=0)
    if len(different) <= LEVELS:
        return np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    sound = settings.variant == "sound"
    means = KMeans(
        LEVELS,
        init="k-means++" if sound else "random",
        n_init=TRIALS if sound else 1,
        random_state=settings.seed,
    ).fit(values)
    return np.unique(means.labels_, return_inverse=True)[1].reshape(-1)


def _check(entropy: Floats, benefit: Floats) -> None:
    if entropy.ndim != 2 or entropy.shape != benefit.shape:
        raise InputError(
            f"levels: found entropies {entropy.shape} and benefits {benefit.shape}, expected both of the "
            "shape (users, attributes)"
        )
    if not (np.isfinite(entropy).all() and np.isfinite(benefit).all()):
        raise InputError("levels: found entropies or benefits that are not finite, expected numbers")
