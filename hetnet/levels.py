"""Which attributes of which users are worth modelling: three levels by cost and benefit.

(hierarchical-twin paper, equation (13)). Axes: N users, K attributes, V values (N * K), L levels.

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
    entropy: Floats, benefit: Floats, settings: LevelSettings | None = None, matchless: Mask | None = None
) -> Levels:
    """The levels of attributes with these entropies and benefits, both (N, K).

    Where `matchless` (N, K), an entropy is a mere bound; it costs 1 and does not stretch the scale. Levels
    are named by their mean of benefit less cost, the highest first. Where all values are alike there are
    fewer than three groups, and the last levels have nobody.
    """
    settings = settings or LevelSettings()
    _check(entropy, benefit)
    cost = scaled_cost(entropy, np.zeros(entropy.shape, bool) if matchless is None else matchless)
    if entropy.size == 0:
        return Levels(np.ones(entropy.shape, np.int64), cost, benefit, np.zeros((0, 2)))
    grouped = np.column_stack([(cost if settings.variant == "sound" else entropy).ravel(), benefit.ravel()])
    group = _groups(grouped, settings)  # (V,)
    values = np.column_stack([cost.ravel(), benefit.ravel()])  # (V, 2)
    centres = np.array([values[group == one].mean(axis=0) for one in range(group.max() + 1)])  # (L, 2)
    order = np.argsort(centres[:, 0] - centres[:, 1], kind="stable")
    rank = np.argsort(order)
    return Levels((rank[group] + 1).reshape(entropy.shape), cost, benefit, centres[order])


def scaled_cost(entropy: Floats, matchless: Mask) -> Floats:
    """Entropies scaled to [0, 1] over all that had a match, (N, K); 1 where none, 0 where all are equal."""
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
