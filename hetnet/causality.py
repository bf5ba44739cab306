"""How much it helps to model an attribute: its correlation with the QoS, and whether it comes before it.

(hierarchical-twin paper, equation (12), Algorithm 1). Axes: N users, K attributes, Q objectives, T time,
S causes, E effects, D tests.

A cause is Granger-causal for an effect when its past improves the autoregression of the effect. Both are
freed of their mean day before, and differenced until they are stationary: two attributes with the same
daily rhythm, or two random walks, would otherwise be found causal for each other without being so.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from data.errors import InputError
from hetnet.network import Counts, Floats, Mask, Variant
from hetnet.regression import granger_sums, unit_root_statistics

Rule = Literal["algorithm", "text"]
UNEXPLAINED = 1e-12  # an effect whose own past leaves less than this share of it cannot be explained better
# MacKinnon, Critical Values for Cointegration Tests (2010), table 2: 5 %, one series, with a constant
UNIT_ROOT = (-2.86154, -2.8903, -4.234, -40.040)


@dataclass(frozen=True, kw_only=True)
class CausalitySettings:
    """`lags` of cause and effect; `false_discoveries` is the share of the causes found that may be wrong.

    `season` is the length of the rhythm that is taken out first, 1 for none. A series is differenced at
    most `most_differences` times.
    """

    lags: int = 2
    false_discoveries: float = 0.05
    season: int = 24
    most_differences: int = 2

    def __post_init__(self) -> None:
        if self.lags < 1 or self.season < 1 or self.most_differences < 0:
            raise InputError(
                f"causality: {self.lags} lags, a season of {self.season} and {self.most_differences} "
                "differences, expected at least 1, 1 and 0"
            )
        if not 0 < self.false_discoveries < 1:
            raise InputError(f"false_discoveries must lie between 0 and 1, got {self.false_discoveries}")


@dataclass(frozen=True, kw_only=True)
class BenefitSettings:
    """How correlation and causality make a benefit; the paper gives two rules and does not finish either.

    `algorithm` (Algorithm 1) raises a correlation below `low` whose cause is significant to the correlation
    that the strength stands for, its root. `text` (Section III-A) lets one above `high` count only when its
    cause is significant. `objectives` tells how those of several objectives are summed: `sound` by size,
    `literal` with their signs, which cancel.
    """

    rule: Rule = "algorithm"
    low: float = 0.3
    high: float = 0.7
    objectives: Variant = "sound"
    causality: CausalitySettings = field(default_factory=CausalitySettings)

    def __post_init__(self) -> None:
        if self.rule not in get_args(Rule):
            raise InputError(f"benefit: unknown rule {self.rule!r}, expected {' or '.join(get_args(Rule))}")
        if self.objectives not in get_args(Variant):
            raise InputError(f"benefit: unknown variant {self.objectives!r}, expected sound or literal")
        if not (0 <= self.low <= 1 and 0 <= self.high <= 1):
            raise InputError(f"low {self.low} and high {self.high} correlations must lie in [0, 1]")


@dataclass(frozen=True)
class Causality:
    """What each test found; all finite."""

    strength: Floats  # (D,) the share of what the effect's own past leaves that the cause explains
    probability: Floats  # (D,) that a cause without influence looks as strong (F test)
    adjusted: Floats  # (D,) the same, for all tests at once (Benjamini and Hochberg)
    significant: Mask  # (D,)
    testable: Mask  # (D,) not so where either is constant, or the cause says nothing that the effect does not
    differences: Counts  # (D,) how often both were differenced


@dataclass(frozen=True)
class Benefits:
    """What modelling each attribute of each user is worth, in [0, 1], and what that was made from."""

    values: Floats  # (N, K)
    correlation: Floats  # (N, K, Q)
    strength: Floats  # (N, K, Q)
    significant: Mask  # (N, K, Q)
    testable: Mask  # (N, K, Q)
    changed: Mask  # (N, K, Q) where the rule raised or dropped a correlation


def benefits(
    attributes: Floats, objectives: Floats, weights: Floats, settings: BenefitSettings | None = None
) -> Benefits:
    """The benefit of each of `attributes` (N, K, T) for `objectives` (N, Q, T).

    `weights` (N, Q) tell how much each objective counts for each user.
    """
    settings = settings or BenefitSettings()
    _check_benefits(attributes, objectives, weights)
    users, kinds, points = attributes.shape
    metrics = objectives.shape[1]
    shape = (users, kinds, metrics)
    correlation = correlations(attributes, objectives)
    user, kind, metric = np.indices(shape).reshape(3, -1)  # each (D,)
    pairs = np.column_stack([user * kinds + kind, user * metrics + metric])
    found = granger(attributes.reshape(-1, points), objectives.reshape(-1, points), pairs, settings.causality)
    strength, significant = found.strength.reshape(shape), found.significant.reshape(shape)
    testable = found.testable.reshape(shape)
    updated = _updated(correlation, strength, significant | ~testable, settings)
    return Benefits(
        values=_summed(updated, weights, settings.objectives),
        correlation=correlation,
        strength=strength,
        significant=significant,
        testable=testable,
        changed=updated != correlation,
    )


def correlations(causes: Floats, effects: Floats) -> Floats:
    """Pearson's correlation of each of `causes` (..., K, T) with each of `effects` (..., Q, T): (..., K, Q).

    0 where either is constant (equation 12).
    """
    found: Floats = _standardised(causes) @ np.swapaxes(_standardised(effects), -1, -2)
    return np.clip(found, -1.0, 1.0)


def granger(
    causes: Floats, effects: Floats, pairs: Counts, settings: CausalitySettings | None = None
) -> Causality:
    """Whether causes come before effects, for each of `pairs` (D, 2) of a row of each (S, T) and (E, T)."""
    settings = settings or CausalitySettings()
    _check_series(causes, effects, settings)
    causes, effects = without_season(causes, settings.season), without_season(effects, settings.season)
    needed = np.maximum(
        differences_needed(causes, settings.most_differences)[pairs[:, 0]],
        differences_needed(effects, settings.most_differences)[pairs[:, 1]],
    )  # (D,)
    sums = np.zeros((len(pairs), 5))
    for times in np.unique(needed):
        of_these = needed == times
        sums[of_these] = granger_sums(
            np.diff(causes, times, axis=1), np.diff(effects, times, axis=1), pairs[of_these], settings.lags
        )
    return _tested(sums, needed, effects.shape[1] - needed - settings.lags - settings.season, settings)


def without_season(series: Floats, season: int) -> Floats:
    """`series` (S, T) less the mean of each of its `season` slots: with 24 hours, its mean day."""
    left: Floats = np.array(series, np.float64)  # a copy, made in the order that the kernels read
    for slot in range(season):
        left[:, slot::season] -= left[:, slot::season].mean(axis=1, keepdims=True)
    rounding = np.abs(left).max(axis=1, initial=0) <= 1e-12 * np.abs(series).max(axis=1, initial=0)
    left[rounding] = 0.0  # a series that is nothing but its season leaves nothing
    return left


def differences_needed(series: Floats, most: int) -> Counts:
    """How often each of `series` (S, T) must be differenced until it has no unit root, at most `most`."""
    needed = np.zeros(len(series), np.int64)
    unsteady = np.arange(len(series))
    for times in range(most):
        unsteady = unsteady[~is_stationary(np.diff(series[unsteady], times, axis=1))]
        needed[unsteady] = times + 1
    return needed


def is_stationary(series: Floats) -> Mask:
    """Whether the augmented Dickey-Fuller test refuses a unit root at 5 % for each of `series` (S, T)."""
    points = series.shape[1]
    lags = unit_root_lags(points)
    equations = points - 1 - lags
    limit = sum(value / equations**power for power, value in enumerate(UNIT_ROOT))
    stationary: Mask = unit_root_statistics(np.ascontiguousarray(series), lags) < limit
    return stationary


def unit_root_lags(points: int) -> int:
    """How many lags the unit-root test of so many points has: Schwert's shorter rule."""
    return min(int(4 * (points / 100) ** 0.25), max((points - 4) // 3, 0))


def _tested(sums: Floats, needed: Counts, spare: Counts, settings: CausalitySettings) -> Causality:
    """The F tests of sums of squares (D, 5), `spare` (D,) being the equations beyond constants and season."""
    from scipy.special import fdtrc
    from scipy.stats import false_discovery_control

    whole, without, beside, own, added = sums.T
    freedom = spare - own - added
    testable = (added > 0) & (freedom > 0) & (without > UNEXPLAINED * whole)
    gained = np.where(testable, np.maximum(without - beside, 0.0), 0.0)
    strength = gained / np.where(testable, without, 1.0)
    perfect = testable & (beside <= UNEXPLAINED * without)
    divisor = np.where(testable & ~perfect, beside, 1.0) * np.maximum(added, 1)
    statistic = gained * np.maximum(freedom, 1) / divisor
    probability = fdtrc(np.maximum(added, 1), np.maximum(freedom, 1), statistic)
    probability = np.where(perfect, 0.0, np.where(testable, probability, 1.0))
    adjusted = np.ones(len(sums))
    if testable.any():
        adjusted[testable] = false_discovery_control(probability[testable])
    significant = testable & (adjusted <= settings.false_discoveries)
    return Causality(strength, probability, adjusted, significant, testable, needed)


def _updated(correlation: Floats, strength: Floats, stands: Mask, settings: BenefitSettings) -> Floats:
    """The correlations (N, K, Q) after the rule; `stands` where causality does not speak against one."""
    size = np.abs(correlation)
    if settings.rule == "text":
        return np.where((size > settings.high) & ~stands, 0.0, correlation)
    sign = np.where(correlation < 0, -1.0, 1.0)
    raised = sign * np.maximum(size, np.sqrt(strength))
    return np.where((size < settings.low) & stands, raised, correlation)


def _summed(updated: Floats, weights: Floats, variant: Variant) -> Floats:
    """The benefit over all objectives, (N, K)."""
    sizes = np.abs(updated) if variant == "sound" else updated
    total: Floats = np.abs(np.einsum("nkq,nq->nk", sizes, weights))
    return np.minimum(total, 1.0)


def _standardised(series: Floats) -> Floats:
    """Each series shifted to mean 0 and scaled to length 1; 0 where it is constant."""
    left = series - series.mean(axis=-1, keepdims=True)
    constant = series.max(axis=-1, keepdims=True) == series.min(axis=-1, keepdims=True)
    length = np.linalg.norm(left, axis=-1, keepdims=True)
    fit = ~constant & (length > 0)
    return np.where(fit, left / np.where(fit, length, 1.0), 0.0)


def _check_series(causes: Floats, effects: Floats, settings: CausalitySettings) -> None:
    if causes.ndim != 2 or effects.ndim != 2 or causes.shape[1] != effects.shape[1]:
        raise InputError(
            f"causality: found causes {causes.shape} and effects {effects.shape}, expected (series, time) "
            "of the same time"
        )
    least = max(2 * settings.season, 3 * settings.lags + settings.season + settings.most_differences + 2, 12)
    if causes.shape[1] < least:
        raise InputError(
            f"causality: found series of {causes.shape[1]} points, expected at least {least}, which is two "
            f"seasons of {settings.season} or what {settings.lags} lags need"
        )
    if not (np.isfinite(causes).all() and np.isfinite(effects).all()):
        raise InputError("causality: found values that are not finite, expected series without gaps")


def _check_benefits(attributes: Floats, objectives: Floats, weights: Floats) -> None:
    if attributes.ndim != 3 or objectives.ndim != 3 or weights.shape != objectives.shape[:2]:
        raise InputError(
            f"benefit: found attributes {attributes.shape}, objectives {objectives.shape} and weights "
            f"{weights.shape}, expected (users, attributes, time), (users, objectives, time) and (users, "
            "objectives)"
        )
    if attributes.shape[0] != objectives.shape[0]:
        raise InputError(
            f"benefit: found attributes of {attributes.shape[0]} users and objectives of "
            f"{objectives.shape[0]}, expected the same users"
        )
