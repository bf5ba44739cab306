"""What attackers send in the place of what they have learned.

Axes: K attackers, R honest stations that they see through, P parameters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fl_server.trust.settings import AttackSettings

Doubles = NDArray[np.float64]
HALVINGS = 40  # of an interval in which a step length lies


def forged(
    attack: AttackSettings,
    start: Doubles,
    own: Doubles,
    honest: Doubles,
    rngs: Sequence[np.random.Generator],
) -> Doubles:
    """What each attacker sends (K, P).

    They were sent `start` (P,) like the others and could make `own` (K, P) of it; `honest` (R, P) is what
    honest stations made of the same. `rngs` are K of them. Attackers that collude all send the same.
    """
    change, power = own - start, attack.power
    if attack.kind == "random":
        lengths = power * np.linalg.norm(change, axis=1)  # (K,)
        noise = np.array([rng.standard_normal(len(start)) for rng in rngs])
        made: Doubles = start + noise * (lengths / np.linalg.norm(noise, axis=1))[:, None]
        return made
    if attack.kind in ("scaled", "sign-flip"):
        return start + (power if attack.kind == "scaled" else -power) * change
    match attack.kind:
        case "a-little":
            shared = a_little(honest, power)
        case "min-max":
            shared = min_max(honest, power)
        case _:
            shared = start - power * (honest.mean(axis=0) - start)
    return np.tile(shared, (len(own), 1))


def a_little(honest: Doubles, deviations: float) -> Doubles:
    """The mean of the honest updates less so many standard deviations of each parameter, (P,).

    Baruch et al. 2019 give the number of deviations by which a majority is just kept: 0 for 2 attackers of
    10, .25 for 10 of 50; in their experiments, as here, it is 1.5 unless told otherwise.
    """
    made: Doubles = honest.mean(axis=0) - deviations * honest.std(axis=0)
    return made


def min_max(honest: Doubles, share: float = 1.0) -> Doubles:
    """As far from the honest mean, against the standard deviations, as no two honest updates lie apart, (P,).

    The farthest of the honest updates is then as far away as the farthest two of them from each other
    (Shejwalkar and Houmansadr 2021, the variant that knows no rule); `share` lengthens the step.
    """
    mean: Doubles = honest.mean(axis=0)
    against: Doubles = -honest.std(axis=0)
    differences = honest[:, None] - honest[None]  # (R, R, P)
    widest = np.linalg.norm(differences, axis=-1).max()
    length = np.linalg.norm(against)
    if widest == 0 or length == 0:
        return mean
    low, high = 0.0, 2 * widest / length  # at the latter any point is farther than `widest`
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        near = np.linalg.norm(mean + middle * against - honest, axis=-1).max() <= widest
        low, high = (middle, high) if near else (low, middle)
    farthest: Doubles = mean + share * low * against
    return farthest
