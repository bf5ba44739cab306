"""An attack that knows the defence: as far off as it lets through, tried on the attackers' own readings.

Axes: P parameters.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
HALVINGS = 12  # of the logarithm of a step length
SHORTEST, LONGEST = -6.0, 8.0  # it, to the base 2, in the length of the honest change


def just_below(start: Doubles, honest: Doubles, excess: Callable[[Doubles], float], most: float) -> Doubles:
    """The weights against the honest change that err by at most the share `most` more than that, (P,).

    `start` (P,) was sent out, `honest` (P,) is the mean of what came of it. `excess` says by which share
    weights err more than the honest ones do.
    """
    change = honest - start
    low, high = SHORTEST, LONGEST
    if excess(honest - 2.0**low * change) > most:
        return honest
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = excess(honest - 2.0**middle * change) <= most
        low, high = (middle, high) if below else (low, middle)
    made: Doubles = honest - 2.0**low * change
    return made
